"""What happens to a station in the course of time.

A scenario is a list of steps, each with the second at which it comes, counted
from the station's first moment. Four are built in (``SCENARIOS``); more come
from files (``scenario_file``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.actions import Action, Fail, PlugIn, Recover, Unplug
from simulator.vehicle import Vehicle

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

DAY_S = 24 * 3600.0
ENDLESS_WH = 1e9


class ScenarioError(ValueError):
    """A scenario says something that cannot be done."""


@dataclass(frozen=True, slots=True)
class Step:
    """One action at its time, in seconds."""

    at_s: float
    action: Action


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps in order of time.

    Parameters
    ----------
    repeat_s
        After so many seconds it starts again; None means never.
    """

    name: str
    steps: tuple[Step, ...] = ()
    repeat_s: float | None = None

    def __post_init__(self) -> None:
        times = [step.at_s for step in self.steps]
        if not all(0 <= at_s < math.inf for at_s in times):
            raise ScenarioError(
                f"{self.name}: a step comes before 0 s or never"
            )
        if self.repeat_s is None:
            return
        if not max([0.0, *times]) < self.repeat_s < math.inf:
            raise ScenarioError(
                f"{self.name}: repeat_s is {self.repeat_s}, "
                "not later than the last step and finite"
            )


class Script:
    """A scenario that is being played.

    Parameters
    ----------
    start
        The moment of its second 0.
    """

    def __init__(self, scenario: Scenario, start: float) -> None:
        self._steps = sorted(scenario.steps, key=lambda step: step.at_s)
        self._repeat_s = scenario.repeat_s
        self._round_start = start
        self._position = 0

    def next_moment(self) -> float:
        """Return when the next step comes, or infinity."""
        if self._position >= len(self._steps):
            return math.inf
        return self._round_start + self._steps[self._position].at_s

    def take(self) -> Action:
        """Return the next step's action and go on behind it."""
        action = self._steps[self._position].action
        self._position += 1
        if self._position == len(self._steps) and self._repeat_s is not None:
            self._position = 0
            self._round_start += self._repeat_s
        return action


def idle(random: Random) -> Scenario:
    """Return the scenario in which nobody comes."""
    del random
    return Scenario("idle")


def commuter(random: Random) -> Scenario:
    """Return a day from six in the evening to the next, over and over.

    Somebody comes within the first two minutes, charges what the day's way
    took, and leaves in the morning.
    """
    vehicle = Vehicle(
        phases=random.choice((1, 3, 3)),
        max_current=random.choice((16_000, 16_000, 32_000)),
        needs_wh=random.randrange(6_000, 30_000),
    )
    arrives_s = random.uniform(10.0, 120.0)
    leaves_s = random.uniform(13.0, 14.0) * 3600
    return Scenario(
        "commuter",
        (Step(arrives_s, PlugIn(vehicle)), Step(leaves_s, Unplug())),
        repeat_s=DAY_S,
    )


def always_charging(random: Random) -> Scenario:
    """Return the scenario in which a vehicle is never full."""
    del random
    endless = Vehicle(needs_wh=ENDLESS_WH)
    return Scenario("always-charging", (Step(0.0, PlugIn(endless)),))


def error(random: Random) -> Scenario:
    """Return the scenario in which charging fails for a minute, often."""
    del random
    return Scenario(
        "error",
        (
            Step(0.0, PlugIn(Vehicle(needs_wh=ENDLESS_WH))),
            Step(60.0, Fail()),
            Step(120.0, Recover()),
        ),
        repeat_s=180.0,
    )


SCENARIOS: dict[str, Callable[[Random], Scenario]] = {
    "idle": idle,
    "commuter": commuter,
    "always-charging": always_charging,
    "error": error,
}
