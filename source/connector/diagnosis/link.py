"""Why a station is, or is not, heard: `connection__reason`."""

import errno
import os
import re
from functools import lru_cache

from connector.diagnosis.causes import Code
from connector.keba.station.events import Elsewhere, LinkFacts, Unreachable

_P40 = re.compile(r"(^|[^A-Z0-9])P40([^A-Z0-9]|$)")


def link_cause(link: LinkFacts) -> Code:
    """Return the first row of the table that holds."""
    if not link.is_resolved:
        return Code.NAME_UNRESOLVED
    if link.is_silent:
        return _silence(link)
    if link.expected_serial and link.serial not in (None, link.expected_serial):
        return Code.WRONG_SERIAL
    if is_p40(link.product):
        return Code.UNSUPPORTED_MODEL
    if link.is_deaf:
        if link.is_udp_switch_on:
            return Code.NEEDS_POWER_CYCLE
        return Code.DIP_SWITCH_OFF
    return Code.OK


@lru_cache(maxsize=100)
def is_p40(product: str) -> bool:
    """Tell a model that has no UDP interface (home-assistant.io#40308)."""
    return _P40.search(product) is not None


def _silence(link: LinkFacts) -> Code:
    if link.send_error is not None:
        return Code.SEND_ERROR
    if link.elsewhere is not None:
        return Code.ANSWERS_ELSEWHERE
    if link.unreachable is not None and link.unreachable.is_refused:
        return Code.NOTHING_LISTENS
    return Code.NO_REPLY


def link_evidence(link: LinkFacts) -> str:
    """Say what the verdict rests on; empty where there is nothing to add."""
    match link_cause(link):
        case Code.SEND_ERROR:
            return _send_error(link.send_error or 0)
        case Code.ANSWERS_ELSEWHERE:
            return _elsewhere(link.elsewhere)
        case Code.NOTHING_LISTENS | Code.NO_REPLY:
            return _unreachable(link.unreachable)
        case Code.WRONG_SERIAL:
            return (
                f"It says {link.serial}, configured is {link.expected_serial}"
            )
        case Code.UNSUPPORTED_MODEL:
            return f"Its product code is {link.product}"
        case Code.DIP_SWITCH_OFF | Code.NEEDS_POWER_CYCLE:
            if link.is_udp_switch_on is None:
                return "Its report 1 does not show the switch"
            position = "ON" if link.is_udp_switch_on else "OFF"
            return f"Its report 1 says that the switch is {position}"
        case _:
            return ""


def _send_error(number: int) -> str:
    text = f"The system says: {os.strerror(number)}"
    if number == errno.EPERM:
        return f"{text}; a firewall of this host forbids it"
    if number in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return f"{text}; this host knows no way to the address"
    return text


def _elsewhere(where: Elsewhere | None) -> str:
    if where is None:
        return ""
    who = "A report that was asked for"
    if where.serial is not None:
        who = f"A report with serial number {where.serial}"
    return f"{who} came from {where.address}, port {where.port}"


def _unreachable(told: Unreachable | None) -> str:
    if told is None:
        return ""
    what = "no device has the address at the moment"
    if told.is_refused:
        what = "the port is closed"
    return f"{told.told_by} says that {what}"
