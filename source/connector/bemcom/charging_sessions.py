"""Finished charging sessions, from reports 100 to 130.

Report 100 is the latest session; 101 to 130 are the finished ones, newest
first (UDP guide V2.01, pages 19 to 21). Each finished session is published
once in a run of the connector, with the moment of its end as timestamp. The
next run publishes it again: where the station has a clock the timestamp is the
same. Where it has none, its uptime gives a moment that may differ by a second
or two; and where nobody knows the end, the timestamp is that of the arrival.
`id` tells then that it is the same session.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from connector.keba.protocol.fields import LATEST_SESSION, SESSION_REPORTS
from connector.keba.protocol.messages import Value
from connector.keba.protocol.numbers import whole_number

NEWEST_FINISHED = SESSION_REPORTS[1]
OLDEST_FINISHED = SESSION_REPORTS[-1]

UNIX_TIME_FROM = 1_000_000_000
"""Smaller times count the seconds since the station has started."""

UNIX_TIME_TO = 2**32
"""Times are uint32 (UDP guide V2.01, page 20)."""

_REASONS: Mapping[object, str] = {0: "running", 1: "unplugged", 10: "rfid"}
_QUALITIES: Mapping[object, str] = {
    0: "none",
    1: "not_synchronised",
    2: "weak",
    3: "strong",
    "X": "strong",
}
BY_UPTIME = "uptime"


class FinishedSession(NamedTuple):
    """One finished session, by the keys behind ``<station>__session__``.

    Its end is in ms since 1970 UTC; None where nobody knows.
    """

    values: Mapping[str, Value]
    ended_at_ms: int | None


@dataclass(slots=True)
class SessionBook:
    """Which sessions of one station are known, and which to ask for.

    From the latest session the way leads back to older ones, report by report.
    Without a clock, times count from the start of the station, and only their
    order tells from which one: a session that ended later than a newer one
    began is of an earlier run of the station, and so are all before it.
    """

    _published: set[int] = field(default_factory=set)
    _waiting: dict[int, FinishedSession] = field(default_factory=dict)
    _latest: int | None = None
    _next_report: int = NEWEST_FINISHED
    _is_under_way: bool = False
    _newer_began_s: float = math.inf
    _has_left_this_run: bool = False

    def take(
        self, number: int, fields: Mapping[str, Value], arrived_at_ms: int
    ) -> int | None:
        """Take a report 100 to 130; return the number of the one to ask for.

        None when nothing is missing.
        """
        session_id = whole_number(fields.get("Session ID"))
        if session_id is None:
            self.give_up(number)
            return None
        # Without the uptime, times that count from it stay unknown.
        without_uptime = {**fields, "Sec": None}
        if number == LATEST_SESSION:
            self._note(session_id, fields, arrived_at_ms)
            if session_id != self._latest:
                self._begin(session_id, fields)
        elif number == self._next_report:
            is_known = session_id == 0 or session_id in self._published
            is_of_this_run = self._reach(session_id, fields)
            trusted = fields if is_of_this_run else without_uptime
            self._note(session_id, trusted, arrived_at_ms)
            self._is_under_way = not is_known and number < OLDEST_FINISHED
        else:
            # One out of turn is no evidence, and its uptimes are not trusted.
            self._note(session_id, without_uptime, arrived_at_ms)
            return None
        return self._next_report if self._is_under_way else None

    def give_up(self, number: int) -> None:
        """End the way back: this report does not come."""
        if number == self._next_report:
            self._is_under_way = False

    def finished(self) -> list[FinishedSession]:
        """Return the sessions to publish now, oldest first.

        None while older ones are on their way.
        """
        if self._is_under_way:
            return []
        ready = [self._waiting[key] for key in sorted(self._waiting)]
        self._published.update(self._waiting)
        self._waiting.clear()
        return ready

    def _begin(self, latest: int, fields: Mapping[str, Value]) -> None:
        """Begin the way back anew, at report 100."""
        self._latest = latest
        self._next_report = NEWEST_FINISHED
        self._is_under_way = True
        self._newer_began_s = math.inf
        # All zeros: nothing was charged since the station has started.
        self._has_left_this_run = latest == 0
        self._pass(fields)

    def _reach(self, session_id: int, fields: Mapping[str, Value]) -> bool:
        """Go on by one report; tell whether it is of this run."""
        self._next_report += 1
        if session_id == self._latest:
            # Report 101 repeats report 100 until the next session begins.
            return True
        ended_s = _uptime_s(fields, "ended[s]")
        if ended_s is not None and ended_s > self._newer_began_s:
            self._has_left_this_run = True
        is_of_this_run = not self._has_left_this_run
        self._pass(fields)
        return is_of_this_run

    def _pass(self, fields: Mapping[str, Value]) -> None:
        began_s = _uptime_s(fields, "started[s]")
        uptime_s = whole_number(fields.get("Sec"))
        if began_s is None:
            return
        self._newer_began_s = began_s
        if uptime_s is not None and began_s > uptime_s:
            # A running session may outlive a restart of the station.
            self._has_left_this_run = True

    def _note(
        self, session_id: int, fields: Mapping[str, Value], arrived_at_ms: int
    ) -> None:
        # A running one has 0 in both, as number or as text.
        is_running = not any(
            whole_number(fields.get(key)) for key in ("ended[s]", "reason")
        )
        is_known = session_id in self._published or session_id in self._waiting
        if session_id == 0 or is_running or is_known:
            return
        self._waiting[session_id] = FinishedSession(
            session_values(fields, arrived_at_ms),
            _moment_ms(fields, "ended[s]", arrived_at_ms),
        )


def session_values(
    fields: Mapping[str, Value], arrived_at_ms: int
) -> dict[str, Value]:
    """Return what a session report means, as far as it is known.

    By the keys behind ``<station>__session__``; empty without a session. The
    report came at `arrived_at_ms`, in ms since 1970 UTC.
    """
    session_id = whole_number(fields.get("Session ID"))
    if not session_id:
        return {}
    reason = _known_number(fields.get("reason"))
    energy_dwh = whole_number(fields.get("E pres"))
    values: dict[str, Value] = {
        "id": session_id,
        "energy": None if energy_dwh is None else energy_dwh / 10_000,
        "started": _iso(_moment_ms(fields, "started[s]", arrived_at_ms)),
        "ended": _iso(_moment_ms(fields, "ended[s]", arrived_at_ms)),
        "reason": _REASONS.get(reason, reason),
        "tag": fields.get("RFID tag"),
        "time_quality": _quality(fields),
    }
    return {key: value for key, value in values.items() if value is not None}


def _moment_ms(
    fields: Mapping[str, Value], key: str, arrived_at_ms: int
) -> int | None:
    """Return a moment in ms since 1970, None where nobody can know it.

    Without a clock the station counts from its start; its uptime tells when
    that was, unless it has started anew since.
    """
    seconds, uptime_s = _seconds(fields, key), whole_number(fields.get("Sec"))
    if seconds is None or not 0 < seconds < UNIX_TIME_TO:
        return None
    if seconds >= UNIX_TIME_FROM:
        return seconds * 1000
    if uptime_s is None or not seconds <= uptime_s < UNIX_TIME_FROM:
        return None
    return arrived_at_ms - (uptime_s - seconds) * 1000


def _uptime_s(fields: Mapping[str, Value], key: str) -> int | None:
    """Return a time that counts from the start of the station."""
    seconds = _seconds(fields, key)
    if seconds is None or not 0 < seconds < UNIX_TIME_FROM:
        return None
    return seconds


def _seconds(fields: Mapping[str, Value], key: str) -> int | None:
    """Return a time in s, also where it is a text in ms.

    Firmware before 3.9 was seen to write ``"<uptime>000"`` (SMARTFOX notes).
    """
    value = fields.get(key)
    seconds, uptime_s = whole_number(value), whole_number(fields.get("Sec"))
    if seconds is None or not isinstance(value, str):
        return seconds
    is_uptime = seconds < UNIX_TIME_FROM
    is_too_late = uptime_s is not None and seconds > uptime_s
    is_in_ms = seconds >= UNIX_TIME_TO or (is_uptime and is_too_late)
    if is_in_ms and seconds % 1000 == 0:
        return seconds // 1000
    return seconds


def _quality(fields: Mapping[str, Value]) -> Value:
    seconds = _seconds(fields, "started[s]")
    if seconds is not None and seconds < UNIX_TIME_FROM:
        return BY_UPTIME
    quality = _known_number(fields.get("timeQ"))
    return _QUALITIES.get(quality, quality)


def _iso(moment_ms: int | None) -> str | None:
    if moment_ms is None:
        return None
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _known_number(value: Value) -> Value:
    """Read a number that may be written as text, and leave other texts."""
    number = whole_number(value)
    return value if number is None else number
