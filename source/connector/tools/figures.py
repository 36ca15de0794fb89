"""Numbers and moments: which ones there can be, and how people read them.

Moments are ms since 1970 UTC, as on MQTT.
"""

import time
from datetime import UTC, datetime
from enum import IntEnum
from typing import TypeGuard

_MOST = 10**18
"""No station has such a number; what is larger may be no float either."""

_LAST_MS = 253_402_128_000_000
"""Two days before the year 10000, in which no calendar of ours ends."""


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether one can reckon with a value of a message."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -_MOST < value < _MOST


def is_scalar(value: object) -> bool:
    """Tell whether a value of a message is one of a datapoint or a field."""
    return value is None or isinstance(value, bool | str) or is_number(value)


def is_moment(value: object) -> TypeGuard[float]:
    """Tell whether a value of a message can be a time."""
    return is_number(value) and 0 <= value < _LAST_MS


def word_of(names: type[IntEnum], number: object) -> str | None:
    """Return the word for a number; None where there is none."""
    try:
        name = names(number).name  # type: ignore[arg-type]
    except ValueError:
        return None
    return name.lower().replace("_", " ")


def now_ms() -> int:
    """Return the moment that is now."""
    return time.time_ns() // 1_000_000


def local(at_ms: float) -> datetime:
    """Return a moment in local time."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone()


def clock(at_ms: float) -> str:
    """Return the local time of day, to the minute."""
    return f"{local(at_ms):%H:%M}"


def time_of_day(at_ms: float | None) -> str | None:
    """Return the local time of day, to the second; None for None."""
    return None if at_ms is None else f"{local(at_ms):%H:%M:%S}"


def moment_in_words(at_ms: float) -> str:
    """Return day, time and zone."""
    return f"{local(at_ms):%Y-%m-%d %H:%M:%S %Z}"


def age_in_words(seconds: float) -> str:
    """Say how long ago something was; a clock may be ahead of ours."""
    for length_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length_s:
            return f"{seconds // length_s:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"
