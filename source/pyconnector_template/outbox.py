"""What waits for the broker, and what it has not provably read yet."""

from __future__ import annotations

import threading
from collections import deque
from enum import Enum
from typing import NamedTuple


class Lane(Enum):
    """Kinds of messages: in this order they leave."""

    MOMENTARY = "momentary"
    """True only now (heartbeats): worthless after an outage, never kept."""
    LOG = "log"
    VALUE = "value"
    RAW = "raw"
    """QoS 2: once handed over, paho cares for them."""


# A connector lives in 128 MiB (contract, section 10): 50,000 values are about
# 20 MB, and at 200 values a second more than four minutes of outage.
LIMITS = {
    Lane.MOMENTARY: 100,
    Lane.LOG: 200,
    Lane.VALUE: 50_000,
    Lane.RAW: 2_000,
}


class Message(NamedTuple):
    """One MQTT message."""

    topic: str
    payload: str | bytes
    qos: int = 0
    retain: bool = False


class _Sent(NamedTuple):
    number: int
    lane: Lane
    message: Message


class Outbox:
    """
    Bounded queues between the threads that publish and the one that sends.

    Any thread may `put`; one thread takes. What was taken stays here until the
    sender confirms that the broker has read it: QoS 0 messages that were
    swallowed by a dying connection can so be sent again.

    Parameters
    ----------
    limits : mapping of Lane to int
        How many messages each lane keeps. The oldest go first; they are
        counted.
    """

    def __init__(self, limits: dict[Lane, int] | None = None) -> None:
        self._limits = LIMITS if limits is None else limits
        self._lock = threading.Lock()
        self._waiting: dict[Lane, deque[Message]] = {
            lane: deque() for lane in Lane
        }
        self._dropped = dict.fromkeys(Lane, 0)
        self._sent: deque[_Sent] = deque()
        self._last_number = 0
        self._reader_is_told = False

    def put(self, lane: Lane, message: Message) -> bool:
        """
        Append a message; never blocks.

        Returns
        -------
        bool
            Whether the sender has to be woken. It is false while an earlier
            wake has not led to a `take` yet.
        """
        with self._lock:
            self._waiting[lane].append(message)
            self._trim(lane)
            must_wake = not self._reader_is_told
            self._reader_is_told = True
            return must_wake

    def take(self, limit: int, raw_limit: int) -> list[Message]:
        """
        Take the next messages in order of their lanes.

        Parameters
        ----------
        limit, raw_limit : int
            At most so many messages, and so many of them raw ones.
        """
        with self._lock:
            self._reader_is_told = False
            taken: list[Message] = []
            for lane, waiting in self._waiting.items():
                room = limit - len(taken)
                if lane is Lane.RAW:
                    room = min(room, raw_limit)
                for _ in range(min(room, len(waiting))):
                    message = waiting.popleft()
                    taken.append(message)
                    self._remember(lane, message)
            return taken

    def confirm(self, number: int) -> None:
        """Forget what was taken up to this number: the broker has read it."""
        with self._lock:
            while self._sent and self._sent[0].number <= number:
                self._sent.popleft()

    def give_back(self) -> None:
        """Put what may have been lost back to the front; forget the rest."""
        with self._lock:
            while self._sent:
                sent = self._sent.pop()
                self._waiting[sent.lane].appendleft(sent.message)
            for lane in Lane:
                self._trim(lane)
            self._waiting[Lane.MOMENTARY].clear()

    def waiting(self, lane: Lane) -> int:
        """How many messages wait in a lane."""
        return len(self._waiting[lane])

    def take_dropped(self, lane: Lane) -> int:
        """How many messages of a lane were dropped since the last call."""
        with self._lock:
            dropped, self._dropped[lane] = self._dropped[lane], 0
            return dropped

    @property
    def last_number(self) -> int:
        """Number of the message taken last."""
        return self._last_number

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not any(self._waiting.values())

    @property
    def is_proven(self) -> bool:
        """Whether all that was taken is known to have been read."""
        return not self._sent

    def _remember(self, lane: Lane, message: Message) -> None:
        if lane is Lane.RAW:
            return
        self._last_number += 1
        if lane is Lane.MOMENTARY:
            return
        self._sent.append(_Sent(self._last_number, lane, message))
        if len(self._sent) > self._limits[Lane.VALUE]:
            self._sent.popleft()

    def _trim(self, lane: Lane) -> None:
        waiting = self._waiting[lane]
        while len(waiting) > self._limits[lane]:
            waiting.popleft()
            self._dropped[lane] += 1
