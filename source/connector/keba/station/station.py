"""One station, sans-I/O: what to send next, and what its answers mean.

No socket, no thread, no clock: the caller says what has come and what time
it is, and learns what may be sent now. The rules:

* One request is in flight. A status message in between is data, no answer.
* Commands go before reports: a user waits for them. Reports that have waited
  long take turns with them.
* A report is asked for once more, then it counts as unanswered. A command is
  sent once more if that is harmless; see `ordering` for what forbids it.
* Reports are matched by their ID and welcome whenever they come.
* Report 2 is read back after each command, for TCH-OK means received, not
  done.
* A station with another serial number than expected is neither believed nor
  sent a command. Reports are still asked for: the right one may come back.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from connector.keba.protocol.commands import (
    AskFirmware,
    Command,
    ReportRequest,
    SetFailsafe,
    SetPhases,
)
from connector.keba.protocol.fields import (
    LATEST_SESSION,
    SESSION_REPORTS,
    is_known_report,
)
from connector.keba.protocol.messages import (
    Acceptance,
    BootMessage,
    FirmwareReply,
    ForeignRequest,
    Message,
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
from connector.keba.station.availability import (
    IDENTIFICATION,
    Availability,
    RestartDetector,
    UptimeStep,
)
from connector.keba.station.desired_state import Actions, DesiredState
from connector.keba.station.events import (
    AnsweredLate,
    CommandAnswered,
    CommandFinished,
    CommandNotSent,
    CommandUnanswered,
    Elsewhere,
    Event,
    FailsafeFacts,
    ForeignRequestHeard,
    LinkFacts,
    OddDatagram,
    Outcome,
    ReportReceived,
    ReportUnanswered,
    SettingRestored,
    StationRestarted,
    StatusReceived,
    Unreachable,
)
from connector.keba.station.exchange import Exchange, InFlight
from connector.keba.station.failsafe import REFRESHING_WORDS
from connector.keba.station.requests import (
    AnyRequest,
    CommandQueue,
    Content,
    PollSchedule,
    Request,
)
from connector.keba.station.verification import Verification

READ_BACK = 2
"""Report 2 shows the settings, see `Command.expected_fields`."""

ANOTHER_STATION = "another station answers at this address"

PHASE_COOL_DOWN_S = 305.0
"""Between two phase switchings. KEBA wants 300 s, but refused at exactly that
(ioBroker.kecontact pull request 242)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationOptions:
    """What is asked of one station, and how.

    Parameters
    ----------
    reports
        Numbers of the reports to poll, in this order; none is asked for but
        by `ask`.
    poll_interval_s
        Seconds from the start of one round to the start of the next.
    reply_timeout_s
        Seconds after which a request counts as not answered.
    first_round_at, phase_at
        Moment of the first round, and one from which all later rounds are
        whole intervals away; see `connector.keba.fleet.spread_rounds`.
    serial
        Serial number of the station that is meant; None takes any.
    restores
        Whether what a restart has undone is sent again.
    failsafe
        What to arm the station's failsafe mode with, if at all.
    """

    reports: Sequence[int] = (1, 2, 3)
    poll_interval_s: float = 30.0
    reply_timeout_s: float = 2.0
    first_round_at: float = 0.0
    phase_at: float = 0.0
    serial: str | None = None
    restores: bool = False
    failsafe: SetFailsafe | None = None


DEFAULT_OPTIONS = StationOptions()


class Step(NamedTuple):
    """What has happened at a station, and what may leave for it now."""

    events: list[Event]
    datagram: bytes | None = None


class Station:
    """What is said to one station, and what it says."""

    def __init__(
        self, name: str, options: StationOptions = DEFAULT_OPTIONS
    ) -> None:
        self.name = name
        self._exchange = Exchange(options.reply_timeout_s)
        self._polls = PollSchedule(
            options.reports,
            interval_s=options.poll_interval_s,
            first_round_at=options.first_round_at,
            phase_at=options.phase_at,
        )
        self._availability = Availability(name, options.serial, options.reports)
        self._restart_detector = RestartDetector()
        self._verification = Verification(name)
        self._desired_state = DesiredState(
            name, restores=options.restores, failsafe=options.failsafe
        )
        self._commands = CommandQueue()
        self._phases_free_at = -math.inf
        self._command_went_last = False
        self._reported: tuple[LinkFacts, FailsafeFacts] | None = None
        self._is_ending = False
        self._now = options.first_round_at

    # --- what comes in ----------------------------------------------------

    def submit(self, command: Command, now: float) -> list[Event]:
        """Queue a command; the older one of the same word is dropped."""
        obstacle = self._obstacle(command, now)
        if obstacle:
            return [
                *self._supersede_sent(command.word),
                self._not_sent(command, obstacle),
            ]
        events: list[Event] = [
            *self._verification.supersede(command.word),
            *self._drop_older(command),
        ]
        if not self._availability.is_resolved:
            return [*events, self._unreachable(command)]
        self._commands.append(Request(command, now, now))
        return events

    def ask(self, report: int, now: float, *, delay_s: float = 0.0) -> None:
        """Ask for a report outside of the rounds, after a delay."""
        self._polls.add(report, now, delay_s=delay_s)

    def set_controlled(self, *, is_controlled: bool, now: float) -> None:
        self._desired_state.set_controlled(is_controlled=is_controlled, now=now)

    def shutdown(self, now: float) -> None:
        """Poll no more; send what belongs to a clean end."""
        self._is_ending = True
        self._polls.end()
        self._exchange.cancel_report()
        self._commands.take_all()
        if self._availability.wrong_serial:
            return
        for command in self._desired_state.shutdown_commands():
            self._commands.append(Request(command, now, now))

    def note_address(self, *, is_resolved: bool, now: float) -> list[Event]:
        """Note whether the name of the station has an address."""
        was_resolved = self._availability.is_resolved
        self._availability.note_address(is_resolved=is_resolved)
        if is_resolved:
            if not was_resolved:
                self._polls.begin_round(now)
            return self._state_change()
        dropped: list[Event] = [
            self._unreachable(command) for command in self._commands.take_all()
        ]
        return [*dropped, *self._state_change()]

    def datagram_sent(self, now: float) -> None:
        """Note when the last datagram has really left, see `Exchange`."""
        self._exchange.datagram_sent(now)

    def note_send_error(self, number: int) -> None:
        """Note that the last datagram could not be sent, and why."""
        self._availability.note_send_error(number)

    def note_unreachable(self, unreachable: Unreachable) -> list[Event]:
        """Note that the network has thrown a request away."""
        self._availability.note_unreachable(unreachable)
        return self._state_change()

    def note_elsewhere(self, elsewhere: Elsewhere) -> list[Event]:
        """Note an answer from another place than the station's."""
        self._availability.note_elsewhere(elsewhere)
        return self._state_change()

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take a datagram that came from this station."""
        self._now = now
        self._availability.note_seen(now)
        match parse_datagram(data):
            case Report() as report:
                return self._on_report(report, decode_datagram(data), now)
            case StatusPush():
                if self._availability.wrong_serial:
                    return []
                return [StatusReceived(self.name, decode_datagram(data))]
            case Acceptance(text=text):
                return self._on_reply(text, now, is_accepted=True)
            case StartReply():
                return self._on_reply("started", now, is_accepted=True)
            case Refusal(text=text):
                return self._on_reply(text, now, is_accepted=False)
            case message:
                return self._on_rare(message, data, now)

    def _on_rare(
        self, message: Message, data: bytes, now: float
    ) -> list[Event]:
        match message:
            case BootMessage():
                self._restart_detector.clear()
                return self._on_restart(now)
            case FirmwareReply() if self._awaits_firmware():
                text = decode_datagram(data)
                return self._on_reply(text, now, is_accepted=True)
            case ForeignRequest(text=text):
                return [ForeignRequestHeard(self.name, text)]
            case Unreadable(reason=reason):
                return [OddDatagram(self.name, reason)]
            case _:
                return []

    def _awaits_firmware(self) -> bool:
        return isinstance(self._exchange.command, AskFirmware)

    # --- what goes out ----------------------------------------------------

    @property
    def expected_serial(self) -> str | None:
        """Serial number of the station that is meant, if it is known."""
        return self._availability.expected_serial

    def awaits(self, report: int) -> bool:
        """Tell whether this report was asked for and has not come."""
        return self._exchange.report == report

    @property
    def has_commands(self) -> bool:
        return len(self._commands) > 0 or self._exchange.command is not None

    @property
    def is_left_armed(self) -> bool:
        """Whether a `failsafe` waits for its moment or for its reply."""
        waiting = [request.content for request in self._commands]
        return any(
            isinstance(command, SetFailsafe)
            for command in (*waiting, self._exchange.command)
        )

    def next_deadline(self) -> float:
        """Return the moment at which `advance` is worth a call."""
        planned_at = min(
            self._polls.next_round_at, self._verification.next_look_at
        )
        keep_alive_at = self._desired_state.next_deadline()
        if keep_alive_at < planned_at and self._may_keep_alive():
            planned_at = keep_alive_at
        if self._exchange.in_flight is not None:
            return min(self._exchange.in_flight.deadline, planned_at)
        if not self._availability.is_resolved:
            return planned_at
        for request in (*self._commands, *self._polls):
            planned_at = min(planned_at, self._exchange.ready_at(request))
        return planned_at

    def advance(self, now: float, received_until: float) -> Step:
        """Let time pass and return what may leave at the moment `now`.

        Parameters
        ----------
        now
            The moment.
        received_until
            Up to when all that came was handed to `receive`. A busy machine
            may find replies in the socket long after they came; a request is
            not given up before its reply had the chance to be read.
        """
        self._now = now
        events: list[Event] = []
        timed_out = self._exchange.take_timed_out(received_until)
        if timed_out is not None:
            events += self._on_timeout(timed_out, now)
        if now >= self._polls.next_round_at:
            events += self._start_next_round(now)
        if self._verification.is_worth_a_look(now):
            self.ask(READ_BACK, now)
        if (
            self._desired_state.next_deadline() <= now
            and self._may_keep_alive()
        ):
            events += self._keep_alive(now)
        request = self._next_request(now)
        if request is None:
            return Step(events)
        return Step(events, self._send(request, now))

    # --- rounds ------------------------------------------------------------

    def _start_next_round(self, now: float) -> list[Event]:
        self._polls.plan_next_round(now)
        if not self._availability.is_resolved:
            return self._state_after_round()
        self._polls.begin_round(now, in_flight=self._exchange.report)
        return []

    def _strike_off(self, number: int) -> list[Event]:
        """Strike a report off the round; report the state after the last."""
        if self._polls.strike_off(number):
            return self._state_after_round()
        return self._state_change()

    # --- sending -----------------------------------------------------------

    def _next_request(self, now: float) -> AnyRequest | None:
        if self._exchange.in_flight or not self._availability.is_resolved:
            return None
        command = None
        if not self._availability.wrong_serial:
            command = self._first_ready(self._commands, now)
        report = self._first_ready(self._polls, now)
        if command is None or report is None:
            return command or report
        if self._command_went_last and report.has_waited_long(now):
            return report
        return command

    def _first_ready(
        self, requests: Iterable[Request[Content]], now: float
    ) -> Request[Content] | None:
        for request in requests:
            if self._exchange.ready_at(request) <= now:
                return request
        return None

    def _send(self, request: AnyRequest, now: float) -> bytes:
        content = request.content
        if isinstance(content, Command):
            self._commands.remove_command(content)
            self._desired_state.note_sent(content, now)
            if not request.is_keepalive and content.word in REFRESHING_WORDS:
                # It refreshes the station itself. A keepalive would come
                # late, and without a look at what this one has changed.
                self._commands.remove_keepalives()
            if isinstance(content, SetPhases):
                self._phases_free_at = now + PHASE_COOL_DOWN_S
        else:
            self._polls.remove(content.number)
        self._command_went_last = isinstance(content, Command)
        self._availability.note_sent()
        self._exchange.begin(request, now)
        return content.encode()

    def _on_timeout(self, timed_out: InFlight, now: float) -> list[Event]:
        content = timed_out.request.content
        if isinstance(content, Command):
            return self._on_command_timeout(timed_out, content, now)
        return self._on_report_timeout(timed_out, content, now)

    # --- reports -----------------------------------------------------------

    def _on_report_timeout(
        self, timed_out: InFlight, content: ReportRequest, now: float
    ) -> list[Event]:
        number = content.number
        attempts_left = timed_out.request.attempts_left - 1
        # A silent station is asked once: a repetition would only keep the
        # next request waiting.
        if attempts_left > 0 and not self._availability.is_silent:
            self._polls.add_repetition(
                Request(
                    content, now, now, attempts_left, timed_out.first_sent_at
                )
            )
            return []
        events: list[Event] = [ReportUnanswered(self.name, f"report {number}")]
        if number == READ_BACK:
            events += self._verification.note_missing_reading()
            if self._verification.needs_reading:
                self.ask(READ_BACK, now)
        if self._availability.note_report_unanswered(
            number, timed_out.first_sent_at
        ):
            self.ask(IDENTIFICATION, now)
        return [*events, *self._strike_off(number)]

    def _on_report(self, report: Report, text: str, now: float) -> list[Event]:
        number = self._number_of(report)
        if not is_known_report(number):
            reason = f"there is no report {number}"
            return [OddDatagram(self.name, reason)]
        self._availability.note_identity(report.fields)
        events: list[Event] = []
        match self._uptime_step(report, number):
            case UptimeStep.STALE:
                reason = f"a report {number} older than the last one"
                return [OddDatagram(self.name, reason)]
            case UptimeStep.RESTART:
                events += self._on_restart(now)
        events += self._lateness(
            f"report {number}", self._exchange.lateness_s(number, now)
        )
        asked_at = self._asked_at(number)
        if self._availability.is_silent:
            self._desired_state.note_interruption()
        self._availability.note_report(number, now)
        if self._availability.wrong_serial:
            events += self._verification.abandon(ANOTHER_STATION)
            return [*events, *self._drop_commands(), *self._strike_off(number)]
        events.append(ReportReceived(self.name, f"report {number}", text))
        if number == READ_BACK and asked_at is not None:
            events += self._read_back(report, asked_at, now)
        return [*events, *self._strike_off(number)]

    def _lateness(self, request: str, late_by_s: float) -> list[Event]:
        if late_by_s <= 0 or self._availability.wrong_serial:
            return []
        return [AnsweredLate(self.name, late_by_s, request)]

    def _number_of(self, report: Report) -> int:
        """Return the number of a report, for guide V2.00 prints wrong ones."""
        if is_known_report(report.number) or not is_session_report(report):
            return report.number
        awaited = self._exchange.report
        if awaited is None or awaited not in SESSION_REPORTS:
            return LATEST_SESSION
        return awaited

    def _uptime_step(self, report: Report, number: int) -> UptimeStep:
        uptime_s = report.fields.get("Sec")
        if not isinstance(uptime_s, int) or self._availability.wrong_serial:
            return UptimeStep.FORWARD
        return self._restart_detector.note(
            number, uptime_s, is_awaited=self._exchange.report == number
        )

    def _asked_at(self, number: int) -> float | None:
        """Take the report as answered; return since when it was asked for.

        Nobody can tell whether it answers the first request or the
        repetition, so the first one counts. A late answer also serves the
        repetition that waits for its moment.
        """
        in_flight = self._exchange.take_report(number)
        if in_flight is not None:
            return in_flight.first_sent_at
        waiting = self._polls.take_repetition(number)
        return None if waiting is None else waiting.first_sent_at

    def _read_back(
        self, report: Report, asked_at: float, now: float
    ) -> list[Event]:
        results = self._verification.check(report.fields, asked_at, now)
        for result in results:
            self._exchange.mark_reported(result.command)
            if result.outcome in (Outcome.APPLIED, Outcome.WAITING):
                self._desired_state.note_applied(result.command)
                # Its repetition, if that waits, is needless.
                self._commands.remove_command(result.command)
            if result.outcome is Outcome.NOT_APPLIED:
                self._desired_state.note_not_applied(result.command.word)
        if self._verification.needs_reading:
            self.ask(READ_BACK, now)
        pending_words = self._verification.words | self._commands.words
        if self._exchange.command is not None:
            pending_words |= {self._exchange.command.word}
        actions = self._desired_state.reconcile(report.fields, pending_words)
        return [*results, *self._perform(actions, now)]

    def _on_restart(self, now: float) -> list[Event]:
        self._desired_state.note_interruption()
        self._availability.note_restart()
        self._polls.begin_round(now)
        return [StationRestarted(self.name)]

    # --- what nobody has asked for -----------------------------------------

    def _perform(self, actions: Actions, now: float) -> list[Event]:
        """Queue what restores or keeps alive, unless a user wants otherwise.

        What is not queued is not reported as restored.
        """
        queued = [
            command
            for command in actions.commands
            if self._queue_if_free(Request(command, now, now))
        ]
        if actions.keepalives:
            self._queue_keepalives(actions.keepalives, now, not_before=now)
        return [
            event
            for event in actions.events
            if not isinstance(event, SettingRestored)
            or event.command in queued
        ]

    def _may_keep_alive(self) -> bool:
        """Whether to look if the station needs a keepalive.

        One that is silent is asked for reports; what it needs is known when
        it answers. A command on its way refreshes the station itself.
        """
        return (
            not self._is_ending
            and self._availability.is_resolved
            and not self._availability.is_silent
            and not self._availability.wrong_serial
            and self._exchange.command is None
        )

    def _keep_alive(self, now: float) -> list[Event]:
        """Send a keepalive, after a look at what others have set.

        It leaves without that look if report 2 does not come.
        """
        actions = self._desired_state.keepalive(now)
        if actions.keepalives:
            self.ask(READ_BACK, now)
            self._queue_keepalives(
                actions.keepalives, now, not_before=now + actions.look_s
            )
        return self._perform(replace(actions, keepalives=[]), now)

    def _queue_keepalives(
        self, commands: Sequence[Command], now: float, *, not_before: float
    ) -> None:
        """Replace the keepalives that have not left."""
        self._commands.remove_keepalives()
        for command in commands:
            # Not repeated: the next one comes long before the timeout.
            self._queue_if_free(
                Request(
                    command,
                    now,
                    not_before,
                    attempts_left=1,
                    is_keepalive=True,
                )
            )

    def _queue_if_free(self, request: Request[Command]) -> bool:
        """Queue what nobody has asked for; tell whether nothing forbids it."""
        if self._is_ending:
            # What belongs to a clean end must stay the last word.
            return False
        in_flight, newer = self._exchange.in_flight, self._exchange.command
        if (
            in_flight is not None
            and newer is not None
            and not in_flight.request.is_keepalive
            and is_outdated(request.content, newer)
        ):
            return False
        return self._commands.append_if_free(request)

    # --- commands ----------------------------------------------------------

    def _on_command_timeout(
        self, timed_out: InFlight, command: Command, now: float
    ) -> list[Event]:
        self._availability.note_command_unanswered()
        request = timed_out.request
        is_reported = request.is_keepalive or timed_out.is_reported
        is_outdated_now = self._commands.outdates(command)
        self._exchange.await_late_reply(
            command, now, is_reported=is_reported or is_outdated_now
        )
        if is_reported:
            return []
        self.ask(READ_BACK, now)
        if is_outdated_now:
            # A reading may show it all the same: it has its result now.
            self._verification.supersede(command.word)
            return [self._superseded(command)]
        attempts_left = request.attempts_left - 1
        will_repeat = (
            command.repeatable
            and attempts_left > 0
            and self._availability.is_resolved
        )
        events: list[Event] = [
            CommandUnanswered(self.name, command, will_repeat)
        ]
        if will_repeat:
            self._commands.append(
                Request(
                    command, now, now, attempts_left, timed_out.first_sent_at
                )
            )
        else:
            events.append(self._finished(command, Outcome.NO_REPLY))
        return [
            *events,
            *self._verification.watch(command, now, is_answered=False),
        ]

    def _on_reply(
        self, text: str, now: float, *, is_accepted: bool
    ) -> list[Event]:
        reply = self._exchange.take_reply(now)
        if reply is None:
            return [OddDatagram(self.name, f"nobody asked for {text!r}")]
        command = reply.command
        self._commands.remove_repetition(command.word)
        if self._availability.is_silent:
            self._desired_state.note_interruption()
        self._availability.note_answer(now)
        if is_accepted:
            self._desired_state.note_accepted(command, now)
        if reply.is_keepalive:
            return self._state_change()
        events: list[Event] = [
            *self._lateness(command.word, reply.late_by_s),
            CommandAnswered(self.name, command, is_accepted, text),
        ]
        self.ask(READ_BACK, now, delay_s=command.settle_s)
        if reply.is_reported:
            return [*events, *self._state_change()]
        if not is_accepted:
            self._note_refused(command)
            events.append(self._finished(command, Outcome.REJECTED, text))
        elif command.word in self._commands.words:
            events.append(self._superseded(command))
        else:
            events += self._verification.watch(command, now, is_answered=True)
        return [*events, *self._state_change()]

    def _supersede_sent(self, word: str) -> list[Event]:
        """End the older command of a word whose newer one is not sent."""
        in_flight = self._exchange.mark_word_reported(word)
        if in_flight is not None:
            return [self._superseded(in_flight)]
        return [*self._verification.supersede(word)]

    def _drop_older(self, newer: Command) -> list[Event]:
        """Drop what a newer command replaces, or what would undo it."""
        events: list[Event] = []
        for request in self._commands.drop_for(newer):
            if request.is_keepalive:
                continue
            if request.is_repetition:
                self._exchange.mark_reported(request.content)
                self._verification.supersede(request.content.word)
            events.append(self._superseded(request.content))
        return events

    def _note_refused(self, command: Command) -> None:
        self._verification.supersede(command.word)
        if isinstance(command, SetPhases):
            self._phases_free_at = -math.inf

    def _obstacle(self, command: Command, now: float) -> str:
        """Say why a command must not be sent now, empty if it may."""
        if self._availability.wrong_serial:
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

    def _finished(
        self, command: Command, outcome: Outcome, detail: str = ""
    ) -> CommandFinished:
        return CommandFinished(self.name, command, outcome, detail)

    def _superseded(self, command: Command) -> CommandFinished:
        return self._finished(command, Outcome.SUPERSEDED)

    def _not_sent(self, command: Command, why: str) -> CommandNotSent:
        return CommandNotSent(self.name, command.word, Outcome.INVALID, why)

    def _unreachable(self, command: Command) -> CommandFinished:
        detail = "the name of the station does not resolve"
        return self._finished(command, Outcome.NO_REPLY, detail)

    # --- the state of the connection ---------------------------------------

    def _state_change(self) -> list[Event]:
        """Report the state of the connection if it has changed."""
        failsafe = self._desired_state.failsafe_facts(self._now)
        if (self._availability.link, failsafe) == self._reported:
            return []
        return self._state_after_round()

    def _state_after_round(self) -> list[Event]:
        """Report the state of the connection, for its counters go on."""
        failsafe = self._desired_state.failsafe_facts(self._now)
        state = self._availability.state(failsafe)
        if state is None:
            return []
        self._reported = (state.link, state.failsafe)
        return [state]
