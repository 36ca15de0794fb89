"""What each actuator datapoint accepts, and the command that it becomes.

BEMCom hands on what its users typed: numbers, numeric texts, booleans, null
and anything else that is JSON. Nothing is clamped silently: a value is used as
it was meant, or refused with its range.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.keba.protocol.commands import (
    Command,
    Display,
    Enable,
    InvalidCommandError,
    Milliampere,
    Seconds,
    SetCurrent,
    SetCurrentTimed,
    SetDateTime,
    SetEnergyLimit,
    SetFailsafe,
    SetOutput,
    SetPhases,
    SetPhaseSource,
    Start,
    Stop,
    Unlock,
)
from connector.keba.protocol.fields import CURRENT_MAX_MA, ENERGY_MAX_DWH

NULL_IS_HIGHEST = frozenset({"curr", "currtime"})
NULL_IS_ZERO = frozenset({"ena", "setenergy", "failsafe"})
"""What null stands for; other actuators refuse it."""

Read = Callable[[object], Command]
"""Raises ValueError with what is wrong with the value."""

_NUMBER = re.compile(r" *[+-]?\d+(\.\d*)?([eE][+-]?\d+)? *", re.ASCII)
_LONGEST_NUMBER = 32
_LARGEST_NUMBER = 10**12
_BOOLEANS = ("true", "false")
_TIMED_TEXT = re.compile(r"([01]) (\d{1,9}) (\d{1,9}) \d+ (.+)", re.ASCII)


def _whole_number(value: object, possible: str) -> int:
    """Read a number or a numeric text that is whole."""
    if isinstance(value, str) and _is_number(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{_shown(value)} is no number; {possible}")
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{_shown(value)} is no whole number; {possible}")
    if abs(value) > _LARGEST_NUMBER:
        raise ValueError(f"{_shown(value)} is far too large; {possible}")
    return int(value)


def _is_number(text: str) -> bool:
    return len(text) <= _LONGEST_NUMBER and bool(_NUMBER.fullmatch(text))


def _switch(value: object) -> bool:
    """Read a switch: booleans and 0 or 1, as numbers or texts."""
    if isinstance(value, bool):
        return value
    if value is None:
        raise ValueError("null is neither 0 nor 1")
    if isinstance(value, str) and value.strip(" ").lower() in _BOOLEANS:
        return value.strip(" ").lower() == "true"
    number = _whole_number(value, "0 or 1")
    if number not in (0, 1):
        raise ValueError(f"{number} is neither 0 nor 1")
    return bool(number)


def _shown(value: object) -> str:
    if isinstance(value, list | dict):
        # Nested deeply enough, it cannot be written.
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _of_number(command: Callable[[Any], Command], possible: str) -> Read:
    return lambda value: command(_whole_number(value, possible))


def _of_switch(command: Callable[[Any], Command]) -> Read:
    return lambda value: command(_switch(value))


def _of_card(command: Callable[..., Command], at_most: int) -> Read:
    """Return what reads the tag of a card, and perhaps its class."""

    def read(value: object) -> Command:
        if not isinstance(value, str):
            raise ValueError(
                f"{_shown(value)} is no text; write the tag of the card as "
                "text, or an empty text"
            )
        parts = value.split(" ") if value else []
        if len(parts) > at_most:
            raise ValueError(f"{_shown(value)} has too many parts")
        return command(*parts)

    return read


def _display(value: object) -> Command:
    """Read a text, alone or behind KEBA's arguments.

    The published connector pasted the value behind the command word, so
    ``0 0 0 0 Hello$KEBA`` and ``1 5 20 0 Hello`` stay valid.
    """
    is_finite = isinstance(value, float) and math.isfinite(value)
    if is_finite or type(value) is int:
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is no text")
    timed = _TIMED_TEXT.fullmatch(value)
    if timed is None:
        return Display(value)
    uses_times, minimum, maximum, text = timed.groups()
    if uses_times == "0":
        return Display(text)
    return Display(text, Seconds(int(minimum)), Seconds(int(maximum)))


def _numbers(value: object, at_least: int, at_most: int) -> list[int]:
    """Read one number, or a text of several with blanks between them."""
    parts: list[object] = [value]
    if isinstance(value, str):
        parts = [part for part in value.split(" ") if part]
    if not at_least <= len(parts) <= at_most:
        raise ValueError(
            f"{_shown(value)} has {len(parts)} numbers, not {at_least} to "
            f"{at_most}"
        )
    return [_whole_number(part, "whole numbers") for part in parts]


def _set_current_timed(value: object) -> Command:
    limit, *delay = _numbers(value, 1, 2)
    return SetCurrentTimed(
        Milliampere(limit), Seconds(delay[0] if delay else 1)
    )


def _set_output(value: object) -> Command:
    if isinstance(value, bool):
        value = int(value)
    return SetOutput(_whole_number(value, "0, 1 or 10…150"))


def _unlock(value: object) -> Command:
    if value is None or not _switch(value):
        raise ValueError("only 1 unlocks; 0 does nothing")
    return Unlock()


def _set_failsafe(value: object) -> Command:
    timeout, *rest = _numbers(value, 1, 3)
    if timeout == 0 and not rest:
        return SetFailsafe(Seconds(0), Milliampere(0))
    if not rest:
        raise ValueError(
            f"{_shown(value)} is a timeout without a current; write "
            "`<timeout s> <mA>`, or 0 for off"
        )
    limit, *stored = rest
    is_stored = bool(stored) and _switch(stored[0])
    return SetFailsafe(Seconds(timeout), Milliampere(limit), is_stored)


@dataclass(frozen=True, slots=True)
class Actuator:
    """One actuator datapoint of a station.

    Parameters
    ----------
    accepts
        Which values, for people who write it through BEMCom's API: each of
        them passes in the data format that is recommended (decision 10).
    promised
        One value of each form that `accepts` names, and the ends of ranges.
    """

    word: str
    read: Read
    example: int | str
    unit: str
    meaning: str
    accepts: str
    promised: tuple[int | str | None, ...]
    low: int | None = None
    high: int | None = None
    allowed: tuple[int, ...] = ()
    is_text: bool = False


ACTUATORS: Mapping[str, Actuator] = {
    actuator.word: actuator
    for actuator in (
        Actuator(
            "ena",
            _of_switch(Enable),
            0,
            "",
            "enable or disable charging",
            "0, 1; null is 0",
            (0, 1, None),
            allowed=(0, 1),
        ),
        Actuator(
            "curr",
            _of_number(SetCurrent, "6000…63000 mA"),
            63_000,
            "mA",
            "limit of the charging current",
            "6000…63000; null is no limit of ours, 63000 or max_curr",
            (6_000, 63_000, None),
            low=6_000,
            high=63_000,
        ),
        Actuator(
            "setenergy",
            _of_number(SetEnergyLimit, f"0…{ENERGY_MAX_DWH} in 0.1 Wh"),
            100_000,
            "0.1 Wh",
            "energy at which the session stops",
            "0 (no limit)…999999999; null is 0",
            (0, ENERGY_MAX_DWH, None),
            low=0,
            high=ENERGY_MAX_DWH,
        ),
        Actuator(
            "display",
            _display,
            "0 0 0 0 Hello$KEBA",
            "",
            "text on the display",
            "text of up to 23 ASCII characters, alone or as "
            "`1 <min s> <max s> 0 <text>`",
            ("Hello", "1 5 20 0 Hello$KEBA"),
            is_text=True,
        ),
        Actuator(
            "currtime",
            _set_current_timed,
            63_000,
            "mA",
            "limit of the charging current until unplugged; 0 stops",
            "0 or 6000…63000, alone or as text `<mA> <s>` with a delay of "
            "0…860400 s; null is no limit of ours",
            (0, 6_000, 63_000, "10000 7200", "0 860400", None),
        ),
        Actuator(
            "output",
            _set_output,
            0,
            "",
            "relay X2, or its pulses per kWh (stored in the station)",
            "0, 1, 10…150; null is refused",
            (0, 1, 10, 150),
            low=0,
            high=150,
        ),
        Actuator(
            "start",
            _of_card(Start, 2),
            "",
            "",
            "authorise a session",
            "text: empty, `<tag>` or `<tag> <class>` in 16 and 20 "
            "hexadecimal digits",
            (
                "",
                "e3f76b8d00000000",
                "e3f76b8d00000000 01010400000000000000",
            ),
            is_text=True,
        ),
        Actuator(
            "stop",
            _of_card(Stop, 1),
            "",
            "",
            "end an authorised session",
            "text: empty or the tag that started it",
            ("", "e3f76b8d00000000"),
            is_text=True,
        ),
        Actuator(
            "unlock",
            _unlock,
            1,
            "",
            "unlock the socket; stop charging before",
            "1",
            (1,),
            allowed=(1,),
        ),
        Actuator(
            "failsafe",
            _set_failsafe,
            "60 6000 0",
            "s, mA",
            "limit when the station hears no command for a time",
            "text `<timeout s> <mA> [<1 to store it>]`: 10…600 s, 0 or "
            "6000…63000 mA; 0 or null is off",
            ("10 6000", "600 63000 1", "60 0", 0, None),
            is_text=True,
        ),
        Actuator(
            "setdatetime",
            _of_number(SetDateTime, "Unix time in s"),
            1_800_000_000,
            "s since 1970 UTC",
            "set the clock of the station",
            "Unix time; null is refused",
            (1_800_000_000,),
            low=1,
            high=4_294_967_295,
        ),
        Actuator(
            "x2src",
            _of_number(SetPhaseSource, "0…4"),
            4,
            "",
            "who may switch phases: 0 nobody, 1 OCPP, 2 REST, 3 Modbus, 4 UDP",
            "0…4; null is refused",
            (0, 1, 2, 3, 4),
            allowed=(0, 1, 2, 3, 4),
        ),
        Actuator(
            "x2",
            _of_switch(SetPhases),
            1,
            "",
            "charge with one (0) or three (1) phases; at most every 305 s",
            "0, 1; null is refused",
            (0, 1),
            allowed=(0, 1),
        ),
    )
}

FLEET = "all"
"""Stands for every station, in the place of a station's name."""

FLEET_WORDS = ("ena", "curr")
"""Actuators that exist for all stations together."""


def command_from_value(
    word: str,
    value: object,
    max_curr: int | None = None,
    is_hash: Callable[[str], bool] = lambda _: False,
) -> Command:
    """Turn the value of an actuator datapoint into a command.

    Parameters
    ----------
    max_curr
        Highest limit in mA that this station may be given.
    is_hash
        Tells a hashed tag from that of a card.

    Raises
    ------
    InvalidCommandError
        If the value must not be sent; says why and what would be possible.
    """
    highest = CURRENT_MAX_MA if max_curr is None else max_curr
    if value is None and word in NULL_IS_HIGHEST:
        value = highest
    if value is None and word in NULL_IS_ZERO:
        value = 0
    try:
        command = ACTUATORS[word].read(value)
    except InvalidCommandError:
        raise
    except ValueError as complaint:
        raise InvalidCommandError(f"{word}: {complaint}") from None
    if (
        isinstance(command, SetCurrent | SetCurrentTimed | SetFailsafe)
        and command.limit > highest
    ):
        raise InvalidCommandError(
            f"{word}: {command.limit} mA is more than this station's "
            f"max_curr of {highest} mA"
        )
    if isinstance(command, Start | Stop) and is_hash(command.tag):
        raise InvalidCommandError(
            f"{word}: this is the hash that stands for a card in "
            "`report 100__RFID tag` and `session__tag`; the station knows "
            "the card's own tag only. RFID_PLAIN=TRUE shows that"
        )
    return command
