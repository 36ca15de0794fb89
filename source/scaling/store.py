"""BEMCom's API behind its MQTT thread: a queue with an end, and writers.

Clockwork on recorded arrivals, so that one run answers for any number of
writers.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple


class Arrival(NamedTuple):
    """A value that reached the API.

    Parameters
    ----------
    at
        When, in Unix seconds.
    topic
        Its datapoint.
    value
        What it says.
    timestamp_ms
        The timestamp inside it.
    """

    at: float
    topic: str
    value: object
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of the values.

    Parameters
    ----------
    stored, dropped, waiting
        Their numbers at the end.
    longest_queue
        The largest number that waited at any time.
    first_drop_after_s
        Seconds from an empty queue to the first value that was dropped, None
        if none was.
    mean_age_s, highest_age_s
        From a value's timestamp to the moment at which it is in the
        database.
    """

    stored: int
    dropped: int
    waiting: int
    longest_queue: int
    first_drop_after_s: float | None
    mean_age_s: float
    highest_age_s: float


class Store:
    """The queue and its writers.

    Parameters
    ----------
    writers
        How many there are.
    values_per_writer_s
        What each of them stores in a second.
    limit
        How many values may wait; newer ones are dropped.
    """

    def __init__(
        self, *, writers: int, values_per_writer_s: float, limit: int
    ) -> None:
        self._needs_s = 1 / values_per_writer_s
        self._limit = limit
        self._waiting: deque[Arrival] = deque()
        self._free_at = [0.0] * writers
        self.dropped = 0
        self.longest_queue = 0
        self.ages_s: list[float] = []
        self.filling_since = 0.0

    @property
    def waiting(self) -> int:
        """How many values wait."""
        return len(self._waiting)

    def take(self, arrival: Arrival) -> bool:
        """Queue a value; tell whether there was room for it."""
        self.work_until(arrival.at)
        if not self._waiting:
            self.filling_since = arrival.at
        if self.waiting >= self._limit:
            self.dropped += 1
            return False
        self._waiting.append(arrival)
        self.longest_queue = max(self.longest_queue, self.waiting)
        return True

    def work_until(self, now: float) -> None:
        """Let writers begin all that they can begin before a moment."""
        while self._waiting and self._free_at[0] <= now:
            arrival = self._waiting.popleft()
            begun_at = max(self._free_at[0], arrival.at)
            stored_at = begun_at + self._needs_s
            heapq.heapreplace(self._free_at, stored_at)
            self.ages_s.append(stored_at - arrival.timestamp_ms / 1000)


def store_all(
    arrivals: Sequence[Arrival],
    *,
    until: float,
    writers: int,
    values_per_writer_s: float,
    limit: int,
) -> Stored:
    """Let values arrive as they did, and writers work until a moment."""
    store = Store(
        writers=writers, values_per_writer_s=values_per_writer_s, limit=limit
    )
    first_drop_after_s = None
    for arrival in arrivals:
        if not store.take(arrival) and first_drop_after_s is None:
            first_drop_after_s = arrival.at - store.filling_since
    store.work_until(until)
    return Stored(
        stored=len(store.ages_s),
        dropped=store.dropped,
        waiting=store.waiting,
        longest_queue=store.longest_queue,
        first_drop_after_s=first_drop_after_s,
        mean_age_s=fmean(store.ages_s or [0.0]),
        highest_age_s=max(store.ages_s, default=0.0),
    )


def share_moving(arrivals: Sequence[Arrival]) -> float:
    """Return the share of values that differ from the one before.

    The first value of each datapoint has none before it and does not count.
    """
    newest: dict[str, object] = {}
    compared = moved = 0
    for arrival in arrivals:
        if arrival.topic in newest:
            compared += 1
            moved += newest[arrival.topic] != arrival.value
        newest[arrival.topic] = arrival.value
    return moved / compared if compared else 0.0
