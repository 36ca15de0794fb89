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


def number(least: float, most: float = math.inf) -> Callable[[str], float]:
    """Return a type of argument: a finite number within limits."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a number {_span(least, most)}"
            )
        return value

    return read


def whole_number(least: int, most: float = math.inf) -> Callable[[str], int]:
    """Return a type of argument: a whole number within limits."""

    def read(text: str) -> int:
        is_count = text.isascii() and text.isdecimal() and len(text) <= 10
        if not is_count or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number {_span(least, most)}"
            )
        return int(text)

    return read


port = whole_number(1, 65_535)


def address(text: str) -> str:
    """Read an IPv4 address."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError as mistake:
        raise argparse.ArgumentTypeError(str(mistake)) from mistake


def fleet(text: str) -> list[str]:
    """Read `COUNT@ADDRESS`; return the addresses."""
    count, found, first = text.partition("@")
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not COUNT@ADDRESS")
    stations = whole_number(1, LARGEST_FLEET)(count)
    start = ipaddress.IPv4Address(address(first))
    return [str(start + nth) for nth in range(stations)]


def _span(least: float, most: float) -> str:
    if most == math.inf:
        return f"of at least {least:g}"
    return f"from {least:g} to {most:g}"
