"""What happens to a station in the course of time.

A scenario is a list of steps, each with the second at which it comes, counted
from the station's first moment. Four are built in (``SCENARIOS``); more come
from files in TOML or JSON::

    repeat_s = 600            # optional: start again every 600 s

    [[step]]
    at_s = 5                  # the second
    do = "plug_in"            # a word from actions.ACTIONS
    phases = 1                # what the action needs: see there
    max_current = 16000       # mA
    needs_wh = 5000           # Wh

    [[step]]
    at_s = 300
    do = "silence"
    requests = ["report 2"]

In JSON the same is ``{"repeat_s": 600, "step": [{"at_s": 5, "do": ...}]}``.
The words are `plug_in` (see ``vehicle.Vehicle``), `unplug`, `show_card` (tag,
rfid_class), `set_input` (value), `fail` (error1, error2), `recover`, `reboot`,
`silence` (requests), `answer`, `answer_late` (seconds) and `say` (datagrams).
"""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.actions import ACTIONS, Action, Fail, PlugIn, Recover, Unplug
from simulator.vehicle import Vehicle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

DAY_S = 24 * 3600.0
ENDLESS_WH = 1e9


# What the values in a file must be; a number where nothing is said.
_KINDS: dict[str, tuple[type, ...]] = {
    "tag": (str,),
    "rfid_class": (str,),
    "requests": (list,),
    "datagrams": (list,),
}


class ScenarioError(ValueError):
    """A scenario file says something that cannot be done."""


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
    name
        How logs call it.
    steps
        What happens.
    repeat_s
        After so many seconds it starts again; None means never.
    """

    name: str
    steps: tuple[Step, ...] = ()
    repeat_s: float | None = None

    def __post_init__(self) -> None:
        times = [step.at_s for step in self.steps]
        if any(at_s < 0 for at_s in times):
            raise ScenarioError(f"{self.name}: a step comes before 0 s")
        if self.repeat_s is not None and self.repeat_s <= max([0.0, *times]):
            raise ScenarioError(
                f"{self.name}: repeat_s is {self.repeat_s}, "
                "not later than the last step"
            )


class Script:
    """A scenario that is being played.

    Parameters
    ----------
    scenario
        What to play.
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


def load_scenario(path: Path) -> Scenario:
    """Read a scenario from a file in TOML or, if so named, JSON.

    Raises
    ------
    ScenarioError
        If the file says something that cannot be done.
    OSError
        If it cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    try:
        content = json.loads(text) if path.suffix == ".json" else None
        if content is None:
            content = tomllib.loads(text)
        steps = tuple(_step(entry) for entry in content["step"])
        return Scenario(path.stem, steps, content.get("repeat_s"))
    except (KeyError, TypeError, ValueError, AttributeError) as mistake:
        raise ScenarioError(f"{path.name}: {_reason(mistake)}") from mistake


def _reason(mistake: Exception) -> str:
    if isinstance(mistake, KeyError):
        return f"{mistake.args[0]!r} is missing"
    return str(mistake)


def _step(entry: dict[str, Any]) -> Step:
    arguments = dict(entry)
    at_s = float(arguments.pop("at_s"))
    word = arguments.pop("do")
    if word not in ACTIONS:
        raise ScenarioError(f"do = {word!r} is none of {', '.join(ACTIONS)}")
    for field, value in arguments.items():
        _check(field, value)
    if word == "plug_in":
        return Step(at_s, PlugIn(Vehicle(**arguments)))
    for field, value in arguments.items():
        if isinstance(value, list):
            arguments[field] = tuple(value)
    return Step(at_s, ACTIONS[word](**arguments))


def _check(field: str, value: object) -> None:
    kinds = _KINDS.get(field, (int, float))
    if not isinstance(value, kinds) or isinstance(value, bool):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise ScenarioError(f"{field} = {value!r} is not {names}")
