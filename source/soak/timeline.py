"""Which fault comes when, made from a seed; without I/O.

The run is a row of cycles. Each begins with one to three faults, which may
overlap, and ends with a calm stretch in which everything must be well again.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    Family = Literal[
        "link", "station", "senders", "broker", "input", "clock", "process"
    ]

WARM_UP_S = 10.0
"""The connector starts, asks everybody, is given its map."""

CYCLE_S = 60.0
TROUBLED_SHARE = 0.4
SHORTEST_CYCLE_S = 12.0

MOST_AT_ONCE = 3
RARE_EVERY = 4
"""A round of all faults takes about 13 minutes."""
SOME_STATIONS = 0.3
"""The largest share of the stations that one fault is about."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Parameters
    ----------
    family
        Faults of one family never overlap: they would undo each other.
    is_rare
        Comes in every fourth round of all faults only.
    is_about_one
        Concerns a single station.
    is_damaging
        Nobody can tell what its stations have said.
    """

    name: str
    family: Family
    least_s: float = 5.0
    most_s: float = 20.0
    is_rare: bool = False
    is_about_one: bool = False
    is_damaging: bool = False


KINDS = (
    Kind("loss", "link"),
    Kind("duplication", "link"),
    Kind("delay", "link"),
    Kind("reordering", "link"),
    Kind("corruption", "link", is_damaging=True),
    Kind("outage", "link"),
    Kind("one-way outage", "link"),
    Kind("reboot", "station", 1.0, 2.0),
    Kind("silence", "station"),
    Kind("half silence", "station"),
    Kind("late answers", "station"),
    Kind("flood from a station", "station", 2.0, 5.0, is_about_one=True),
    Kind("nonsense from a station", "station", 3.0, 10.0, is_damaging=True),
    Kind("flood from unknown senders", "senders", 2.0, 5.0),
    Kind("nonsense from unknown senders", "senders", 3.0, 10.0),
    Kind("forged reports", "senders", 3.0, 10.0),
    Kind("broker killed", "broker", 2.0, 15.0),
    Kind("broker restarted", "broker", 1.0, 10.0),
    Kind("broker frozen", "broker", 3.0, 20.0),
    Kind("broker slow", "broker", 5.0, 15.0),
    Kind("broken maps", "input", 3.0, 8.0),
    Kind("odd values", "input", 3.0, 10.0),
    Kind("retained commands", "input", 3.0, 8.0),
    Kind("flood of commands", "input", 2.0, 5.0),
    Kind("clock stepped", "clock", 3.0, 15.0),
    # Memory is judged over the life of a process, so it must have one.
    Kind("connector killed", "process", 0.5, 3.0, is_rare=True),
)


@dataclass(frozen=True, slots=True)
class Phase:
    """One fault at its time.

    Parameters
    ----------
    start_s, duration_s
        When it begins, counted from the start of the run, and how long it
        lasts.
    stations
        The stations that it is about; none where it is about something else.
    """

    start_s: float
    duration_s: float
    kind: Kind
    stations: tuple[str, ...] = ()

    @property
    def end_s(self) -> float:
        """When it ends, counted from the start of the run."""
        return self.start_s + self.duration_s

    def __str__(self) -> str:
        about = f" ({', '.join(self.stations)})" if self.stations else ""
        return f"{self.kind.name}{about}"


@dataclass(frozen=True, slots=True)
class Cycle:
    """Faults, then calm until its end."""

    phases: tuple[Phase, ...]
    end_s: float


def plan(
    seconds: float, stations: Sequence[str], chance: Random
) -> Iterator[Cycle]:
    """Plan the cycles of a run.

    Parameters
    ----------
    seconds
        How long the run is to be; a run too short for a whole cycle gets a
        short one.
    """
    together = _kinds_together(chance)
    begin = WARM_UP_S
    while begin + SHORTEST_CYCLE_S <= seconds:
        length = min(CYCLE_S, seconds - begin)
        if seconds - begin - length < SHORTEST_CYCLE_S:
            length = seconds - begin
        phases = [
            _phase(kind, begin, TROUBLED_SHARE * length, stations, chance)
            for kind in next(together)
        ]
        phases.sort(key=lambda phase: phase.start_s)
        begin += length
        yield Cycle(tuple(phases), begin)


def _kinds_together(chance: Random) -> Iterator[list[Kind]]:
    """Deal all kinds in ever new order, so that none is forgotten.

    A kind whose family is there already begins the next cycle.
    """
    dealt: list[Kind] = []
    most = chance.randint(1, MOST_AT_ONCE)
    for number in itertools.count(1):
        has_rare = number % RARE_EVERY == 0
        kinds = [kind for kind in KINDS if has_rare or not kind.is_rare]
        chance.shuffle(kinds)
        for kind in kinds:
            families = {one.family for one in dealt}
            if len(dealt) == most or kind.family in families:
                yield dealt
                dealt, most = [], chance.randint(1, MOST_AT_ONCE)
            dealt.append(kind)


def _phase(
    kind: Kind,
    begin: float,
    span_s: float,
    stations: Sequence[str],
    chance: Random,
) -> Phase:
    duration_s = min(chance.uniform(kind.least_s, kind.most_s), span_s)
    start = begin + chance.uniform(0.0, span_s - duration_s)
    touched: list[str] = []
    if kind.family in ("link", "station"):
        most = max(1, round(SOME_STATIONS * len(stations)))
        number = 1 if kind.is_about_one else chance.randint(1, most)
        touched = sorted(chance.sample(list(stations), number))
    return Phase(start, duration_s, kind, tuple(touched))
