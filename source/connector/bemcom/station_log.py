"""What the log says about the stations: changes, each of them once.

Every line becomes a row of BEMCom's database and stays there for ever.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Any

from connector.bemcom.repetitions import Repetitions
from connector.bemcom.unknown_keys import MAX_UNKNOWN_KEYS
from connector.diagnosis.causes import Code
from connector.diagnosis.findings import late_evidence, sentence
from connector.diagnosis.link import link_cause, link_evidence
from connector.diagnosis.site import all_silent_evidence
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
    StationEvent,
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


class StationLog:
    """Turns events into log lines and remembers what was told.

    When none of all stations has ever answered, that is one row about the host
    instead of one about each station.
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
        self._missing: defaultdict[str, set[str]] = defaultdict(set)
        self._told_missing: defaultdict[str, set[str]] = defaultdict(set)
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
                self._missing[station].add(request)
            case ConnectionState():
                self._note_connection(event)
            case UnknownSender():
                self._tell_unknown_sender(event)
            case StationEvent() if (oddity := _oddity(event)) is not None:
                kind = type(event).__name__
                self._warn_at_times(event.station, kind, oddity)
            case _ if (line := _about_command(event)) is not None:
                self._tell_once(event, *line)

    def warn_of(self, station: str, code: Code, evidence: str) -> None:
        """Tell of a cause, once an hour."""
        text = f"{station} {sentence(code, evidence)}"
        self._warn_at_times(station, code, text)

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
        """Note how many events have been dropped since the start."""
        if number == self._dropped:
            return
        self._dropped = number
        self._warn_at_times(
            UDP,
            "dropped",
            f"{number} messages of stations were dropped so far, since more "
            "come than can be published; is this machine too busy?",
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
        station, reason = state.station, link_cause(state.link)
        log = logger_about(station)
        told = self._told_reason.get(station)
        self._told_reason[station] = reason
        is_explained = not state.online or reason is Code.UNSUPPORTED_MODEL
        if is_explained and reason is not told:
            explanation = sentence(reason, link_evidence(state.link))
            log.warning("%s %s", station, explanation)
        if not state.online:
            return
        if told not in (Code.OK, Code.UNSUPPORTED_MODEL):
            log.info(
                "%s is online%s", station, "" if told is None else " again"
            )
            self._missing[station].clear()
        told_missing = self._told_missing[station]
        for request in sorted(self._missing[station] - told_missing):
            told_missing.add(request)
            log.warning("%s answers, but not %s", station, request)

    def _note_report(self, station: str, request: str) -> None:
        self._missing[station].discard(request)
        told = self._told_missing[station]
        if request in told:
            told.discard(request)
            logger_about(station).info("%s answers %s again", station, request)

    def _tell_unknown_sender(self, event: UnknownSender) -> None:
        address, log = event.address, logger_about(UDP)
        if event.request:
            clue = f"{address} asks for {event.request!r}"
            text = f"UDP port 7090 {sentence(Code.SECOND_CLIENT, clue)}"
            self._warn_at_times(UDP, address, text)
            return
        self._unknown_senders += 1
        if event.is_keba:
            self._warn_at_times(
                UDP,
                "translation",
                f"{address} answers like a KEBA station, but is none of those "
                "configured. If stations are missing, address translation "
                "hides them (container engine, router): publish UDP port "
                "7090 or use host networking",
            )
        elif self._unknown_senders < UNKNOWN_SENDERS_TOLD:
            log.info(
                "Ignoring datagrams of %s, which is no configured station",
                address,
            )
        elif self._unknown_senders == UNKNOWN_SENDERS_TOLD:
            log.info("Ignoring datagrams of more and more unknown hosts")

    def _warn_at_times(self, emitter: str, oddity: str, text: str) -> None:
        """Log an oddity, but not again within an hour."""
        now, log = self._clock(), logger_about(emitter)
        told_at = self._told_at.get((emitter, oddity))
        if told_at is not None and now - told_at < REPEAT_AFTER_S:
            log.debug("%s", text)
            return
        self._told_at[emitter, oddity] = now
        log.warning("%s", text)

    def _tell_once(self, event: Any, level: int, text: str) -> None:
        """Log a line about a command, unless it repeats the last one."""
        line: str | None = text
        if level > logging.DEBUG:
            command = getattr(event, "command", None)
            word = command.word if command else getattr(event, "word", "")
            # A command that gets lost is told twice: sent again, then given up.
            will_repeat = getattr(event, "will_repeat", False)
            subject = (event.station, word, type(event), will_repeat)
            line = self._repetitions.due(subject, text, self._clock())
        if line is None:
            level, line = logging.DEBUG, text
        logger_about(event.station).log(level, "%s", line)


def _oddity(event: Event) -> str | None:
    """Say what is odd about a station; None if that is not what happened."""
    match event:
        case AnsweredLate(station=station, late_by_s=late_by_s):
            clue = late_evidence(late_by_s)
            return f"{station} {sentence(Code.LATE_ANSWERS, clue)}"
        case OddDatagram(station=station, reason=reason):
            return f"{station}: ignored a datagram: {reason}"
        case StationFloods(station=station, limit_per_s=limit_per_s):
            return (
                f"{station} sends so much that the connector does not keep up; "
                f"what goes beyond {limit_per_s} datagrams a second is not read"
            )
        case StationRestarted(station=station):
            return (
                f"{station} has restarted: limits and the like that it does "
                "not store are lost"
            )
        case AddressShared(station=station, owner=owner, address=address):
            return (
                f"{station} and {owner} both lead to {address}; give each its "
                "own address"
            )
        case _:
            return None


def _about_command(event: Event) -> tuple[int, str] | None:
    """Say what became of a command or of what it set, and how loudly."""
    match event:
        case CommandAnswered(
            station=station, command=command, accepted=accepted, text=text
        ):
            if accepted:
                return logging.INFO, f"{station} << {command}: TCH-OK {text}"
            return logging.WARNING, f"{station} << {command}: TCH-ERR {text}"
        case CommandUnanswered(
            station=station, command=command, will_repeat=will_repeat
        ):
            next_step = "is sent once more" if will_repeat else "is given up"
            text = f"{station} did not answer {command}; it {next_step}"
            return logging.WARNING, text
        case CommandFinished(
            station=station, command=command, outcome=outcome, detail=detail
        ):
            if outcome is not Outcome.NOT_APPLIED:
                return (
                    logging.DEBUG,
                    f"{station}: {command}: {outcome} {detail}",
                )
            text = f"{station} confirmed {command}, but did not apply it"
            return logging.WARNING, f"{text}: {detail}"
        case CommandNotSent(
            station=station, word=word, outcome=outcome, detail=detail
        ):
            if outcome is Outcome.EXPIRED:
                return logging.DEBUG, f"{station}: {word} was too old"
            text = f"Refused a value for {station}__{word}: {detail}"
            if outcome is Outcome.READ_ONLY:
                text = f"{station}: {detail} is not sent: READ_ONLY is TRUE"
            return logging.WARNING, text
        case _:
            return _about_setting(event)


def _about_setting(event: Event) -> tuple[int, str] | None:
    match event:
        case SettingChanged(station=station, command=command, seen=seen):
            return logging.INFO, (
                f"{station}: somebody else has changed what {command} had set: "
                f"now {seen}"
            )
        case SettingRestored(station=station, command=command):
            text = f"{station} is back without {command}; it is sent again"
            return logging.INFO, text
        case FailsafeTookOver(station=station):
            return logging.WARNING, (
                f"{station} was without commands for longer than its failsafe "
                "timeout; enable and current are sent again"
            )
        case _:
            return None
