"""What the log says of a station's life, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS = {
    "State": (
        "starting",
        "not ready",
        "ready",
        "charging",
        "error",
        "interrupted",
    ),
    "Plug": (
        "nothing plugged in",
        "cable in the station",
        "",
        "cable locked in the station",
        "",
        "vehicle plugged in",
        "",
        "vehicle plugged in and locked",
    ),
}

_UNITS = {
    "Max curr": "mA",
    "Curr HW": "mA",
    "Curr user": "mA",
    "Curr FS": "mA",
    "Curr timer": "mA",
    "Tmo FS": "s",
    "Setenergy": "x 0.1 Wh",
}

_UNREMARKABLE = frozenset({"Max curr %", "Tmo CT"})
"""They follow from others, or change all the time."""


def changed_settings(
    before: Mapping[str, int], after: Mapping[str, int]
) -> list[str]:
    """Return a line for each setting that changed."""
    return [
        f"-- {field} {value}{_meaning(field, value)}"
        for field, value in after.items()
        if value != before[field] and field not in _UNREMARKABLE
    ]


def _meaning(field: str, value: int) -> str:
    if field in WORDS:
        return f", {WORDS[field][value]}"
    return f" {_UNITS[field]}" if field in _UNITS else ""
