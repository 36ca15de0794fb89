"""When a station may be sent something: KEBA's three pauses.

Source: UDP Programmers Guide V2.01, pages 10, 11, 21 and 31. All moments are
seconds of one monotonic clock, which the caller owns.
"""

import math
from dataclasses import dataclass

UDP_PAUSE_S = 0.1
REPEAT_PAUSE_S = 5.0
DISABLING_PAUSE_S = 2.0

MARGIN_S = 0.008
"""A gap of exactly 100 ms was seen arriving as one of 98 ms."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long a station is left alone; KEBA's values, unless tests hurry.

    Parameters
    ----------
    between_any_s
        Between any two datagrams to one station (t_UDP_pause).
    between_equal_s
        Between scheduled repetitions of the same datagram (t_COM_pause). A
        P20 was seen to ignore an equal request within a second
        (evcc-io/evcc#16879).
    after_disabling_s
        After a command that stops charging (t_DIS_pause).
    """

    between_any_s: float = UDP_PAUSE_S
    between_equal_s: float = REPEAT_PAUSE_S
    after_disabling_s: float = DISABLING_PAUSE_S


KEBA_PAUSES = Pauses()


class Pacer:
    """Remembers what left for one station and tells when more may."""

    def __init__(self, pauses: Pauses = KEBA_PAUSES) -> None:
        self._pauses = pauses
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
        equal_at = last_sent_at + self._pauses.between_equal_s + MARGIN_S
        return max(self._quiet_until, equal_at)

    def note_sent(
        self, datagram: bytes, now: float, *, disables: bool = False
    ) -> None:
        """Remember what has just left, and whether it stops charging."""
        pause_s = self._pauses.between_any_s
        if disables:
            pause_s = self._pauses.after_disabling_s
        self._quiet_until = now + pause_s + MARGIN_S
        self._forget_before(now - self._pauses.between_equal_s - MARGIN_S)
        self._sent_at[datagram] = now

    def _forget_before(self, moment: float) -> None:
        self._sent_at = {
            datagram: sent_at
            for datagram, sent_at in self._sent_at.items()
            if sent_at >= moment
        }
