"""What happens to a station in the course of time.

A scenario is a list of steps, each with the second at which it comes, counted
from the station's first moment. Four are built in (``SCENARIOS``); more come
from files (``scenario_file``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from simulator.actions import Action, Fail, PlugIn, Recover, Unplug
from simulator.vehicle import Vehicle

if TYPE_CHECKING:
    from collections.abc import Callable

DAY_S = 24 * 3600.0
NEVER_FULL = PlugIn(Vehicle(needs_wh=1e9))


class ScenarioError(ValueError):
    """A scenario says something that cannot be done."""


class Step(NamedTuple):
    """One action at its time, in seconds."""

    at_s: float
    action: Action


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps, which come again after `repeat_s`, or never again."""

    name: str
    steps: tuple[Step, ...] = ()
    repeat_s: float | None = None

    def __post_init__(self) -> None:
        last_s = max((step.at_s for step in self.steps), default=0.0)
        if self.repeat_s is not None and not last_s < self.repeat_s:
            raise ScenarioError(
                f"{self.name}: repeat_s is {self.repeat_s}, "
                "not later than the last step"
            )


class Script:
    """A scenario that is being played; `start` is its second 0."""

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


IDLE = Scenario("idle")
ALWAYS_CHARGING = Scenario("always-charging", (Step(0.0, NEVER_FULL),))
ERROR = Scenario(
    "error",
    (Step(0.0, NEVER_FULL), Step(60.0, Fail()), Step(120.0, Recover())),
    repeat_s=180.0,
)

SCENARIOS: dict[str, Callable[[Random], Scenario]] = {
    "idle": lambda _: IDLE,
    "commuter": commuter,
    "always-charging": lambda _: ALWAYS_CHARGING,
    "error": lambda _: ERROR,
}


def find_scenario(name: str, seed: str) -> Scenario:
    """Return a scenario by its name, or say which there are."""
    if name not in SCENARIOS:
        raise ValueError(f"scenario {name!r} is none of {', '.join(SCENARIOS)}")
    return SCENARIOS[name](Random(f"{seed} scenario"))  # noqa: S311
