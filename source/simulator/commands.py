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

from simulator.authorisation import NO_CLASS, NO_TAG
from simulator.charge_point import OUTPUT_PULSES
from simulator.failsafe import FailsafeSetting
from simulator.limits import is_current
from simulator.wire import is_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.charge_point import ChargePoint

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

Answer = bytes | None


def obey(point: ChargePoint, words: list[str]) -> Answer:
    """Do what a command says; return the answer, if there is one."""
    word, *arguments = words
    if not _is_command(word, arguments) or word in point.profile.lacks_commands:
        return None
    if point.profile.confirms_only:
        return DONE
    if point.profile.refuses:
        return REFUSED
    if word in _TEXT_COMMANDS:
        return _TEXT_COMMANDS[word](point, arguments)
    command, _ = _NUMBER_COMMANDS[word]
    return command(point, *map(int, arguments))


def _is_command(word: str, arguments: list[str]) -> bool:
    if word in _TEXT_COMMANDS:
        return True
    if word not in _NUMBER_COMMANDS:
        return False
    _, count = _NUMBER_COMMANDS[word]
    return len(arguments) == count and all(map(is_number, arguments))


def _ena(point: ChargePoint, value: int) -> Answer:
    # Guide V2.00, page 13: other values than 1 act like 0.
    point.order_enable(wish=value == 1)
    return DONE


def _curr(point: ChargePoint, milliampere: int) -> Answer:
    point.set_current(milliampere)
    return DONE


def _currtime(point: ChargePoint, milliampere: int, delay_s: int) -> Answer:
    # Guide V2.01, page 21: larger delays are discarded. That a current out of
    # range is discarded as well is guessed (ioBroker's author says 5000
    # works).
    in_range = milliampere == 0 or is_current(milliampere)
    if in_range and delay_s <= LONGEST_TIMER_S:
        point.set_current_later(milliampere, delay_s)
    return DONE


def _setenergy(point: ChargePoint, units: int) -> Answer:
    if units <= LARGEST_ENERGY:
        point.limits.limit_energy(units)
        point.settle()
    return DONE


def _output(point: ChargePoint, value: int) -> Answer:
    if value in RESERVED_OUTPUTS:
        # Guide V2.01, page 25: not answered.
        return None
    # Same page: any other value switches the relay off.
    is_known = value in {0, 1} or value in OUTPUT_PULSES
    point.set_output(value if is_known else 0)
    return DONE


def _setdatetime(point: ChargePoint, unix_seconds: int) -> Answer:
    point.clock.set(unix_seconds, point.now)
    return DONE


def _unlock(point: ChargePoint) -> Answer:
    point.unlock()
    return DONE


def _failsafe(
    point: ChargePoint, timeout_s: int, milliampere: int, store: int
) -> Answer:
    timeout_ok = timeout_s == 0 or timeout_s in FAILSAFE_TIMEOUT_S
    current_ok = milliampere == 0 or is_current(milliampere)
    if timeout_ok and current_ok and store in {0, 1}:
        setting = FailsafeSetting(timeout_s, milliampere)
        point.limits.failsafe.configure(setting, point.now, store=store == 1)
        point.settle()
    return DONE


def _x2src(point: ChargePoint, source: int) -> Answer:
    if source in PHASE_SOURCES:
        point.allow_phase_switch(source)
    return DONE


def _x2(point: ChargePoint, position: int) -> Answer:
    if position not in {0, 1}:
        return DONE
    return DONE if point.switch_phases(position) else X2_NOT_ALLOWED


def _start(point: ChargePoint, arguments: list[str]) -> Answer:
    # Guide V2.00, page 15: tag and class may be left out.
    tag, rfid_class = _tag_and_class(arguments)
    if tag is None or rfid_class is None:
        return None
    # That an unknown tag is acknowledged without effect is guessed.
    authorisation = point.authorisation
    is_known = not arguments or authorisation.knows(tag)
    if authorisation.is_required and is_known:
        point.authorise(tag, rfid_class)
    if point.profile.start_lists_tag:
        lines = f'"RFID tag": "{tag}",\n"RFID class": "{rfid_class}",\n'
        return lines.encode("ascii")
    return DONE


def _stop(point: ChargePoint, arguments: list[str]) -> Answer:
    tag, _ = _tag_and_class(arguments)
    if tag is None:
        return None
    # Guide V2.01, page 26: it must be the tag that started the session. That
    # another tag gets this answer, and that none fits all, is guessed.
    holder = point.authorisation.tag
    if holder is None or (arguments and holder != tag.lower()):
        return NOTHING_TO_STOP
    point.stop_session()
    return DONE


def _display(point: ChargePoint, arguments: list[str]) -> Answer:
    # Four numbers, then the text, which nobody sees here.
    del point
    numbers = arguments[:4]
    return DONE if len(numbers) == 4 and all(map(is_number, numbers)) else None


def _tag_and_class(arguments: list[str]) -> tuple[str | None, str | None]:
    """Return tag and class, zeros where left out, None where malformed."""
    tag = arguments[0] if arguments else NO_TAG
    rfid_class = arguments[1] if len(arguments) > 1 else NO_CLASS
    return (
        tag if re.fullmatch("[0-9a-fA-F]{16}", tag) else None,
        rfid_class if re.fullmatch("[0-9a-fA-F]{20}", rfid_class) else None,
    )


_NUMBER_COMMANDS: dict[str, tuple[Callable[..., Answer], int]] = {
    "ena": (_ena, 1),
    "curr": (_curr, 1),
    "currtime": (_currtime, 2),
    "setenergy": (_setenergy, 1),
    "output": (_output, 1),
    "setdatetime": (_setdatetime, 1),
    "unlock": (_unlock, 0),
    "failsafe": (_failsafe, 3),
    "x2src": (_x2src, 1),
    "x2": (_x2, 1),
}

_TEXT_COMMANDS: dict[str, Callable[[ChargePoint, list[str]], Answer]] = {
    "start": _start,
    "stop": _stop,
    "display": _display,
}
