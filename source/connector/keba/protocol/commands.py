"""What may be said to a station: a value that exists is one that may be sent.

A command knows its bytes, its range, and the fields of report 2 that show its
effect, because ``TCH-OK`` means received, not done. What commands do to each
other stands in `ordering`. Pages are those of KEBA's UDP Programmers Guide
V2.01; where only other sources know a command, its docstring says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NewType

from connector.keba.protocol.fields import (
    CURRENT_MAX_MA,
    ENERGY_MAX_DWH,
    is_known_report,
)

Milliampere = NewType("Milliampere", int)
DeciWattHour = NewType("DeciWattHour", int)
"""KEBA's unit of energy, 0.1 Wh (pages 18 and 24)."""
Seconds = NewType("Seconds", int)

CURRENT_MIN_MA = 6_000
DELAY_MAX_S = 860_400
FAILSAFE_MIN_S = 10
FAILSAFE_MAX_S = 600
DISPLAY_MAX_CHARACTERS = 23
DISPLAY_MAX_S = 65_535

SOON_S = 15
"""A timer this short may have run down before report 2 is read, or before a
command that was lost could be sent again."""


class InvalidCommandError(ValueError):
    """The command is outside of what KEBA allows; says what and why."""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """Ask for a report; has no side effects."""

    number: int

    def __post_init__(self) -> None:
        if not is_known_report(self.number):
            raise InvalidCommandError(
                f"report {self.number}: there are 1, 2, 3 and 100 to 130"
            )

    def encode(self) -> bytes:
        return b"report %d" % self.number


class Command:
    """Base of all commands that change something.

    Attributes
    ----------
    word
        KEBA's command word.
    repeatable
        Whether saying it twice is the same as saying it once.
    settle_s
        Seconds until a report can show the effect.
    field
        The field of report 2 that then shows the only argument, if one does.
    """

    __slots__: tuple[str, ...] = ()
    word: ClassVar[str]
    repeatable: ClassVar[bool] = True
    settle_s: ClassVar[float] = 0.0
    field: ClassVar[str] = ""

    def arguments(self) -> str:
        """Return what stands behind the word: the fields, in their order."""
        return " ".join(str(int(getattr(self, key))) for key in self.__slots__)

    def expected_fields(self) -> Mapping[str, int]:
        """Return the fields of report 2 that show the effect."""
        if not self.field:
            return {}
        return {self.field: int(getattr(self, self.__slots__[0]))}

    def is_shown_by(self, fields: Mapping[str, object]) -> bool | None:
        """Tell whether a report 2 shows the effect.

        None where the station has no field that could show it.
        """
        expected = self.expected_fields()
        if not expected or any(key not in fields for key in expected):
            return None
        return all(_equals(fields[key], expected[key]) for key in expected)

    def describe(self, fields: Mapping[str, object]) -> str:
        """Write out those fields of a report 2 that show the effect."""
        keys = self.expected_fields()
        return ", ".join(f"{key} {fields.get(key)}" for key in keys)

    def disables_charging(self) -> bool:
        """Tell whether KEBA asks for silence afterwards (t_DIS_pause)."""
        return False

    def encode(self) -> bytes:
        """Return the datagram: no line feed (page 14)."""
        return f"{self.word} {self.arguments()}".rstrip().encode("ascii")

    def __str__(self) -> str:
        return self.encode().decode("ascii")


@dataclass(frozen=True, slots=True)
class AskFirmware(Command):
    """Ask for the firmware, the one question that is no report (page 15).

    A command, because it has no number and one answer; it changes nothing.
    """

    word = "i"


@dataclass(frozen=True, slots=True)
class Enable(Command):
    """Enable or disable charging (page 31).

    The effect takes about a second. Other values than 0 and 1 act like 0
    (V2.00, page 13), hence the strictness.
    """

    word = "ena"
    settle_s = 1.0
    field = "Enable user"
    on: bool

    def disables_charging(self) -> bool:
        return not self.on


@dataclass(frozen=True, slots=True)
class SetCurrent(Command):
    """Limit the charging current (pages 32 and 33)."""

    word = "curr"
    # `Max curr` follows 6 to 7 s later, if at all (page 13).
    field = "Curr user"
    limit: Milliampere

    def __post_init__(self) -> None:
        if self.limit == 0:
            raise InvalidCommandError(
                "curr: 0 mA is outside of KEBA's range; use ena 0 or "
                "currtime 0 to stop charging"
            )
        _require_current("curr", self.limit)


@dataclass(frozen=True, slots=True)
class SetCurrentTimed(Command):
    """Limit the current after a delay; 0 mA stops charging (pages 21, 22).

    Until the delay is over `Curr timer` shows the limit and `Tmo CT` counts
    down, then `Curr user` shows it. A delay of 0 acts like the shortest one,
    but `currtime 0 0` only cancels a timer that still runs.
    """

    word = "currtime"
    settle_s = 1.0
    limit: Milliampere
    delay: Seconds

    def __post_init__(self) -> None:
        if self.limit != 0:
            _require_current("currtime", self.limit, zero="0 (stop) or ")
        _require_range("currtime", self.delay, 0, DELAY_MAX_S, "s")

    @property
    def cancels(self) -> bool:
        """Whether it sets nothing, but only ends a timer."""
        return self.limit == 0 and self.delay == 0

    @property
    def stops(self) -> bool:
        """Whether it stops charging, now or later."""
        return self.limit == 0 and not self.cancels

    @property
    def rules_soon(self) -> bool:
        """Whether it rules before a lost command could be sent again."""
        return self.delay <= SOON_S and not self.cancels

    def expected_fields(self) -> Mapping[str, int]:
        """Return what shows it after the delay.

        A limit also lifts an `ena 0`; without that nothing will be charged.
        """
        if self.cancels:
            return {"Tmo CT": 0}
        if self.stops:
            return {"Curr user": 0}
        return {"Curr user": self.limit, "Enable user": 1}

    def is_shown_by(self, fields: Mapping[str, object]) -> bool | None:
        """Tell whether the limit rules, or waits for its moment.

        Where charging is still disabled, a limit had no effect.
        """
        is_shown = self.is_partly_shown_by(fields)
        if not is_shown or self.limit == 0 or self.is_waiting(fields):
            return is_shown
        return not _equals(fields.get("Enable user"), 0)

    def is_partly_shown_by(self, fields: Mapping[str, object]) -> bool | None:
        """Tell the same, whether or not charging is enabled.

        A newer command may have changed that.
        """
        if self.cancels:
            return Command.is_shown_by(self, fields)
        if self.is_waiting(fields):
            return True
        if self.delay > SOON_S and "Curr user" in fields:
            return False
        return self.is_in_force(fields)

    def is_in_force(self, fields: Mapping[str, object]) -> bool | None:
        """Tell whether what it has set still rules, or still waits.

        A limit stays one while charging is disabled, by whomever.
        """
        if self.cancels or "Curr user" not in fields:
            return None
        if self.is_waiting(fields):
            return True
        # `Curr user` was seen to keep its value after a stop.
        if self.stops and _equals(fields.get("Enable user"), 0):
            return True
        return _equals(fields["Curr user"], self.limit)

    def is_waiting(self, fields: Mapping[str, object]) -> bool:
        if self.cancels or _equals(fields.get("Tmo CT", 0), 0):
            # `Curr timer` keeps its value after the delay
            # (ioBroker.kecontact#125).
            return False
        return _equals(fields.get("Curr timer"), self.limit)

    def disables_charging(self) -> bool:
        return self.limit == 0 and self.delay == 1


@dataclass(frozen=True, slots=True)
class SetEnergyLimit(Command):
    """Stop the session at an amount of energy; 0 is no limit (page 24)."""

    word = "setenergy"
    field = "Setenergy"
    limit: DeciWattHour

    def __post_init__(self) -> None:
        _require_range("setenergy", self.limit, 0, ENERGY_MAX_DWH, "in 0.1 Wh")


@dataclass(frozen=True, slots=True)
class Display(Command):
    """Show a text (page 30).

    Parameters
    ----------
    text
        Up to 23 ASCII characters.
    minimum, maximum
        Seconds for which the text stays at least and at most; None leaves
        both to the station (2 s and 10 s).
    """

    word = "display"
    text: str
    minimum: Seconds | None = None
    maximum: Seconds | None = None

    def __post_init__(self) -> None:
        text = self.text
        if not text or len(text) > DISPLAY_MAX_CHARACTERS:
            raise InvalidCommandError(
                f"display: a text has 1 to {DISPLAY_MAX_CHARACTERS} "
                f"characters, this one {len(text)}"
            )
        if not (text.isascii() and text.isprintable()):
            raise InvalidCommandError(
                f"display: {text!r} has characters other than printable ASCII"
            )
        if (self.minimum is None) != (self.maximum is None):
            raise InvalidCommandError(
                "display: give both minimum and maximum seconds, or none"
            )
        for seconds in (self.minimum, self.maximum):
            if seconds is not None:
                _require_range("display", seconds, 0, DISPLAY_MAX_S, "s")

    def arguments(self) -> str:
        # Blanks separate arguments; the station shows `$` as a blank.
        text = self.text.replace(" ", "$")
        if self.minimum is None:
            return f"0 0 0 0 {text}"
        return f"1 {self.minimum} {self.maximum} 0 {text}"


@dataclass(frozen=True, slots=True)
class SetOutput(Command):
    """Switch relay X2, or set its pulses per kWh (pages 24 and 25).

    Sources disagree on whether 0 opens or closes the relay. 2 to 9 are
    reserved and not answered; 10 to 150 are stored in the EEPROM.
    """

    word = "output"
    field = "Output"
    value: int

    def __post_init__(self) -> None:
        if self.value not in (0, 1) and not 10 <= self.value <= 150:
            raise InvalidCommandError(
                f"output: {self.value} is neither 0 nor 1 nor within 10…150 "
                "pulses per kWh"
            )


@dataclass(frozen=True, slots=True)
class Start(Command):
    """Authorise a session with a card (page 25); empty: as V2.00 allows."""

    word = "start"
    repeatable = False
    settle_s = 1.0
    tag: str = ""
    card_class: str = ""

    def __post_init__(self) -> None:
        _require_hexadecimal("start", "tag", self.tag, 16)
        _require_hexadecimal("start", "class", self.card_class, 20)
        if self.card_class and not self.tag:
            raise InvalidCommandError("start: a class needs a tag before it")

    def arguments(self) -> str:
        return f"{self.tag} {self.card_class}".strip()

    def expected_fields(self) -> Mapping[str, int]:
        return {"Authreq": 0}

    def is_shown_by(self, fields: Mapping[str, object]) -> bool | None:
        """Tell whether it is authorised; None where no card is needed."""
        if _equals(fields.get("AuthON"), 0):
            return None
        return Command.is_shown_by(self, fields)

    def __str__(self) -> str:
        return _without_card(self.word, self.tag)


@dataclass(frozen=True, slots=True)
class Stop(Command):
    """End the session of a card (pages 26 and 27)."""

    word = "stop"
    repeatable = False
    settle_s = 1.0
    tag: str = ""

    def __post_init__(self) -> None:
        _require_hexadecimal("stop", "tag", self.tag, 16)

    def arguments(self) -> str:
        return self.tag

    def expected_fields(self) -> Mapping[str, int]:
        return {"Authreq": 1}

    def __str__(self) -> str:
        return _without_card(self.word, self.tag)


@dataclass(frozen=True, slots=True)
class Unlock(Command):
    """Unlock the socket; charging must have been stopped (page 30)."""

    word = "unlock"
    settle_s = 1.0

    def expected_fields(self) -> Mapping[str, int]:
        return {"Plug": 5}

    def is_shown_by(self, fields: Mapping[str, object]) -> bool | None:
        """Tell whether `Plug` lacks its bit "locked at the station"."""
        plug = fields.get("Plug")
        return None if not isinstance(plug, int) else not plug & 2


@dataclass(frozen=True, slots=True)
class SetFailsafe(Command):
    """Limit the current when the client goes silent (pages 34 and 35).

    Parameters
    ----------
    timeout
        0 is off, else 10 to 600 s without `curr`, `currtime` or `ena`.
    limit
        The current that then rules; 0 stops charging.
    stored
        Whether the station keeps this in its EEPROM over restarts.
    """

    word = "failsafe"
    timeout: Seconds
    limit: Milliampere
    stored: bool = False

    def __post_init__(self) -> None:
        if self.timeout != 0:
            _require_range(
                "failsafe", self.timeout, FAILSAFE_MIN_S, FAILSAFE_MAX_S, "s"
            )
        if self.limit != 0:
            _require_current("failsafe", self.limit, zero="0 (stop) or ")

    def expected_fields(self) -> Mapping[str, int]:
        if self.timeout == 0:
            return {"Tmo FS": 0}
        return {"Tmo FS": self.timeout, "Curr FS": self.limit}


@dataclass(frozen=True, slots=True)
class SetDateTime(Command):
    """Set the clock to Unix seconds (page 28)."""

    word = "setdatetime"
    repeatable = False
    unix_time: Seconds

    def __post_init__(self) -> None:
        _require_range("setdatetime", self.unix_time, 1, 2**32 - 1, "s")


@dataclass(frozen=True, slots=True)
class SetPhaseSource(Command):
    """Say who may switch phases (not in V2.01; evcc-io/evcc#9242).

    0 is nobody, 1 OCPP, 2 REST, 3 Modbus, 4 UDP.
    """

    word = "x2src"
    field = "X2 phaseSwitch source"
    source: int

    def __post_init__(self) -> None:
        _require_range("x2src", self.source, 0, 4, "")


@dataclass(frozen=True, slots=True)
class SetPhases(Command):
    """Charge with one (0) or three phases (1) (ioBroker.kecontact#380)."""

    word = "x2"
    repeatable = False
    settle_s = 1.0
    field = "X2 phaseSwitch"
    three: bool


def _without_card(word: str, tag: str) -> str:
    """Name a command in logs, which are stored for ever, without its card."""
    return f"{word} (a card)" if tag else word


def _equals(seen: object, expected: int) -> bool:
    """Compare with a field that firmware may write as a numeric text."""
    if isinstance(seen, str):
        return seen.strip() == str(expected)
    return seen == expected


def _require_range(
    word: str, value: int, low: int, high: int, unit: str
) -> None:
    if not low <= value <= high:
        raise InvalidCommandError(
            f"{word}: {value} is not within {low}…{high} {unit}".rstrip()
        )


def _require_current(word: str, limit: int, zero: str = "") -> None:
    if not CURRENT_MIN_MA <= limit <= CURRENT_MAX_MA:
        raise InvalidCommandError(
            f"{word}: {limit} mA is not {zero}within "
            f"{CURRENT_MIN_MA}…{CURRENT_MAX_MA} mA"
        )


def _require_hexadecimal(
    word: str, name: str, digits: str, length: int
) -> None:
    if digits and not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", digits):
        # Not quoted: most of it may be the number of a card.
        raise InvalidCommandError(
            f"{word}: the {name} has {length} hexadecimal digits, this one is "
            f"another text of {len(digits)} characters"
        )
