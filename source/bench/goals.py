"""What the figures are to reach."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.figures import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Measured = Callable[[Mapping[str, Any]], float | None]


class Goal(NamedTuple):
    """One promise: a figure that must not exceed a limit.

    `measured` takes it from the results, None where it was not measured.
    """

    limit: float
    unit: str
    measured: Measured


def _at(*path: str | int, of: float = 1.0) -> Measured:
    """Take what stands at a place of the results."""

    def measured(results: Mapping[str, Any]) -> float | None:
        found: Any = results
        for step in path:
            found = found.get(step, {})
        return float(found) / of if found != {} else None

    return measured


def median_ratio(
    runs: Sequence[Sequence[Mapping[str, Any]]],
    figure: Callable[[Mapping[str, Any]], float],
) -> float:
    """Return by how much this version's figure is another version's."""
    return statistics.median(
        figure(this) / figure(other) for this, other in runs
    )


def _cpu_ratio(stations: int) -> Measured:
    def measured(results: Mapping[str, Any]) -> float | None:
        runs = results["pairs"].get(f"{stations} stations")
        if runs is None:
            return None
        return median_ratio(runs, lambda one: one["cpu_s_per_poll"])

    return measured


def _total(due: str, came: str | None = None) -> Measured:
    """Add a figure up over all measurements; take off what came of it."""

    def measured(results: Mapping[str, Any]) -> float | None:
        others = ("limited", "commands_idle", "commands_polling", "pushes")
        found = [
            one
            for one in (
                *results["fleets"].values(),
                *(results.get(name, {}) for name in others),
            )
            if due in one
        ]
        if not found:
            return None
        # One that has more than was due does not make up for another one.
        return float(
            sum(max(0, one[due] - (one[came] if came else 0)) for one in found)
        )

    return measured


def _seconds(limit: float, *path: str | int) -> Goal:
    return Goal(limit, "s", _at(*path))


def _times_the_limit(limit: float, *path: str | int) -> Goal:
    return Goal(limit, "×", _at(*path, of=LIMIT_S))


def _none(due: str, came: str | None = None) -> Goal:
    return Goal(0, "", _total(due, came))


GOALS = {
    "a station's round, p95, by the protocol's limit, 100 stations": (
        _times_the_limit(1.12, "fleets", 100, "station_round_s", "p95")
    ),
    "the same, 1000 stations": _times_the_limit(
        1.12, "fleets", 1000, "station_round_s", "p95"
    ),
    "polls missing": _none("polls_expected", "polls"),
    "values missing": _none("values_expected", "values_received"),
    "commands lost": _none("commands_sent", "commands_arrived"),
    "pushes lost": _none("pushed", "arrived"),
    "KEBA's pauses broken": _none("pauses_broken"),
    "answer → value on MQTT, p95, 100 stations": _seconds(
        0.01, "fleets", 100, "latency_s", "p95"
    ),
    "answer → value on MQTT, p95, 1000 stations": _seconds(
        0.025, "fleets", 1000, "latency_s", "p95"
    ),
    "the same with 0.1 CPU and 128 MiB, 100 stations polled each 30 s": (
        _seconds(0.15, "limited", "latency_s", "p95")
    ),
    "start with 0.1 CPU → first value": _seconds(
        4.0, "limited", "first_value_s"
    ),
    **{
        f"CPU per poll by that of 1.1.0 (--against), {stations} stations": Goal(
            limit, "×", _cpu_ratio(stations)
        )
        for stations, limit in ((10, 0.7), (100, 0.9), (1000, 0.9))
    },
    "command → station, p99, idle line": _seconds(
        0.01, "commands_idle", "latency_s", "p99"
    ),
    "command → station, p99, 100 stations being polled": _seconds(
        0.12, "commands_polling", "latency_s", "p99"
    ),
    "push → MQTT, p99, 100 pushes/s": _seconds(
        0.01, "pushes", "latency_s", "p99"
    ),
    "memory of ten stations": Goal(
        34.0, "MiB", _at("fleets", 10, "memory_mib")
    ),
}
"""By what is measured."""
