"""A bounded queue in which nobody can push the others aside."""

from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items in lanes; lanes take turns, items of a lane keep their order.

    When `lane_length` items wait in one lane, its oldest are dropped.
    """

    def __init__(self, lane_length: int) -> None:
        self._lane_length = lane_length
        self._lanes: dict[str, deque[Item]] = {}
        self._size = 0
        self.dropped = 0

    def put(self, lane: str, item: Item) -> None:
        items = self._lanes.setdefault(lane, deque())
        if len(items) >= self._lane_length:
            items.popleft()
            self.dropped += 1
            self._size -= 1
        items.append(item)
        self._size += 1

    def take(self) -> Item | None:
        if not self._lanes:
            return None
        lane = next(iter(self._lanes))
        items = self._lanes.pop(lane)
        item = items.popleft()
        self._size -= 1
        if items:
            self._lanes[lane] = items
        return item

    def __len__(self) -> int:
        return self._size
