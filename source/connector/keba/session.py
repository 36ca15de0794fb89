"""The conversation with one station, as clockwork.

No socket, no thread, no clock: the caller says what has come and what time
it is, and is told what may be sent now. The rules:

* one request is in flight; a push in between is data, not an answer
* commands go before polls, the newest command of a word wins
* a poll is repeated once, then it counts as unanswered
* after a silent command other commands rest, so that a late TCH-OK is not
  credited to the wrong one
* reports are matched by their ID and welcome whenever they come
* a station with another serial number than expected is neither believed nor
  told anything
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from connector.keba.caretaker import Care, Caretaker
from connector.keba.command_queue import ATTEMPTS, Ask, CommandQueue, Request
from connector.keba.commands import (
    Command,
    ReportRequest,
    SetFailsafe,
    SetPhases,
)
from connector.keba.connection import IDENTIFICATION, Connection
from connector.keba.events import (
    CommandAnswered,
    CommandFinished,
    CommandNotSent,
    CommandUnanswered,
    ConnectionState,
    Event,
    OddDatagram,
    Outcome,
    ReportReceived,
    ReportUnanswered,
    SettingRestored,
    StationRestarted,
    StatusReceived,
)
from connector.keba.fields import SESSION_REPORTS, is_known_report
from connector.keba.messages import (
    Acceptance,
    BootMessage,
    Refusal,
    Report,
    StartReply,
    StatusPush,
    Unreadable,
    decode_datagram,
    is_session_report,
    parse_datagram,
)
from connector.keba.pacing import MARGIN_S, REPEAT_PAUSE_S, Pacer
from connector.keba.proofs import Proofs

REST_S = 3.0
"""Silence towards other commands after one was not answered.

Replies were seen to come more than a second late (evcc-io/evcc#16879).
"""

POLL_PATIENCE_S = 3.0
"""So long may a stream of commands keep a poll waiting."""

READ_BACK = 2
"""Report 2 shows the settings, see `Command.proof`."""

LATEST_SESSION = 100
"""Report 100 is the running session, or the last one."""

STALE_S = 10
"""A report that nobody waits for, whose uptime is up to so much behind, is an
old one, reordered or doubled by the network; else a step back is a restart."""

ANOTHER_STATION = "another station answers at this address"

PHASE_COOL_DOWN_S = 305.0
"""Between two phase switchings. KEBA wants 300 s, but refused at exactly that
(ioBroker.kecontact pull request 242)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one look at a session has brought."""

    events: list[Event]
    datagram: bytes | None = None


_AnyAsk = Ask[ReportRequest] | Ask[Command]


@dataclass(slots=True)
class _InFlight:
    ask: _AnyAsk
    first_sent_at: float
    deadline: float
    is_settled: bool = False


class Session:
    """One station: what to say next, and what its answers mean.

    Parameters
    ----------
    station
        Name of the station.
    reports
        Numbers of the reports to poll, in this order.
    poll_interval_s
        Seconds from the start of one round to the start of the next.
    reply_timeout_s
        Seconds after which a request counts as not answered.
    first_round_at
        Moment of the first round.
    serial
        Serial number of the station that is meant; None takes any.
    restores, failsafe
        See `Caretaker`.
    """

    def __init__(
        self,
        station: str,
        *,
        reports: Sequence[int] = (1, 2, 3),
        poll_interval_s: float = 30.0,
        reply_timeout_s: float = 2.0,
        first_round_at: float = 0.0,
        serial: str | None = None,
        restores: bool = False,
        failsafe: SetFailsafe | None = None,
    ) -> None:
        self.station = station
        self._reports = tuple(reports)
        self._poll_interval_s = max(poll_interval_s, REPEAT_PAUSE_S + MARGIN_S)
        self._reply_timeout_s = reply_timeout_s
        self._next_round_at = first_round_at
        self._pacer = Pacer()
        self._connection = Connection(station, serial)
        self._proofs = Proofs(station)
        self._caretaker = Caretaker(
            station, restores=restores, failsafe=failsafe
        )
        self._commands = CommandQueue()
        self._due: dict[int, Ask[ReportRequest]] = {}
        self._round: set[int] = set()
        self._in_flight: _InFlight | None = None
        self._doubtful: Command | None = None
        self._doubt_is_settled = False
        self._rest_until = -math.inf
        self._phases_free_at = -math.inf
        self._command_went_last = False
        self._uptimes_s: dict[int, int] = {}
        self._told: tuple[bool, str] | None = None

    # --- what the caller says ---------------------------------------------

    def submit(self, command: Command, now: float) -> list[Event]:
        """Queue a command; the older one of the same word is dropped."""
        obstacle = self._obstacle(command, now)
        if obstacle:
            return [self._not_sent(command, obstacle)]
        events: list[Event] = [
            *self._proofs.supersede(command.word),
            *self._make_way(command),
        ]
        if not self._connection.is_resolved:
            return [*events, self._unreachable(command)]
        self._commands.append(Ask(command, now, now))
        return events

    def ask(self, report: int, now: float) -> None:
        """Ask for a report outside of the rounds."""
        self._ask_report(report, now)

    def set_in_charge(self, *, is_in_charge: bool, now: float) -> None:
        """Hear whether somebody is in charge, see `Caretaker`."""
        self._caretaker.set_in_charge(is_in_charge=is_in_charge, now=now)

    def say_farewell(self, now: float) -> None:
        """Poll no more; say what belongs to a clean end."""
        self._next_round_at = math.inf
        self._due.clear()
        self._commands.take_all()
        if self._connection.is_somebody_else:
            return
        for command in self._caretaker.farewell():
            self._commands.append(Ask(command, now, now))

    def note_address(self, *, is_resolved: bool, now: float) -> list[Event]:
        """Hear whether the name of the station has an address."""
        was_resolved = self._connection.is_resolved
        self._connection.note_address(is_resolved=is_resolved)
        if is_resolved:
            if not was_resolved:
                self._begin_round(now)
            return self._news()
        dropped: list[Event] = [
            self._unreachable(command) for command in self._commands.take_all()
        ]
        return [*dropped, *self._news()]

    def note_send_error(self) -> None:
        """Hear that the last datagram could not be sent."""
        self._connection.note_send_error()

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take a datagram that came from this station."""
        self._connection.note_seen(now)
        match parse_datagram(data):
            case Report() as report:
                return self._on_report(report, decode_datagram(data), now)
            case StatusPush() if self._connection.is_somebody_else:
                return []
            case StatusPush():
                return [StatusReceived(self.station, decode_datagram(data))]
            case Acceptance(text=text):
                return self._on_answer(text, now, is_accepted=True)
            case StartReply():
                return self._on_answer("started", now, is_accepted=True)
            case Refusal(text=text):
                return self._on_answer(text, now, is_accepted=False)
            case BootMessage():
                return self._on_restart(now)
            case Unreadable(reason=reason):
                return [OddDatagram(self.station, reason)]
            case _:
                return []

    # --- what the caller asks ---------------------------------------------

    @property
    def has_commands(self) -> bool:
        """Whether a command waits for its moment or for its answer."""
        flight = self._in_flight
        return len(self._commands) > 0 or (
            flight is not None and isinstance(flight.ask.request, Command)
        )

    def next_deadline(self) -> float:
        """Return the moment at which `turn` is worth a call."""
        planned_at = self._next_round_at
        if self._may_beat():
            planned_at = min(planned_at, self._caretaker.next_deadline())
        if self._in_flight is not None:
            return min(self._in_flight.deadline, planned_at)
        if not self._connection.is_resolved:
            return planned_at
        asks: list[_AnyAsk] = [*self._commands, *self._due.values()]
        return min([planned_at, *map(self._ready_at, asks)])

    def turn(self, now: float, heard_until: float) -> Turn:
        """Let time pass and return what may leave at the moment `now`.

        Parameters
        ----------
        now
            The moment.
        heard_until
            Up to when all that came was handed to `receive`. A request is
            not given up before its answer had the chance to be heard.
        """
        events: list[Event] = []
        flight = self._in_flight
        if flight is not None and flight.deadline <= heard_until:
            events += self._give_up(flight, now)
        if now >= self._next_round_at:
            events += self._start_next_round(now)
        if self._caretaker.next_deadline() <= now and self._may_beat():
            events += self._beat(now)
        ask = self._choose(now)
        if ask is None:
            return Turn(events)
        return Turn(events, self._send(ask, now))

    # --- rounds ------------------------------------------------------------

    def _start_next_round(self, now: float) -> list[Event]:
        self._next_round_at += self._poll_interval_s
        if self._next_round_at <= now:
            self._next_round_at = now + self._poll_interval_s
        if not self._connection.is_resolved:
            return self._round_up()
        self._begin_round(now)
        return []

    def _begin_round(self, now: float) -> None:
        for number in self._reports:
            self._round.add(number)
            self._ask_report(number, now)

    def _ask_report(
        self, number: int, now: float, *, delay_s: float = 0.0
    ) -> None:
        """Queue a report; equal requests are merged, into the later one."""
        ask = self._due.get(number)
        if ask is None:
            # A silent station is asked once a round: repeating would only
            # keep the line busy.
            attempts = 1 if self._connection.is_silent else ATTEMPTS
            ask = Ask(ReportRequest(number), now, now, attempts)
        not_before = now + delay_s
        if not_before > ask.not_before and not self._has_waited_long(ask, now):
            ask = replace(ask, not_before=not_before)
        self._due[number] = ask

    def _has_waited_long(self, ask: _AnyAsk, now: float) -> bool:
        return now - ask.wanted_at > POLL_PATIENCE_S

    def _close(self, number: int) -> list[Event]:
        """Strike a report off the round; tell the state when all are off."""
        if number not in self._round:
            return self._news()
        self._round.discard(number)
        return self._news() if self._round else self._round_up()

    # --- sending -----------------------------------------------------------

    def _choose(self, now: float) -> _AnyAsk | None:
        if self._in_flight is not None or not self._connection.is_resolved:
            return None
        command = None
        if not self._connection.is_somebody_else:
            command = self._first_ready(self._commands, now)
        report = self._first_ready(self._due.values(), now)
        if command is None or report is None:
            return command or report
        if self._command_went_last and self._has_waited_long(report, now):
            return report
        return command

    def _first_ready(
        self, asks: Iterable[Ask[Request]], now: float
    ) -> Ask[Request] | None:
        ready = (ask for ask in asks if self._ready_at(ask) <= now)
        return next(ready, None)

    def _ready_at(self, ask: _AnyAsk) -> float:
        paced_at = self._pacer.ready_at(
            ask.request.encode(), scheduled=ask.is_scheduled
        )
        if isinstance(ask.request, Command) and not (
            ask.is_repetition and ask.request is self._doubtful
        ):
            paced_at = max(paced_at, self._rest_until)
        return max(paced_at, ask.not_before)

    def _send(self, ask: _AnyAsk, now: float) -> bytes:
        request = ask.request
        if isinstance(request, Command):
            self._commands.remove_command(request)
            self._caretaker.note_sent(request, now)
            if isinstance(request, SetPhases):
                self._phases_free_at = now + PHASE_COOL_DOWN_S
        else:
            del self._due[request.number]
        self._command_went_last = isinstance(request, Command)
        self._connection.note_sent()
        first_sent_at = now if ask.first_sent_at is None else ask.first_sent_at
        self._in_flight = _InFlight(ask, first_sent_at, now)
        self.note_left(now)
        return request.encode()

    def note_left(self, now: float) -> None:
        """Hear when the last datagram has really left.

        A busy machine may stop us between the decision to send and the
        sending; KEBA's pauses begin with the latter.
        """
        flight = self._in_flight
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

    def _give_up(self, flight: _InFlight, now: float) -> list[Event]:
        self._in_flight = None
        request = flight.ask.request
        if isinstance(request, Command):
            return self._give_up_command(flight, request, now)
        return self._give_up_report(flight, request, now)

    # --- reports -----------------------------------------------------------

    def _give_up_report(
        self, flight: _InFlight, request: ReportRequest, now: float
    ) -> list[Event]:
        number = request.number
        attempts_left = flight.ask.attempts_left - 1
        if attempts_left and not self._connection.is_silent:
            again = Ask(request, now, now, attempts_left, flight.first_sent_at)
            self._due.setdefault(number, again)
            return []
        events: list[Event] = [
            ReportUnanswered(self.station, f"report {number}")
        ]
        if number == READ_BACK:
            events += self._proofs.note_missing_reading()
            if self._proofs.wants_reading:
                self._ask_report(READ_BACK, now)
        if self._connection.note_report_unanswered(
            number, flight.first_sent_at
        ):
            self._ask_report(IDENTIFICATION, now)
        return [*events, *self._close(number)]

    def _on_report(self, report: Report, text: str, now: float) -> list[Event]:
        number = self._number_of(report)
        if not is_known_report(number):
            reason = f"there is no report {number}"
            return [OddDatagram(self.station, reason)]
        events: list[Event] = []
        self._connection.note_identity(report.fields)
        uptime_s = report.fields.get("Sec")
        if isinstance(uptime_s, int) and not self._connection.is_somebody_else:
            behind_s = self._uptimes_s.get(number, uptime_s) - uptime_s
            if 0 < behind_s <= STALE_S and not self._is_awaited(number):
                reason = f"a report {number} older than the last one"
                return [OddDatagram(self.station, reason)]
            if behind_s > 0:
                events += self._on_restart(now)
            self._uptimes_s[number] = uptime_s
        asked_at = self._asked_at(number)
        if self._connection.is_silent:
            self._caretaker.note_interruption()
        self._connection.note_report(number, now)
        if self._connection.is_somebody_else:
            events += self._proofs.abandon(ANOTHER_STATION)
            return [*events, *self._drop_commands(), *self._close(number)]
        events.append(ReportReceived(self.station, f"report {number}", text))
        if number == READ_BACK and asked_at is not None:
            events += self._read_back(report, asked_at, now)
        return [*events, *self._close(number)]

    def _number_of(self, report: Report) -> int:
        """Return the number; the ID of session reports may be wrong."""
        if is_known_report(report.number) or not is_session_report(report):
            return report.number
        request = self._in_flight and self._in_flight.ask.request
        if isinstance(request, ReportRequest) and (
            request.number in SESSION_REPORTS
        ):
            return request.number
        return LATEST_SESSION

    def _asked_at(self, number: int) -> float | None:
        """Take the report as answered; return since when it was asked for.

        Nobody can tell whether it answers the first request or the
        repetition, so the first one counts. A late answer also serves the
        repetition that waits for its moment.
        """
        flight = self._in_flight
        if flight and self._is_awaited(number):
            self._in_flight = None
            return flight.first_sent_at
        waiting = self._due.get(number)
        if waiting is None or waiting.first_sent_at is None:
            return None
        del self._due[number]
        return waiting.first_sent_at

    def _is_awaited(self, number: int) -> bool:
        flight = self._in_flight
        return flight is not None and flight.ask.request == ReportRequest(
            number
        )

    def _read_back(
        self, report: Report, asked_at: float, now: float
    ) -> list[Event]:
        verdicts = self._proofs.judge(report.fields, asked_at)
        for verdict in verdicts:
            word = verdict.command.word
            self._settle(verdict.command)
            if verdict.outcome is Outcome.APPLIED:
                self._caretaker.note_applied(verdict.command)
            if verdict.outcome is Outcome.NOT_APPLIED:
                self._caretaker.note_not_applied(word)
            self._commands.remove_command(verdict.command)
        if self._proofs.wants_reading:
            self._ask_report(READ_BACK, now)
        in_question = self._proofs.words | self._commands.words
        request = self._in_flight and self._in_flight.ask.request
        if isinstance(request, Command):
            in_question |= {request.word}
        care = self._caretaker.review(report.fields, in_question)
        return [*verdicts, *self._take_care(care, now)]

    def _take_care(self, care: Care, now: float) -> list[Event]:
        """Queue what the caretaker wants, unless a user wants something."""
        left_out = [
            command
            for command in care.commands
            if not self._queue_if_wanted(Ask(command, now, now))
        ]
        if care.beats:
            self._queue_beats(care.beats, now, not_before=now)
        return [
            event
            for event in care.events
            if not isinstance(event, SettingRestored)
            or event.command not in left_out
        ]

    def _may_beat(self) -> bool:
        """Whether to look if the station wants to be fed.

        One that is silent is asked for reports; what it needs is known when
        it answers. A command on its way feeds the station itself.
        """
        flight = self._in_flight
        is_busy = flight is not None and isinstance(flight.ask.request, Command)
        return (
            self._connection.is_resolved
            and not self._connection.is_silent
            and not self._connection.is_somebody_else
            and not is_busy
        )

    def _beat(self, now: float) -> list[Event]:
        """Feed the station, after a look at what it has been told by others.

        A beat leaves without that look if report 2 does not come.
        """
        care = self._caretaker.beat(now)
        if care.beats:
            self._ask_report(READ_BACK, now)
            self._queue_beats(care.beats, now, not_before=now + care.look_s)
        return self._take_care(replace(care, beats=[]), now)

    def _queue_beats(
        self, beats: Sequence[Command], now: float, *, not_before: float
    ) -> None:
        """Replace the beats that have not left."""
        self._commands.remove_beats()
        for command in beats:
            ask = Ask(command, now, not_before, attempts_left=1, is_beat=True)
            self._queue_if_wanted(ask)

    def _queue_if_wanted(self, ask: Ask[Command]) -> bool:
        """Queue what nobody has asked for, unless it undoes what is newer.

        Returns
        -------
        bool
            Whether it waits now.
        """
        flying = self._in_flight and self._in_flight.ask
        if (
            flying
            and isinstance(flying.request, Command)
            and not flying.is_beat
            and ask.request.would_spoil(flying.request)
        ):
            return False
        return self._commands.append_if_wanted(ask)

    def _on_restart(self, now: float) -> list[Event]:
        self._uptimes_s.clear()
        self._caretaker.note_interruption()
        self._connection.note_restart()
        self._begin_round(now)
        return [StationRestarted(self.station)]

    # --- commands ----------------------------------------------------------

    def _give_up_command(
        self, flight: _InFlight, command: Command, now: float
    ) -> list[Event]:
        self._connection.note_command_unanswered()
        self._rest_until = now + REST_S
        self._doubtful = command
        is_told = flight.ask.is_beat or flight.is_settled
        is_outdated = self._commands.overrules(command)
        self._doubt_is_settled = is_told or is_outdated
        if is_told:
            return []
        self._ask_report(READ_BACK, now)
        if is_outdated:
            return [self._superseded(command)]
        attempts_left = flight.ask.attempts_left - 1
        will_repeat = (
            command.repeatable
            and attempts_left > 0
            and self._connection.is_resolved
        )
        events: list[Event] = [
            CommandUnanswered(self.station, command, will_repeat)
        ]
        if will_repeat:
            self._commands.append(
                Ask(command, now, now, attempts_left, flight.first_sent_at)
            )
        else:
            events.append(self._finished(command, Outcome.NO_REPLY))
        return [*events, *self._proofs.expect(command, now, is_answered=False)]

    def _on_answer(
        self, text: str, now: float, *, is_accepted: bool
    ) -> list[Event]:
        flight = self._in_flight
        command = self._answered_command(now)
        if command is None:
            return [OddDatagram(self.station, f"nobody asked for {text!r}")]
        if self._connection.is_silent:
            self._caretaker.note_interruption()
        self._connection.note_answer(now)
        self._doubtful = None
        if is_accepted:
            self._caretaker.note_accepted(command, now)
        if flight is not None and flight.ask.is_beat:
            return self._news()
        events: list[Event] = [
            CommandAnswered(self.station, command, is_accepted, text)
        ]
        self._ask_report(READ_BACK, now, delay_s=command.settle_s)
        is_told = self._doubt_is_settled
        if flight is not None and flight.ask.request is command:
            is_told = flight.is_settled
        if is_told:
            return [*events, *self._news()]
        if not is_accepted:
            self._note_refused(command)
            events.append(self._finished(command, Outcome.REJECTED, text))
        elif command.word in self._commands.words:
            events.append(self._superseded(command))
        else:
            events += self._proofs.expect(command, now, is_answered=True)
        return [*events, *self._news()]

    def _make_way(self, newer: Command) -> list[Event]:
        """Drop what a newer command replaces, or what would undo it."""
        events: list[Event] = []
        for ask in self._commands.make_way(newer):
            if ask.is_beat:
                continue
            if ask.is_repetition:
                self._settle(ask.request)
                self._proofs.supersede(ask.request.word)
            events.append(self._superseded(ask.request))
        return events

    def _note_refused(self, command: Command) -> None:
        self._proofs.supersede(command.word)
        if isinstance(command, SetPhases):
            self._phases_free_at = -math.inf

    def _answered_command(self, now: float) -> Command | None:
        """Return the command that an answer belongs to.

        It carries no name: it belongs to the command in flight, else to the
        one that was given up a moment ago, whose repetition is then needless.
        """
        flight = self._in_flight
        if flight is not None and isinstance(flight.ask.request, Command):
            self._in_flight = None
            return flight.ask.request
        command = self._doubtful
        if command is None or now >= self._rest_until:
            return None
        self._commands.remove_repetition(command.word)
        self._rest_until = now
        return command

    def _settle(self, command: Command) -> None:
        """Note that the result of a command is told.

        Its answer may still come, but then brings no second result.
        """
        if command is self._doubtful:
            self._doubt_is_settled = True
        flight = self._in_flight
        if flight is not None and flight.ask.request is command:
            flight.is_settled = True

    def _finished(
        self, command: Command, outcome: Outcome, detail: str = ""
    ) -> CommandFinished:
        return CommandFinished(self.station, command, outcome, detail)

    def _superseded(self, command: Command) -> CommandFinished:
        return self._finished(command, Outcome.SUPERSEDED)

    def _obstacle(self, command: Command, now: float) -> str:
        """Say why a command must not be sent now, empty if it may."""
        if self._connection.is_somebody_else:
            return ANOTHER_STATION
        if isinstance(command, SetPhases) and now < self._phases_free_at:
            wait_s = math.ceil(self._phases_free_at - now)
            return f"x2: the phases may be switched again in {wait_s} s"
        return ""

    def _drop_commands(self) -> list[Event]:
        return [
            self._not_sent(command, ANOTHER_STATION)
            for command in self._commands.take_all()
        ]

    def _not_sent(self, command: Command, why: str) -> CommandNotSent:
        return CommandNotSent(self.station, command.word, Outcome.INVALID, why)

    def _unreachable(self, command: Command) -> CommandFinished:
        detail = "the name of the station does not resolve"
        return self._finished(command, Outcome.NO_REPLY, detail)

    # --- news about the connection -----------------------------------------

    def _news(self) -> list[Event]:
        """Tell the state of the connection if it has changed."""
        state = self._connection.state()
        if state is None or (state.online, state.reason) == self._told:
            return []
        return self._tell(state)

    def _round_up(self) -> list[Event]:
        """Tell the state of the connection at the end of a round."""
        state = self._connection.state()
        return [] if state is None else self._tell(state)

    def _tell(self, state: ConnectionState) -> list[Event]:
        self._told = (state.online, state.reason)
        return [state]
