"""What is published: valid JSON, true heartbeats, few log rows."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from typing import Any

from soak.events import (
    BrokerAway,
    ClockStepped,
    Event,
    FaultBegan,
    Started,
    Tick,
    Told,
)
from soak.invariants.breach import Invariant


def _finite(text: str) -> float:
    # 1e999 is JSON by grammar, NaN is not; neither is a number to be kept.
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number that can be kept")
    return number


_STRICT = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


class Payloads(Invariant):
    """All payloads are objects in valid JSON; none is empty."""

    name = "Payloads on MQTT"
    limit = "valid JSON without NaN, never empty"

    def judge(self, at: float, topic: str, payload: bytes) -> Any:
        """Look at a message; return what it says, None if it is unusable."""
        self.judged += 1
        try:
            content = _STRICT.decode(payload.decode("utf-8"))
        except ValueError as error:
            self.breach(at, f"{topic}: {error}: {payload[:80]!r}")
            return None
        if not isinstance(content, dict):
            self.breach(at, f"{topic}: no object: {payload[:80]!r}")
            return None
        return content

    def judge_value(self, at: float, topic: str, content: Any) -> bool:
        """Look at a value message; tell whether it can be used."""
        is_right = content.keys() == {"value", "timestamp"} and isinstance(
            content["timestamp"], int
        )
        if not is_right:
            self.breach(at, f"{topic}: no value message: {content}")
        return is_right

    def measured(self) -> str:
        return f"{self.judged} messages"


LATE_HEARTBEAT_S = 1.0
"""For the way of a heartbeat on a busy machine."""


class Heartbeats(Invariant):
    """The next heartbeat comes when the last one has promised it.

    Only while the broker is up and the process was not killed: a promise
    says nothing about that.
    """

    sees = (BrokerAway, Started, FaultBegan, Tick, Told)
    name = "Heartbeats keep their promise"
    limit = f"the next one within the promised time and {LATE_HEARTBEAT_S:g} s"

    def __init__(self) -> None:
        super().__init__()
        self._promised_at: float | None = None
        self._closest_s = math.inf

    def see(self, event: Event) -> None:
        match event:
            case BrokerAway() | Started():
                self._promised_at = None
            case FaultBegan(phase=phase) if phase.kind.family == "process":
                self._promised_at = None
            case Tick(at=at):
                self._look(at)
            case Told(what="heartbeat", content=content):
                self._look(event.at)
                if self._promised_at is not None:
                    self.judged += 1
                    early_s = self._promised_at - event.at
                    self._closest_s = min(self._closest_s, early_s)
                span_ms = (
                    content["next_heartbeats_timestamp"]
                    - content["this_heartbeats_timestamp"]
                )
                self._promised_at = event.at + span_ms / 1000

    def _look(self, now: float) -> None:
        """Complain about a promise that was broken."""
        promised_at = self._promised_at
        if promised_at is not None and now > promised_at + LATE_HEARTBEAT_S:
            self.breach(now, f"{now - promised_at:.1f} s later than promised")
            self._promised_at = None

    def measured(self) -> str:
        if not self.judged:
            return "none fell due undisturbed"
        return f"{self.judged} kept, the closest {self._closest_s:.1f} s early"


_ABOUT_MESSAGES = re.compile(
    r"TCH-OK|TCH-ERR|confirmed|did not answer (ena|curr|currtime) "
    r"|Refused a value|Ignored a|datapoint_map|Too many commands"
    r"|somebody else has changed"
)
"""What somebody has written is answered by a row: who writes decides how many.
"""

AT_ONCE = 200
PER_SECOND = 2.0
"""The connector's own promise: a hundred at once, then one a second; and as
many warnings."""

ROWS_PER_START = 10
ROWS_PER_STATION_AND_FAULT = 2
ROWS_PER_FAULT = 4
ROWS_PER_HOUR = 20

REPEATED_WITHIN_S = 60.0
ROWS_REMEMBERED = 1_000
"""What a broker has not provably read is published once more when it is back.
"""


class LogRows(Invariant):
    """Rows of the log are few: each stays in BEMCom's database for ever.

    A row about a message or a command is the answer to who wrote it. All
    others are about faults: each fault may cost a few for each station that
    it touches, each start a few and one for each station. A row that is
    published once more because the broker came back counts once.
    """

    sees = (Started, ClockStepped, FaultBegan, BrokerAway, Told)
    name = "Log rows"
    limit = (
        f"in all {AT_ONCE} per start or step of the clock, then "
        f"{PER_SECOND:g}/s; not about messages: "
        f"{ROWS_PER_STATION_AND_FAULT} per station and fault, "
        f"{ROWS_PER_FAULT} per fault, "
        f"{ROWS_PER_START} and one per station for each start, "
        f"{ROWS_PER_HOUR} and {ROWS_PER_HOUR}/h; those published once more "
        "after an outage of the broker count once"
    )

    def __init__(self, stations: int) -> None:
        super().__init__()
        self.about_faults = 0
        self._stations = stations
        self._begun_at: float | None = None
        self._now = 0.0
        self._bursts = 0
        self._allowed = float(ROWS_PER_HOUR)
        self._outage_at = -math.inf
        self._seen: deque[tuple[str, int]] = deque(maxlen=ROWS_REMEMBERED)

    def see(self, event: Event) -> None:
        match event:
            case Started(at=at):
                if self._begun_at is None:
                    self._begun_at = self._now = at
                self._bursts += 1
                self._allowed += ROWS_PER_START + self._stations
            case ClockStepped():
                # The connector's bucket may be full again.
                self._bursts += 1
            case FaultBegan(phase=phase):
                touched = len(phase.stations)
                self._allowed += ROWS_PER_FAULT
                self._allowed += ROWS_PER_STATION_AND_FAULT * touched
            case BrokerAway(at=at):
                self._outage_at = at
            case Told(at=at, what="logs", content=row):
                self._judge(at, row["msg"], row["timestamp"])

    def _judge(self, at: float, text: str, timestamp_ms: int) -> None:
        is_known = (text, timestamp_ms) in self._seen
        self._seen.append((text, timestamp_ms))
        if is_known and at - self._outage_at <= REPEATED_WITHIN_S:
            return
        self.judged += 1
        self._now = at
        most = self._bursts * AT_ONCE + PER_SECOND * self._elapsed_s
        if self.judged > most:
            self.breach(at, f"row {self.judged}, at most {most:.0f}: {text}")
        if _ABOUT_MESSAGES.search(text):
            return
        self.about_faults += 1
        most = self._most_about_faults
        if self.about_faults > most:
            self.breach(
                at,
                f"row {self.about_faults} that is not about a message, at "
                f"most {most:.0f}: {text}",
            )

    @property
    def _elapsed_s(self) -> float:
        return 0.0 if self._begun_at is None else self._now - self._begun_at

    @property
    def _most_about_faults(self) -> float:
        """How many rows may not be about messages by now."""
        return self._allowed + ROWS_PER_HOUR * self._elapsed_s / 3600

    def measured(self) -> str:
        hours = max(self._elapsed_s, 1.0) / 3600
        return (
            f"{self.judged / hours:.0f}/h in all, "
            f"{self.about_faults / hours:.0f}/h not about messages "
            f"({self.about_faults} of at most {self._most_about_faults:.0f})"
        )
