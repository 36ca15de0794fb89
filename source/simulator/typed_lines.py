"""What is typed to a running simulator, a line for each action; no I/O here.

    plug garage phases=1 needs_wh=5000

A word, the station's name, where there are several, and what the action needs:
with its key, or, but for `plug`, in the order of the keys. Words and keys are
those of scenario files (``action_words``); some words have a shorter form.
"""

from __future__ import annotations

import inspect
import json
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from simulator.action_words import (
    make_action,
    needed_by,
    read_table,
    readers_of,
)
from simulator.actions import ACTIONS
from simulator.scenario import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.action_words import Reader
    from simulator.actions import Action

SHORT = {
    "plug": "plug_in",
    "card": "show_card",
    "input": "set_input",
    "fault": "fail",
}
HELP = "help"

STATIONS_NAMED = 5


class Order(NamedTuple):
    """What is to happen to which station."""

    station: str
    action: Action


def read_line(line: str, stations: Sequence[str]) -> Order:
    """Read a line that is not blank; a ScenarioError says what is known."""
    typed, *_ = line.split(maxsplit=1)
    rest = line.strip()[len(typed) :].strip()
    word = SHORT.get(typed, typed)
    if word not in ACTIONS:
        shorter = {full: short for short, full in SHORT.items()}
        words = ", ".join(shorter.get(word, word) for word in ACTIONS)
        raise ScenarioError(
            f"{typed!r} is none of {words}; `{HELP}` tells more"
        )
    station, rest = _station(rest, stations)
    try:
        written = dict(_values(word, rest))
        values = read_table(written, readers_of(word), needed_by(word))
        return Order(station, make_action(word, values))
    except ScenarioError as mistake:
        raise ScenarioError(f"{typed}: {mistake}") from mistake


def _station(rest: str, stations: Sequence[str]) -> tuple[str, str]:
    """Take the station's name from the front, if it is there."""
    first, _, behind = rest.partition(" ")
    if first in stations:
        return first, behind.strip()
    if len(stations) == 1:
        return stations[0], rest
    raise ScenarioError(f"which station? There are {_named(stations)}")


def _named(stations: Sequence[str]) -> str:
    named = ", ".join(stations[:STATIONS_NAMED])
    return f"{named}, …" if len(stations) > STATIONS_NAMED else named


def _values(word: str, rest: str) -> Iterator[tuple[str, object]]:
    """Yield keys and values; what is a list of texts is all of the rest."""
    if word == "silence":
        yield "requests", [text for text in rest.split(",") if text]
        return
    if word == "say":
        yield "datagrams", [rest] if rest else []
        return
    readers = readers_of(word)
    parts = rest.split()
    given = {part.partition("=")[0] for part in parts if "=" in part}
    in_order = () if word == "plug_in" else readers
    free = iter([key for key in in_order if key not in given])
    for part in parts:
        key, found, text = part.partition("=")
        if not found:
            key, text = next(free, ""), part
            if not key:
                raise ScenarioError(f"{part!r} is no station, nor needed")
        yield key, _value(text, readers.get(key))


def _value(text: str, reader: Reader | None) -> object:
    """Return a text, or the number that it is where only that is read.

    The tag of a card may look like a number.
    """
    if reader is not None:
        with suppress(ScenarioError):
            reader(text)
            return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def help_lines(stations: Sequence[str]) -> Iterator[str]:
    """Yield what can be typed."""
    yield "A word, the station's name if there are several, and what it needs:"
    for word, action in ACTIONS.items():
        shorter = [short for short, full in SHORT.items() if full == word]
        yield f"  {' or '.join([*shorter, word])} {_needs(word)}".rstrip()
        about = inspect.getdoc(action) or ""
        yield f"      {about.partition(chr(10))[0]}"
    yield f"Stations: {_named(stations)}"


def _needs(word: str) -> str:
    """Say what a word takes; brackets hold what may be left out."""
    if word == "silence":
        return "[request, request, …]"
    if word == "say":
        return "text"
    needed = needed_by(word)
    optional = [f"{key}=" for key in readers_of(word) if key not in needed]
    shown = [f"{key}=" for key in needed]
    return " ".join(shown + ([f"[{' '.join(optional)}]"] if optional else []))
