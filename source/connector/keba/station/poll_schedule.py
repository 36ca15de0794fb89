"""Which reports one station is to be asked for, and the rounds of that."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from connector.keba.protocol.commands import ReportRequest
from connector.keba.station.ask import AnyAsk, Ask
from connector.keba.station.pacing import MARGIN_S, REPEAT_PAUSE_S

PATIENCE_S = 3.0
"""So long may a stream of commands keep a poll waiting."""


def has_waited_long(ask: AnyAsk, now: float) -> bool:
    """Tell whether others should let this one go first."""
    return now - ask.wanted_at > PATIENCE_S


class Polls:
    """The reports that wait to be asked for.

    Parameters
    ----------
    reports
        Numbers of the reports of a round, in this order.
    interval_s
        Seconds from the start of one round to the start of the next; KEBA's
        pause between equal requests is the shortest.
    first_round_at
        Moment of the first round.
    """

    def __init__(
        self,
        reports: Sequence[int],
        *,
        interval_s: float,
        first_round_at: float,
    ) -> None:
        self._reports = tuple(reports)
        self._interval_s = max(interval_s, REPEAT_PAUSE_S + MARGIN_S)
        self._next_round_at = first_round_at
        self._waiting: dict[int, Ask[ReportRequest]] = {}
        self._open: set[int] = set()

    def __iter__(self) -> Iterator[Ask[ReportRequest]]:
        return iter(self._waiting.values())

    @property
    def next_round_at(self) -> float:
        """The moment of the next round."""
        return self._next_round_at

    def end(self) -> None:
        """Drop what waits; there is no next round."""
        self._next_round_at = math.inf
        self._waiting.clear()

    def plan_next_round(self, now: float) -> None:
        """Plan the round after the one that is due; none is made up for."""
        self._next_round_at += self._interval_s
        if self._next_round_at <= now:
            self._next_round_at = now + self._interval_s

    def begin_round(self, now: float) -> None:
        """Ask for all reports of a round."""
        for number in self._reports:
            self._open.add(number)
            self.add(number, now)

    def add(self, number: int, now: float, *, delay_s: float = 0.0) -> None:
        """Ask for a report; equal requests are merged, into the later one."""
        ask = self._waiting.get(number)
        if ask is None:
            ask = Ask(ReportRequest(number), now, now)
        not_before = now + delay_s
        if not_before > ask.not_before and not has_waited_long(ask, now):
            ask = replace(ask, not_before=not_before)
        self._waiting[number] = ask

    def add_repetition(self, ask: Ask[ReportRequest]) -> None:
        """Ask once more, unless the report was asked for anew meanwhile."""
        self._waiting.setdefault(ask.request.number, ask)

    def remove(self, number: int) -> None:
        """Take a report out: the request for it leaves."""
        del self._waiting[number]

    def take_repetition(self, number: int) -> Ask[ReportRequest] | None:
        """Take out the repetition of a request that was answered late."""
        ask = self._waiting.get(number)
        if ask is None or not ask.is_repetition:
            return None
        return self._waiting.pop(number)

    def close(self, number: int) -> bool:
        """Strike a report off the round; it has come, or will not.

        Returns
        -------
        bool
            Whether the round is over by that.
        """
        if number not in self._open:
            return False
        self._open.discard(number)
        return not self._open
