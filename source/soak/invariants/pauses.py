"""KEBA's three pauses, by the kernel's stamps of arrival."""

from __future__ import annotations

import math

from simulator import PauseChecker
from soak.events import Event, Heard, Started
from soak.invariants.breach import Invariant


class Pauses(Invariant):
    """No station is spoken to too early.

    A process that starts anew cannot know when the one before it spoke, so a
    pause that began before the start is excused, and counted.
    """

    sees = (Started, Heard)
    name = "KEBA's pauses"
    limit = (
        "100 ms between any two, 5 s between equal reports, 2 s after a stop"
    )

    def __init__(self) -> None:
        super().__init__()
        self.excused = 0
        self._shortest_s = math.inf
        self._checkers: dict[str, PauseChecker] = {}
        self._last_at: dict[str, float] = {}
        self._started_at = -math.inf

    def see(self, event: Event) -> None:
        match event:
            case Started(unix_at=at):
                self._started_at = at
            case Heard():
                self._hear(event)

    def _hear(self, heard: Heard) -> None:
        self.judged += 1
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

    def measured(self) -> str:
        return (
            f"shortest gap {self._shortest_s * 1000:.1f} ms in {self.judged} "
            f"datagrams; {self.excused} excused across a kill -9"
        )
