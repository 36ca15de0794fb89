"""Keeping ``<name>/status`` true: the rule, without a socket or a clock.

Whatever an old session's last will or another instance says there, the topic
says ``online`` while this connector is. Each message names the instance that
wrote it, so a connector knows its own messages when they come back. Two
instances under one name do not answer each other for ever: each answers an
``offline``, of which there are as many as connections that end, and the first
``online`` of an instance that it did not know.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from pyconnector_template.json_text import json_object, to_json

ONLINE, OFFLINE = "online", "offline"


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
