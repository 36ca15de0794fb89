"""What waits to be sent to one station: commands and reports.

Commands leave in the order in which they were written; what a newer one does
to those that wait stands in `connector.keba.protocol.ordering`. Reports are
asked for in rounds, and out of turn where a command is to be checked.
"""

import math
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import Self

from connector.keba.protocol.commands import Command, ReportRequest
from connector.keba.protocol.ordering import is_outdated, is_replaced, undoes
from connector.keba.station.pacing import MARGIN_S, REPEAT_PAUSE_S

ATTEMPTS = 2
"""How often a request is sent before it counts as unanswered."""

CATCH_UP_S = 0.02
"""The shortest interval is so much longer than KEBA's pause between equal
requests: who was late by some ms gains that with each round. With none to spare
all would be late for ever, each by itself."""

FIRST_LATE_S = 0.1
"""So late may a first round be to count as one that keeps its phase."""

PATIENCE_S = 3.0
"""So long may a stream of commands keep a report waiting."""


@dataclass(slots=True)
class Request:
    """Something that waits for its moment to be sent, or for its reply.

    Parameters
    ----------
    content, wanted_at
        What is to be sent, and since when it waits.
    not_before
        The moment from which it makes sense.
    attempts_left
        How often it may still be sent.
    first_sent_at
        When it left first, if it has.
    is_keepalive
        Whether it only keeps the station's failsafe from tripping; nobody
        waits for its result.
    is_reported
        Whether its result was read from report 2 before its reply has come.
    """

    content: ReportRequest | Command
    wanted_at: float
    not_before: float
    attempts_left: int = ATTEMPTS
    first_sent_at: float = math.inf
    is_keepalive: bool = False
    is_reported: bool = False

    @property
    def is_repetition(self) -> bool:
        return self.first_sent_at < math.inf

    @property
    def leaves_late(self) -> bool:
        """Whether it may leave after what was written later."""
        return self.is_keepalive or self.is_repetition

    @property
    def is_scheduled(self) -> bool:
        """Whether our own schedule sends it, not a user at this moment."""
        return isinstance(self.content, ReportRequest) or self.leaves_late

    def has_waited_long(self, now: float) -> bool:
        """Tell whether others should let this one go first."""
        return now - self.wanted_at > PATIENCE_S

    def repetition(self, now: float) -> Self:
        return replace(
            self,
            wanted_at=now,
            not_before=now,
            attempts_left=self.attempts_left - 1,
        )


@dataclass(slots=True)
class PollRequest(Request):
    """A report that is asked for."""

    content: ReportRequest


@dataclass(slots=True)
class CommandRequest(Request):
    """A command that is sent."""

    content: Command


class CommandQueue:
    """The commands that wait, the oldest first; one of each word."""

    def __init__(self) -> None:
        self._waiting: dict[str, CommandRequest] = {}

    def __iter__(self) -> Iterator[CommandRequest]:
        return iter(self._waiting.values())

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def words(self) -> Set[str]:
        """Words of the commands that somebody waits for."""
        return {
            request.content.word for request in self if not request.is_keepalive
        }

    def append(self, request: CommandRequest) -> None:
        word = request.content.word
        self._waiting.pop(word, None)
        self._waiting[word] = request

    def append_if_free(self, request: CommandRequest) -> bool:
        """Append what nobody has asked for; tell whether nothing forbids it."""
        is_taken = request.content.word in self._waiting
        if is_taken or self.outdates(request.content):
            return False
        self.append(request)
        return True

    def outdates(self, command: Command) -> bool:
        """Tell whether a newer command waits that this one would undo."""
        return any(
            is_outdated(command, request.content)
            for request in self
            if not request.is_keepalive
        )

    def drop_for(self, newer: Command) -> list[CommandRequest]:
        """Drop, and return, what a newer command replaces or what undoes it.

        What has not left yet leaves before the newer one and may stay. A
        repetition waits for KEBA's five seconds and would leave after it.
        """
        dropped = [
            request
            for request in self
            if is_replaced(request.content, newer)
            or (request.leaves_late and undoes(request.content, newer))
        ]
        for request in dropped:
            self.remove(request.content.word)
        return dropped

    def remove(self, word: str) -> None:
        del self._waiting[word]

    def remove_command(self, command: Command) -> None:
        """Take out this very command, if it still waits."""
        waiting = self._waiting.get(command.word)
        if waiting is not None and waiting.content is command:
            self.remove(command.word)

    def remove_repetition(self, word: str) -> None:
        """Take out a repetition that has become needless."""
        waiting = self._waiting.get(word)
        if waiting is not None and waiting.is_repetition:
            self.remove(word)

    def remove_keepalives(self) -> None:
        """Take out what nobody has asked for."""
        for request in [*self]:
            if request.is_keepalive:
                self.remove(request.content.word)

    def take_all(self) -> list[Command]:
        """Empty the queue; return what somebody waits for."""
        commands = [
            request.content for request in self if not request.is_keepalive
        ]
        self._waiting.clear()
        return commands


class PollSchedule:
    """The rounds of reports, and the reports that wait to be asked for.

    Parameters as in `StationOptions`; KEBA's pause between equal requests
    limits the interval.
    """

    def __init__(
        self,
        reports: Sequence[int],
        *,
        interval_s: float,
        first_round_at: float,
        phase_at: float,
    ) -> None:
        self._reports = tuple(reports)
        self._interval_s = max(
            interval_s, REPEAT_PAUSE_S + MARGIN_S + CATCH_UP_S
        )
        self.next_round_at = first_round_at
        self._is_first = True
        self._phase_at = phase_at
        self._waiting: dict[int, PollRequest] = {}
        self._missing_in_round: set[int] = set()

    def __iter__(self) -> Iterator[PollRequest]:
        return iter(self._waiting.values())

    def end(self) -> None:
        self.next_round_at = math.inf
        self._waiting.clear()

    def plan_next_round(self, now: float) -> None:
        """Plan the round after the one that is due; none is made up for.

        It keeps its phase: stations that slipped after a pause of the process
        would otherwise go on in one burst for ever. Half an interval is far
        enough away for a round that came late. The first one knows no phase:
        the next must be far enough for KEBA's pause, or it would be late for
        its phase, as would all that follow.
        """
        away_s = self._interval_s / 2
        if self._is_first:
            away_s = max(away_s, REPEAT_PAUSE_S - FIRST_LATE_S)
            self._is_first = False
        earliest_at = now + away_s
        intervals = math.ceil((earliest_at - self._phase_at) / self._interval_s)
        self.next_round_at = self._phase_at + intervals * self._interval_s

    def begin_round(self, now: float, in_flight: int | None = None) -> None:
        """Ask for all reports of a round but the one that is in flight.

        Where replies may take longer than a round, a report that was asked for
        anew each time would never count as unanswered.
        """
        for number in self._reports:
            self._missing_in_round.add(number)
            if number != in_flight:
                self.add(number, now)

    def add(self, number: int, now: float, *, delay_s: float = 0.0) -> None:
        """Ask for a report; equal requests are merged, into the later one.

        A stream of commands puts off the report that checks them each time,
        but not for ever.
        """
        request = self._waiting.get(number)
        if request is None:
            request = PollRequest(ReportRequest(number), now, now)
        not_before = now + delay_s
        if not_before > request.not_before and not request.has_waited_long(now):
            request = replace(request, not_before=not_before)
        self._waiting[number] = request

    def add_repetition(self, request: PollRequest) -> None:
        """Ask once more.

        If the report was wanted anew meanwhile, that is the repetition: else
        rounds that are shorter than the timeout would never see a station
        fall silent.
        """
        number = request.content.number
        anew = self._waiting.get(number)
        if anew is not None:
            request = replace(anew, attempts_left=request.attempts_left)
        self._waiting[number] = request

    def remove(self, number: int) -> None:
        del self._waiting[number]

    def take_repetition(self, number: int) -> PollRequest | None:
        """Take out the repetition of a request that was answered late."""
        request = self._waiting.get(number)
        if request is None or not request.is_repetition:
            return None
        return self._waiting.pop(number)

    def strike_off(self, number: int) -> bool:
        """Strike off what has come, or will not; tell if that was the last."""
        if number not in self._missing_in_round:
            return False
        self._missing_in_round.discard(number)
        return not self._missing_in_round
