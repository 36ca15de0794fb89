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
    make_action,
    needed_by,
    number,
    read_table,
    readers_of,
    shown,
)
from simulator.actions import ACTIONS
from simulator.scenario import Scenario, ScenarioError, Step

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.action_words import Reader

LEAST_REPEAT_S = 1.0
"""A station that begins again more often does nothing else."""


def load_scenario(path: Path) -> Scenario:
    """Read a scenario; what cannot be done raises a ScenarioError."""
    try:
        return _scenario(_content(path), path.stem)
    except ScenarioError as mistake:
        raise ScenarioError(f"{path.name}: {mistake}") from mistake


def _content(path: Path) -> object:
    is_json = path.suffix.lower() == ".json"
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as mistake:
        kind = "JSON" if is_json else "TOML"
        raise ScenarioError(f"it is no {kind}: {mistake}") from mistake


def _scenario(content: object, name: str) -> Scenario:
    if not isinstance(content, dict):
        raise ScenarioError("it is no table with repeat_s and step")
    readers = {"repeat_s": number(LEAST_REPEAT_S), "step": _list}
    values = read_table(content, readers, ["step"])
    steps = []
    for nth, entry in enumerate(values["step"], 1):
        try:
            steps.append(_step(entry))
        except ScenarioError as mistake:
            raise ScenarioError(f"step {nth}: {mistake}") from mistake
    return Scenario(name, tuple(steps), values.get("repeat_s"))


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ScenarioError("is no list of tables")
    return value


def _step(entry: object) -> Step:
    if not isinstance(entry, dict):
        raise ScenarioError(f"{shown(entry)} is no table")
    if "do" not in entry:
        raise ScenarioError("do is missing")
    word = entry["do"]
    if not isinstance(word, str) or word not in ACTIONS:
        raise ScenarioError(
            f"do = {shown(word)} is none of {', '.join(ACTIONS)}"
        )
    readers: dict[str, Reader] = {"at_s": number(0.0), "do": str}
    readers |= readers_of(word)
    values = read_table(entry, readers, ["at_s", *needed_by(word)])
    at_s = values.pop("at_s")
    return Step(at_s, make_action(values.pop("do"), values))
