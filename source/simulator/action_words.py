"""The words by which files and typed lines name what happens to a station.

They are those of ``actions.ACTIONS``; here stands what each of them needs:
`plug_in` the keys of ``vehicle.Vehicle``, `show_card` tag and rfid_class,
`set_input` value, `fail` error1 and error2, `silence` requests, `answer_late`
seconds, `say` datagrams. The others need nothing.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from simulator.actions import ACTIONS, PlugIn
from simulator.limits import NO_LIMIT
from simulator.scenario import ScenarioError
from simulator.vehicle import Vehicle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from simulator.actions import Action

    # Turns a written value into that of an action, or says why not.
    Reader = Callable[[object], Any]

LONGEST_DATAGRAM = 65_507
"""The most that UDP over IPv4 carries."""

LARGEST_ERROR = 2**32 - 1
SHOWN_CHARACTERS = 60


def read_action(
    word: str,
    values: Mapping[str, object],
    *,
    also_known: Collection[str] = (),
) -> Action:
    """Make an action of its word, one of `ACTIONS`, and what it needs.

    Raises
    ------
    ScenarioError
        If a value is missing, unknown or impossible.
    """
    readers = keys_of(word)
    refuse_unknown(values, (*also_known, *readers))
    for key in NEEDED.get(word, ()):
        needed(values, key)
    arguments = {key: read(key, values, readers[key]) for key in values}
    if word == "plug_in":
        return PlugIn(Vehicle(**arguments))
    return ACTIONS[word](**arguments)


def keys_of(word: str) -> Mapping[str, Reader]:
    """Return what may stand with a word, and what reads it."""
    return _READERS.get(word, {})


def needed(table: Mapping[str, object], key: str) -> object:
    """Return a value that must be there."""
    if key not in table:
        raise ScenarioError(f"{key} is missing")
    return table[key]


def refuse_unknown(table: Mapping[str, object], known: Collection[str]) -> None:
    """Refuse a key that nobody reads."""
    for key in table:
        if key not in known:
            raise ScenarioError(
                f"{shown(key)} is unknown here; known are {', '.join(known)}"
            )


def read(key: str, table: Mapping[str, object], reader: Reader) -> Any:
    """Return a value as its reader makes it; what is wrong has its name."""
    value = table[key]
    try:
        return reader(value)
    except ScenarioError as mistake:
        raise ScenarioError(f"{key} = {shown(value)} {mistake}") from mistake


def shown(value: object) -> str:
    """Show a value as a file has it, not as Python does."""
    text = json.dumps(value, default=str)
    if len(text) > SHOWN_CHARACTERS:
        return text[:SHOWN_CHARACTERS] + "…"
    return text


# What values must be -------------------------------------------------------


def number(least: float) -> Reader:
    """Return what reads a finite number."""

    def check(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = _float(value)
            if least <= number < math.inf:
                return number
        raise ScenarioError(f"is not a number of at least {least:g}")

    return check


def _whole(least: int, most: int) -> Reader:
    def check(value: object) -> int:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, float):
            is_whole = value.is_integer()
        if is_whole and isinstance(value, int | float):
            number = int(value)
            if least <= number <= most:
                return number
        raise ScenarioError(f"is not a whole number from {least} to {most}")

    return check


def _digits(count: int) -> Reader:
    def check(value: object) -> str:
        pattern = f"[0-9a-fA-F]{{{count}}}"
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise ScenarioError(f"is not a text of {count} hexadecimal digits")

    return check


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


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


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

NEEDED: dict[str, tuple[str, ...]] = {
    "show_card": ("tag",),
    "set_input": ("value",),
    "answer_late": ("seconds",),
    "say": ("datagrams",),
}
