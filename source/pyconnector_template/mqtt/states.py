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
from dataclasses import dataclass

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
DUTY = 0.05
"""While the first poll of a large fleet comes in, nearly each report has new
keys: announcements that take long to make must not take all the time."""


class Topics:
    """The topics of a connector beside those of its values."""

    def __init__(self, name: str) -> None:
        self.logs = f"{name}/logs"
        self.heartbeat = f"{name}/heartbeat"
        self.available_datapoints = f"{name}/available_datapoints"
        self.datapoint_map = f"{name}{DATAPOINT_MAP}"
        self.raw_message_to_db = f"{name}/raw_message_to_db"
        # Ours, beside BEMCom's.
        self.status = f"{name}/status"
        self.echo = f"{name}/echo"


@dataclass
class _State:
    """One retained message: how it is made, and when it may leave again."""

    make: Callable[[], str]
    pause_s: float = 0.0
    is_due: bool = False
    next_at: float = 0.0


class States:
    """The retained messages of one connector; belongs to the link's thread.

    `others` are versions of the other instances that are online.
    """

    def __init__(
        self,
        topics: Topics,
        version: str,
        announcement: Callable[[], str],
        instance: str | None = None,
    ) -> None:
        self._version = version
        self._instance = instance or secrets.token_hex(8)
        self.others: dict[str, str] = {}
        self._status = _State(lambda: self.status(ONLINE), STATUS_INTERVAL_S)
        self._datapoints = _State(announcement, ANNOUNCEMENT_INTERVAL_S)
        self._by_topic = {
            topics.status: self._status,
            topics.available_datapoints: self._datapoints,
        }

    def note_connected(self) -> None:
        """Begin anew: all that was retained may be lost, and others gone.

        But the status, which is the first that is said on a connection.
        """
        self.others.clear()
        for state in self._by_topic.values():
            if state is not self._status:
                state.is_due, state.next_at = True, 0.0

    def keep(self, topic: str, payload: str) -> None:
        """Send a state soon; a newer one replaces it."""
        self._by_topic[topic] = _State(lambda: payload, is_due=True)

    def answer(self) -> None:
        """Say soon that we are online."""
        self._status.is_due = True

    def announce(self) -> None:
        """Send the available datapoints soon; any thread may ask for it."""
        self._datapoints.is_due = True

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
            self.answer()
            return
        instance = str(message.get("instance", ""))
        is_online = message.get("status") == ONLINE
        if instance == self._instance:
            # Offline: the last will of our own connection before this one.
            self._status.is_due |= not is_online
        elif not is_online:
            self.others.pop(instance, None)
            self.answer()
            # It may have put its own datapoints in the place of ours.
            self.announce()
        elif is_retained:
            self.answer()
        else:
            # The other one has to learn of us, too.
            self._status.is_due |= instance not in self.others
            self.others[instance] = str(message.get("version", "unknown"))

    def take_due(self, now: float) -> Iterator[tuple[str, str]]:
        """Yield topics and payloads of what is to be sent now."""
        for topic, state in self._by_topic.items():
            if state.is_due and now >= state.next_at:
                state.is_due = False
                began_at = time.monotonic()
                payload = state.make()
                took_s = time.monotonic() - began_at
                state.next_at = now + max(state.pause_s, took_s / DUTY)
                yield topic, payload

    def next_due_at(self) -> float:
        """When `take_due` has something; infinity if nothing waits."""
        states = self._by_topic.values()
        return min(
            (state.next_at for state in states if state.is_due),
            default=math.inf,
        )
