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

from connector.keba.protocol.commands import (
    Command,
    ReportRequest,
    SetFailsafe,
    SetPhases,
)
from connector.keba.protocol.fields import SESSION_REPORTS, is_known_report
from connector.keba.protocol.messages import (
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
from connector.keba.protocol.ordering import is_outdated
from connector.keba.station.ask import AnyAsk, Ask, Request
from connector.keba.station.availability import IDENTIFICATION, Connection
from connector.keba.station.command_queue import CommandQueue
from connector.keba.station.desired_state import Care, Caretaker
from connector.keba.station.events import (
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
from connector.keba.station.exchange import Flight, Line
from connector.keba.station.failsafe import FEEDING_WORDS
from connector.keba.station.poll_schedule import Polls, has_waited_long
from connector.keba.station.restart_detector import Passage, Uptimes
from connector.keba.station.verification import Proofs

READ_BACK = 2
"""Report 2 shows the settings, see `Command.expected_fields`."""

LATEST_SESSION = 100
"""Report 100 is the running session, or the last one."""

ANOTHER_STATION = "another station answers at this address"

PHASE_COOL_DOWN_S = 305.0
"""Between two phase switchings. KEBA wants 300 s, but refused at exactly that
(ioBroker.kecontact pull request 242)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one look at a session has brought."""

    events: list[Event]
    datagram: bytes | None = None


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
        self._line = Line(reply_timeout_s)
        self._polls = Polls(
            reports,
            interval_s=poll_interval_s,
            first_round_at=first_round_at,
        )
        self._connection = Connection(station, serial)
        self._proofs = Proofs(station)
        self._caretaker = Caretaker(
            station, restores=restores, failsafe=failsafe
        )
        self._commands = CommandQueue()
        self._phases_free_at = -math.inf
        self._command_went_last = False
        self._uptimes = Uptimes()
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

    def ask(self, report: int, now: float, *, delay_s: float = 0.0) -> None:
        """Ask for a report outside of the rounds, after a delay."""
        self._polls.add(report, now, delay_s=delay_s)

    def set_in_charge(self, *, is_in_charge: bool, now: float) -> None:
        """Hear whether somebody is in charge, see `Caretaker`."""
        self._caretaker.set_in_charge(is_in_charge=is_in_charge, now=now)

    def say_farewell(self, now: float) -> None:
        """Poll no more; say what belongs to a clean end."""
        self._polls.end()
        self._line.forget_report()
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

    def note_left(self, now: float) -> None:
        """Hear when the last datagram has really left, see `Line`."""
        self._line.note_left(now)

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
                self._uptimes.clear()
                return self._on_restart(now)
            case Unreadable(reason=reason):
                return [OddDatagram(self.station, reason)]
            case _:
                return []

    # --- what the caller asks ---------------------------------------------

    @property
    def has_commands(self) -> bool:
        """Whether a command waits for its moment or for its answer."""
        return len(self._commands) > 0 or self._line.command is not None

    @property
    def owes_farewell(self) -> bool:
        """Whether a `failsafe` waits for its moment or for its answer."""
        waiting = [ask.request for ask in self._commands]
        return any(
            isinstance(command, SetFailsafe)
            for command in (*waiting, self._line.command)
        )

    def next_deadline(self) -> float:
        """Return the moment at which `turn` is worth a call."""
        planned_at = self._polls.next_round_at
        if self._may_beat():
            planned_at = min(planned_at, self._caretaker.next_deadline())
        if self._line.flight is not None:
            return min(self._line.flight.deadline, planned_at)
        if not self._connection.is_resolved:
            return planned_at
        asks: list[AnyAsk] = [*self._commands, *self._polls]
        return min([planned_at, *map(self._line.ready_at, asks)])

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
        flight = self._line.give_up(heard_until)
        if flight is not None:
            events += self._give_up(flight, now)
        if now >= self._polls.next_round_at:
            events += self._start_next_round(now)
        if self._caretaker.next_deadline() <= now and self._may_beat():
            events += self._beat(now)
        ask = self._choose(now)
        if ask is None:
            return Turn(events)
        return Turn(events, self._send(ask, now))

    # --- rounds ------------------------------------------------------------

    def _start_next_round(self, now: float) -> list[Event]:
        self._polls.plan_next_round(now)
        if not self._connection.is_resolved:
            return self._round_up()
        self._begin_round(now)
        return []

    def _begin_round(self, now: float) -> None:
        self._polls.begin_round(now)

    def _close(self, number: int) -> list[Event]:
        """Strike a report off the round; tell the state when all are off."""
        return self._round_up() if self._polls.close(number) else self._news()

    # --- sending -----------------------------------------------------------

    def _choose(self, now: float) -> AnyAsk | None:
        if self._line.flight or not self._connection.is_resolved:
            return None
        command = None
        if not self._connection.is_somebody_else:
            command = self._first_ready(self._commands, now)
        report = self._first_ready(self._polls, now)
        if command is None or report is None:
            return command or report
        if self._command_went_last and has_waited_long(report, now):
            return report
        return command

    def _first_ready(
        self, asks: Iterable[Ask[Request]], now: float
    ) -> Ask[Request] | None:
        ready = (ask for ask in asks if self._line.ready_at(ask) <= now)
        return next(ready, None)

    def _send(self, ask: AnyAsk, now: float) -> bytes:
        request = ask.request
        if isinstance(request, Command):
            self._commands.remove_command(request)
            self._caretaker.note_sent(request, now)
            if not ask.is_beat and request.word in FEEDING_WORDS:
                # It feeds the station; a beat would come late, and blindly.
                self._commands.remove_beats()
            if isinstance(request, SetPhases):
                self._phases_free_at = now + PHASE_COOL_DOWN_S
        else:
            self._polls.remove(request.number)
        self._command_went_last = isinstance(request, Command)
        self._connection.note_sent()
        self._line.send(ask, now)
        return request.encode()

    def _give_up(self, flight: Flight, now: float) -> list[Event]:
        request = flight.ask.request
        if isinstance(request, Command):
            return self._give_up_command(flight, request, now)
        return self._give_up_report(flight, request, now)

    # --- reports -----------------------------------------------------------

    def _give_up_report(
        self, flight: Flight, request: ReportRequest, now: float
    ) -> list[Event]:
        number = request.number
        attempts_left = flight.ask.attempts_left - 1
        # A silent station is asked once: more would keep the line busy.
        if attempts_left and not self._connection.is_silent:
            again = Ask(request, now, now, attempts_left, flight.first_sent_at)
            self._polls.add_repetition(again)
            return []
        events: list[Event] = [
            ReportUnanswered(self.station, f"report {number}")
        ]
        if number == READ_BACK:
            events += self._proofs.note_missing_reading()
            if self._proofs.wants_reading:
                self.ask(READ_BACK, now)
        if self._connection.note_report_unanswered(
            number, flight.first_sent_at
        ):
            self.ask(IDENTIFICATION, now)
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
            passage = self._uptimes.note(
                number, uptime_s, is_awaited=self._line.report == number
            )
            if passage is Passage.STALE:
                reason = f"a report {number} older than the last one"
                return [OddDatagram(self.station, reason)]
            if passage is Passage.RESTART:
                events += self._on_restart(now)
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
        awaited = self._line.report
        if awaited is None or awaited not in SESSION_REPORTS:
            return LATEST_SESSION
        return awaited

    def _asked_at(self, number: int) -> float | None:
        """Take the report as answered; return since when it was asked for.

        Nobody can tell whether it answers the first request or the
        repetition, so the first one counts. A late answer also serves the
        repetition that waits for its moment.
        """
        flight = self._line.take_report(number)
        if flight is not None:
            return flight.first_sent_at
        waiting = self._polls.take_repetition(number)
        return None if waiting is None else waiting.first_sent_at

    def _read_back(
        self, report: Report, asked_at: float, now: float
    ) -> list[Event]:
        verdicts = self._proofs.judge(report.fields, asked_at)
        for verdict in verdicts:
            word = verdict.command.word
            self._line.settle(verdict.command)
            if verdict.outcome is Outcome.APPLIED:
                self._caretaker.note_applied(verdict.command)
                # Its repetition, if that waits, is needless.
                self._commands.remove_command(verdict.command)
            if verdict.outcome is Outcome.NOT_APPLIED:
                self._caretaker.note_not_applied(word)
        if self._proofs.wants_reading:
            self.ask(READ_BACK, now)
        in_question = self._proofs.words | self._commands.words
        if self._line.command is not None:
            in_question |= {self._line.command.word}
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
        return (
            self._connection.is_resolved
            and not self._connection.is_silent
            and not self._connection.is_somebody_else
            and self._line.command is None
        )

    def _beat(self, now: float) -> list[Event]:
        """Feed the station, after a look at what it has been told by others.

        A beat leaves without that look if report 2 does not come.
        """
        care = self._caretaker.beat(now)
        if care.beats:
            self.ask(READ_BACK, now)
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
        flight = self._line.flight
        if (
            flight is not None
            and isinstance(flight.ask.request, Command)
            and not flight.ask.is_beat
            and is_outdated(ask.request, flight.ask.request)
        ):
            return False
        return self._commands.append_if_wanted(ask)

    def _on_restart(self, now: float) -> list[Event]:
        self._caretaker.note_interruption()
        self._connection.note_restart()
        self._begin_round(now)
        return [StationRestarted(self.station)]

    # --- commands ----------------------------------------------------------

    def _give_up_command(
        self, flight: Flight, command: Command, now: float
    ) -> list[Event]:
        self._connection.note_command_unanswered()
        is_told = flight.ask.is_beat or flight.is_told
        is_outdated = self._commands.overrules(command)
        self._line.doubt(command, now, is_told=is_told or is_outdated)
        if is_told:
            return []
        self.ask(READ_BACK, now)
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
        answered = self._line.take_answer(now)
        if answered is None:
            return [OddDatagram(self.station, f"nobody asked for {text!r}")]
        command = answered.command
        self._commands.remove_repetition(command.word)
        if self._connection.is_silent:
            self._caretaker.note_interruption()
        self._connection.note_answer(now)
        if is_accepted:
            self._caretaker.note_accepted(command, now)
        if answered.is_beat:
            return self._news()
        events: list[Event] = [
            CommandAnswered(self.station, command, is_accepted, text)
        ]
        self.ask(READ_BACK, now, delay_s=command.settle_s)
        if answered.is_told:
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
                self._line.settle(ask.request)
                self._proofs.supersede(ask.request.word)
            events.append(self._superseded(ask.request))
        return events

    def _note_refused(self, command: Command) -> None:
        self._proofs.supersede(command.word)
        if isinstance(command, SetPhases):
            self._phases_free_at = -math.inf

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
