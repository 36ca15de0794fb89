"""What the arguments of the command lines may be, and why not."""

from __future__ import annotations

import argparse
import ipaddress
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_SPEED = 3600.0
"""Faster, a station has more to tell than anybody reads."""

SMALLEST_SPEED = 0.001

LARGEST_FLEET = 65_536
LARGEST_PORT = 65_535


def number(least: float, most: float = math.inf) -> Callable[[str], float]:
    """Return a type of argument: a finite number within limits."""

    def read(text: str) -> float:
        value = _float(text)
        if not math.isfinite(value) or not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a number {_span(least, most)}"
            )
        return value

    return read


def port(text: str) -> int:
    """Read the number of a UDP port."""
    if not _is_count(text) or not 1 <= int(text) <= LARGEST_PORT:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port from 1 to {LARGEST_PORT}"
        )
    return int(text)


def whole_number(least: int, most: float = math.inf) -> Callable[[str], int]:
    """Return a type of argument: a whole number within limits."""

    def read(text: str) -> int:
        if not _is_count(text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number {_span(least, most)}"
            )
        return int(text)

    return read


def address(text: str) -> str:
    """Read an IPv4 address."""
    return str(_address(text))


def fleet(text: str) -> list[str]:
    """Read `COUNT@ADDRESS`; return the addresses."""
    count, found, first = text.partition("@")
    if not found or not _is_count(count):
        raise argparse.ArgumentTypeError(f"{text!r} is not COUNT@ADDRESS")
    start = _address(first)
    if not 1 <= int(count) <= LARGEST_FLEET:
        raise argparse.ArgumentTypeError(
            f"{count} is not a count from 1 to {LARGEST_FLEET}"
        )
    if int(start) + int(count) > 2**32:
        raise argparse.ArgumentTypeError(
            f"there are no {count} addresses from {start} on"
        )
    return [str(start + number) for number in range(int(count))]


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _span(least: float, most: float) -> str:
    if most == math.inf:
        return f"of at least {least:g}"
    return f"from {least:g} to {most:g}"


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10


def _address(text: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError as mistake:
        raise argparse.ArgumentTypeError(str(mistake)) from mistake
