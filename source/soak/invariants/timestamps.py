"""The time beside each value is that of its datagram."""

from __future__ import annotations

import math
from collections import deque

from soak.invariants.breach import Invariant

EARLY_S = 1.0
LATE_S = 10.0
OUTAGE_S = 60.0
"""What was kept for a broker that was away may be so old."""


class Timestamps(Invariant):
    """Times of values are plausible by the clock that the connector has."""

    name = "Plausible timestamps"
    limit = (
        f"at most {LATE_S:g} s old, {OUTAGE_S:g} s after an outage of the "
        "broker, by the stepped clock"
    )

    def __init__(self) -> None:
        super().__init__()
        self.judged = 0
        self._offsets: deque[tuple[float, float]] = deque([(-math.inf, 0.0)])
        self._outage_at = -math.inf

    def step(self, at: float, offset_s: float) -> None:
        """The connector's clock was set to so much ahead of the true one."""
        self._offsets.append((at, offset_s))
        while len(self._offsets) > 1 and self._offsets[1][0] < at - OUTAGE_S:
            self._offsets.popleft()

    def broker_disturbed(self, at: float) -> None:
        """The broker does not take values at this moment."""
        self._outage_at = at

    def judge(
        self, at: float, unix_at: float, key: str, timestamp_ms: int
    ) -> None:
        """A value came at a moment, with the time of its datagram."""
        self.judged += 1
        is_calm = at - self._outage_at > OUTAGE_S
        most_s = LATE_S if is_calm else OUTAGE_S
        ages = [
            unix_at + offset_s - timestamp_ms / 1000
            for offset_s in self._offsets_since(at - most_s)
        ]
        if not any(-EARLY_S <= age_s <= most_s for age_s in ages):
            nearest_s = min(ages, key=abs)
            self.breach(at, f"{key} is {nearest_s:.1f} s old")

    def _offsets_since(self, moment: float) -> list[float]:
        """Return the offsets that were in force since a moment."""
        ends = [*(at for at, _ in self._offsets), math.inf][1:]
        return [
            offset_s
            for (_, offset_s), end in zip(self._offsets, ends, strict=True)
            if end >= moment
        ]

    @property
    def is_judged(self) -> bool:
        """Whether there was a value."""
        return self.judged > 0

    def measured(self) -> str:
        """Return how many were judged."""
        return f"{self.judged} timestamps"
