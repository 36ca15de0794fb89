"""The station's own clock."""

from __future__ import annotations

from datetime import UTC, datetime

NOT_SET, WEAK, STRONG = 0, 2, 3


class StationClock:
    """Counts seconds since the start and, when set, knows the date.

    UDP guide V2.01, page 28: strong time comes from NTP or a backend, weak
    time from `setdatetime`; a restart forgets weak time. A synchronised one
    gets the time from the network by itself.
    """

    def __init__(
        self,
        now: float,
        *,
        uptime_s: float,
        unix_at_zero: float,
        synchronised: bool,
    ) -> None:
        self._started_at = now - uptime_s
        self._offset = unix_at_zero if synchronised else None
        self._synchronised = synchronised

    @property
    def quality(self) -> int:
        """`timeQ`: 0 not set, 2 weak, 3 strong."""
        if self._synchronised:
            return STRONG
        return NOT_SET if self._offset is None else WEAK

    def set(self, unix_seconds: int, now: float) -> None:
        """Take the time from a client; a strong time stays as it is.

        That a strong time stays is guessed.
        """
        if not self._synchronised:
            self._offset = unix_seconds - now

    def restart(self, now: float) -> None:
        """Begin to count anew; only strong time survives."""
        self._started_at = now
        if not self._synchronised:
            self._offset = None

    def uptime(self, now: float) -> int:
        """Return whole seconds since the start, as uint32 like `Sec`."""
        return int(now - self._started_at) % 2**32

    def seconds(self, now: float) -> int:
        """Return Unix seconds, or seconds since the start without a date."""
        if self._offset is None:
            return self.uptime(now)
        return int(now + self._offset)

    def text(self, now: float) -> str:
        """Return the date as reports 100 to 130 print it, in UTC.

        Without a date it is the same number as in `seconds` (UDP guide
        V2.01, page 20); that it is printed as text then is guessed.
        """
        seconds = self.seconds(now)
        if self._offset is None:
            return str(seconds)
        date = datetime.fromtimestamp(seconds, UTC)
        return f"{date:%Y-%m-%d %H:%M:%S}.000"
