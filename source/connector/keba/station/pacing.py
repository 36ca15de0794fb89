"""When a station may be sent something: KEBA's three pauses.

Source: UDP Programmers Guide V2.01, pages 10, 11, 21 and 31. All moments are
seconds of one monotonic clock, which the caller owns.
"""

import math

UDP_PAUSE_S = 0.1
"""t_UDP_pause: between any two datagrams to one station."""

REPEAT_PAUSE_S = 5.0
"""t_COM_pause: between scheduled repetitions of the same datagram. A P20 was
seen to ignore an equal request within a second (evcc-io/evcc#16879)."""

DISABLING_PAUSE_S = 2.0
"""t_DIS_pause: silence after a command that stops charging."""

MARGIN_S = 0.008
"""A gap of exactly 100 ms was seen arriving as one of 98 ms."""


class Pacer:
    """Remembers what left for one station and tells when more may."""

    def __init__(self) -> None:
        self._quiet_until = -math.inf
        self._sent_at: dict[bytes, float] = {}

    def ready_at(self, datagram: bytes, *, scheduled: bool) -> float:
        """Return the moment from which this datagram may leave.

        What our own schedule sends (a poll, a read-back, a repetition) keeps
        the long pause to an equal one; a user may repeat a command.
        """
        last_sent_at = self._sent_at.get(datagram)
        if not scheduled or last_sent_at is None:
            return self._quiet_until
        equal_at = last_sent_at + REPEAT_PAUSE_S + MARGIN_S
        return max(self._quiet_until, equal_at)

    def note_sent(
        self, datagram: bytes, now: float, *, disables: bool = False
    ) -> None:
        """Remember what has just left, and whether it stops charging."""
        pause_s = DISABLING_PAUSE_S if disables else UDP_PAUSE_S
        self._quiet_until = now + pause_s + MARGIN_S
        self._sent_at = {
            earlier: sent_at
            for earlier, sent_at in self._sent_at.items()
            if sent_at >= now - REPEAT_PAUSE_S - MARGIN_S
        }
        self._sent_at[datagram] = now
