"""What waits for the broker, and what it has not confirmed yet."""

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


LIMITS = {
    Lane.MOMENTARY: 100,
    Lane.LOG: 200,
    Lane.VALUE: 50_000,
    Lane.RAW: 2_000,
}
"""A connector lives in 128 MiB (contract, section 10): 50,000 values are about
20 MB, and at 200 values a second more than four minutes of outage."""


class Message(NamedTuple):
    """One MQTT message, as paho takes it."""

    topic: str
    payload: str | bytes
    qos: int = 0
    retain: bool = False

    @property
    def size(self) -> int:
        return 1


class Batch(NamedTuple):
    """Messages with QoS 0 that are encoded already and leave in one piece."""

    packets: bytes
    size: int


class _Sent(NamedTuple):
    number: int
    lane: Lane
    item: Message | Batch


class _Queue:
    """Messages and batches in a row, and how many messages they are."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[Message | Batch] = deque()
        self.size = 0
        self.dropped = 0

    def append(self, item: Message | Batch) -> None:
        self._items.append(item)
        self.size += item.size
        self.trim()

    def put_back(self, item: Message | Batch) -> None:
        self._items.appendleft(item)
        self.size += item.size

    def pop(self) -> Message | Batch:
        item = self._items.popleft()
        self.size -= item.size
        return item

    def trim(self) -> None:
        while self.size > self._limit:
            self.dropped += self.pop().size

    def clear(self) -> None:
        self._items.clear()
        self.size = 0


class Outbox:
    """Bounded queues between the threads that publish and the one that sends.

    Any thread may `put`; one thread takes. What was taken stays here until the
    sender confirms that the broker has read it: QoS 0 messages that were
    swallowed by a dying connection can so be sent again. Where a lane is full
    the oldest go first; they are counted.
    """

    def __init__(self, limits: dict[Lane, int] | None = None) -> None:
        limits = LIMITS if limits is None else limits
        self._lock = threading.Lock()
        self._waiting = {lane: _Queue(limits[lane]) for lane in Lane}
        self._sent: deque[_Sent] = deque()
        self._sent_size = 0
        self._most_sent = limits[Lane.VALUE]
        self.last_number = 0
        self._is_sender_woken = False

    def put(self, lane: Lane, item: Message | Batch) -> bool:
        """Append a message or a batch; return whether to wake the sender.

        It need not be woken again before its next `take`.
        """
        with self._lock:
            self._waiting[lane].append(item)
            must_wake = not self._is_sender_woken
            self._is_sender_woken = True
            return must_wake

    def take(self, limit: int, raw_limit: int) -> list[Message | Batch]:
        """Take the next messages in order of their lanes.

        It is enough when `limit` of them are taken, or `raw_limit` raw ones.
        """
        with self._lock:
            self._is_sender_woken = False
            taken: list[Message | Batch] = []
            for lane, waiting in self._waiting.items():
                room = min(limit, raw_limit) if lane is Lane.RAW else limit
                while waiting.size and room > 0:
                    item = waiting.pop()
                    taken.append(item)
                    room -= item.size
                    limit -= item.size
                    self._remember(lane, item)
            return taken

    def confirm(self, number: int) -> None:
        """Forget what was taken up to this number: the broker has read it."""
        with self._lock:
            while self._sent and self._sent[0].number <= number:
                self._forget_oldest()

    def give_back(self) -> None:
        """Put what may have been lost back to the front; forget the rest."""
        with self._lock:
            for sent in reversed(self._sent):
                self._waiting[sent.lane].put_back(sent.item)
            self._sent.clear()
            self._sent_size = 0
            for waiting in self._waiting.values():
                waiting.trim()
            self._waiting[Lane.MOMENTARY].clear()

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

    def _remember(self, lane: Lane, item: Message | Batch) -> None:
        if lane is Lane.RAW:
            return
        self.last_number += 1
        if lane is Lane.MOMENTARY:
            return
        self._sent.append(_Sent(self.last_number, lane, item))
        self._sent_size += item.size
        while self._sent_size > self._most_sent:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        self._sent_size -= self._sent.popleft().item.size
