"""Goals that were reached, missed, or not measured."""

import copy
import math
from typing import Any

import pytest

from bench import report
from bench.goals import GOALS

SIZES = (10, 100, 1000)
SPREAD = {"p50": 0.2, "p95": 0.21, "p99": 0.22}
QUICK = {"p50": 0.001, "p95": 0.002, "p99": 0.003}


def a_fleet(stations: int) -> dict[str, Any]:
    return {
        "stations": stations,
        "polls": 100,
        "polls_expected": 100,
        "first_value_s": 0.4,
        "first_round_s": 0.25,
        "station_round_s": dict(SPREAD),
        "latency_s": dict(QUICK),
        "values_expected": 6600,
        "values_received": 6600,
        "datapoints": 66,
        "pauses_broken": 0,
        "cpu_s_per_poll": 0.001,
        "cpu_share_in_100_ms": 0.35,
        "memory_mib": 33.0,
    }


COMMANDS = {
    "commands_sent": 40,
    "commands_arrived": 40,
    "pauses_broken": 0,
    "latency_s": QUICK,
}
PUSHES = {
    "arrived": 100,
    "pushed": 100,
    "latency_s": QUICK,
    "cpu_s_per_push": 0.0002,
    "pauses_broken": 0,
}


@pytest.fixture
def results() -> dict[str, Any]:
    return {
        "version": "1.0.0",
        "day": "2026-01-01",
        "against": "v1",
        "machine": {
            "machine": "a processor, 2 cores",
            "system": "Linux",
            "python": "3.13",
            "broker": "mosquitto",
        },
        "fleets": {size: a_fleet(size) for size in SIZES},
        "pairs": {
            f"{size} stations": [
                [a_fleet(size), a_fleet(size) | {"cpu_s_per_poll": 0.002}]
            ]
            for size in SIZES
        },
        "commands_idle": copy.deepcopy(COMMANDS),
        "commands_polling": copy.deepcopy(COMMANDS),
        "pushes": copy.deepcopy(PUSHES),
        "limited": a_fleet(100),
    }


def test_every_goal_finds_its_figure(results: dict[str, Any]) -> None:
    assert all(goal.measured(results) is not None for goal in GOALS.values())
    assert report.missed(results) == []


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        (("fleets", 100, "station_round_s", "p95"), 0.225, "a station's round"),
        (("fleets", 1000, "station_round_s", "p95"), 0.225, "1000 stations"),
        (("fleets", 100, "values_received"), 6599, "values missing"),
        (("fleets", 100, "pauses_broken"), 1, "pauses broken"),
        (("fleets", 100, "latency_s", "p95"), 0.011, "answer → value"),
        (("fleets", 1000, "latency_s", "p95"), 0.026, "answer → value"),
        (
            ("pairs", "10 stations", 0, 0, "cpu_s_per_poll"),
            0.00141,
            "10 stations",
        ),
        (
            ("pairs", "100 stations", 0, 0, "cpu_s_per_poll"),
            0.00181,
            "100 stations",
        ),
        (
            ("pairs", "1000 stations", 0, 0, "cpu_s_per_poll"),
            math.nan,
            "CPU per poll",
        ),
        (("limited", "latency_s", "p95"), 0.16, "128 MiB"),
        (("limited", "first_value_s"), 4.1, "start with 0.1"),
        (("limited", "first_value_s"), math.nan, "start with"),
        (("fleets", 1000, "polls"), 99, "polls missing"),
        (("pushes", "pauses_broken"), 1, "pauses broken"),
        (("commands_idle", "commands_arrived"), 39, "commands lost"),
        (("commands_idle", "latency_s", "p99"), 0.011, "idle line"),
        (("commands_polling", "latency_s", "p99"), 0.13, "being polled"),
        (("pushes", "latency_s", "p99"), 0.011, "100 pushes/s"),
        (("pushes", "arrived"), 99, "pushes lost"),
        (("fleets", 10, "memory_mib"), 34.1, "memory"),
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
    assert what in goal


def test_what_was_not_measured_is_not_called_reached(
    results: dict[str, Any],
) -> None:
    del results["fleets"][10], results["pushes"]
    page = report.markdown(results)
    assert "| memory of ten stations | 34 MiB | – |  |" in page
    assert report.missed(results) == []


def test_the_page_names_machine_and_figures(
    results: dict[str, Any],
) -> None:
    page = report.markdown(results)
    assert "a processor, 2 cores" in page
    assert "6600 of 6600" in page
    assert "| idle line | 40 of 40 | 1.0 / 2.0 / 3.0 |" in page
    assert "| 35% | 33 | 0.40 |" in page
    assert "{" not in page


def test_a_fleet_with_limits_has_a_row(results: dict[str, Any]) -> None:
    page = report.markdown(results)
    assert "| 100 at 0.1 CPU, each 30 s | 1.00 / 1.05 |" in page


def test_versions_are_compared_by_the_median_of_their_runs(
    results: dict[str, Any],
) -> None:
    this, slower, slowest = (
        a_fleet(100) | {"cpu_s_per_poll": cpu_s} for cpu_s in (1e-3, 2e-3, 9e-3)
    )
    results["pairs"] = {
        "100 stations": [[this, slower], [this, slower], [slower, slowest]]
    }
    page = report.markdown(results)
    assert "| 100 stations | CPU per poll | 1.0 ms | 2.0 ms | 0.50 |" in page


def test_the_published_connector_has_a_row_where_it_was_measured(
    results: dict[str, Any],
) -> None:
    assert "published" not in report.markdown(results)
    theirs = a_fleet(10) | {"first_round_s": 2.93, "values_received": 2}
    results["published"] = {
        "version": "0.5.0",
        "origin": "BEMCom's commit ad998a3",
        "ours": a_fleet(10),
        "theirs": theirs,
    }
    page = report.markdown(results)
    assert "comes from BEMCom's commit ad998a3" in page
    assert "| this one | 0.25 | 1.0 / 2.0 / 3.0 | 6600 of 6600 |" in page
    assert "| published 0.5.0 | 2.93 | 1.0 / 2.0 / 3.0 | 2 of 6600 |" in page
    assert report.missed(results) == []


def test_without_another_version_there_is_no_part_about_it(
    results: dict[str, Any],
) -> None:
    assert "## Beside v1" in report.markdown(results)
    results["pairs"] = {}
    assert "## Beside" not in report.markdown(results)
