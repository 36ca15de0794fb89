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


class States:
    """The retained messages of one connector; belongs to the link's thread.

    Attributes
    ----------
    must_answer
        Whether to say ``online`` (again) soon.
    must_announce
        Whether to send the available datapoints soon. Many changes are one
        announcement; any thread may set it.
    others
        Versions of the other instances that are online, by instance.
    """

    def __init__(
        self,
        topics: Topics,
        version: str,
        announcement: Callable[[], str],
        instance: str | None = None,
    ) -> None:
        self._topics = topics
        self._version = version
        self._announcement = announcement
        self._instance = instance or secrets.token_hex(8)
        self.others: dict[str, str] = {}
        self._newest: dict[str, str] = {}
        self._unsent: dict[str, None] = {}
        self.must_answer = False
        self._next_answer_at = 0.0
        self.must_announce = False
        self._next_announcement_at = 0.0

    def note_connected(self) -> None:
        """Begin anew: all that was retained may be lost, and others gone."""
        self.others.clear()
        self._unsent = dict.fromkeys(self._newest)
        self.must_announce = True
        self._next_announcement_at = 0.0

    def keep(self, topic: str, payload: str) -> None:
        """Send a state soon; a newer one replaces it."""
        self._newest[topic] = payload
        self._unsent[topic] = None

    def status(self, state: str) -> str:
        """Return the message that says `ONLINE` or `OFFLINE`."""
        return to_json(
            {
                "status": state,
                "timestamp": timestamp_utc_now(),
                "version": self._version,
                "instance": self._instance,
            }
        )

    def take_status(
        self, payload: bytes | bytearray, *, is_retained: bool
    ) -> None:
        """Take a message on the status topic.

        One that is retained was there before: it proves no other instance.
        Connectors before 1.2 name no instance; they count as one.
        """
        try:
            message = json_object(payload)
        except ValueError:
            # Cleared, or nonsense: readers must not find that.
            self.must_answer = True
            return
        instance = str(message.get("instance", ""))
        is_online = message.get("status") == ONLINE
        if instance == self._instance:
            # Offline: the last will of our own connection before this one.
            self.must_answer |= not is_online
        elif not is_online:
            self.others.pop(instance, None)
            self.must_answer = True
            # It may have put its own datapoints in the place of ours.
            self.must_announce = True
        elif is_retained:
            self.must_answer = True
        else:
            # The other one has to learn of us, too.
            self.must_answer |= instance not in self.others
            self.others[instance] = str(message.get("version", "unknown"))

    def take_due(self, now: float) -> Iterator[tuple[str, str]]:
        """Yield topics and payloads of what is to be sent now."""
        if self.must_answer and now >= self._next_answer_at:
            self.must_answer = False
            self._next_answer_at = now + STATUS_INTERVAL_S
            yield self._topics.status, self.status(ONLINE)
        unsent, self._unsent = self._unsent, {}
        for topic in unsent:
            yield topic, self._newest[topic]
        if self.must_announce and now >= self._next_announcement_at:
            self.must_announce = False
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
        return min(
            self._next_answer_at if self.must_answer else math.inf,
            self._next_announcement_at if self.must_announce else math.inf,
        )
