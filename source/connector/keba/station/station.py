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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Concatenate, NamedTuple, ParamSpec

from connector.keba.protocol.commands import (
    AskFirmware,
    Command,
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
    UptimeStep,
)
from connector.keba.station.desired_state import DesiredState
from connector.keba.station.events import (
    AnsweredLate,
    CommandAnswered,
    CommandFinished,
    CommandNotSent,
    CommandUnanswered,
    Elsewhere,
    Event,
    FailsafeFacts,
    FailsafeTookOver,
    ForeignRequestHeard,
    LinkFacts,
    OddDatagram,
    Outcome,
    ReportReceived,
    ReportUnanswered,
    SettingChanged,
    StationEvent,
    StationRestarted,
    StatusReceived,
    Unreachable,
)
from connector.keba.station.exchange import Exchange
from connector.keba.station.failsafe import REFRESHING_WORDS, FailsafeKeepalive
from connector.keba.station.requests import (
    CommandQueue,
    CommandRequest,
    PollRequest,
    PollSchedule,
    Request,
)
from connector.keba.station.verification import Verification

P = ParamSpec("P")

READ_BACK = 2
"""Report 2 shows the settings, see `Command.expected_fields`."""

ANOTHER_STATION = "another station answers at this address"
UNRESOLVED = "the name of the station does not resolve"

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
    first_round_at, phase_at
        Moment of the first round, and one from which all later rounds are
        whole intervals away; see `connector.keba.fleet.spread_rounds`.
    serial
        That of the station that is meant; None takes any.
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
    """What is said to one station, and what it says.

    Events are kept until the call returns that they happened in.
    """

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
        self._verification = Verification(name)
        self._desired_state = DesiredState(name, restores=options.restores)
        self._failsafe = FailsafeKeepalive(options.failsafe)
        self._commands = CommandQueue()
        self._phases_free_at = -math.inf
        self._command_went_last = False
        self._reported: tuple[LinkFacts, FailsafeFacts] | None = None
        self._is_ending = False
        self._now = options.first_round_at
        self._events: list[Event] = []

    def _emit(
        self,
        kind: Callable[Concatenate[str, P], StationEvent],
        *about: P.args,
        **named: P.kwargs,
    ) -> None:
        self._events.append(kind(self.name, *about, **named))

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    # --- what comes in ----------------------------------------------------

    def submit(self, command: Command, now: float) -> list[Event]:
        """Queue a command; the older one of the same word is dropped."""
        obstacle = self._obstacle(command, now)
        if obstacle:
            self._supersede_sent(command.word)
            self._not_sent(command, obstacle)
            return self._take_events()
        self._events += self._verification.supersede(command.word)
        self._drop_older(command)
        if self._availability.is_resolved:
            self._commands.append(CommandRequest(command, now, now))
        else:
            self._emit(CommandFinished, command, Outcome.NO_REPLY, UNRESOLVED)
        return self._take_events()

    def ask(self, report: int, now: float, *, delay_s: float = 0.0) -> None:
        """Ask for a report outside of the rounds, after a delay."""
        self._polls.add(report, now, delay_s=delay_s)

    def set_controlled(self, *, is_controlled: bool, now: float) -> None:
        self._failsafe.set_controlled(is_controlled=is_controlled, now=now)

    def shutdown(self, now: float) -> None:
        """Poll no more; send what belongs to a clean end."""
        self._is_ending = True
        self._polls.end()
        self._exchange.cancel_report()
        self._commands.take_all()
        disarming = self._failsafe.disarming()
        if disarming is not None and not self._availability.wrong_serial:
            self._commands.append(CommandRequest(disarming, now, now))

    def note_address(self, *, is_resolved: bool, now: float) -> list[Event]:
        was_resolved = self._availability.is_resolved
        self._availability.note_address(is_resolved=is_resolved)
        if not is_resolved:
            for command in self._commands.take_all():
                self._emit(
                    CommandFinished, command, Outcome.NO_REPLY, UNRESOLVED
                )
        elif not was_resolved:
            self._polls.begin_round(now)
        self._report_state_change()
        return self._take_events()

    def datagram_sent(self, now: float) -> None:
        """Note when the last datagram has really left, see `Exchange`."""
        self._exchange.datagram_sent(now)

    def note_send_error(self, number: int) -> None:
        self._availability.send_error = number

    def note_unreachable(self, unreachable: Unreachable) -> list[Event]:
        self._availability.unreachable = unreachable
        self._report_state_change()
        return self._take_events()

    def note_elsewhere(self, elsewhere: Elsewhere) -> list[Event]:
        self._availability.elsewhere = elsewhere
        self._report_state_change()
        return self._take_events()

    def receive(self, data: bytes, now: float) -> list[Event]:
        self._now = now
        self._availability.last_seen_at = now
        match parse_datagram(data):
            case Report() as report:
                self._on_report(report, decode_datagram(data), now)
            case StatusPush() if not self._availability.wrong_serial:
                self._emit(StatusReceived, decode_datagram(data))
            case Acceptance(text=text):
                self._on_reply(text, now, is_accepted=True)
            case Refusal(text=text):
                self._on_reply(text, now, is_accepted=False)
            case StartReply():
                self._on_reply("started", now, is_accepted=True)
            case FirmwareReply() if self._awaits_firmware():
                self._on_reply(decode_datagram(data), now, is_accepted=True)
            case BootMessage():
                self._availability.forget_uptimes()
                self._on_restart(now)
            case ForeignRequest(text=text):
                self._emit(ForeignRequestHeard, text)
            case Unreadable(reason=reason):
                self._emit(OddDatagram, reason)
        return self._take_events()

    def _awaits_firmware(self) -> bool:
        request = self._exchange.in_flight
        return request is not None and isinstance(request.content, AskFirmware)

    # --- what goes out ----------------------------------------------------

    @property
    def expected_serial(self) -> str | None:
        """Serial number of the station that is meant, if it is known."""
        return self._availability.expected_serial

    def awaits(self, report: int) -> bool:
        return self._exchange.report == report

    @property
    def has_commands(self) -> bool:
        return len(self._commands) > 0 or self._exchange.command is not None

    @property
    def is_left_armed(self) -> bool:
        """Whether a `failsafe` waits for its moment or for its reply."""
        return any(
            isinstance(request.content, SetFailsafe)
            for request in (*self._commands, self._exchange.command)
            if request is not None
        )

    def next_deadline(self) -> float:
        """Return the moment at which `advance` is worth a call."""
        planned_at = min(
            self._polls.next_round_at, self._verification.next_look_at
        )
        keep_alive_at = self._failsafe.next_deadline()
        if keep_alive_at < planned_at and self._may_keep_alive():
            planned_at = keep_alive_at
        if self._exchange.in_flight is not None:
            return min(self._exchange.deadline, planned_at)
        if not self._availability.is_resolved:
            return planned_at
        for request in (*self._commands, *self._polls):
            planned_at = min(planned_at, self._exchange.ready_at(request))
        return planned_at

    def advance(self, now: float, received_until: float) -> Step:
        """Let time pass and return what may leave at the moment `now`.

        Until `received_until` all that came was handed to `receive`. A busy
        machine may find replies in the socket long after they came; a request
        is not given up before its reply had the chance to be read.
        """
        self._now = now
        timed_out = self._exchange.take_timed_out(received_until)
        if isinstance(timed_out, CommandRequest):
            self._on_command_timeout(timed_out, now)
        elif isinstance(timed_out, PollRequest):
            self._on_report_timeout(timed_out, now)
        if now >= self._polls.next_round_at:
            self._polls.plan_next_round(now)
            if self._availability.is_resolved:
                self._polls.begin_round(now, in_flight=self._exchange.report)
            else:
                self._report_state()
        if self._verification.is_worth_a_look(now):
            self.ask(READ_BACK, now)
        if self._failsafe.next_deadline() <= now and self._may_keep_alive():
            self._keep_alive(
                self._failsafe.keepalive(now), now, look_s=self._failsafe.look_s
            )
        request = self._next_request(now)
        datagram = None if request is None else self._send(request, now)
        return Step(self._take_events(), datagram)

    def _strike_off(self, number: int) -> None:
        """Strike a report off the round; report the state after the last."""
        if self._polls.strike_off(number):
            self._report_state()
        else:
            self._report_state_change()

    # --- sending -----------------------------------------------------------

    def _next_request(self, now: float) -> Request | None:
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
        self, requests: Iterable[Request], now: float
    ) -> Request | None:
        for request in requests:
            if self._exchange.ready_at(request) <= now:
                return request
        return None

    def _send(self, request: Request, now: float) -> bytes:
        content = request.content
        if isinstance(content, Command):
            self._commands.remove(content.word)
            self._failsafe.note_sent(content, now)
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

    # --- reports -----------------------------------------------------------

    def _on_report_timeout(self, request: PollRequest, now: float) -> None:
        # A silent station is asked once: a repetition would only keep the
        # next request waiting.
        if request.attempts_left > 1 and not self._availability.is_silent:
            self._polls.add_repetition(request.repetition(now))
            return
        number = request.content.number
        self._emit(ReportUnanswered, f"report {number}")
        if number == READ_BACK:
            self._events += self._verification.note_missing_reading()
            if self._verification.needs_reading:
                self.ask(READ_BACK, now)
        if self._availability.note_report_unanswered(
            number, request.first_sent_at
        ):
            self.ask(IDENTIFICATION, now)
        self._strike_off(number)

    def _on_report(self, report: Report, text: str, now: float) -> None:
        number = self._number_of(report)
        if not is_known_report(number):
            self._emit(OddDatagram, f"there is no report {number}")
            return
        self._availability.note_identity(report.fields)
        step = UptimeStep.FORWARD
        if not self._availability.wrong_serial:
            step = self._availability.note_uptime(
                number, report.fields.get("Sec"), is_awaited=self.awaits(number)
            )
        if step is UptimeStep.STALE:
            reason = f"a report {number} older than the last one"
            self._emit(OddDatagram, reason)
            return
        if step is UptimeStep.RESTART:
            self._on_restart(now)
        request, late_by_s = self._exchange.take_report(number, now)
        self._report_lateness(f"report {number}", late_by_s)
        # A late answer also serves the repetition that waits for its moment.
        request = request or self._polls.take_repetition(number)
        self._note_end_of_silence()
        self._availability.note_report(number, now)
        if self._availability.wrong_serial:
            self._events += self._verification.abandon(ANOTHER_STATION)
            for command in self._commands.take_all():
                self._not_sent(command, ANOTHER_STATION)
        else:
            self._emit(ReportReceived, f"report {number}", text)
            if number == READ_BACK and request is not None:
                # Nobody can tell whether it answers the first request or the
                # repetition, so the first one counts.
                self._read_back(report.fields, request.first_sent_at, now)
        self._strike_off(number)

    def _report_lateness(self, request: str, late_by_s: float) -> None:
        if late_by_s > 0 and not self._availability.wrong_serial:
            self._emit(AnsweredLate, late_by_s, request)

    def _number_of(self, report: Report) -> int:
        """Return the number of a report, for guide V2.00 prints wrong ones."""
        if is_known_report(report.number) or not is_session_report(report):
            return report.number
        awaited = self._exchange.report
        if awaited is None or awaited not in SESSION_REPORTS:
            return LATEST_SESSION
        return awaited

    def _read_back(
        self, fields: Mapping[str, object], asked_at: float, now: float
    ) -> None:
        results = self._verification.check(fields, asked_at, now)
        self._events += results
        for result in results:
            self._exchange.mark_reported(result.command)
            if result.outcome in (Outcome.APPLIED, Outcome.WAITING):
                self._desired_state.note_applied(result.command)
                # If it waits to be repeated or restored, that is needless.
                self._commands.remove_command(result.command)
            if result.outcome is Outcome.NOT_APPLIED:
                self._desired_state.note_not_applied(result.command.word)
        if self._verification.needs_reading:
            self.ask(READ_BACK, now)
        pending_words = self._verification.words | self._commands.words
        if self._exchange.command is not None:
            pending_words |= {self._exchange.command.content.word}
        for event in self._desired_state.reconcile(fields, pending_words):
            if isinstance(event, SettingChanged) or self._queue_if_free(
                CommandRequest(event.command, now, now)
            ):
                self._events.append(event)
        self._failsafe.take_reading(fields, pending_words)
        if SetFailsafe.word not in pending_words:
            arming = self._failsafe.arming()
            if arming is not None:
                self._queue_if_free(CommandRequest(arming, now, now))
        self._keep_alive(self._failsafe.waiting_keepalive(), now)

    def _on_restart(self, now: float) -> None:
        self._note_interruption()
        self._availability.restarts += 1
        self._polls.begin_round(now)
        self._emit(StationRestarted)

    def _note_end_of_silence(self) -> None:
        if self._availability.is_silent:
            self._note_interruption()

    def _note_interruption(self) -> None:
        self._failsafe.note_interruption()
        self._desired_state.note_interruption()

    # --- what nobody has asked for -----------------------------------------

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

    def _keep_alive(
        self, commands: Sequence[Command], now: float, *, look_s: float = 0.0
    ) -> None:
        """Queue keepalives in place of those that have not left.

        With `look_s` they leave after a look at what others have set, or so
        much later if report 2 does not come. After a trip they are commands
        like a user's, which are read back.
        """
        if not commands:
            return
        if self._failsafe.notices_trip():
            for command in commands:
                self._queue_if_free(CommandRequest(command, now, now))
            self._emit(FailsafeTookOver)
            return
        if look_s:
            self.ask(READ_BACK, now)
        self._commands.remove_keepalives()
        for command in commands:
            # Not repeated: the next one comes long before the timeout.
            self._queue_if_free(
                CommandRequest(
                    command,
                    now,
                    not_before=now + look_s,
                    attempts_left=1,
                    is_keepalive=True,
                )
            )

    def _queue_if_free(self, request: CommandRequest) -> bool:
        """Queue what nobody has asked for; tell whether nothing forbids it."""
        if self._is_ending:
            # What belongs to a clean end must stay the last word.
            return False
        newer = self._exchange.command
        if (
            newer is not None
            and not newer.is_keepalive
            and is_outdated(request.content, newer.content)
        ):
            return False
        return self._commands.append_if_free(request)

    # --- commands ----------------------------------------------------------

    def _on_command_timeout(self, request: CommandRequest, now: float) -> None:
        self._availability.requests_unanswered += 1
        command = request.content
        is_reported = request.is_keepalive or request.is_reported
        is_outdated_now = self._commands.outdates(command)
        self._exchange.await_late_reply(
            request, now, is_reported=is_reported or is_outdated_now
        )
        if is_reported:
            return
        self.ask(READ_BACK, now)
        if is_outdated_now:
            # A reading may show it all the same: it has its result now.
            self._verification.supersede(command.word)
            self._emit(CommandFinished, command, Outcome.SUPERSEDED)
            return
        will_repeat = (
            command.repeatable
            and request.attempts_left > 1
            and self._availability.is_resolved
        )
        self._emit(CommandUnanswered, command, will_repeat)
        if will_repeat:
            self._commands.append(request.repetition(now))
        else:
            self._emit(CommandFinished, command, Outcome.NO_REPLY)
        self._events += self._verification.watch(
            command, now, is_answered=False
        )

    def _on_reply(self, text: str, now: float, *, is_accepted: bool) -> None:
        reply = self._exchange.take_reply(now)
        if reply is None:
            self._emit(OddDatagram, f"nobody asked for {text!r}")
            return
        request, late_by_s = reply
        command = request.content
        self._commands.remove_repetition(command.word)
        self._note_end_of_silence()
        self._availability.note_answer(now)
        if is_accepted:
            self._failsafe.note_accepted(command, now)
            self._desired_state.note_applied(command)
        if not request.is_keepalive:
            self._report_lateness(command.word, late_by_s)
            self._emit(CommandAnswered, command, is_accepted, text)
            self.ask(READ_BACK, now, delay_s=command.settle_s)
            if not request.is_reported:
                self._conclude(command, text, now, is_accepted=is_accepted)
        self._report_state_change()

    def _conclude(
        self, command: Command, text: str, now: float, *, is_accepted: bool
    ) -> None:
        """Report what a reply says of its command, or watch for its effect."""
        if not is_accepted:
            self._verification.supersede(command.word)
            if isinstance(command, SetPhases):
                self._phases_free_at = -math.inf
            self._emit(CommandFinished, command, Outcome.REJECTED, text)
        elif command.word in self._commands.words:
            self._emit(CommandFinished, command, Outcome.SUPERSEDED)
        else:
            self._events += self._verification.watch(
                command, now, is_answered=True
            )

    def _supersede_sent(self, word: str) -> None:
        """End the older command of a word whose newer one is not sent."""
        in_flight = self._exchange.mark_word_reported(word)
        if in_flight is not None:
            self._emit(CommandFinished, in_flight, Outcome.SUPERSEDED)
        else:
            self._events += self._verification.supersede(word)

    def _drop_older(self, newer: Command) -> None:
        """Drop what a newer command replaces, or what would undo it."""
        for request in self._commands.drop_for(newer):
            if request.is_keepalive:
                continue
            if request.is_repetition:
                self._exchange.mark_reported(request.content)
                self._verification.supersede(request.content.word)
            self._emit(CommandFinished, request.content, Outcome.SUPERSEDED)

    def _obstacle(self, command: Command, now: float) -> str:
        """Say why a command must not be sent now, empty if it may."""
        if self._availability.wrong_serial:
            return ANOTHER_STATION
        if isinstance(command, SetPhases) and now < self._phases_free_at:
            wait_s = math.ceil(self._phases_free_at - now)
            return f"x2: the phases may be switched again in {wait_s} s"
        return ""

    def _not_sent(self, command: Command, why: str) -> None:
        self._emit(CommandNotSent, command.word, Outcome.INVALID, why)

    # --- the state of the connection ---------------------------------------

    def _report_state_change(self) -> None:
        facts = (self._availability.link, self._failsafe_facts())
        if facts != self._reported:
            self._report_state()

    def _report_state(self) -> None:
        """Report the state of the connection, for its counters go on."""
        state = self._availability.state(self._failsafe_facts())
        if state is not None:
            self._reported = (state.link, state.failsafe)
            self._events.append(state)

    def _failsafe_facts(self) -> FailsafeFacts:
        return self._failsafe.facts(
            self._now, is_armed_by_user=self._desired_state.is_armed
        )
