from __future__ import annotations

import math
from random import Random

import pytest

from simulator.actions import Fail, PlugIn, Unplug
from simulator.scenario import (
    SCENARIOS,
    Scenario,
    ScenarioError,
    Script,
    Step,
)
from simulator.station import SimulatedStation


def states(scenario: str, until: int) -> list[int]:
    """Return the states that a station passes through."""
    play = SCENARIOS[scenario](Random(1))
    garage = SimulatedStation("garage", scenario=play)
    seen = [garage.point.state]
    while (now := garage.next_moment()) < until:
        garage.advance(now)
        if garage.point.state != seen[-1]:
            seen.append(garage.point.state)
    return seen


def test_in_the_idle_scenario_nothing_happens() -> None:
    assert states("idle", 1_000) == [1]


def test_a_commuter_comes_charges_gets_full_and_leaves_each_day() -> None:
    day = [2, 3, 2, 1]
    assert states("commuter", 2 * 24 * 3600) == [1, *day, *day]


def test_always_charging_never_ends() -> None:
    # The most that a commuter needs, 30 kWh, takes three hours.
    assert states("always-charging", 4 * 3600) == [1, 2, 3]


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


@pytest.mark.parametrize("wrong", [1.0, 5.0])
def test_a_scenario_repeats_after_its_last_step(wrong: float) -> None:
    with pytest.raises(ScenarioError, match="x: repeat_s is"):
        Scenario("x", (Step(5.0, Fail()),), repeat_s=wrong)
