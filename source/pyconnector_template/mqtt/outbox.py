"""What waits for the broker, and what it has not confirmed yet."""

import threading
from collections import deque
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


class Lane(Enum):
    """Kinds of messages: in this order they leave."""

    LOG = "log"
    VALUE = "value"


LIMITS = {Lane.LOG: 200, Lane.VALUE: 50_000}
"""A connector lives in 128 MiB (contract, section 10): 50,000 values are about
20 MB, and at 200 values a second more than four minutes of outage."""


class Batch(NamedTuple):
    """Messages with QoS 0 that are encoded already and leave in one piece."""

    packets: bytes
    size: int


class _Queue:
    """Batches in a row, and how many messages they are."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._batches: deque[Batch] = deque()
        self.size = 0
        self.dropped = 0

    def append(self, batch: Batch) -> None:
        self._batches.append(batch)
        self.size += batch.size
        self.trim()

    def put_back(self, batch: Batch) -> None:
        self._batches.appendleft(batch)
        self.size += batch.size

    def pop(self) -> Batch:
        batch = self._batches.popleft()
        self.size -= batch.size
        return batch

    def trim(self) -> None:
        while self.size > self._limit:
            self.dropped += self.pop().size


class Outbox:
    """Bounded queues between the threads that publish and the one that sends.

    Any thread may `put`; one thread takes. What was taken stays here until the
    sender confirms that the broker has read it: QoS 0 messages that were
    swallowed by a dying connection can so be sent again. Where a lane is full
    the oldest go first; they are counted.

    Attributes
    ----------
    taken
        How many batches were taken so far.
    """

    def __init__(self, limits: Mapping[Lane, int] = LIMITS) -> None:
        self._lock = threading.Lock()
        self._waiting = {lane: _Queue(limits[lane]) for lane in Lane}
        self._sent: deque[tuple[Lane, Batch]] = deque()
        self._sent_size = 0
        self._most_sent = limits[Lane.VALUE]
        self.taken = 0
        self._is_sender_woken = False

    def put(self, lane: Lane, batch: Batch) -> bool:
        """Append a batch; return whether to wake the sender.

        It need not be woken again before its next `take`.
        """
        with self._lock:
            self._waiting[lane].append(batch)
            must_wake = not self._is_sender_woken
            self._is_sender_woken = True
            return must_wake

    def take(self, limit: int) -> list[bytes]:
        """Take whole batches in order of their lanes, `limit` messages."""
        with self._lock:
            self._is_sender_woken = False
            packets = []
            for lane, waiting in self._waiting.items():
                while waiting.size and limit > 0:
                    batch = waiting.pop()
                    packets.append(batch.packets)
                    limit -= batch.size
                    self._remember(lane, batch)
            return packets

    def confirm(self, taken: int) -> None:
        """Forget the batches up to this one: the broker has read them."""
        with self._lock:
            while self.taken - len(self._sent) < taken:
                self._forget_oldest()

    def give_back(self) -> None:
        """Put what may have been lost back to the front."""
        with self._lock:
            for lane, batch in reversed(self._sent):
                self._waiting[lane].put_back(batch)
            self._sent.clear()
            self._sent_size = 0
            for waiting in self._waiting.values():
                waiting.trim()

    def waiting(self, lane: Lane) -> int:
        return self._waiting[lane].size

    def take_dropped(self, lane: Lane) -> int:
        """How many messages of a lane were dropped since the last call."""
        with self._lock:
            queue = self._waiting[lane]
            dropped, queue.dropped = queue.dropped, 0
            return dropped

    @property
    def is_empty(self) -> bool:
        return not any(queue.size for queue in self._waiting.values())

    @property
    def is_confirmed(self) -> bool:
        """Whether all that was taken is known to have been read."""
        return not self._sent

    def _remember(self, lane: Lane, batch: Batch) -> None:
        self.taken += 1
        self._sent.append((lane, batch))
        self._sent_size += batch.size
        while self._sent_size > self._most_sent:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, batch = self._sent.popleft()
        self._sent_size -= batch.size
