"""Scenarios from files.

They are written in TOML or, if so named, JSON::

    repeat_s = 600            # optional: start again every 600 s

    [[step]]
    at_s = 5                  # the second
    do = "plug_in"            # a word from actions.ACTIONS
    phases = 1                # what the action needs: see there
    max_current = 16000       # mA
    needs_wh = 5000           # Wh

    [[step]]
    at_s = 300
    do = "silence"
    requests = ["report 2"]

In JSON the same is ``{"repeat_s": 600, "step": [{"at_s": 5, "do": ...}]}``.
The words are `plug_in` (see ``vehicle.Vehicle``), `unplug`, `show_card` (tag,
rfid_class), `set_input` (value), `fail` (error1, error2), `recover`, `reboot`,
`silence` (requests), `answer`, `answer_late` (seconds) and `say` (datagrams).
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from typing import TYPE_CHECKING, Any

from simulator.actions import ACTIONS, PlugIn
from simulator.limits import NO_LIMIT
from simulator.scenario import Scenario, ScenarioError, Step
from simulator.vehicle import Vehicle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from simulator.actions import Action

    # Turns the value of a file into that of an action, or says why not.
    Reader = Callable[[object], Any]

LEAST_REPEAT_S = 1.0
"""A station that begins again more often does nothing else."""

LONGEST_DATAGRAM = 65_507
"""The most that UDP over IPv4 carries."""

LARGEST_ERROR = 2**32 - 1
SHOWN_CHARACTERS = 60


def load_scenario(path: Path) -> Scenario:
    """Read a scenario from a file in TOML or, if so named, JSON.

    Raises
    ------
    ScenarioError
        If the file says something that cannot be done.
    OSError
        If it cannot be read.
    """
    try:
        return _scenario(_content(path), path.stem)
    except ScenarioError as mistake:
        raise ScenarioError(f"{path.name}: {mistake}") from mistake


def _content(path: Path) -> object:
    is_json = path.suffix.lower() == ".json"
    kind = "JSON" if is_json else "TOML"
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if is_json else tomllib.loads(text)
    except UnicodeDecodeError as mistake:
        raise ScenarioError("it is no text in UTF-8") from mistake
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as mistake:
        raise ScenarioError(f"it is no {kind}: {mistake}") from mistake
    except (ValueError, RecursionError) as mistake:
        raise ScenarioError(
            f"it is no {kind} that can be read: a number is too long, or too "
            "much is nested"
        ) from mistake


def _scenario(content: object, name: str) -> Scenario:
    if not isinstance(content, dict):
        raise ScenarioError("it is no table with repeat_s and step")
    _refuse_unknown(content, ("repeat_s", "step"))
    entries = _needed(content, "step")
    if not isinstance(entries, list):
        raise ScenarioError(f"step = {_shown(entries)} is no list of tables")
    steps = tuple(
        _step(number, entry) for number, entry in enumerate(entries, 1)
    )
    repeat_s = None
    if "repeat_s" in content:
        repeat_s = _read("repeat_s", content, _number(LEAST_REPEAT_S))
    return Scenario(name, steps, repeat_s)


def _step(number: int, entry: object) -> Step:
    if not isinstance(entry, dict):
        raise ScenarioError(f"step {number}: {_shown(entry)} is no table")
    try:
        return Step(*_at_and_action(entry))
    except ScenarioError as mistake:
        raise ScenarioError(f"step {number}: {mistake}") from mistake


def _at_and_action(entry: Mapping[str, object]) -> tuple[float, Action]:
    word = _needed(entry, "do")
    if not isinstance(word, str) or word not in ACTIONS:
        raise ScenarioError(
            f"do = {_shown(word)} is none of {', '.join(ACTIONS)}"
        )
    readers = _READERS.get(word, {})
    _refuse_unknown(entry, ("at_s", "do", *readers))
    _needed(entry, "at_s")
    at_s = _read("at_s", entry, _number(0.0))
    for key in _NEEDED.get(word, ()):
        _needed(entry, key)
    arguments = {
        key: _read(key, entry, reader)
        for key, reader in readers.items()
        if key in entry
    }
    if word == "plug_in":
        return at_s, PlugIn(Vehicle(**arguments))
    return at_s, ACTIONS[word](**arguments)


def _needed(table: Mapping[str, object], key: str) -> object:
    if key not in table:
        raise ScenarioError(f"{key} is missing")
    return table[key]


def _refuse_unknown(
    table: Mapping[str, object], known: Collection[str]
) -> None:
    for key in table:
        if key not in known:
            raise ScenarioError(
                f"{_shown(key)} is unknown here; known are {', '.join(known)}"
            )


def _read(key: str, table: Mapping[str, object], reader: Reader) -> Any:
    value = table[key]
    try:
        return reader(value)
    except ScenarioError as mistake:
        raise ScenarioError(f"{key} = {_shown(value)} {mistake}") from mistake


def _shown(value: object) -> str:
    """Show a value as a file has it, not as Python does."""
    text = json.dumps(value, default=str)
    if len(text) > SHOWN_CHARACTERS:
        return text[:SHOWN_CHARACTERS] + "…"
    return text


# What values must be -------------------------------------------------------


def _number(least: float) -> Reader:
    def read(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = _float(value)
            if least <= number < math.inf:
                return number
        raise ScenarioError(f"is not a number of at least {least:g}")

    return read


def _whole(least: int, most: int) -> Reader:
    def read(value: object) -> int:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, float):
            is_whole = value.is_integer()
        if is_whole and isinstance(value, int | float):
            number = int(value)
            if least <= number <= most:
                return number
        raise ScenarioError(f"is not a whole number from {least} to {most}")

    return read


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
            raise ScenarioError(f"holds {_shown(text)}, which is no text")
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
        "needs_wh": _number(0.0),
        "hesitation_s": _number(0.0),
        "ramp_s": _number(0.0),
    },
    "show_card": {"tag": _digits(16), "rfid_class": _digits(20)},
    "set_input": {"value": _whole(0, 1)},
    "fail": {
        "error1": _whole(0, LARGEST_ERROR),
        "error2": _whole(0, LARGEST_ERROR),
    },
    "silence": {"requests": _requests},
    "answer_late": {"seconds": _number(0.0)},
    "say": {"datagrams": _datagrams},
}

_NEEDED: dict[str, tuple[str, ...]] = {
    "show_card": ("tag",),
    "set_input": ("value",),
    "answer_late": ("seconds",),
    "say": ("datagrams",),
}
