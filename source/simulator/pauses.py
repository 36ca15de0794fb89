"""The three pauses that KEBA asks of clients, and who breaks them.

UDP guide V2.01, pages 10, 11, 21 and 31.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from simulator.wire import read_words

BETWEEN_ANY_S = 0.100
"""Between any two datagrams to a station (t_UDP_pause)."""

BETWEEN_EQUAL_REPORTS_S = 5.0
"""Between two equal requests for a report (t_COM_pause)."""

AFTER_STOP_S = 2.0
"""After a command that stops charging (t_DIS_pause)."""

NOISE_S = 1e-6
"""Floating point noise of times since 1970, in seconds."""


class Violation(NamedTuple):
    """A datagram that came too early."""

    at: float  # Unix seconds
    station: str
    source: str
    text: str
    rule: str  # which pause was broken, in words
    gap_s: float  # the pause that was kept

    def __str__(self) -> str:
        return (
            f"pause broken: {self.text!r} from {self.source} came after "
            f"{self.gap_s * 1000:.1f} ms, {self.rule}"
        )


class PauseChecker:
    """Watches the requests to one station."""

    def __init__(self, station: str) -> None:
        self._station = station
        self._last_at = -math.inf
        self._stopped_at = -math.inf
        self._asked_at: dict[str, float] = {}

    def hear(self, data: bytes, at: float, source: str) -> list[Violation]:
        """Note a datagram and return what it breaks."""
        words = read_words(data)
        text = " ".join(words)
        rules = [
            (BETWEEN_ANY_S, self._last_at, "not 100 ms after the last one"),
            (AFTER_STOP_S, self._stopped_at, "not 2 s after a stop"),
        ]
        if words[:1] == ["report"]:
            asked_at = self._asked_at.get(text, -math.inf)
            rule = "not 5 s after the same request"
            rules.append((BETWEEN_EQUAL_REPORTS_S, asked_at, rule))
            self._asked_at[text] = at
        self._last_at = at
        if is_stop(words):
            self._stopped_at = at
        return [
            Violation(at, self._station, source, text, rule, at - last_at)
            for pause_s, last_at, rule in rules
            if at - last_at < pause_s - NOISE_S
        ]


def is_stop(words: list[str]) -> bool:
    """Tell whether a command stops charging at once."""
    match words:
        case ["ena", value]:
            return value != "1"
        case ["currtime", "0", "1"]:
            return True
    return False
