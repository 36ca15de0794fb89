"""From what went over the wire to figures. Values in, values out."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from simulator.pauses import PauseChecker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.fleet import Heard, Said
    from bench.recorder import Arrival, CpuSamples

REPORTS = (1, 2, 3)
UDP_PAUSE_S = 0.1
LIMIT_S = (len(REPORTS) - 1) * UDP_PAUSE_S
"""KEBA's pauses within a round; what the replies take comes on top."""

SAMPLES_IN_100_MS = 5
"""The recorder's are 20 ms apart, or a little more."""

READINGS = {
    "readings__state": (2,),
    "readings__plug": (2,),
    "readings__error": (2,),
    "readings__current_limit": (2,),
    # DIP switches stand in report 1, the session's energy in report 3.
    "readings__limited_by": (1, 2, 3),
    "readings__not_charging_reason": (1, 2, 3),
    "readings__power": (3,),
    "readings__energy_session": (3,),
    "readings__energy_total": (3,),
    "readings__current_1": (3,),
    "readings__current_2": (3,),
    "readings__current_3": (3,),
    "readings__power_factor": (3,),
}
"""The reports that bring each reading. Not taken from the connector: it is what
is measured."""


class Key(NamedTuple):
    """A selected datapoint: whose, and which."""

    station: int
    name: str


class Round(NamedTuple):
    """One station's poll: its first request, and its last answer."""

    begun_at: float
    ended_at: float


class Group(NamedTuple):
    """The values that one datagram brought."""

    last_at: float
    values: Mapping[str, object]


Groups = dict[tuple[int, int], Group]
"""By station and timestamp in ms: a station says one thing at a time."""


def spread(numbers: Iterable[float]) -> dict[str, float]:
    """Summarise numbers; without any, all figures are NaN."""
    ranked = [*numbers] or [math.nan]
    if len(ranked) == 1:
        # It has no quantiles before Python 3.13.
        ranked *= 2
    percents = statistics.quantiles(ranked, n=100, method="inclusive")
    return {f"p{number}": percents[number - 1] for number in (50, 95, 99)}


def station_rounds(
    heard: Iterable[Heard], said: Iterable[Said]
) -> dict[int, list[Round]]:
    """Find the polls of each station that were answered to their end."""
    begun: dict[int, float] = {}
    rounds: dict[int, list[Round]] = defaultdict(list)
    first, last = f"report {REPORTS[0]}", REPORTS[-1]
    moments = [(one.at, one.station, one.text) for one in heard]
    moments += [
        (one.at, one.station, "end") for one in said if one.report == last
    ]
    for at, station, what in sorted(moments):
        if what == first:
            begun[station] = at
        elif what == "end" and station in begun:
            rounds[station].append(Round(begun.pop(station), at))
    return rounds


def first_round_of_all(heard: Sequence[Heard], said: Sequence[Said]) -> float:
    """Return the time from the first request to the last station's last answer.

    Later rounds do not tell: some clients spread them over the interval.
    """
    first = [rounds[0] for rounds in station_rounds(heard, said).values()]
    return max((one.ended_at for one in first), default=math.nan) - min(
        (one.begun_at for one in first), default=math.nan
    )


def missing_polls(
    rounds: Mapping[int, Sequence[Round]],
    stations: int,
    begun_at: float,
    ended_at: float,
    poll_s: float,
) -> int:
    """Tell how many polls are missing from a span of time.

    Stations are polled at different moments, so that a poll is missing where
    far more than `poll_s` lie between two of a station, or before the first or
    after the last one.
    """
    missing = 0
    for station in range(stations):
        moments = [one.begun_at for one in rounds.get(station, ())]
        if not moments:
            missing += max(1, round((ended_at - begun_at) / poll_s))
            continue
        for earlier, later in pairwise([begun_at, *moments, ended_at]):
            missing += max(0, round((later - earlier) / poll_s) - 1)
    return missing


def of_whole_rounds(
    said: Iterable[Said], rounds: Mapping[int, Sequence[Round]]
) -> list[Said]:
    """Leave out answers of polls that a measurement has cut in two."""
    return [
        one
        for one in said
        if (polls := rounds.get(one.station))
        and polls[0].begun_at <= one.at <= polls[-1].ended_at
    ]


def highest_cpu_share(samples: CpuSamples) -> float:
    """Return the largest part of a core that was taken for 100 ms."""
    return max(
        (
            (cpu_s - cpu_before_s) / (at - before)
            for (before, cpu_before_s), (at, cpu_s) in zip(
                samples, samples[SAMPLES_IN_100_MS:], strict=False
            )
        ),
        default=math.nan,
    )


def group_values(
    arrivals: Iterable[Arrival], keys: Mapping[str, Key]
) -> Groups:
    """Bring together what came in one datagram.

    `keys` has the datapoint behind each topic; others are passed over.
    """
    groups: Groups = {}
    known: Group | None
    for arrival in arrivals:
        key = keys.get(arrival.topic)
        if key is None:
            continue
        message = json.loads(arrival.payload)
        place = (key.station, message["timestamp"])
        known = groups.get(place)
        values = {} if known is None else dict(known.values)
        values[key.name] = message["value"]
        groups[place] = Group(arrival.at, values)
    return groups


def find_groups(
    said: Iterable[Said], groups: Groups
) -> list[tuple[Said, Group]]:
    """Pair each answer with the values that it brought."""
    found: dict[tuple[int, int, object], Group] = {}
    for (station, _), group in groups.items():
        for report in REPORTS:
            sec = group.values.get(f"report {report}__Sec")
            if sec is not None:
                found[station, report, sec] = group
    return [
        (one, found[place])
        for one in said
        if (place := (one.station, one.report, one.number)) in found
    ]


def count_values(
    said: Sequence[Said], groups: Groups, keys: Mapping[str, Key]
) -> tuple[int, int]:
    """Tell how many values of reports and readings were due, and how many came.

    Those of the connection are not counted: not each poll brings them.
    """
    answers = Counter((one.station, one.report) for one in said)
    due = sum(
        answers[key.station, report]
        for key in keys.values()
        for report in _reports_of(key.name)
    )
    came = sum(
        one.report in _reports_of(name)
        for one, group in find_groups(said, groups)
        for name in group.values
    )
    return due, came


def command_latencies(
    sent: Mapping[tuple[int, str], float], heard: Sequence[Heard]
) -> dict[tuple[int, str], float]:
    """Tell how long each command took to its station; lost ones are left out.

    Commands are named by station and text.
    """
    # The first counts, should one arrive twice.
    arrived = {(one.station, one.text): one.at for one in reversed(heard)}
    return {
        key: arrived[key] - at for key, at in sent.items() if key in arrived
    }


def broken_pauses(heard: Iterable[Heard]) -> int:
    """Count where KEBA's pauses were undercut, by the kernel's stamps."""
    checkers: defaultdict[int, PauseChecker] = defaultdict(
        lambda: PauseChecker("")
    )
    return sum(
        len(checkers[one.station].hear(one.text.encode(), one.at, "connector"))
        for one in sorted(heard)
    )


def _reports_of(name: str) -> tuple[int, ...]:
    """Return the reports that bring a datapoint."""
    if name in READINGS:
        return READINGS[name]
    report, _, _ = name.partition("__")
    word, _, number = report.partition(" ")
    return (int(number),) if word == "report" else ()
