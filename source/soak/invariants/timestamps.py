"""The time beside each value is that of its datagram.

It is near the moment at which the value comes, and never before that of the
value before it.
"""

from __future__ import annotations

import math
from collections import deque

from soak.invariants.breach import Invariant

EARLY_S = 1.0
REPORT_LATE_S = 2.0
"""Fields of reports are told at once, but a machine may be busy."""
LATE_S = 10.0
OUTAGE_S = 60.0
"""What was kept for a broker that was away may be so old."""


class Timestamps(Invariant):
    """Times of values are plausible by the clock that the connector has.

    On each topic they never go backwards, either. Excused is what a step of
    the clock or a new process brings, and one step back for each outage of the
    broker: what it has not provably read is published once more, in order.
    """

    name = "Plausible timestamps"
    limit = (
        f"fields of reports at most {REPORT_LATE_S:g} s old, others "
        f"{LATE_S:g} s, within {OUTAGE_S:g} s after an outage of the broker "
        f"{OUTAGE_S:g} s, none more than {EARLY_S:g} s ahead, by the stepped "
        "clock; never backwards on a topic but once after each outage of the "
        "broker"
    )

    def __init__(self) -> None:
        super().__init__()
        self.judged = 0
        self._offsets: deque[tuple[float, float]] = deque([(-math.inf, 0.0)])
        self._outage_at = -math.inf
        self._newest_ms: dict[str, int] = {}
        self._sent_again: set[str] = set()
        self._oldest_report_s = 0.0
        self._started_at = -math.inf

    def connector_started(self, at: float) -> None:
        """A new process tells again what it finds, such as ended sessions."""
        self._newest_ms.clear()
        self._started_at = at

    def step(self, at: float, offset_s: float) -> None:
        """The connector's clock was set to so much ahead of the true one."""
        self._newest_ms.clear()
        self._offsets.append((at, offset_s))
        while len(self._offsets) > 1 and self._offsets[1][0] < at - OUTAGE_S:
            self._offsets.popleft()

    def broker_disturbed(self, at: float) -> None:
        """The broker does not take values at this moment."""
        self._outage_at = at
        self._sent_again.clear()

    def judge(
        self, at: float, unix_at: float, key: str, timestamp_ms: int
    ) -> None:
        """A value came at a moment, with the time of its datagram."""
        self.judged += 1
        is_calm = at - self._outage_at > OUTAGE_S
        is_report = key.split("__")[1].startswith("report ")
        usual_s = REPORT_LATE_S if is_report else LATE_S
        most_s = usual_s if is_calm else OUTAGE_S
        ages = [
            unix_at + offset_s - timestamp_ms / 1000
            for offset_s in self._offsets_since(at - most_s)
        ]
        nearest_s = min(ages, key=abs)
        if not any(-EARLY_S <= age_s <= most_s for age_s in ages):
            self.breach(at, f"{key} is {nearest_s:.1f} s old")
        elif is_calm and is_report:
            self._oldest_report_s = max(self._oldest_report_s, nearest_s)
        self._judge_order(at, key, timestamp_ms, is_calm=is_calm)

    def _judge_order(
        self, at: float, key: str, timestamp_ms: int, *, is_calm: bool
    ) -> None:
        window_s = LATE_S if is_calm else OUTAGE_S
        is_settled = self._started_at < at - window_s
        if not is_settled or len(self._offsets_since(at - window_s)) > 1:
            # Which process sent it, or by which clock, nobody can tell.
            return
        before_ms = self._newest_ms.get(key, timestamp_ms)
        self._newest_ms[key] = timestamp_ms
        if timestamp_ms >= before_ms:
            return
        if not is_calm and key not in self._sent_again:
            self._sent_again.add(key)
            return
        back_s = (before_ms - timestamp_ms) / 1000
        self.breach(at, f"{key} goes {back_s:.3f} s backwards")

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
        return self.judged > 0

    def measured(self) -> str:
        return (
            f"{self.judged} timestamps, without outages fields of reports at "
            f"most {self._oldest_report_s:.1f} s old"
        )
