"""Goals that were reached, missed, or not measured."""

import copy
import math
from typing import Any

import pytest

from bench import report
from bench.goals import GOALS

SPREAD = {
    "number": 9,
    "mean": 0.2,
    "p50": 0.2,
    "p95": 0.21,
    "p99": 0.22,
    "worst": 0.23,
}
QUICK = {"number": 9, "p50": 0.001, "p95": 0.002, "p99": 0.003, "worst": 0.004}


def a_fleet(stations: int) -> dict[str, Any]:
    return {
        "stations": stations,
        "dead": 0,
        "polls": 100,
        "polls_expected": 100,
        "first_values_s": {
            "stations": stations,
            "first_of_all_s": 0.5,
            "all_s": 0.8,
        },
        "station_round_s": dict(SPREAD),
        "fleet_round_s": dict(SPREAD),
        "latency_s": dict(QUICK),
        "values_expected": 6600,
        "values_received": 6600,
        "values_doubled": 0,
        "datapoints": 66,
        "datagrams_dropped": 0,
        "pauses_broken": 0,
        "cpu_s_per_poll": 0.001,
        "memory_mib": 40.0,
    }


def commands() -> dict[str, Any]:
    return {
        "commands_sent": 40,
        "commands_arrived": 40,
        "pauses_broken": 0,
        "latency_s": dict(QUICK),
    }


def pushes_at(per_s: float) -> dict[str, Any]:
    return {
        "per_s": per_s,
        "arrived": 100,
        "pushed": 100,
        "latency_s": dict(QUICK),
        "cpu_s_per_push": 0.0002,
    }


@pytest.fixture
def results() -> dict[str, Any]:
    return {
        "version": "1.0.0",
        "day": "2026-01-01",
        "machine": {
            "machine": "a processor, 2 cores",
            "system": "Linux",
            "python": "3.13",
            "broker": "mosquitto",
        },
        "fleets": [a_fleet(100), a_fleet(1000)],
        "dead": a_fleet(100),
        "start": a_fleet(50),
        "commands_idle": commands(),
        "commands_polling": commands(),
        "stop": {
            "commands_sent": 100,
            "commands_arrived": 100,
            "others_s": dict(QUICK),
            "stopped_s": 2.0,
        },
        "pushes": [pushes_at(rate) for rate in (10, 100, 1000)],
        "building": {"cpu_share": 0.001, "memory_mib": 40.0},
    }


def test_every_goal_finds_its_figure(results: dict[str, Any]) -> None:
    assert all(goal.measured(results) is not None for goal in GOALS)
    assert report.missed(results) == []


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        (("fleets", 0, "station_round_s", "p95"), 0.24, "a station's round"),
        (("fleets", 1, "fleet_round_s", "worst"), 0.61, "the fleet's round"),
        (("fleets", 0, "values_received"), 6599, "values missing"),
        (("fleets", 1, "values_doubled"), 1, "values doubled"),
        (("fleets", 1, "datagrams_dropped"), 1, "datagrams dropped"),
        (("fleets", 0, "pauses_broken"), 1, "pauses broken"),
        (("fleets", 0, "latency_s", "p95"), 0.051, "answer → value"),
        (("fleets", 1, "cpu_s_per_poll"), 0.0016, "CPU per poll"),
        (("fleets", 1, "polls"), 99, "polls missing"),
        (("pushes", 1, "pauses_broken"), 1, "pauses broken"),
        (("commands_idle", "commands_arrived"), 39, "commands lost"),
        (("stop", "stopped_s"), 1.9, "silence"),
        (("stop", "stopped_s"), math.nan, "silence"),
        (("stop", "commands_arrived"), 99, "commands lost"),
        (("start", "first_values_s", "stations"), 39, "first values"),
        (("dead", "station_round_s", "mean"), 0.21, "dead stations"),
        (("start", "first_values_s", "first_of_all_s"), 1.1, "first values"),
        (("commands_idle", "latency_s", "p99"), 0.011, "idle line"),
        (("commands_polling", "latency_s", "p99"), 0.13, "being polled"),
        (("stop", "others_s", "p99"), 0.13, "`ena 0`"),
        (("pushes", 1, "latency_s", "p99"), 0.011, "100 pushes/s"),
        (("pushes", 2, "arrived"), 99, "pushes lost"),
        (("building", "cpu_share"), 0.011, "ten stations"),
        (("building", "memory_mib"), 65.0, "memory"),
    ],
    ids=str,
)
def test_a_goal_is_missed_by_the_figure_it_speaks_of(
    results: dict[str, Any], path: tuple[Any, ...], value: float, what: str
) -> None:
    worse = copy.deepcopy(results)
    place: Any = worse
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    (goal,) = report.missed(worse)
    assert what in goal.what


def test_what_was_not_measured_is_not_called_reached(
    results: dict[str, Any],
) -> None:
    del results["building"]
    results["pushes"] = []
    page = report.markdown(results)
    assert "| memory of ten stations | 64 MiB | – |  |" in page
    assert report.missed(results) == []


def test_the_page_names_machine_figures_and_others(
    results: dict[str, Any],
) -> None:
    page = report.markdown(results)
    assert "a processor, 2 cores" in page
    assert "6600 of 6600" in page
    assert "| idle line | 40 of 40 | 1.0 / 2.0 / 3.0 |" in page
    assert "keba-kecontact" in page
    assert "{" not in page
