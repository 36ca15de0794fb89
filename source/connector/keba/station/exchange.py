"""The line to one station: what is in flight, and when more may leave.

One request is in flight at a time. An answer to a command carries no name, so
it belongs to the command in flight, else to the one given up a moment ago.
"""

import math
from dataclasses import dataclass

from connector.keba.protocol.commands import (
    Command,
    ReportRequest,
)
from connector.keba.protocol.ordering import SHORTEST_TIMER_S, must_wait
from connector.keba.station.ask import Answered, AnyAsk
from connector.keba.station.doubt import Doubt
from connector.keba.station.pacing import Pacer


@dataclass(slots=True)
class Flight:
    """A request that has left and waits for its answer.

    Parameters
    ----------
    ask
        The request.
    first_sent_at
        When it left, or what it repeats.
    deadline
        When it counts as not answered.
    is_told
        Whether its result is told already.
    """

    ask: AnyAsk
    first_sent_at: float
    deadline: float
    is_told: bool = False


class Line:
    """Who may speak to one station, and who is answered.

    Parameters
    ----------
    reply_timeout_s
        Seconds after which a request counts as not answered.
    """

    def __init__(self, reply_timeout_s: float) -> None:
        self._reply_timeout_s = reply_timeout_s
        self._pacer = Pacer()
        self._doubt = Doubt()
        self._sent_at: dict[Command, float] = {}
        self._flight: Flight | None = None

    @property
    def flight(self) -> Flight | None:
        """What waits for its answer."""
        return self._flight

    @property
    def command(self) -> Command | None:
        """The command that waits for its answer."""
        request = self._flight and self._flight.ask.request
        return request if isinstance(request, Command) else None

    @property
    def report(self) -> int | None:
        """Number of the report that is waited for."""
        request = self._flight and self._flight.ask.request
        return request.number if isinstance(request, ReportRequest) else None

    def ready_at(self, ask: AnyAsk) -> float:
        """Return the moment from which a request may leave."""
        return max(
            ask.not_before,
            self._overwritten_until(ask.request),
            self._doubt.free_at(ask),
            self._pacer.ready_at(
                ask.request.encode(), scheduled=ask.is_scheduled
            ),
        )

    def _overwritten_until(self, request: Command | ReportRequest) -> float:
        """Return how long what was sent before would overwrite this."""
        if not isinstance(request, Command):
            return -math.inf
        return max(
            (
                sent_at + SHORTEST_TIMER_S
                for older, sent_at in self._sent_at.items()
                if must_wait(older, request)
            ),
            default=-math.inf,
        )

    def send(self, ask: AnyAsk, now: float) -> None:
        """A request is leaving."""
        first_sent_at = now if ask.first_sent_at is None else ask.first_sent_at
        self._flight = Flight(ask, first_sent_at, now)
        self.note_left(now)

    def note_left(self, now: float) -> None:
        """Hear when the last datagram has really left.

        A busy machine may stop us between the decision to send and the
        sending; KEBA's pauses begin with the latter.
        """
        flight = self._flight
        if flight is None:
            return
        request = flight.ask.request
        self._pacer.note_sent(
            request.encode(),
            now,
            disables=isinstance(request, Command)
            and request.disables_charging(),
        )
        flight.deadline = now + self._reply_timeout_s
        if isinstance(request, Command):
            self._sent_at = {
                older: sent_at
                for older, sent_at in self._sent_at.items()
                if sent_at + SHORTEST_TIMER_S > now
            }
            self._sent_at[request] = now

    def give_up(self, heard_until: float) -> Flight | None:
        """Return what was not answered in time; the line is free then."""
        flight = self._flight
        if flight is None or flight.deadline > heard_until:
            return None
        self._flight = None
        return flight

    def forget_report(self) -> None:
        """Wait no more for a report; the line is free then."""
        if self.report is not None:
            self._flight = None

    def doubt(self, command: Command, now: float, *, is_told: bool) -> None:
        """Let others rest, for the answer to this command may still come."""
        self._doubt.begin(command, now, is_told=is_told)

    def settle(self, command: Command) -> None:
        """Note that the result of a command is told.

        Its answer may still come, but then brings no second result.
        """
        self._doubt.settle(command)
        if self._flight is not None and self._flight.ask.request is command:
            self._flight.is_told = True

    def take_report(self, number: int) -> Flight | None:
        """Return the request for this report, if that is in flight."""
        if self.report != number:
            return None
        flight, self._flight = self._flight, None
        return flight

    def take_answer(self, now: float) -> Answered | None:
        """Return the command that an answer belongs to, if any does."""
        flight, command = self._flight, self.command
        if flight is not None and command is not None:
            self._flight = None
            self._doubt.end()
            return Answered(command, flight.is_told, flight.ask.is_beat)
        return self._doubt.claim_answer(now)
