"""What the uptimes in a station's reports tell: each report carries one."""

from enum import Enum, auto

STALE_S = 10
"""A report that nobody waits for, whose uptime is up to so much behind, is an
old one, reordered or doubled by the network; else a step back is a restart."""


class Passage(Enum):
    """How a report stands to the last one of its number."""

    FORWARD = auto()
    STALE = auto()
    RESTART = auto()


class Uptimes:
    """The newest uptime of each report of one station."""

    def __init__(self) -> None:
        self._uptimes_s: dict[int, int] = {}

    def clear(self) -> None:
        """Forget all: the station has told that it restarts."""
        self._uptimes_s.clear()

    def note(self, number: int, uptime_s: int, *, is_awaited: bool) -> Passage:
        """Take the uptime of a report, unless it is an old one.

        Parameters
        ----------
        number
            Number of the report.
        uptime_s
            Its field `Sec`.
        is_awaited
            Whether somebody waits for this report.
        """
        behind_s = self._uptimes_s.get(number, uptime_s) - uptime_s
        if 0 < behind_s <= STALE_S and not is_awaited:
            return Passage.STALE
        if behind_s > 0:
            self._uptimes_s.clear()
        self._uptimes_s[number] = uptime_s
        return Passage.RESTART if behind_s > 0 else Passage.FORWARD
