"""Which fault comes when, made from a seed; without I/O.

The run is a row of cycles. Each begins with one to three faults, which may
overlap, and ends with a calm stretch in which everything must be well again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

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


class Family(Enum):
    """Faults of one family never overlap: they would undo each other."""

    LINK = "link"
    STATION = "station"
    UNKNOWN_SENDERS = "unknown senders"
    BROKER = "broker"
    INPUT = "MQTT input"
    CLOCK = "clock"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Parameters
    ----------
    is_rare
        Comes in every fourth round of all faults only.
    is_about_one
        Concerns a single station.
    """

    name: str
    family: Family
    least_s: float = 5.0
    most_s: float = 20.0
    is_rare: bool = False
    is_about_one: bool = False


KINDS = (
    Kind("loss", Family.LINK),
    Kind("duplication", Family.LINK),
    Kind("delay", Family.LINK),
    Kind("reordering", Family.LINK),
    Kind("corruption", Family.LINK),
    Kind("outage", Family.LINK),
    Kind("one-way outage", Family.LINK),
    Kind("reboot", Family.STATION, 1.0, 2.0),
    Kind("silence", Family.STATION),
    Kind("half silence", Family.STATION),
    Kind("late answers", Family.STATION),
    Kind("flood from a station", Family.STATION, 2.0, 5.0, is_about_one=True),
    Kind("nonsense from a station", Family.STATION, 3.0, 10.0),
    Kind("flood from unknown senders", Family.UNKNOWN_SENDERS, 2.0, 5.0),
    Kind("nonsense from unknown senders", Family.UNKNOWN_SENDERS, 3.0, 10.0),
    Kind("forged reports", Family.UNKNOWN_SENDERS, 3.0, 10.0),
    Kind("broker killed", Family.BROKER, 2.0, 15.0),
    Kind("broker restarted", Family.BROKER, 1.0, 10.0),
    Kind("broker frozen", Family.BROKER, 3.0, 20.0),
    Kind("broker slow", Family.BROKER, 5.0, 15.0),
    Kind("broken maps", Family.INPUT, 3.0, 8.0),
    Kind("odd values", Family.INPUT, 3.0, 10.0),
    Kind("retained commands", Family.INPUT, 3.0, 8.0),
    Kind("flood of commands", Family.INPUT, 2.0, 5.0),
    Kind("clock stepped", Family.CLOCK, 3.0, 15.0),
    # Memory is judged over the life of a process, so it must have one.
    Kind("connector killed", Family.PROCESS, 0.5, 3.0, is_rare=True),
)

_ABOUT_STATIONS = frozenset({Family.LINK, Family.STATION})


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
    deck = _Deck(chance)
    begin = WARM_UP_S
    while begin + SHORTEST_CYCLE_S <= seconds:
        length = min(CYCLE_S, seconds - begin)
        if seconds - begin - length < SHORTEST_CYCLE_S:
            length = seconds - begin
        yield _cycle(begin, length, deck, stations, chance)
        begin += length


class _Deck:
    """Deals all kinds in ever new order, so that none is forgotten."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._kinds: list[Kind] = []
        self._rounds = 0

    def deal(self, taken: set[Family]) -> Kind:
        """Return the next kind that is of none of these families."""
        if all(kind.family in taken for kind in self._kinds):
            self._kinds += self._shuffled()
        kind = next(one for one in self._kinds if one.family not in taken)
        self._kinds.remove(kind)
        return kind

    def _shuffled(self) -> list[Kind]:
        self._rounds += 1
        has_rare = self._rounds % RARE_EVERY == 0
        kinds = [kind for kind in KINDS if has_rare or not kind.is_rare]
        self._chance.shuffle(kinds)
        return kinds


def _cycle(
    begin: float,
    length: float,
    deck: _Deck,
    stations: Sequence[str],
    chance: Random,
) -> Cycle:
    span_s = TROUBLED_SHARE * length
    phases: list[Phase] = []
    for _ in range(chance.randint(1, MOST_AT_ONCE)):
        kind = deck.deal({phase.kind.family for phase in phases})
        phases.append(_phase(kind, begin, span_s, stations, chance))
    phases.sort(key=lambda phase: phase.start_s)
    return Cycle(tuple(phases), begin + length)


def _phase(
    kind: Kind,
    begin: float,
    span_s: float,
    stations: Sequence[str],
    chance: Random,
) -> Phase:
    duration_s = min(chance.uniform(kind.least_s, kind.most_s), span_s)
    start = begin + chance.uniform(0.0, span_s - duration_s)
    touched: tuple[str, ...] = ()
    if kind.family in _ABOUT_STATIONS:
        most = max(1, round(SOME_STATIONS * len(stations)))
        number = 1 if kind.is_about_one else chance.randint(1, most)
        touched = tuple(sorted(chance.sample(list(stations), number)))
    return Phase(start, duration_s, kind, touched)
