"""What the log says about the stations: changes, each of them once.

Every line becomes a row of BEMCom's database and stays there for ever.
"""

import logging
import time
from collections.abc import Callable, Collection

from connector.bemcom.repetitions import Repetitions
from connector.bemcom.unknown_keys import MAX_UNKNOWN_KEYS
from connector.diagnosis.causes import Code
from connector.diagnosis.findings import (
    all_silent_evidence,
    late_evidence,
    sentence,
)
from connector.diagnosis.link import link_cause, link_evidence
from connector.keba.station.events import (
    AddressShared,
    AnsweredLate,
    CommandAnswered,
    CommandFinished,
    CommandNotSent,
    CommandUnanswered,
    ConnectionState,
    Event,
    FailsafeTookOver,
    OddDatagram,
    Outcome,
    ReportReceived,
    ReportUnanswered,
    SettingChanged,
    SettingRestored,
    StationFloods,
    StationRestarted,
    StatusReceived,
    UnknownSender,
)
from pyconnector_template.logs import logger_about

REPEAT_AFTER_S = 3600.0
"""An oddity that goes on is told again after this time."""

UNKNOWN_SENDERS_TOLD = 10

UDP = "udp"
"""Emitter of rows that are about no single station."""

CommandEvent = (
    CommandAnswered
    | CommandUnanswered
    | CommandFinished
    | CommandNotSent
    | SettingChanged
    | SettingRestored
    | FailsafeTookOver
)


class StationLog:
    """Turns events into log lines and remembers what was told.

    Parameters
    ----------
    stations
        The names of all stations. When none of them has ever answered, that
        is one row about the host instead of one about each station.
    clock
        Returns seconds; only differences matter.
    """

    def __init__(
        self,
        stations: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._unheard = set(stations)
        self._silent: dict[str, ConnectionState] = {}
        self._told_reason: dict[str, Code] = {}
        self._missing: dict[str, set[str]] = {}
        self._told_missing: dict[str, set[str]] = {}
        self._told_at: dict[tuple[str, str], float] = {}
        self._told_unknown_keys: set[str] = set()
        self._repetitions = Repetitions()
        self._unknown_senders = 0
        self._dropped = 0

    def tell(self, event: Event) -> None:
        """Log an event, if it is news."""
        match event:
            case ReportReceived(station=station, request=request, text=text):
                logger_about(station).debug(
                    "%s << %s (%d)", station, request, len(text)
                )
                self._note_report(station, request)
            case StatusReceived(station=station, text=text):
                logger_about(station).debug("%s << %s", station, text)
            case ReportUnanswered(station=station, request=request):
                logger_about(station).debug(
                    "%s: %s was not answered", station, request
                )
                self._missing.setdefault(station, set()).add(request)
            case ConnectionState():
                self._note_connection(event)
            case CommandAnswered() | CommandUnanswered() | CommandFinished():
                self._tell_command(event)
            case (
                AnsweredLate()
                | OddDatagram()
                | StationFloods()
                | StationRestarted()
                | AddressShared()
            ):
                self._tell_oddity(event)
            case CommandNotSent():
                self._tell_not_sent(event)
            case SettingChanged() | SettingRestored() | FailsafeTookOver():
                self._tell_setting(event)
            case UnknownSender():
                self._tell_unknown_sender(event)

    def hint_at_another_client(self, station: str) -> None:
        """Tell that status messages seem to go to somebody else."""
        clue = "Values change, but no status messages come here"
        self.warn_of(station, Code.SECOND_CLIENT, clue)

    def warn_of(self, station: str, code: Code, evidence: str) -> None:
        """Tell of a cause, once an hour."""
        self._warn_at_times(
            station, code, "%s %s", station, sentence(code, evidence)
        )

    def tell_unknown_keys(self, station: str) -> None:
        """Tell once that fields of a station are not published."""
        if station in self._told_unknown_keys:
            return
        self._told_unknown_keys.add(station)
        logger_about(station).warning(
            "%s sends more than %d fields that are in no guide of KEBA; what "
            "goes beyond is not published",
            station,
            MAX_UNKNOWN_KEYS,
        )

    def note_dropped(self, number: int) -> None:
        """Hear how many events have been dropped since the start."""
        if number == self._dropped:
            return
        self._dropped = number
        self._warn_at_times(
            UDP,
            "dropped",
            "%d messages of stations were dropped so far, since more come than "
            "can be published; is this machine too busy?",
            number,
        )

    def _tell_oddity(
        self,
        event: AnsweredLate
        | OddDatagram
        | StationFloods
        | StationRestarted
        | AddressShared,
    ) -> None:
        match event:
            case AnsweredLate(station=station, late_by_s=late_by_s):
                clue = late_evidence(late_by_s)
                self.warn_of(station, Code.LATE_ANSWERS, clue)
            case OddDatagram(station=station, reason=reason):
                self._warn_at_times(
                    station,
                    "odd",
                    "%s: ignored a datagram: %s",
                    station,
                    reason,
                )
            case StationFloods(station=station, limit_per_s=limit_per_s):
                self._warn_at_times(
                    station,
                    "flood",
                    "%s sends so much that the connector does not keep up; "
                    "what goes beyond %d datagrams a second is not read",
                    station,
                    limit_per_s,
                )
            case StationRestarted(station=station):
                self._warn_at_times(
                    station,
                    "restart",
                    "%s has restarted: limits and the like that it does not "
                    "store are lost",
                    station,
                )
            case AddressShared(station=station, owner=owner, address=address):
                self._warn_at_times(
                    station,
                    "shared",
                    "%s and %s both lead to %s; give each its own address",
                    station,
                    owner,
                    address,
                )

    def _note_connection(self, state: ConnectionState) -> None:
        """Tell it, or wait for what the other stations do.

        As long as all that is known is silence, it may be this host's.
        """
        if not self._unheard and not self._silent:
            self._tell_connection(state)
            return
        if link_cause(state.link) is not Code.NO_REPLY:
            silent, self._silent = self._silent, {}
            self._unheard.clear()
            silent[state.station] = state
            for one in silent.values():
                self._tell_connection(one)
            return
        self._silent[state.station] = state
        if state.station not in self._unheard:
            return
        self._unheard.discard(state.station)
        if not self._unheard:
            clue = all_silent_evidence([*self._silent])
            logger_about(UDP).warning("%s", sentence(Code.ALL_SILENT, clue))

    def _tell_connection(self, state: ConnectionState) -> None:
        station = state.station
        told = self._told_reason.get(station)
        reason = link_cause(state.link)
        self._told_reason[station] = reason
        if not state.online:
            if reason is not told:
                logger_about(station).warning(
                    "%s %s", station, _explained(state)
                )
            return
        if reason is Code.UNSUPPORTED_MODEL is not told:
            logger_about(station).warning("%s %s", station, _explained(state))
        if told not in (Code.OK, Code.UNSUPPORTED_MODEL):
            again = "" if told is None else " again"
            logger_about(station).info("%s is online%s", station, again)
            self._missing.pop(station, None)
        self._tell_missing_reports(station)

    def _tell_missing_reports(self, station: str) -> None:
        missing = self._missing.get(station, set())
        told = self._told_missing.setdefault(station, set())
        for request in sorted(missing - told):
            told.add(request)
            logger_about(station).warning(
                "%s answers, but not %s", station, request
            )

    def _note_report(self, station: str, request: str) -> None:
        self._missing.get(station, set()).discard(request)
        told = self._told_missing.get(station, set())
        if request in told:
            told.discard(request)
            logger_about(station).info("%s answers %s again", station, request)

    def _tell_unknown_sender(self, event: UnknownSender) -> None:
        address = event.address
        if event.request:
            clue = f"{address} asks for {event.request!r}"
            self._warn_at_times(
                UDP,
                f"client {address}",
                "UDP port 7090 %s",
                sentence(Code.SECOND_CLIENT, clue),
            )
            return
        self._unknown_senders += 1
        if event.is_keba:
            self._warn_at_times(
                UDP,
                "translation",
                "%s answers like a KEBA station, but is none of those "
                "configured. If stations are missing, address translation "
                "hides them (container engine, router): publish UDP port "
                "7090 or use host networking",
                address,
            )
            return
        if self._unknown_senders < UNKNOWN_SENDERS_TOLD:
            logger_about(UDP).info(
                "Ignoring datagrams of %s, which is no configured station",
                address,
            )
        elif self._unknown_senders == UNKNOWN_SENDERS_TOLD:
            logger_about(UDP).info(
                "Ignoring datagrams of more and more unknown hosts"
            )

    def _tell_setting(
        self,
        event: SettingChanged | SettingRestored | FailsafeTookOver,
    ) -> None:
        match event:
            case SettingChanged(station=station, command=command, seen=seen):
                self._tell_once(
                    logging.INFO,
                    event,
                    "%s: somebody else has changed what %s had set: now %s",
                    station,
                    command,
                    seen,
                )
            case SettingRestored(station=station, command=command):
                self._tell_once(
                    logging.INFO,
                    event,
                    "%s is back without %s; it is sent again",
                    station,
                    command,
                )
            case FailsafeTookOver(station=station):
                self._tell_once(
                    logging.WARNING,
                    event,
                    "%s was without commands for longer than its failsafe "
                    "timeout; enable and current are sent again",
                    station,
                )

    def _tell_not_sent(self, event: CommandNotSent) -> None:
        debug = logger_about(event.station).debug
        match event.outcome:
            case Outcome.EXPIRED:
                debug("%s: %s was too old", event.station, event.word)
            case Outcome.READ_ONLY:
                self._tell_once(
                    logging.WARNING,
                    event,
                    "%s: %s is not sent: READ_ONLY is TRUE",
                    event.station,
                    event.detail,
                )
            case _:
                self._tell_once(
                    logging.WARNING,
                    event,
                    "Refused a value for %s__%s: %s",
                    event.station,
                    event.word,
                    event.detail,
                )

    def _tell_command(
        self,
        event: CommandAnswered | CommandUnanswered | CommandFinished,
    ) -> None:
        station, command = event.station, event.command
        debug = logger_about(station).debug
        match event:
            case CommandAnswered(accepted=True, text=text):
                self._tell_once(
                    logging.INFO,
                    event,
                    "%s << %s: TCH-OK %s",
                    station,
                    command,
                    text,
                )
            case CommandAnswered(text=text):
                self._tell_once(
                    logging.WARNING,
                    event,
                    "%s << %s: TCH-ERR %s",
                    station,
                    command,
                    text,
                )
            case CommandUnanswered(will_repeat=will_repeat):
                self._tell_once(
                    logging.WARNING,
                    event,
                    "%s did not answer %s; it %s",
                    station,
                    command,
                    "is sent once more" if will_repeat else "is given up",
                )
            case CommandFinished(outcome=Outcome.NOT_APPLIED, detail=detail):
                self._tell_once(
                    logging.WARNING,
                    event,
                    "%s confirmed %s, but did not apply it: %s",
                    station,
                    command,
                    detail,
                )
            case CommandFinished(outcome=outcome, detail=detail):
                debug("%s: %s: %s %s", station, command, outcome, detail)

    def _tell_once(
        self,
        level: int,
        event: CommandEvent,
        message: str,
        *args: object,
    ) -> None:
        """Log a line about a command, unless it repeats the last one."""
        word = event.word if isinstance(event, CommandNotSent) else ""
        if not isinstance(event, CommandNotSent | FailsafeTookOver):
            word = event.command.word
        # A command that gets lost is told twice: sent again, then given up.
        will_repeat = getattr(event, "will_repeat", False)
        subject = (event.station, word, type(event), will_repeat)
        line = self._repetitions.due(subject, message % args, self._clock())
        log = logger_about(event.station)
        if line is None:
            log.debug(message, *args)
        else:
            log.log(level, "%s", line)

    def _warn_at_times(
        self, emitter: str, oddity: str, message: str, *args: object
    ) -> None:
        now = self._clock()
        told_at = self._told_at.get((emitter, oddity))
        if told_at is not None and now - told_at < REPEAT_AFTER_S:
            logger_about(emitter).debug(message, *args)
            return
        self._told_at[emitter, oddity] = now
        logger_about(emitter).warning(message, *args)


def _explained(state: ConnectionState) -> str:
    return sentence(link_cause(state.link), link_evidence(state.link))
