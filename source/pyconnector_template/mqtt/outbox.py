"""What waits for the broker, and what it has not confirmed yet."""

import threading
from collections import deque
from typing import NamedTuple

MAX_WAITING = 50_000
"""BEMCom's Helm chart gives a connector 128 MiB: so many values are about
20 MB, and at 200 values a second more than four minutes of outage."""


class Batch(NamedTuple):
    """Messages with QoS 0 that are encoded already and leave in one piece."""

    packets: bytes
    size: int


class Outbox:
    """A bounded queue between the threads that publish and the one that sends.

    Any thread may `put`; one thread takes. What was taken stays here until the
    sender confirms that the broker has read it: QoS 0 messages that were
    swallowed by a dying connection can so be sent again. Where it is full the
    oldest go first; they are counted. `size` is in messages, `taken` in
    batches since the start.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = MAX_WAITING if limit is None else limit
        self._lock = threading.Lock()
        self._waiting: deque[Batch] = deque()
        self.size = 0
        self._dropped = 0
        self._sent: deque[Batch] = deque()
        self._sent_size = 0
        self.taken = 0
        self._is_sender_woken = False

    def put(self, batch: Batch) -> bool:
        """Append a batch; return whether to wake the sender.

        It need not be woken again before its next `take`.
        """
        with self._lock:
            self._waiting.append(batch)
            self.size += batch.size
            self._trim()
            must_wake = not self._is_sender_woken
            self._is_sender_woken = True
            return must_wake

    def take(self, limit: int) -> list[bytes]:
        """Take whole batches, the oldest first, until there are enough."""
        with self._lock:
            self._is_sender_woken = False
            packets = []
            while self._waiting and limit > 0:
                batch = self._waiting.popleft()
                packets.append(batch.packets)
                limit -= batch.size
                self.size -= batch.size
                self._sent.append(batch)
                self._sent_size += batch.size
            self.taken += len(packets)
            while self._sent_size > self._limit:
                self._forget_oldest()
            return packets

    def confirm(self, taken: int) -> None:
        """Forget the batches up to this one: the broker has read them."""
        with self._lock:
            while self.taken - len(self._sent) < taken:
                self._forget_oldest()

    def give_back(self) -> None:
        """Put what may have been lost back to the front."""
        with self._lock:
            self._waiting.extendleft(reversed(self._sent))
            self.size += self._sent_size
            self._sent.clear()
            self._sent_size = 0
            self._trim()

    def take_dropped(self) -> int:
        """How many messages were dropped since the last call."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
            return dropped

    @property
    def is_confirmed(self) -> bool:
        """Whether all that was taken is known to have been read."""
        return not self._sent

    def _trim(self) -> None:
        while self.size > self._limit:
            batch = self._waiting.popleft()
            self.size -= batch.size
            self._dropped += batch.size

    def _forget_oldest(self) -> None:
        self._sent_size -= self._sent.popleft().size
