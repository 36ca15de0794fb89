"""What the figures are to reach."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.figures import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Goal(NamedTuple):
    """One promise: a figure that must not exceed a limit.

    `measured` takes it from the results, None where it was not measured.
    """

    what: str
    limit: float
    unit: str
    measured: Callable[[Mapping[str, Any]], float | None]


def figure_at(results: Any, *path: str | int) -> Any | None:
    """Return what stands at a place of the results, None if nothing does.

    Of several fleets a number chooses that with so many stations.
    """
    for step in path:
        if isinstance(results, list):
            found = [one for one in results if step == one["stations"]]
            results = found[0] if found else None
        elif results is not None:
            results = results.get(step)
    return results


def _at(
    *path: str | int, of: float = 1.0
) -> Callable[[Mapping[str, Any]], float | None]:
    def measured(results: Mapping[str, Any]) -> float | None:
        figure = figure_at(results, *path)
        return None if figure is None else float(figure) / of

    return measured


def median_ratio(
    pair: Mapping[str, Any], figure: Callable[[Mapping[str, Any]], float]
) -> float:
    """Return by how much this version's figure is another version's."""
    return statistics.median(
        figure(this) / figure(other) for this, other in pair["runs"]
    )


def _cpu_ratio(stations: int) -> Callable[[Mapping[str, Any]], float | None]:
    def measured(results: Mapping[str, Any]) -> float | None:
        for pair in results["pairs"]:
            if pair["what"] == f"{stations} stations":
                return median_ratio(pair, lambda one: one["cpu_s_per_poll"])
        return None

    return measured


def _measurements(results: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield all measurements, whatever they measure."""
    for found in results.values():
        if isinstance(found, list):
            yield from found
        elif isinstance(found, dict):
            yield found


def _total(
    key: str, *without: str
) -> Callable[[Mapping[str, Any]], float | None]:
    """Add a figure up over all measurements; take others of them off."""

    def measured(results: Mapping[str, Any]) -> float | None:
        found = [one for one in _measurements(results) if key in one]
        if not found:
            return None
        # One that has more than was due does not make up for another one.
        return float(
            sum(
                max(0, one[key] - sum(one[other] for other in without))
                for one in found
            )
        )

    return measured


GOALS = (
    Goal(
        "a station's round, p95, by the protocol's limit, 100 stations",
        1.12,
        "×",
        _at("fleets", 100, "station_round_s", "p95", of=LIMIT_S),
    ),
    Goal(
        "the same, 1000 stations",
        1.12,
        "×",
        _at("fleets", 1000, "station_round_s", "p95", of=LIMIT_S),
    ),
    Goal("polls missing", 0, "", _total("polls_expected", "polls")),
    Goal("values missing", 0, "", _total("values_expected", "values_received")),
    Goal("commands lost", 0, "", _total("commands_sent", "commands_arrived")),
    Goal("pushes lost", 0, "", _total("pushed", "arrived")),
    Goal("KEBA's pauses broken", 0, "", _total("pauses_broken")),
    Goal(
        "answer → value on MQTT, p95, 100 stations",
        0.01,
        "s",
        _at("fleets", 100, "latency_s", "p95"),
    ),
    Goal(
        "answer → value on MQTT, p95, 1000 stations",
        0.025,
        "s",
        _at("fleets", 1000, "latency_s", "p95"),
    ),
    Goal(
        "the same with 0.1 CPU and 128 MiB, 100 stations polled each 30 s",
        0.15,
        "s",
        _at("limited", "latency_s", "p95"),
    ),
    Goal(
        "start with 0.1 CPU → first value",
        4.0,
        "s",
        _at("limited", "first_value_s"),
    ),
    *(
        Goal(
            f"CPU per poll by that of 1.1.0 (--against), {stations} stations",
            limit,
            "×",
            _cpu_ratio(stations),
        )
        for stations, limit in ((10, 0.7), (100, 0.9), (1000, 0.9))
    ),
    Goal(
        "command → station, p99, idle line",
        0.01,
        "s",
        _at("commands_idle", "latency_s", "p99"),
    ),
    Goal(
        "command → station, p99, 100 stations being polled",
        0.12,
        "s",
        _at("commands_polling", "latency_s", "p99"),
    ),
    Goal(
        "push → MQTT, p99, 100 pushes/s",
        0.01,
        "s",
        _at("pushes", "latency_s", "p99"),
    ),
    Goal(
        "memory of ten stations",
        34.0,
        "MiB",
        _at("fleets", 10, "memory_mib"),
    ),
)
