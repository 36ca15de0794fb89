"""What to do when BEMCom sends no datapoint map.

A broker has the map of every connector that BEMCom's API knows, and sends it
at once. After half a minute without one the connector looks for a moment at
the maps of others: the name may only be written differently.
"""

from __future__ import annotations

import difflib
from enum import Enum

PATIENCE_S = 30.0
LOOK_S = 2.0


class Step(Enum):
    """What is to be done now."""

    WAIT = "wait"
    LOOK = "look"
    """Subscribe to all maps."""
    TELL = "tell"
    """End that, and tell what was found."""


class MissingMap:
    """Waits for the first datapoint map; any thread may say that it came.

    Parameters
    ----------
    name
        Of the connector.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._others: set[str] = set()
        self._waits_since: float | None = None
        self._looks_since: float | None = None
        self._has_told = False
        self.has_come = False

    def note_other(self, name: str) -> None:
        """Learn that another connector has a map."""
        self._others.add(name)

    def next_step(self, now: float, *, is_connected: bool) -> Step:
        """Tell what to do.

        Parameters
        ----------
        now
            Seconds of any clock.
        is_connected
            Without a broker no map can come.
        """
        if self.has_come or self._has_told or not is_connected:
            self._waits_since = self._looks_since = None
            return Step.WAIT
        if self._waits_since is None:
            self._waits_since = now
        if now - self._waits_since < PATIENCE_S:
            return Step.WAIT
        if self._looks_since is None:
            self._looks_since = now
            return Step.LOOK
        if now - self._looks_since < LOOK_S:
            return Step.WAIT
        self._has_told = True
        return Step.TELL

    def similar_name(self) -> str | None:
        """Return the name that was probably meant, if there is one."""
        plain = {_plain(name): name for name in sorted(self._others)}
        found = difflib.get_close_matches(_plain(self._name), plain, 1)
        return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.casefold().replace("_", "-")
