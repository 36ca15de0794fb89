"""Scenarios from files.

They are written in TOML or, if so named, JSON::

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
The words, and what each needs, stand in ``action_words``.
"""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from simulator.action_words import (
    needed,
    number,
    read,
    read_action,
    refuse_unknown,
    shown,
)
from simulator.actions import ACTIONS
from simulator.scenario import Scenario, ScenarioError, Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from simulator.actions import Action

LEAST_REPEAT_S = 1.0
"""A station that begins again more often does nothing else."""

_OF_STEP = ("at_s", "do")


def load_scenario(path: Path) -> Scenario:
    """Read a scenario from a file in TOML or, if so named, JSON.

    Raises
    ------
    ScenarioError
        If the file says something that cannot be done.
    OSError
        If it cannot be read.
    """
    try:
        return _scenario(_content(path), path.stem)
    except ScenarioError as mistake:
        raise ScenarioError(f"{path.name}: {mistake}") from mistake


def _content(path: Path) -> object:
    is_json = path.suffix.lower() == ".json"
    kind = "JSON" if is_json else "TOML"
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if is_json else tomllib.loads(text)
    except UnicodeDecodeError as mistake:
        raise ScenarioError("it is no text in UTF-8") from mistake
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as mistake:
        raise ScenarioError(f"it is no {kind}: {mistake}") from mistake
    except (ValueError, RecursionError) as mistake:
        raise ScenarioError(
            f"it is no {kind} that can be read: a number is too long, or too "
            "much is nested"
        ) from mistake


def _scenario(content: object, name: str) -> Scenario:
    if not isinstance(content, dict):
        raise ScenarioError("it is no table with repeat_s and step")
    refuse_unknown(content, ("repeat_s", "step"))
    entries = needed(content, "step")
    if not isinstance(entries, list):
        raise ScenarioError(f"step = {shown(entries)} is no list of tables")
    steps = tuple(
        _step(number, entry) for number, entry in enumerate(entries, 1)
    )
    repeat_s = None
    if "repeat_s" in content:
        repeat_s = read("repeat_s", content, number(LEAST_REPEAT_S))
    return Scenario(name, steps, repeat_s)


def _step(number: int, entry: object) -> Step:
    if not isinstance(entry, dict):
        raise ScenarioError(f"step {number}: {shown(entry)} is no table")
    try:
        return Step(*_at_and_action(entry))
    except ScenarioError as mistake:
        raise ScenarioError(f"step {number}: {mistake}") from mistake


def _at_and_action(entry: Mapping[str, object]) -> tuple[float, Action]:
    word = needed(entry, "do")
    if not isinstance(word, str) or word not in ACTIONS:
        raise ScenarioError(
            f"do = {shown(word)} is none of {', '.join(ACTIONS)}"
        )
    values = {key: one for key, one in entry.items() if key not in _OF_STEP}
    action = read_action(word, values, also_known=_OF_STEP)
    needed(entry, "at_s")
    return read("at_s", entry, number(0.0)), action
