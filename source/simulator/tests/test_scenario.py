from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

import pytest

from simulator.actions import Answer, Fail, PlugIn, Say, Silence, Unplug
from simulator.scenario import (
    SCENARIOS,
    Scenario,
    ScenarioError,
    Script,
    Step,
    load_scenario,
)
from simulator.station import SimulatedStation
from simulator.tests.talking import look
from simulator.vehicle import Vehicle

if TYPE_CHECKING:
    from pathlib import Path

DAY = """
repeat_s = 600

[[step]]
at_s = 5
do = "plug_in"
phases = 1
needs_wh = 5000

[[step]]
at_s = 300
do = "silence"
requests = ["report 2"]

[[step]]
at_s = 310.5
do = "answer"
"""


def states(scenario: str, until: int) -> list[int]:
    """Return the states that a station passes through."""
    play = SCENARIOS[scenario](Random(1))
    garage = SimulatedStation("garage", scenario=play)
    seen = [garage.point.state]
    for now in range(0, until, 5):
        garage.advance(float(now))
        if garage.point.state != seen[-1]:
            seen.append(garage.point.state)
    return seen


def test_in_the_idle_scenario_nothing_happens() -> None:
    assert states("idle", 1_000) == [1]


def test_a_commuter_comes_charges_gets_full_and_leaves_each_day() -> None:
    day = [2, 3, 2, 1]
    assert states("commuter", 2 * 24 * 3600) == [1, *day, *day]


def test_always_charging_never_ends() -> None:
    assert states("always-charging", 100_000) == [1, 2, 3]


def test_the_error_scenario_fails_and_recovers_over_and_over() -> None:
    assert states("error", 360) == [1, 2, 3, 4, 2, 3, 4, 2, 3]


def test_a_script_plays_its_steps_in_order_and_again() -> None:
    steps = (Step(20.0, Unplug()), Step(10.0, PlugIn()))
    script = Script(Scenario("x", steps, repeat_s=100.0), start=1_000.0)
    played = [(script.next_moment(), script.take()) for _ in range(3)]
    assert played == [
        (1_010.0, PlugIn()),
        (1_020.0, Unplug()),
        (1_110.0, PlugIn()),
    ]


def test_a_script_that_does_not_repeat_ends() -> None:
    script = Script(Scenario("x", (Step(1.0, Fail()),)), start=0.0)
    script.take()
    assert script.next_moment() == math.inf


def test_a_file_in_toml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "day.toml"
    path.write_text(DAY)
    assert load_scenario(path) == Scenario(
        "day",
        (
            Step(5.0, PlugIn(Vehicle(phases=1, needs_wh=5000))),
            Step(300.0, Silence(("report 2",))),
            Step(310.5, Answer()),
        ),
        repeat_s=600,
    )


def test_a_file_in_json_is_read(tmp_path: Path) -> None:
    path = tmp_path / "short.json"
    path.write_text('{"step": [{"at_s": 1, "do": "fail", "error1": 8}]}')
    scenario = load_scenario(path)
    assert scenario.steps == (Step(1.0, Fail(error1=8)),)
    garage = SimulatedStation("garage", scenario=scenario)
    assert look(garage, 2, now=2.0)["Error1"] == 8


def test_a_file_can_make_a_station_say_anything(tmp_path: Path) -> None:
    path = tmp_path / "loud.json"
    path.write_text('{"step": [{"at_s": 1, "do": "say", "datagrams": ["x"]}]}')

    assert load_scenario(path).steps == (Step(1.0, Say(("x",))),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "'step' is missing"),
        ("step = 3", "not iterable"),
        ("[[step]]\nat_s = 1", "'do' is missing"),
        ('[[step]]\nat_s = 1\ndo = "fly"', "do = 'fly' is none of plug_in"),
        ('[[step]]\nat_s = 1\ndo = "plug_in"\nphases = 5', "phases is 5"),
        ('[[step]]\nat_s = 1\ndo = "plug_in"\nneeds_wh = "1"', "needs_wh"),
        ('[[step]]\nat_s = 1\ndo = "silence"\nrequests = "i"', "requests"),
        ('[[step]]\nat_s = -1\ndo = "unplug"', "before 0 s"),
        ('[[step]]\nat_s = 1\ndo = "unplug"\nwhy = 1', "unexpected keyword"),
        ('repeat_s = 1\n[[step]]\nat_s = 1\ndo = "unplug"', "repeat_s is 1"),
        ("this is no toml", "Expected"),
    ],
)
def test_a_file_that_cannot_be_played_is_refused_with_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=reason) as caught:
        load_scenario(path)
    assert "bad" in str(caught.value)
