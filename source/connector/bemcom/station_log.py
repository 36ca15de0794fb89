"""What the log says about the stations: changes, each of them once.

Every line becomes a row of BEMCom's database and stays there for ever.
"""

import time
from collections.abc import Callable

from connector.bemcom.unknown_keys import MAX_UNKNOWN_KEYS
from connector.keba.station.events import (
    AddressShared,
    CommandAnswered,
    CommandFinished,
    CommandNotSent,
    CommandUnanswered,
    ConnectionState,
    Event,
    FailsafeTookOver,
    OddDatagram,
    Outcome,
    Reason,
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

STRANGERS_TOLD = 10

UDP = "udp"
"""Emitter of rows that are about no single station."""

_EXPLANATIONS = {
    Reason.NO_REPLY: "does not answer. Look at its power, its network and "
    "its address; the connector keeps asking",
    Reason.DIP_SWITCH_OFF: "answers report 1, but neither report 2 nor 3. "
    "Switch DIP switch DSW1.3 (UDP) to ON, then power cycle the station; a "
    "restart from its web page is not enough",
    Reason.NAME_UNRESOLVED: "has no usable address: its name does not "
    "resolve. The connector looks it up again each round",
    Reason.WRONG_SERIAL: "answers with another serial number than the settings "
    "give it; has another station got its address?",
    Reason.UNSUPPORTED_MODEL: "is no model that speaks this protocol",
    Reason.SEND_ERROR: "cannot be sent to; is the network up and is there a "
    "route to its address?",
}


class StationLog:
    """Turns events into log lines and remembers what was told.

    Parameters
    ----------
    clock
        Returns seconds; only differences matter.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told_reason: dict[str, Reason] = {}
        self._missing: dict[str, set[str]] = {}
        self._told_missing: dict[str, set[str]] = {}
        self._told_at: dict[tuple[str, str], float] = {}
        self._told_unknown_keys: set[str] = set()
        self._strangers = 0
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
                self._tell_connection(event)
            case CommandAnswered() | CommandUnanswered() | CommandFinished():
                _tell_command(event)
            case (
                OddDatagram()
                | StationFloods()
                | StationRestarted()
                | AddressShared()
            ):
                self._tell_oddity(event)
            case CommandNotSent():
                _tell_not_sent(event)
            case SettingChanged() | SettingRestored() | FailsafeTookOver():
                _tell_setting(event)
            case UnknownSender(address=address, is_keba=is_keba):
                self._tell_stranger(address, is_keba=is_keba)

    def hint_at_another_client(self, station: str) -> None:
        """Tell that status messages seem to go to somebody else."""
        self._warn_at_times(
            station,
            "pushes",
            "%s: values change, but no status messages come. Another client "
            "(app, energy manager, second connector) seems to talk to the "
            "station; it tells changes to the last one only",
            station,
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
        event: OddDatagram | StationFloods | StationRestarted | AddressShared,
    ) -> None:
        match event:
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

    def _tell_connection(self, state: ConnectionState) -> None:
        station = state.station
        told = self._told_reason.get(station)
        self._told_reason[station] = state.reason
        if not state.online:
            if state.reason is not told:
                logger_about(station).warning(
                    "%s %s%s",
                    station,
                    _EXPLANATIONS[state.reason],
                    _evidence(state),
                )
            return
        if state.reason is Reason.UNSUPPORTED_MODEL is not told:
            logger_about(station).warning(
                "%s %s", station, _EXPLANATIONS[state.reason]
            )
        if told not in (Reason.OK, Reason.UNSUPPORTED_MODEL):
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

    def _tell_stranger(self, address: str, *, is_keba: bool) -> None:
        self._strangers += 1
        if is_keba:
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
        if self._strangers < STRANGERS_TOLD:
            logger_about(UDP).info(
                "Ignoring datagrams of %s, which is no configured station",
                address,
            )
        elif self._strangers == STRANGERS_TOLD:
            logger_about(UDP).info(
                "Ignoring datagrams of more and more unknown hosts"
            )

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


def _evidence(state: ConnectionState) -> str:
    """Tell what the station itself says about the reason."""
    if state.reason is Reason.WRONG_SERIAL:
        return f". It says {state.serial}"
    if state.reason is not Reason.DIP_SWITCH_OFF:
        return ""
    if state.is_dip_switch_on is None:
        return ""
    position = "ON" if state.is_dip_switch_on else "OFF"
    return f". Its report 1 says that the switch is {position}"


def _tell_setting(
    event: SettingChanged | SettingRestored | FailsafeTookOver,
) -> None:
    match event:
        case SettingChanged(station=station, command=command, seen=seen):
            logger_about(station).info(
                "%s: somebody else has changed what %s had set: now %s",
                station,
                command,
                seen,
            )
        case SettingRestored(station=station, command=command):
            logger_about(station).info(
                "%s is back without %s; it is sent again",
                station,
                command,
            )
        case FailsafeTookOver(station=station):
            logger_about(station).warning(
                "%s was without commands for longer than its failsafe "
                "timeout; enable and current are sent again",
                station,
            )


def _tell_not_sent(event: CommandNotSent) -> None:
    log = logger_about(event.station)
    match event.outcome:
        case Outcome.EXPIRED:
            log.debug("%s: %s was too old", event.station, event.word)
        case Outcome.READ_ONLY:
            log.warning(
                "%s: %s is not sent: READ_ONLY is TRUE",
                event.station,
                event.detail,
            )
        case _:
            log.warning(
                "Refused a value for %s__%s: %s",
                event.station,
                event.word,
                event.detail,
            )


def _tell_command(
    event: CommandAnswered | CommandUnanswered | CommandFinished,
) -> None:
    station, command = event.station, event.command
    log = logger_about(station)
    match event:
        case CommandAnswered(accepted=True, text=text):
            log.info("%s << %s: TCH-OK %s", station, command, text)
        case CommandAnswered(text=text):
            log.warning("%s << %s: TCH-ERR %s", station, command, text)
        case CommandUnanswered(will_repeat=will_repeat):
            log.warning(
                "%s did not answer %s; it %s",
                station,
                command,
                "is sent once more" if will_repeat else "is given up",
            )
        case CommandFinished(outcome=Outcome.NOT_APPLIED, detail=detail):
            log.warning(
                "%s confirmed %s, but did not apply it: %s",
                station,
                command,
                detail,
            )
        case CommandFinished(outcome=outcome, detail=detail):
            log.debug("%s: %s: %s %s", station, command, outcome, detail)
