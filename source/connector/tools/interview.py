"""Asking one station a list of questions within KEBA's rules, as clockwork.

One question is in flight at a time. What is not answered is asked once more,
after all others and after KEBA's pause. A station that does not even answer
the first question is not asked the others.
"""

import errno
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from connector.keba.protocol.fields import SESSION_REPORTS, is_known_report
from connector.keba.protocol.messages import (
    FirmwareReply,
    ForeignRequest,
    Message,
    Report,
    StatusPush,
    decode_datagram,
    is_session_report,
    parse_datagram,
)
from connector.keba.station.pacing import Pacer

REPLY_TIMEOUT_S = 2.0
"""Stations were seen to need more than a second (evcc-io/evcc#16879)."""

PATIENCE = 1.5
"""A question waits for its answer half as long again as the connector would:
an answer that is too late for the connector is still seen, and told."""

ATTEMPTS = 2

FINAL_OBSTACLES = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ENETUNREACH,
        errno.EPERM,
        errno.EACCES,
        errno.EINVAL,
    }
)
"""After these the network would say the same again. "No device has this
address" is not among them: a station on WLAN may be waking up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question.

    Parameters
    ----------
    request
        What was asked.
    message, text
        What came.
    came_at
        When.
    delay_s
        Seconds since it was asked, for the last time before.
    attempt
        1 if asking once was enough.
    """

    request: str
    message: Message
    text: str
    came_at: float
    delay_s: float
    attempt: int

    @property
    def report(self) -> Report | None:
        """The report, if it is one."""
        return self.message if isinstance(self.message, Report) else None


@dataclass(frozen=True, slots=True)
class Heard:
    """A datagram that answers nothing."""

    message: Message
    text: str
    came_at: float


@dataclass(frozen=True, slots=True)
class _Question:
    request: str
    attempt: int = 1

    @property
    def again(self) -> "_Question | None":
        """The same question once more, if that is worth it."""
        if self.attempt == ATTEMPTS:
            return None
        return _Question(self.request, self.attempt + 1)


class Interview:
    """One station, what to ask it, and what it said.

    Parameters
    ----------
    requests
        What to ask, in this order; equal ones keep KEBA's 5 s apart.
    begins_at
        When to ask the first.
    reply_timeout_s
        How long the connector would wait for an answer.
    """

    def __init__(
        self,
        requests: Sequence[str],
        *,
        begins_at: float = -math.inf,
        reply_timeout_s: float = REPLY_TIMEOUT_S,
    ) -> None:
        self.answers: list[Answer] = []
        self.heard: list[Heard] = []
        self.obstacles: list[int] = []
        self._first = requests[0]
        self._waiting = deque(_Question(request) for request in requests)
        self._flight: _Question | None = None
        self._open: dict[str, tuple[float, int]] = {}
        self._deadline = begins_at
        self._patience_s = PATIENCE * reply_timeout_s
        self._pacer = Pacer()

    # --- what the caller says ----------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        """Take a datagram of this station."""
        message = parse_datagram(data)
        text = decode_datagram(data)
        request = self._request_of(message)
        if request is None or request not in self._open:
            self.heard.append(Heard(message, text, now))
            return
        asked_at, attempt = self._open.pop(request)
        self.answers.append(
            Answer(request, message, text, now, now - asked_at, attempt)
        )
        if self._flight is not None and self._flight.request == request:
            self._flight = None
            self._deadline = -math.inf
        else:
            # It is late: what waits for its second attempt has its answer.
            self._strike_repetition(request)

    def note_obstacle(self, number: int) -> None:
        """Hear an errno that the network gave instead of an answer."""
        self.obstacles.append(number)
        if number in FINAL_OBSTACLES and not self.answers:
            self._waiting.clear()
            self._flight = None

    # --- what the caller asks ----------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to ask or to wait for."""
        return self._flight is None and not self._waiting

    def next_deadline(self) -> float:
        """Return the moment at which `turn` is worth a call."""
        if self.is_over:
            return math.inf
        if self._flight is not None:
            return self._deadline
        datagram = self._waiting[0].request.encode()
        ready_at = self._pacer.ready_at(datagram, scheduled=True)
        return max(self._deadline, ready_at)

    def turn(self, now: float) -> bytes | None:
        """Let time pass; return the datagram that may leave now."""
        if self._flight is not None and now >= self._deadline:
            self._give_up(self._flight)
        if self.is_over or self._flight is not None:
            return None
        if now < self.next_deadline():
            return None
        question = self._waiting.popleft()
        self._flight = question
        self.note_left(now)
        return question.request.encode()

    def note_left(self, now: float) -> None:
        """Hear when the last datagram has really left.

        A busy machine may stop us between `turn` and the sending; KEBA's
        pauses begin with the latter.
        """
        question = self._flight
        if question is None:
            return
        self._pacer.note_sent(question.request.encode(), now)
        self._open[question.request] = (now, question.attempt)
        self._deadline = now + self._patience_s

    def answer_to(self, request: str) -> Answer | None:
        """Return the first answer to a request."""
        return next(iter(self.answers_to(request)), None)

    def answers_to(self, request: str) -> list[Answer]:
        """Return all answers to a request, in order."""
        return [answer for answer in self.answers if answer.request == request]

    def pushes(self) -> list[Heard]:
        """Return the status messages that came by themselves."""
        return [
            heard
            for heard in self.heard
            if isinstance(heard.message, StatusPush)
        ]

    def foreign_requests(self) -> list[Heard]:
        """Return requests that came from this address."""
        return [
            heard
            for heard in self.heard
            if isinstance(heard.message, ForeignRequest)
        ]

    def surplus_reports(self) -> list[Heard]:
        """Return reports beyond the number of those asked for."""
        return [
            heard for heard in self.heard if isinstance(heard.message, Report)
        ]

    # --- inside ------------------------------------------------------------

    def _give_up(self, question: _Question) -> None:
        self._flight = None
        self._deadline = -math.inf
        again = question.again
        if question.request == self._first and not self.answers:
            if again is None:
                self._waiting.clear()
            else:
                self._waiting.appendleft(again)
        elif again is not None:
            self._ask_later(again)

    def _ask_later(self, again: _Question) -> None:
        """Ask once more; who is asked the same later anyway waits for that."""
        for place, question in enumerate(self._waiting):
            if question.request == again.request:
                self._waiting[place] = again
                return
        self._waiting.append(again)

    def _strike_repetition(self, request: str) -> None:
        for question in self._waiting:
            if question.request == request and question.attempt > 1:
                self._waiting.remove(question)
                return

    def _request_of(self, message: Message) -> str | None:
        if isinstance(message, FirmwareReply):
            return "i"
        if not isinstance(message, Report):
            return None
        if is_known_report(message.number) or not is_session_report(message):
            return f"report {message.number}"
        # Guide V2.00 prints a report 100 that calls itself 6.
        flight = self._flight.request if self._flight else ""
        number = flight.removeprefix("report ")
        is_asked = number.isdigit() and int(number) in SESSION_REPORTS
        return flight if is_asked else "report 100"
