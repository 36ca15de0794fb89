"""The time beside each value is that of its datagram.

It is near the moment at which the value comes, and never before that of the
value before it.
"""

from __future__ import annotations

import math
from collections import deque

from soak.events import BrokerAway, ClockStepped, Event, Started, Value
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

    sees = (Started, ClockStepped, BrokerAway, Value)
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
        self._offsets: deque[tuple[float, float]] = deque([(-math.inf, 0.0)])
        self._outage_at = -math.inf
        self._newest_ms: dict[str, int] = {}
        self._sent_again: set[str] = set()
        self._oldest_report_s = 0.0
        self._started_at = -math.inf

    def see(self, event: Event) -> None:
        match event:
            case Started(at=at):
                # It tells again what it finds, such as ended sessions.
                self._newest_ms.clear()
                self._started_at = at
            case ClockStepped(at=at, offset_s=offset_s):
                self._newest_ms.clear()
                self._offsets.append((at, offset_s))
                while self._offsets[1][0] < at - OUTAGE_S:
                    self._offsets.popleft()
            case BrokerAway(at=at):
                self._outage_at = at
                self._sent_again.clear()
            case Value():
                self._judge(event)

    def _judge(self, one: Value) -> None:
        self.judged += 1
        is_calm = one.at - self._outage_at > OUTAGE_S
        is_report = one.group.startswith("report ")
        usual_s = REPORT_LATE_S if is_report else LATE_S
        most_s = usual_s if is_calm else OUTAGE_S
        ages = [
            one.age_s + offset_s
            for offset_s in self._offsets_since(one.at - most_s)
        ]
        nearest_s = min(ages, key=abs)
        if not any(-EARLY_S <= age_s <= most_s for age_s in ages):
            self.breach(one.at, f"{one.key} is {nearest_s:.1f} s old")
        elif is_calm and is_report:
            self._oldest_report_s = max(self._oldest_report_s, nearest_s)
        self._judge_order(one, is_calm=is_calm)

    def _judge_order(self, one: Value, *, is_calm: bool) -> None:
        window_s = LATE_S if is_calm else OUTAGE_S
        is_settled = self._started_at < one.at - window_s
        if not is_settled or len(self._offsets_since(one.at - window_s)) > 1:
            # Which process sent it, or by which clock, nobody can tell.
            return
        back_ms = self._newest_ms.get(one.key, 0) - one.timestamp_ms
        self._newest_ms[one.key] = one.timestamp_ms
        if back_ms <= 0:
            return
        if not is_calm and one.key not in self._sent_again:
            self._sent_again.add(one.key)
            return
        self.breach(one.at, f"{one.key} goes {back_ms / 1000:.3f} s backwards")

    def _offsets_since(self, moment: float) -> list[float]:
        """Return the offsets that were in force since a moment."""
        ends = [*(at for at, _ in self._offsets), math.inf][1:]
        return [
            offset_s
            for (_, offset_s), end in zip(self._offsets, ends, strict=True)
            if end >= moment
        ]

    def measured(self) -> str:
        return (
            f"{self.judged} timestamps, without outages fields of reports at "
            f"most {self._oldest_report_s:.1f} s old"
        )
