"""KEBA's three pauses, by the kernel's stamps of arrival."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulator import PauseChecker
from soak.invariants.breach import Invariant

if TYPE_CHECKING:
    from soak.events import Heard


class Pauses(Invariant):
    """No station is spoken to too early.

    A process that starts anew cannot know when the one before it spoke, so a
    pause that began before the start is excused, and counted.
    """

    name = "KEBA's pauses"
    limit = (
        "100 ms between any two, 5 s between equal reports, 2 s after a stop"
    )

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0
        self.excused = 0
        self._shortest_s = math.inf
        self._checkers: dict[str, PauseChecker] = {}
        self._last_at: dict[str, float] = {}
        self._started_at = -math.inf

    def connector_started(self, unix_at: float) -> None:
        """A new process of the connector begins, at this Unix time."""
        self._started_at = unix_at

    def hear(self, heard: Heard) -> None:
        self.heard += 1
        station, at = heard.station, heard.stamped_at
        checker = self._checkers.setdefault(station, PauseChecker(station))
        data = heard.text.encode("ascii", "replace")
        for violation in checker.hear(data, at, heard.source):
            if at - violation.gap_s < self._started_at:
                self.excused += 1
            else:
                self.breach(heard.at, f"{station}: {violation}")
        last_at = self._last_at.get(station, -math.inf)
        if last_at >= self._started_at:
            self._shortest_s = min(self._shortest_s, at - last_at)
        self._last_at[station] = at

    @property
    def is_judged(self) -> bool:
        return self.heard > 0

    def measured(self) -> str:
        return (
            f"shortest gap {self._shortest_s * 1000:.1f} ms in {self.heard} "
            f"datagrams; {self.excused} excused across a kill -9"
        )
