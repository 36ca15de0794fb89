"""What a connector says about itself, retained, and when it is due.

A broker may forget what it retained, so all of it is sent again after each
CONNACK: the available datapoints, and each state in its newest form.

The status is kept true: whatever an old session's last will or another
instance says there, the topic says ``online`` while this connector is. Each
message names the instance that wrote it, so a connector knows its own messages
when they come back. Two instances under one name do not answer each other for
ever: each answers an ``offline``, of which there are as many as connections
that end, and the first ``online`` of an instance that it did not know.
"""

import math
import secrets
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pyconnector_template.json_text import (
    json_object,
    timestamp_utc_now,
    to_json,
)

ONLINE, OFFLINE = "online", "offline"

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


class Reaction(NamedTuple):
    """What is to be done about a message on the status topic."""

    must_answer: bool = False
    """Say ``online`` (again)."""
    must_announce: bool = False
    """Publish the available datapoints again: another instance may have put
    its own in their place."""


class Status:
    """What this connector and others say on its status topic."""

    def __init__(self, version: str, instance: str | None = None) -> None:
        self._version = version
        self._instance = instance or secrets.token_hex(8)
        self._others: dict[str, str] = {}

    def message(self, state: str, timestamp_ms: int) -> str:
        return to_json(
            {
                "status": state,
                "timestamp": timestamp_ms,
                "version": self._version,
                "instance": self._instance,
            }
        )

    @property
    def others(self) -> tuple[str, ...]:
        """Versions of the other instances that are online."""
        return tuple(self._others.values())

    def forget_others(self) -> None:
        """Begin anew: nobody knows who is there after a broken connection."""
        self._others.clear()

    def receive(
        self, payload: bytes | bytearray, *, is_retained: bool
    ) -> Reaction:
        """Take a message on the status topic.

        One that is retained was there before: it proves no other instance.
        Connectors before 1.2 name no instance; they count as one.
        """
        try:
            message = json_object(payload)
        except ValueError:
            # Cleared, or nonsense: readers must not find that.
            return Reaction(must_answer=True)
        instance = str(message.get("instance", ""))
        is_online = message.get("status") == ONLINE
        if instance == self._instance:
            # Offline: the last will of our own connection before this one.
            return Reaction(must_answer=not is_online)
        if not is_online:
            self._others.pop(instance, None)
            return Reaction(must_answer=True, must_announce=True)
        if is_retained:
            return Reaction(must_answer=True)
        is_known = instance in self._others
        self._others[instance] = str(message.get("version", "unknown"))
        # The other one has to learn of us, too.
        return Reaction(must_answer=not is_known)


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

    def take_status(
        self, payload: bytes | bytearray, *, is_retained: bool
    ) -> None:
        """Take a message on the status topic, see `Status`."""
        reaction = self._status.receive(payload, is_retained=is_retained)
        self._must_answer |= reaction.must_answer
        self._must_announce |= reaction.must_announce

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
