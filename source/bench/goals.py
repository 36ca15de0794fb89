"""What the figures are to reach."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.figures import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

KEBAS_SILENCE_S = 2.0
"""After a command that stops charging."""


CPU_RATIO_GOALS = {10: 0.7, 100: 0.9, 1000: 0.9}
"""CPU per poll against version 1.1.0, by stations, see ``--against``."""


class Goal(NamedTuple):
    """One promise: a figure that must not exceed a limit.

    `measured` takes it from the results, None where it was not measured.
    """

    what: str
    limit: float
    unit: str
    measured: Callable[[Mapping[str, Any]], float | None]


def fleet_of(results: Mapping[str, Any], stations: int) -> Any | None:
    """Return the measurement of a fleet of this size, if there is one."""
    fleets: Sequence[Mapping[str, Any]] = results["fleets"]
    return next((one for one in fleets if one["stations"] == stations), None)


def _fleet(
    stations: int, read: Callable[[Mapping[str, Any]], float]
) -> Callable[[Mapping[str, Any]], float | None]:
    def measured(results: Mapping[str, Any]) -> float | None:
        fleet = fleet_of(results, stations)
        return None if fleet is None else read(fleet)

    return measured


def _of(
    name: str, read: Callable[[Any], float]
) -> Callable[[Mapping[str, Any]], float | None]:
    def measured(results: Mapping[str, Any]) -> float | None:
        return None if name not in results else read(results[name])

    return measured


def _pushes(
    per_s: float, read: Callable[[Mapping[str, Any]], float]
) -> Callable[[Mapping[str, Any]], float | None]:
    def measured(results: Mapping[str, Any]) -> float | None:
        for one in results["pushes"]:
            if one["per_s"] == per_s:
                return read(one)
        return None

    return measured


def _dead_cost(results: Mapping[str, Any]) -> float | None:
    """Return how much longer the round of the live ones takes, in percent."""
    without, with_dead = fleet_of(results, 100), results.get("dead")
    if without is None or with_dead is None:
        return None
    mean_s = float(with_dead["station_round_s"]["mean"])
    return 100.0 * (mean_s / float(without["station_round_s"]["mean"]) - 1.0)


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


def _first_values_s(start: Mapping[str, Any]) -> float:
    values = start["first_values_s"]
    is_complete = values["stations"] == start["stations"] - start["dead"]
    return float(values["first_of_all_s"]) if is_complete else math.inf


def _round_by_limit(fleet: Mapping[str, Any]) -> float:
    return float(fleet["station_round_s"]["p95"]) / LIMIT_S


GOALS = (
    Goal(
        "a station's round, p95, by the protocol's limit, 100 stations",
        1.12,
        "×",
        _fleet(100, _round_by_limit),
    ),
    Goal(
        "the same, 1000 stations",
        1.12,
        "×",
        _fleet(1000, _round_by_limit),
    ),
    Goal("polls missing", 0, "", _total("polls_expected", "polls")),
    Goal("values missing", 0, "", _total("values_expected", "values_received")),
    Goal("values doubled", 0, "", _total("values_doubled")),
    Goal("commands lost", 0, "", _total("commands_sent", "commands_arrived")),
    Goal("pushes lost", 0, "", _total("pushed", "arrived")),
    Goal("datagrams dropped at our socket", 0, "", _total("datagrams_dropped")),
    Goal("KEBA's pauses broken", 0, "", _total("pauses_broken")),
    Goal(
        "answer → value on MQTT, p95, 100 stations",
        0.01,
        "s",
        _fleet(100, lambda f: f["latency_s"]["p95"]),
    ),
    Goal(
        "answer → value on MQTT, p95, 1000 stations",
        0.025,
        "s",
        _fleet(1000, lambda f: f["latency_s"]["p95"]),
    ),
    Goal(
        "the same with 0.1 CPU and 128 MiB, 100 stations polled each 30 s",
        0.15,
        "s",
        _of("limited", lambda f: f["latency_s"]["p95"]),
    ),
    Goal(
        "start with 0.1 CPU → first value",
        4.0,
        "s",
        _of("limited", lambda f: f["first_values_s"]["first_s"]),
    ),
    Goal(
        "30 dead stations cost the 70 others, mean round", 1.0, "%", _dead_cost
    ),
    Goal(
        "command → station, p99, idle line",
        0.01,
        "s",
        _of("commands_idle", lambda f: f["latency_s"]["p99"]),
    ),
    Goal(
        "command → station, p99, 100 stations being polled",
        0.12,
        "s",
        _of("commands_polling", lambda f: f["latency_s"]["p99"]),
    ),
    Goal(
        "the same for the others, while one station was told `ena 0`",
        0.12,
        "s",
        _of("stop", lambda f: f["others_s"]["p99"]),
    ),
    Goal(
        "the silence after it, cut short by",
        0.0,
        "s",
        # In this order NaN stays NaN, which is not reached.
        _of("stop", lambda f: max(KEBAS_SILENCE_S - f["stopped_s"], 0.0)),
    ),
    Goal(
        "push → MQTT, p99, 100 pushes/s",
        0.01,
        "s",
        _pushes(100, lambda f: f["latency_s"]["p99"]),
    ),
    Goal(
        "start → first values of all 40 live stations of 50",
        1.0,
        "s",
        _of("start", _first_values_s),
    ),
    Goal(
        "CPU of ten stations polled each 30 s, of one core",
        1.0,
        "%",
        _of("building", lambda f: 100.0 * f["cpu_share"]),
    ),
    Goal(
        "memory of ten stations",
        34.0,
        "MiB",
        _of("building", lambda f: f["memory_mib"]),
    ),
)
