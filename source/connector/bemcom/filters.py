"""Which values are worth publishing again; a policy against load.

Off by default: BEMCom marks nothing as stale, and a controller that looks at
timestamps takes a value that was not repeated for an old one.
"""

import zlib
from collections.abc import Mapping
from typing import Any

from connector.bemcom.keys import split_key

NEWS = frozenset({"results", "session"})
"""Groups of datapoints that tell events: the same result twice is news."""


class ChangeFilter:
    """Publishes an unchanged value only every Nth time; with 1, always."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._last: dict[str, tuple[Any, int]] = {}

    def select(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what is to be published, by the keys of datapoints."""
        if self._every <= 1:
            return values
        # Taken once: what is forgotten meanwhile must not come back.
        last = self._last
        return {
            key: value
            for key, value in values.items()
            if self._is_due(key, value, last)
        }

    def forget(self) -> None:
        """Publish all once more.

        The broker may have lost what it kept, or somebody else may want it.
        """
        # Replaced: the thread that selects may be at work.
        self._last = {}

    def _is_due(
        self, key: str, value: Any, last: dict[str, tuple[Any, int]]
    ) -> bool:
        if split_key(key)[1].partition("__")[0] in NEWS:
            return True
        known = last.get(key)
        if known is None:
            # So that the repetitions of many values spread over the polls.
            last[key] = value, zlib.crc32(key.encode()) % self._every
            return True
        last_value, held_back = known
        is_same = type(last_value) is type(value) and last_value == value
        if is_same and held_back + 1 < self._every:
            last[key] = value, held_back + 1
            return False
        last[key] = value, 0
        return True
