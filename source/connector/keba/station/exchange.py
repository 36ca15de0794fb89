"""One request and its reply at a time.

Reports carry their number, but ``TCH-OK`` names no command. So one request is
in flight per station, and a ``TCH-OK`` belongs to the command in flight.

If that times out, its reply may still be on the way: stations were seen to
answer more than a second late (evcc-io/evcc#16879). Were the next command sent
at once, a late ``TCH-OK`` would be credited to the wrong one. So for a while
other commands wait, and a reply in this window belongs to the silent one.
"""

import math
from dataclasses import replace

from connector.keba.protocol.commands import Command, ReportRequest
from connector.keba.protocol.ordering import SHORTEST_TIMER_S, must_wait
from connector.keba.station.pacing import Pacer
from connector.keba.station.requests import CommandRequest, PollRequest, Request

LATE_REPLY_S = 3.0
"""So long other commands wait after one was not answered."""

LATE_REPORT_S = 60.0
"""What comes later than so is no answer to what was asked for then."""


class Exchange:
    """What is in flight to one station, and when more may leave.

    From `deadline` on the request in flight counts as not answered.
    """

    def __init__(self, reply_timeout_s: float) -> None:
        self.in_flight: Request | None = None
        self.deadline = math.inf
        self._reply_timeout_s = reply_timeout_s
        self._pacer = Pacer()
        self._commands_sent_at: dict[Command, float] = {}
        self._reports_given_up_at: dict[int, float] = {}
        self._late_reply_to: CommandRequest | None = None
        self._others_wait_until = -math.inf

    @property
    def command(self) -> CommandRequest | None:
        request = self.in_flight
        return request if isinstance(request, CommandRequest) else None

    @property
    def report(self) -> int | None:
        request = self.in_flight
        if not isinstance(request, PollRequest):
            return None
        return request.content.number

    # --- sending -----------------------------------------------------------

    def ready_at(self, request: Request) -> float:
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

    def _ready_beside_late_reply(self, request: Request) -> float:
        late = self._late_reply_to
        if late and request.is_repetition and request.content is late.content:
            # A reply to the first or to the second of two equal commands
            # means the same.
            return -math.inf
        return self._others_wait_until

    def begin(self, request: Request, now: float) -> None:
        if not request.is_repetition:
            request.first_sent_at = now
        self.in_flight = request
        self.datagram_sent(now)

    def datagram_sent(self, now: float) -> None:
        """Note when the last datagram has really left.

        A busy machine may stop us between the decision to send and the
        sending. KEBA's pauses, the timeout and a `currtime` begin with the
        latter.
        """
        if self.in_flight is None:
            return
        self.deadline = now + self._reply_timeout_s
        content = self.in_flight.content
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

    def take_report(
        self, number: int, now: float
    ) -> tuple[Request | None, float]:
        """Return the request that a report answers, if it is in flight.

        Else how late the report is; 0 for one that was not given up before:
        the network has doubled it, or somebody else has asked for it. While a
        repetition is in flight nobody can tell which of the two is answered.
        """
        if self.report == number:
            return self._take(), 0.0
        late_by_s = now - self._reports_given_up_at.pop(number, -math.inf)
        return None, late_by_s if late_by_s <= LATE_REPORT_S else 0.0

    def take_reply(self, now: float) -> tuple[CommandRequest, float] | None:
        """Return whom a TCH-OK or TCH-ERR belongs to, and how late it is."""
        late, self._late_reply_to = self._late_reply_to, None
        command = self.command
        if command is not None:
            self._take()
            return command, 0.0
        if late is None or now >= self._others_wait_until:
            return None
        late_by_s = now - (self._others_wait_until - LATE_REPLY_S)
        self._others_wait_until = now
        return late, late_by_s

    def _take(self) -> Request | None:
        request, self.in_flight = self.in_flight, None
        return request

    # --- no reply ----------------------------------------------------------

    def take_timed_out(self, received_until: float) -> Request | None:
        """Return what was not answered in time; it is in flight no more."""
        if self.in_flight is None or self.deadline > received_until:
            return None
        if self.report is not None:
            self._reports_given_up_at[self.report] = self.deadline
        return self._take()

    def cancel_report(self) -> None:
        if self.report is not None:
            self._take()

    def await_late_reply(
        self, request: CommandRequest, now: float, *, is_reported: bool
    ) -> None:
        """Let other commands wait for a late reply to this one."""
        # Also to a keepalive: a late reply is worth a line in the log.
        self._late_reply_to = replace(
            request, is_reported=is_reported, is_keepalive=False
        )
        self._others_wait_until = now + LATE_REPLY_S

    def mark_reported(self, command: Command) -> None:
        """Note that the result of a command is reported.

        Its reply may still come, but then brings no second result.
        """
        for request in (self._late_reply_to, self.in_flight):
            if request is not None and request.content is command:
                request.is_reported = True

    def mark_word_reported(self, word: str) -> Command | None:
        """Do so for the commands of a word.

        Returns the one in flight if it had no result yet.
        """
        late, request = self._late_reply_to, self.command
        if late is not None and late.content.word == word:
            late.is_reported = True
        if request is None or request.content.word != word:
            return None
        was_reported, request.is_reported = request.is_reported, True
        return None if was_reported else request.content
