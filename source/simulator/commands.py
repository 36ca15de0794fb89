"""The commands of the UDP protocol: what they do and what is answered.

The acknowledgement means "received", whether or not the value was valid
(guide V2.00, page 13). What no guide and no log tells is guessed, in one way
throughout:

* a word that is no command, or a command with a missing, surplus or
  unreadable argument, is not answered;
* a number out of range is acknowledged and has no effect, unless a source
  says otherwise.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator.charge_point import OUTPUT_PULSES, ChargePoint
from simulator.limits import FailsafeSetting, is_current
from simulator.sessions import NO_CLASS, NO_TAG
from simulator.wire import is_number

if TYPE_CHECKING:
    from collections.abc import Callable

DONE = b"TCH-OK :done\n"
NOTHING_TO_STOP = b"TCH-ERR:nothing to stop\n"
X2_NOT_ALLOWED = b"TCH-ERR:X2 : not allowed now\n"
REFUSED = b"TCH-ERR:not allowed now\n"
"""Invented, for the profile that refuses everything."""

LONGEST_TIMER_S = 860_400
LARGEST_ENERGY = 999_999_999
FAILSAFE_TIMEOUT_S = range(10, 601)
RESERVED_OUTPUTS = range(2, 10)
PHASE_SOURCES = range(5)

SILENCE = b""

Answer = bytes | None
"""What is answered instead of `DONE`."""


def obey(point: ChargePoint, words: list[str]) -> bytes:
    """Do what a command says; return the answer, empty if there is none."""
    word, *arguments = words
    if not _is_command(word, arguments) or word in point.profile.lacks_commands:
        return SILENCE
    if point.profile.confirms_only:
        return DONE
    if point.profile.refuses:
        return REFUSED
    if word in _TEXT_COMMANDS:
        answer = _TEXT_COMMANDS[word](point, arguments)
    else:
        command, _ = _NUMBER_COMMANDS[word]
        answer = command(point, *map(int, arguments))
    return DONE if answer is None else answer


def _is_command(word: str, arguments: list[str]) -> bool:
    if word in _TEXT_COMMANDS:
        return True
    if word not in _NUMBER_COMMANDS:
        return False
    _, count = _NUMBER_COMMANDS[word]
    return len(arguments) == count and all(map(is_number, arguments))


def _currtime(point: ChargePoint, milliampere: int, delay_s: int) -> None:
    # Guide V2.01, page 21: larger delays are discarded. That a current out of
    # range is discarded as well is guessed (ioBroker's author says 5000
    # works).
    in_range = milliampere == 0 or is_current(milliampere)
    if in_range and delay_s <= LONGEST_TIMER_S:
        point.set_current_later(milliampere, delay_s)


def _setenergy(point: ChargePoint, units: int) -> None:
    if units <= LARGEST_ENERGY:
        point.limits.limit_energy(units)
        point.settle()


def _output(point: ChargePoint, value: int) -> Answer:
    if value in RESERVED_OUTPUTS:
        # Guide V2.01, page 25: not answered.
        return SILENCE
    # Same page: any other value switches the relay off.
    is_known = value in {0, 1} or value in OUTPUT_PULSES
    point.set_output(value if is_known else 0)
    return None


def _setdatetime(point: ChargePoint, unix_seconds: int) -> None:
    point.clock.set(unix_seconds, point.now)


def _failsafe(
    point: ChargePoint, timeout_s: int, milliampere: int, store: int
) -> None:
    timeout_ok = timeout_s == 0 or timeout_s in FAILSAFE_TIMEOUT_S
    current_ok = milliampere == 0 or is_current(milliampere)
    if timeout_ok and current_ok and store in {0, 1}:
        setting = FailsafeSetting(timeout_s, milliampere)
        point.limits.failsafe.configure(setting, point.now, store=store == 1)
        point.settle()


def _x2src(point: ChargePoint, source: int) -> None:
    if source in PHASE_SOURCES:
        point.allow_phase_switch(source)


def _x2(point: ChargePoint, position: int) -> Answer:
    if position in {0, 1} and not point.switch_phases(position):
        return X2_NOT_ALLOWED
    return None


def _start(point: ChargePoint, arguments: list[str]) -> Answer:
    # Guide V2.00, page 15: tag and class may be left out.
    tag, rfid_class = _tag_and_class(arguments)
    if tag is None or rfid_class is None:
        return SILENCE
    # That an unknown tag is acknowledged without effect is guessed.
    authorisation = point.authorisation
    is_known = not arguments or authorisation.knows(tag)
    if authorisation.is_required and is_known:
        point.authorise(tag, rfid_class)
    if point.profile.start_lists_tag:
        lines = f'"RFID tag": "{tag}",\n"RFID class": "{rfid_class}",\n'
        return lines.encode("ascii")
    return None


def _stop(point: ChargePoint, arguments: list[str]) -> Answer:
    tag, _ = _tag_and_class(arguments)
    if tag is None:
        return SILENCE
    # Guide V2.01, page 26: it must be the tag that started the session. That
    # another tag gets this answer, and that none fits all, is guessed.
    holder = point.authorisation.tag
    if holder is None or (arguments and holder != tag.lower()):
        return NOTHING_TO_STOP
    point.stop_session()
    return None


def _display(_: ChargePoint, arguments: list[str]) -> Answer:
    # Four numbers, then the text, which nobody sees here.
    numbers = arguments[:4]
    is_complete = len(numbers) == 4 and all(map(is_number, numbers))
    return None if is_complete else SILENCE


def _tag_and_class(arguments: list[str]) -> tuple[str | None, str | None]:
    """Return tag and class, zeros where left out, None where malformed."""
    tag = arguments[0] if arguments else NO_TAG
    rfid_class = arguments[1] if len(arguments) > 1 else NO_CLASS
    return (
        tag if re.fullmatch("[0-9a-fA-F]{16}", tag) else None,
        rfid_class if re.fullmatch("[0-9a-fA-F]{20}", rfid_class) else None,
    )


# What each does, and how many numbers it takes.
_NUMBER_COMMANDS: dict[str, tuple[Callable[..., Answer], int]] = {
    "ena": (ChargePoint.order_enable, 1),
    "curr": (ChargePoint.set_current, 1),
    "currtime": (_currtime, 2),
    "setenergy": (_setenergy, 1),
    "output": (_output, 1),
    "setdatetime": (_setdatetime, 1),
    "unlock": (ChargePoint.unlock, 0),
    "failsafe": (_failsafe, 3),
    "x2src": (_x2src, 1),
    "x2": (_x2, 1),
}

_TEXT_COMMANDS: dict[str, Callable[[ChargePoint, list[str]], Answer]] = {
    "start": _start,
    "stop": _stop,
    "display": _display,
}
