"""What is wrong between connector, broker and BEMCom at the moment.

Plain values, for whoever publishes or shows them.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .json_text import timestamp_utc_now


class Cause(StrEnum):
    """What can be wrong."""

    BROKER_LOGIN = "broker_login"
    BROKER_TLS = "broker_tls"
    SUBSCRIPTION_REFUSED = "subscription_refused"
    """Also where the broker says yes and delivers nothing."""
    NAME_USED_TWICE = "name_used_twice"
    NO_MAP = "no_map"
    WRONG_NAME = "wrong_name"
    NOTHING_ACTIVE = "nothing_active"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong since a moment, in milliseconds since 1970 UTC.

    The evidence is in words; it may be empty.
    """

    cause: Cause
    since_ms: int
    evidence: str


class Findings:
    """All that is wrong at the moment; may be used by any thread."""

    def __init__(self, clock: Callable[[], int] = timestamp_utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._by_cause: dict[Cause, Finding] = {}

    def note(self, cause: Cause, evidence: str = "") -> None:
        """Add a finding; one that goes on keeps its beginning."""
        with self._lock:
            known = self._by_cause.get(cause)
            since_ms = known.since_ms if known else self._clock()
            self._by_cause[cause] = Finding(cause, since_ms, evidence)

    def keep(self, cause: Cause, evidence: str = "", *, is_true: bool) -> None:
        """Note what is true, clear what is not."""
        if is_true:
            self.note(cause, evidence)
        else:
            self.clear(cause)

    def clear(self, *causes: Cause) -> None:
        """Remove findings that are no longer true."""
        with self._lock:
            for cause in causes:
                self._by_cause.pop(cause, None)

    def current(self) -> tuple[Finding, ...]:
        """What is wrong now, the oldest first."""
        with self._lock:
            return tuple(self._by_cause.values())
