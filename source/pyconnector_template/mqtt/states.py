"""What a connector says about itself, retained, and when it is due.

A broker may forget what it retained, so all of it is sent again after each
CONNACK: the available datapoints, and each state in its newest form. The
status is answered when others overwrite it, see `status`.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from pyconnector_template.json_text import timestamp_utc_now

from .status import ONLINE, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATAPOINT_MAP = "/datapoint_map"
ALL_MAPS = f"+{DATAPOINT_MAP}"

STATUS_INTERVAL_S = 1.0
"""However many others say `offline`: each answer is a message for all."""

ANNOUNCEMENT_INTERVAL_S = 0.1
ANNOUNCEMENT_DUTY = 0.05
"""While the first poll of a large fleet comes in, nearly each report has new
keys: announcements that take long to make must not take all the time."""


class Topics:
    """The topics of a connector beside those of its values (contract, 1)."""

    def __init__(self, name: str) -> None:
        self.logs = f"{name}/logs"
        self.heartbeat = f"{name}/heartbeat"
        self.available_datapoints = f"{name}/available_datapoints"
        self.datapoint_map = f"{name}{DATAPOINT_MAP}"
        self.raw_message_to_db = f"{name}/raw_message_to_db"
        # Ours, beside BEMCom's.
        self.status = f"{name}/status"
        self.echo = f"{name}/echo"


class States:
    """The retained messages of one connector; belongs to the link's thread.

    Parameters
    ----------
    announcement
        Makes the current available datapoints, as JSON.
    """

    def __init__(
        self,
        topics: Topics,
        status: Status,
        announcement: Callable[[], str],
    ) -> None:
        self._topics = topics
        self._status = status
        self._announcement = announcement
        self._newest: dict[str, str] = {}
        self._unsent: dict[str, None] = {}
        self._must_answer = False
        self._next_answer_at = 0.0
        self._must_announce = False
        self._next_announcement_at = 0.0

    def note_connected(self) -> None:
        """Learn of a CONNACK: all that was retained may be lost."""
        self._unsent = dict.fromkeys(self._newest)
        self._must_announce = True
        self._next_announcement_at = 0.0

    def keep(self, topic: str, payload: str) -> None:
        """Send a state soon; a newer one replaces it."""
        self._newest[topic] = payload
        self._unsent[topic] = None

    def announce(self) -> None:
        """Send the available datapoints soon, and many changes as one."""
        self._must_announce = True

    def answer(self) -> None:
        """Say soon that this connector is online."""
        self._must_answer = True

    def take_due(self, now: float) -> Iterator[tuple[str, str]]:
        """Yield topics and payloads of what is to be sent now."""
        if self._must_answer and now >= self._next_answer_at:
            self._must_answer = False
            self._next_answer_at = now + STATUS_INTERVAL_S
            online = self._status.message(ONLINE, timestamp_utc_now())
            yield self._topics.status, online
        unsent, self._unsent = self._unsent, {}
        for topic in unsent:
            yield topic, self._newest[topic]
        if self._must_announce and now >= self._next_announcement_at:
            self._must_announce = False
            payload = self._announcement()
            took_s = time.monotonic() - now
            self._next_announcement_at = now + max(
                ANNOUNCEMENT_INTERVAL_S, took_s / ANNOUNCEMENT_DUTY
            )
            yield self._topics.available_datapoints, payload

    def next_due_at(self) -> float:
        """When `take_due` has something; infinity if nothing waits."""
        if self._unsent:
            return -math.inf
        answer_at = self._next_answer_at if self._must_answer else math.inf
        if not self._must_announce:
            return answer_at
        return min(answer_at, self._next_announcement_at)
