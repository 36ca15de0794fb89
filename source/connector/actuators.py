"""What each actuator datapoint accepts, and the command that it becomes.

BEMCom hands on what its users typed: numbers, numeric texts, booleans, null
and anything else that is JSON. Nothing is clamped silently: a value is used as
it was meant, or refused with its range.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connector.keba.commands import (
    Command,
    Display,
    Enable,
    SetCurrent,
    SetEnergyLimit,
)
from connector.keba.errors import InvalidCommandError
from connector.keba.fields import CURRENT_MAX_MA, ENERGY_MAX_DWH
from connector.keba.units import DeciWattHour, Milliampere, Seconds

CURRENT_LIMITS = frozenset({"curr"})
"""Actuators for which null means: no limit of ours."""

_NUMBER = re.compile(r" *[+-]?\d+(\.\d*)?([eE][+-]?\d+)? *", re.ASCII)
_LONGEST_NUMBER = 32
_LARGEST_NUMBER = 10**12
_BOOLEANS = ("true", "false")
_TIMED_TEXT = re.compile(r"([01]) (\d{1,9}) (\d{1,9}) \d+ (.+)", re.ASCII)


def _whole_number(word: str, value: object, range_hint: str) -> int:
    """Read a number or a numeric text that is whole."""
    if isinstance(value, str) and _is_number(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidCommandError(
            f"{word}: {_shown(value)} is no number; {range_hint}"
        )
    if isinstance(value, float) and not value.is_integer():
        raise InvalidCommandError(
            f"{word}: {_shown(value)} is no whole number; {range_hint}"
        )
    if abs(value) > _LARGEST_NUMBER:
        raise InvalidCommandError(
            f"{word}: {_shown(value)} is far too large; {range_hint}"
        )
    return int(value)


def _is_number(text: str) -> bool:
    return len(text) <= _LONGEST_NUMBER and bool(_NUMBER.fullmatch(text))


def _switch(word: str, value: object) -> bool:
    """Read a switch: booleans and 0 or 1, as numbers or texts."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip(" ").lower() in _BOOLEANS:
        return value.strip(" ").lower() == "true"
    number = _whole_number(word, value, "0 or 1")
    if number not in (0, 1):
        raise InvalidCommandError(f"{word}: {number} is neither 0 nor 1")
    return bool(number)


def _shown(value: object) -> str:
    if isinstance(value, list | dict):
        # Nested deeply enough, it cannot be written.
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _enable(value: object) -> Command:
    return Enable(on=False if value is None else _switch("ena", value))


def _set_current(value: object) -> Command:
    limit = _whole_number("curr", value, "6000…63000 mA")
    return SetCurrent(Milliampere(limit))


def _set_energy_limit(value: object) -> Command:
    if value is None:
        return SetEnergyLimit(DeciWattHour(0))
    limit = _whole_number("setenergy", value, f"0…{ENERGY_MAX_DWH} in 0.1 Wh")
    return SetEnergyLimit(DeciWattHour(limit))


def _display(value: object) -> Command:
    """Read a text, alone or behind KEBA's arguments.

    The published connector pasted the value behind the command word, so
    ``0 0 0 0 Hello$KEBA`` and ``1 5 20 0 Hello`` stay valid.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidCommandError(f"display: {_shown(value)} is no text")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise InvalidCommandError(f"display: {_shown(value)} is no text")
    timed = _TIMED_TEXT.fullmatch(value)
    if timed is None:
        return Display(value)
    uses_times, minimum, maximum, text = timed.groups()
    if uses_times == "0":
        return Display(text)
    return Display(text, Seconds(int(minimum)), Seconds(int(maximum)))


@dataclass(frozen=True, slots=True)
class Actuator:
    """One actuator datapoint of a station.

    Parameters
    ----------
    word
        Key of the datapoint behind the station's name.
    read
        Makes the command from a value.
    example
        Example value for BEMCom's API.
    unit, meaning, accepts
        For people: unit, what it does, and which values.
    low, high
        Range of a number.
    allowed
        The values of a switch.
    is_text
        Whether it takes a text.
    """

    word: str
    read: Callable[[object], Command]
    example: int | str
    unit: str
    meaning: str
    accepts: str
    low: int | None = None
    high: int | None = None
    allowed: tuple[int, ...] = ()
    is_text: bool = False


ACTUATORS: Mapping[str, Actuator] = {
    actuator.word: actuator
    for actuator in (
        Actuator(
            "ena",
            _enable,
            0,
            "",
            "enable or disable charging",
            "0, 1, true, false; null is 0",
            allowed=(0, 1),
        ),
        Actuator(
            "curr",
            _set_current,
            63_000,
            "mA",
            "limit of the charging current",
            "6000…63000; null is no limit of ours, 63000 or max_curr",
            low=6_000,
            high=63_000,
        ),
        Actuator(
            "setenergy",
            _set_energy_limit,
            100_000,
            "0.1 Wh",
            "energy at which the session stops",
            "0 (no limit)…999999999; null is 0",
            low=0,
            high=ENERGY_MAX_DWH,
        ),
        Actuator(
            "display",
            _display,
            "0 0 0 0 Hello$KEBA",
            "",
            "text on the display",
            "up to 23 ASCII characters, alone or as "
            "`<0|1> <min s> <max s> 0 <text>`",
            is_text=True,
        ),
    )
}


def command_from_value(
    word: str, value: object, max_curr: int | None = None
) -> Command:
    """Turn the value of an actuator datapoint into a command.

    Parameters
    ----------
    word
        Key of the actuator, one of `ACTUATORS`.
    value
        Any JSON value.
    max_curr
        Highest limit in mA that this station may be given.

    Raises
    ------
    InvalidCommandError
        If the value must not be sent; says why and what would be possible.
    """
    highest = CURRENT_MAX_MA if max_curr is None else max_curr
    if word in CURRENT_LIMITS and value is None:
        value = highest
    command = ACTUATORS[word].read(value)
    if isinstance(command, SetCurrent) and command.limit > highest:
        raise InvalidCommandError(
            f"{word}: {command.limit} mA is more than this station's "
            f"max_curr of {highest} mA"
        )
    return command
