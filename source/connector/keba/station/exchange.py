"""One request and its reply at a time.

Reports carry their number, but ``TCH-OK`` names no command. So one request is
in flight per station, and a ``TCH-OK`` belongs to the command in flight.

If that times out, its reply may still be on the way: stations were seen to
answer more than a second late (evcc-io/evcc#16879). Were the next command sent
at once, a late ``TCH-OK`` would be credited to the wrong one. So for a while
other commands wait, and a reply in this window belongs to the silent one.
"""

import math
from dataclasses import dataclass

from connector.keba.protocol.commands import Command, ReportRequest
from connector.keba.protocol.ordering import SHORTEST_TIMER_S, must_wait
from connector.keba.station.pacing import Pacer
from connector.keba.station.requests import AnyRequest

LATE_REPLY_S = 3.0
"""So long other commands wait after one was not answered."""

LATE_REPORT_S = 60.0
"""What comes later than so is no answer to what was asked for then."""


@dataclass(slots=True)
class InFlight:
    """A request that has left and waits for its reply.

    `first_sent_at` is when it left, or what it repeats; from `deadline` on it
    counts as not answered. `is_reported` tells whether its result, read from
    report 2 meanwhile, is reported already.
    """

    request: AnyRequest
    first_sent_at: float
    deadline: float
    is_reported: bool = False


@dataclass(slots=True)
class ReplyTo:
    """The command that a reply belongs to, and how late it is."""

    command: Command
    is_reported: bool
    is_keepalive: bool = False
    late_by_s: float = 0.0


class Exchange:
    """What is in flight to one station, and when more may leave."""

    def __init__(self, reply_timeout_s: float) -> None:
        self.in_flight: InFlight | None = None
        self._reply_timeout_s = reply_timeout_s
        self._pacer = Pacer()
        self._commands_sent_at: dict[Command, float] = {}
        self._reports_given_up_at: dict[int, float] = {}
        self._late_reply: ReplyTo | None = None
        self._others_wait_until = -math.inf

    @property
    def command(self) -> Command | None:
        """The command in flight."""
        if self.in_flight is None:
            return None
        content = self.in_flight.request.content
        return content if isinstance(content, Command) else None

    @property
    def report(self) -> int | None:
        """The number of the report in flight."""
        if self.in_flight is None:
            return None
        content = self.in_flight.request.content
        return content.number if isinstance(content, ReportRequest) else None

    # --- sending -----------------------------------------------------------

    def ready_at(self, request: AnyRequest) -> float:
        content = request.content
        paced_at = self._pacer.ready_at(
            content.encode(), scheduled=request.is_scheduled
        )
        if isinstance(content, ReportRequest):
            # It waits for no reply but its own, and sets nothing.
            return max(request.not_before, paced_at)
        overwritten_until = [
            sent_at + SHORTEST_TIMER_S
            for older, sent_at in self._commands_sent_at.items()
            if must_wait(older, content)
        ]
        return max(
            request.not_before,
            paced_at,
            self._ready_beside_late_reply(request),
            *overwritten_until,
        )

    def _ready_beside_late_reply(self, request: AnyRequest) -> float:
        late = self._late_reply
        if late and request.is_repetition and request.content is late.command:
            # A reply to the first or to the second of two equal commands
            # means the same.
            return -math.inf
        return self._others_wait_until

    def begin(self, request: AnyRequest, now: float) -> None:
        first_sent_at = request.first_sent_at
        if first_sent_at is None:
            first_sent_at = now
        self.in_flight = InFlight(request, first_sent_at, now)
        self.datagram_sent(now)

    def datagram_sent(self, now: float) -> None:
        """Note when the last datagram has really left.

        A busy machine may stop us between the decision to send and the
        sending. KEBA's pauses, the timeout and a `currtime` begin with the
        latter.
        """
        in_flight = self.in_flight
        if in_flight is None:
            return
        in_flight.deadline = now + self._reply_timeout_s
        content = in_flight.request.content
        disables = False
        if isinstance(content, Command):
            disables = content.disables_charging()
            self._commands_sent_at = {
                older: sent_at
                for older, sent_at in self._commands_sent_at.items()
                if now < sent_at + SHORTEST_TIMER_S
            }
            self._commands_sent_at[content] = now
        self._pacer.note_sent(content.encode(), now, disables=disables)

    # --- replies -----------------------------------------------------------

    def lateness_s(self, number: int, now: float) -> float:
        """Return how late this report comes that nobody waits for.

        0 for one that was not given up before: the network has doubled it, or
        somebody else has asked for it. While a repetition is in flight nobody
        can tell which of the two is answered.
        """
        if self.report == number:
            return 0.0
        given_up_at = self._reports_given_up_at.pop(number, -math.inf)
        late_by_s = now - given_up_at
        return late_by_s if late_by_s <= LATE_REPORT_S else 0.0

    def take_report(self, number: int) -> InFlight | None:
        """Return the request for this report, if that is in flight."""
        if self.report != number:
            return None
        in_flight, self.in_flight = self.in_flight, None
        return in_flight

    def take_reply(self, now: float) -> ReplyTo | None:
        """Return the command that a TCH-OK or TCH-ERR belongs to, if any."""
        late, self._late_reply = self._late_reply, None
        in_flight, command = self.in_flight, self.command
        if in_flight is not None and command is not None:
            self.in_flight = None
            return ReplyTo(
                command, in_flight.is_reported, in_flight.request.is_keepalive
            )
        if late is None or now >= self._others_wait_until:
            return None
        late.late_by_s = now - (self._others_wait_until - LATE_REPLY_S)
        self._others_wait_until = now
        return late

    # --- no reply ----------------------------------------------------------

    def take_timed_out(self, received_until: float) -> InFlight | None:
        """Return what was not answered in time; it is in flight no more."""
        in_flight = self.in_flight
        if in_flight is None or in_flight.deadline > received_until:
            return None
        if self.report is not None:
            self._reports_given_up_at[self.report] = in_flight.deadline
        self.in_flight = None
        return in_flight

    def cancel_report(self) -> None:
        if self.report is not None:
            self.in_flight = None

    def await_late_reply(
        self, command: Command, now: float, *, is_reported: bool
    ) -> None:
        """Let other commands wait for a late reply to this one."""
        # Also to a keepalive: a late reply is worth a line in the log.
        self._late_reply = ReplyTo(command, is_reported)
        self._others_wait_until = now + LATE_REPLY_S

    def mark_reported(self, command: Command) -> None:
        """Note that the result of a command is reported.

        Its reply may still come, but then brings no second result.
        """
        if self._late_reply and self._late_reply.command is command:
            self._late_reply.is_reported = True
        if self.in_flight and self.in_flight.request.content is command:
            self.in_flight.is_reported = True

    def mark_word_reported(self, word: str) -> Command | None:
        """Do so for the commands of a word.

        Returns the one in flight if it had no result yet.
        """
        if self._late_reply and self._late_reply.command.word == word:
            self._late_reply.is_reported = True
        in_flight, command = self.in_flight, self.command
        if in_flight is None or command is None or command.word != word:
            return None
        was_reported, in_flight.is_reported = in_flight.is_reported, True
        return None if was_reported else command
