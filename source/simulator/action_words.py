"""The words by which files and typed lines name what happens to a station.

They are those of ``actions.ACTIONS``; ``_READERS`` tells what may stand with
each of them, and what it must be.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from typing import TYPE_CHECKING, Any, TypeGuard

from simulator.actions import ACTIONS, PlugIn
from simulator.limits import NO_LIMIT
from simulator.scenario import ScenarioError
from simulator.vehicle import Vehicle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from simulator.actions import Action

    # Turns a written value into that of an action, or says why not.
    Reader = Callable[[object], Any]

LONGEST_DATAGRAM = 65_507
"""The most that UDP over IPv4 carries."""

LARGEST_ERROR = 2**32 - 1
SHOWN_CHARACTERS = 60


def read_table(
    table: Mapping[str, object],
    readers: Mapping[str, Reader],
    needed: Iterable[str],
) -> dict[str, Any]:
    """Read the values of a table; say which is unknown, missing or wrong."""
    for key in table:
        if key not in readers:
            raise ScenarioError(
                f"{shown(key)} is unknown here; known are {', '.join(readers)}"
            )
    for key in needed:
        if key not in table:
            raise ScenarioError(f"{key} is missing")
    values = {}
    for key, value in table.items():
        try:
            values[key] = readers[key](value)
        except ScenarioError as why:
            raise ScenarioError(f"{key} = {shown(value)} {why}") from why
    return values


def make_action(word: str, values: Mapping[str, Any]) -> Action:
    """Make an action of its word, one of `ACTIONS`, and what was read."""
    if word == "plug_in":
        return PlugIn(Vehicle(**values))
    return ACTIONS[word](**values)


def readers_of(word: str) -> Mapping[str, Reader]:
    """Return what may stand with a word, and what reads it."""
    return _READERS.get(word, {})


def needed_by(word: str) -> list[str]:
    """Return what must stand with a word."""
    return [
        field.name
        for field in dataclasses.fields(ACTIONS[word])
        if field.default is field.default_factory is dataclasses.MISSING
    ]


def shown(value: object) -> str:
    """Show a value as a file has it, not as Python does."""
    text = json.dumps(value, default=str)
    if len(text) > SHOWN_CHARACTERS:
        return text[:SHOWN_CHARACTERS] + "…"
    return text


# What values must be -------------------------------------------------------


def number(least: float) -> Reader:
    """Return what reads a finite number."""

    def read(value: object) -> float:
        if _is_number(value) and least <= value <= sys.float_info.max:
            return float(value)
        raise ScenarioError(f"is not a number of at least {least:g}")

    return read


def _whole(least: int, most: int) -> Reader:
    def read(value: object) -> int:
        if _is_number(value) and least <= value <= most and value == int(value):
            return int(value)
        raise ScenarioError(f"is not a whole number from {least} to {most}")

    return read


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _digits(count: int) -> Reader:
    def read(value: object) -> str:
        pattern = f"[0-9a-fA-F]{{{count}}}"
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise ScenarioError(f"is not a text of {count} hexadecimal digits")

    return read


def _requests(value: object) -> tuple[str, ...]:
    texts = _texts(value)
    if not all(text.isascii() for text in texts):
        raise ScenarioError("holds characters that no request has")
    return tuple(" ".join(text.split()) for text in texts)


def _datagrams(value: object) -> tuple[str, ...]:
    texts = _texts(value)
    if any(ord(character) > 255 for text in texts for character in text):
        raise ScenarioError(
            "holds characters that cannot be sent: each is one byte, so "
            "that only those up to \\u00ff exist"
        )
    if any(len(text) > LONGEST_DATAGRAM for text in texts):
        raise ScenarioError(f"is longer than {LONGEST_DATAGRAM} bytes")
    return texts


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ScenarioError('is no list of texts, such as ["report 2"]')
    for text in value:
        if not isinstance(text, str):
            raise ScenarioError(f"holds {shown(text)}, which is no text")
    return tuple(value)


_READERS: dict[str, dict[str, Reader]] = {
    "plug_in": {
        "phases": _whole(1, 3),
        "max_current": _whole(1, NO_LIMIT),
        "needs_wh": number(0.0),
        "hesitation_s": number(0.0),
        "ramp_s": number(0.0),
    },
    "show_card": {"tag": _digits(16), "rfid_class": _digits(20)},
    "set_input": {"value": _whole(0, 1)},
    "fail": {
        "error1": _whole(0, LARGEST_ERROR),
        "error2": _whole(0, LARGEST_ERROR),
    },
    "silence": {"requests": _requests},
    "answer_late": {"seconds": number(0.0)},
    "say": {"datagrams": _datagrams},
}
