"""The way from the stations to MQTT values."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from connector.bemcom.charging_sessions import SessionBook
from connector.bemcom.raw_messages import (
    STATUS,
    ParsedStation,
    parse_raw_message,
)
from connector.bemcom.readings import VERDICTS, renewed_readings, verdicts
from connector.bemcom.rfid import TagMask
from connector.bemcom.station_log import StationLog
from connector.bemcom.unknown_keys import UnknownKeys
from connector.diagnosis.causes import Code
from connector.diagnosis.facts import Reading, StationFacts
from connector.diagnosis.findings import (
    MISSED_PUSHES,
    evidence_of,
    may_charge_again,
)
from connector.diagnosis.link import link_cause
from connector.diagnosis.site import SiteFacts
from connector.keba.io.gateway import Delivery
from connector.keba.protocol.fields import (
    LATEST_SESSION,
    POLLED_REPORTS,
    SESSION_REPORTS,
)
from connector.keba.protocol.messages import Value
from connector.keba.station.events import (
    CommandFinished,
    CommandNotSent,
    ConnectionState,
    Outcome,
    ReportReceived,
    ReportUnanswered,
    StatusReceived,
)

EVENT_TIMEOUT_S = 0.5
"""How long to wait for an event before looking whether to end."""

_SESSION_NUMBERS = {f"report {number}": number for number in SESSION_REPORTS}
_LATEST = f"report {LATEST_SESSION}"
_DATA = tuple(f"report {number}" for number in POLLED_REPORTS)


class EventSource(Protocol):
    """The part of the gateway that telemetry needs."""

    @property
    def events_dropped(self) -> int: ...
    def next_events(self, timeout_s: float) -> Sequence[Delivery]: ...
    def ask(self, station: str, report: int) -> None: ...
    def wall_clock_ms(self, moment: float) -> int: ...


class SensorFlow(Protocol):
    """The part of BEMCom's sensor flow that telemetry needs."""

    def run_sensor_flow(self, raw_data: Any = None) -> None: ...
    def publish_values(
        self, values: dict[str, Any], timestamp_ms: int
    ) -> None: ...
    def together(self) -> AbstractContextManager[None]: ...


@dataclass(slots=True)
class _Memory:
    """What has to be remembered of one station."""

    sessions: SessionBook = field(default_factory=SessionBook)
    unknown_keys: UnknownKeys = field(default_factory=UnknownKeys)
    verdicts: dict[str, Reading] = field(default_factory=dict)


class Telemetry:
    """Publishes what the stations tell, each event as it comes.

    For a datagram `flow` calls `receive_raw_msg`, `parse_raw_msg` and
    `complete_values`. `was_refused` tells of a station and a word whether its
    newest value was not sent.
    """

    def __init__(
        self,
        stations: EventSource,
        flow: SensorFlow,
        *,
        station_log: StationLog,
        tag_mask: TagMask,
        site: SiteFacts,
        was_refused: Callable[[str, str], bool] = lambda *_: False,
    ) -> None:
        self._stations = stations
        self._flow = flow
        self._station_log = station_log
        self._tag_mask = tag_mask
        self._site = site
        self._was_refused = was_refused
        self._memory: defaultdict[str, _Memory] = defaultdict(_Memory)

    def follow_stations(
        self,
        between_events: Callable[[], None],
        termination_event: threading.Event,
    ) -> None:
        """Handle events until asked to end.

        `between_events` is called between them, and while there are none.
        """
        while not termination_event.is_set():
            between_events()
            self._station_log.note_dropped(self._stations.events_dropped)
            deliveries = self._stations.next_events(EVENT_TIMEOUT_S)
            if deliveries:
                with self._flow.together():
                    for delivery in deliveries:
                        self.handle(delivery)

    def handle(self, delivery: Delivery) -> None:
        """Log an event and publish the values that it brings."""
        event, at_ms = delivery.event, delivery.timestamp_ms
        self._station_log.tell(event)
        self._site.note(event, at_ms)
        match event:
            case ReportReceived() | StatusReceived():
                self._flow.run_sensor_flow(raw_data=delivery)
            case ReportUnanswered(station=station, request=request):
                sessions = self._memory[station].sessions
                if request in _SESSION_NUMBERS:
                    sessions.give_up(_SESSION_NUMBERS[request])
                self._publish_finished_sessions(station, sessions, at_ms)
                self._publish_verdicts(station, at_ms)
            case ConnectionState(station=station):
                connection = {"connection": self._connection(event)}
                self._flow.publish_values({station: connection}, at_ms)
                self._publish_verdicts(station, at_ms)
            case CommandFinished(station=station, command=command):
                self._warn_of_failsafe(event)
                if not self._was_refused(station, command.word):
                    # Else a newer value was refused: its result stands.
                    self._publish_result(event, command.word, at_ms)
            case CommandNotSent(word=word):
                self._publish_result(event, word, at_ms)

    def _warn_of_failsafe(self, event: CommandFinished) -> None:
        """Tell that a station that was just stopped may charge again."""
        facts = self._site.station(event.station)
        is_stop = event.command.disables_charging()
        is_stopped = is_stop and event.outcome is Outcome.APPLIED
        if is_stopped and may_charge_again(facts):
            evidence = evidence_of(facts, Code.MAY_CHARGE_AGAIN)
            self._station_log.warn_of(
                event.station, Code.MAY_CHARGE_AGAIN, evidence
            )

    def _publish_result(
        self, event: CommandFinished | CommandNotSent, word: str, at_ms: int
    ) -> None:
        result = str(event.outcome)
        if event.outcome in (Outcome.REJECTED, Outcome.INVALID):
            result = f"{result}: {event.detail}"
        self._flow.publish_values(
            {event.station: {"results": {word: result}}}, at_ms
        )

    def _connection(self, state: ConnectionState) -> dict[str, Any]:
        values: dict[str, Any] = {
            "online": state.online,
            "reason": str(link_cause(state.link)),
            "requests_sent": state.requests_sent,
            "requests_unanswered": state.requests_unanswered,
            "restarts": state.restarts,
        }
        if state.last_seen_at is not None:
            values["last_seen"] = self._stations.wall_clock_ms(
                state.last_seen_at
            )
        return values

    def receive_raw_msg(self, delivery: Delivery) -> dict[str, Any]:
        """Wrap a datagram's text, with the time of its arrival.

        ``{"payload": {"raw_message": {station: {request: text}}, "timestamp":
        ms}}``
        """
        event: Any = delivery.event
        request = getattr(event, "request", STATUS)
        return {
            "payload": {
                "raw_message": {
                    event.station: {request: self._tag_mask.apply(event.text)}
                },
                "timestamp": delivery.timestamp_ms,
            }
        }

    def parse_raw_msg(self, raw_msg: dict[str, Any]) -> dict[str, Any]:
        """Parse a raw message of this or of the published connector.

        ``{"payload": {"parsed_message": {station: {"report 2": {"State": 3}}},
        "timestamp": ms}}``
        """
        payload = raw_msg["payload"]
        return {
            "payload": {
                "parsed_message": parse_raw_message(payload["raw_message"]),
                "timestamp": payload["timestamp"],
            }
        }

    def complete_values(
        self, stations: dict[str, ParsedStation], timestamp_ms: int
    ) -> None:
        """Add what reports mean; publish the sessions that they finish.

        What was parsed is changed in place.
        """
        for station, reports in stations.items():
            self._interpret(station, reports, timestamp_ms)

    def _interpret(
        self, station: str, reports: ParsedStation, at_ms: int
    ) -> None:
        memory = self._memory[station]
        facts = self._site.station(station)
        readings: dict[str, Reading] = {}
        for name in [*reports]:
            if name not in _SESSION_NUMBERS:
                continue
            self._take_session(facts, name, reports[name], at_ms)
            if name == _LATEST:
                readings |= verdicts(facts)
            else:
                # Thirty older sessions would be hundreds of datapoints that
                # never change again.
                del reports[name]
        if memory.unknown_keys.limit(reports):
            self._station_log.tell_unknown_keys(station)
        for name in _DATA:
            if name in reports:
                readings |= self._learn(facts, reports[name], at_ms)
        if readings:
            reports["readings"] = readings
            memory.verdicts |= {
                key: readings[key] for key in VERDICTS if key in readings
            }

    def _learn(
        self, facts: StationFacts, fields: dict[str, Value], at_ms: int
    ) -> Mapping[str, Reading]:
        """Take the fields of a report, or of a push, which has no ID."""
        known_signs = facts.pushes.signs
        for wanted in facts.note_fields(fields, at_ms):
            self._stations.ask(facts.station, wanted)
        if facts.pushes.signs > known_signs:
            clue = MISSED_PUSHES.capitalize()
            self._station_log.warn_of(facts.station, Code.SECOND_CLIENT, clue)
        return renewed_readings(facts, fields)

    def _publish_verdicts(self, station: str, at_ms: int) -> None:
        """Publish what has become true without a field that says so.

        A report that was waited for stays out, or somebody feeds the failsafe
        mode no more.
        """
        known = self._memory[station].verdicts
        fresh = {
            key: value
            for key, value in verdicts(self._site.station(station)).items()
            if known.get(key) != value
        }
        if fresh:
            known.update(fresh)
            self._flow.publish_values({station: {"readings": fresh}}, at_ms)

    def _take_session(
        self,
        facts: StationFacts,
        report: str,
        fields: dict[str, Value],
        at_ms: int,
    ) -> None:
        if report == _LATEST:
            facts.note_session(fields)
        sessions = self._memory[facts.station].sessions
        missing = sessions.take(_SESSION_NUMBERS[report], fields, at_ms)
        if missing is not None:
            self._stations.ask(facts.station, missing)
        self._publish_finished_sessions(facts.station, sessions, at_ms)

    def _publish_finished_sessions(
        self, station: str, sessions: SessionBook, at_ms: int
    ) -> None:
        for session in sessions.finished():
            self._flow.publish_values(
                {station: {"session": dict(session.values)}},
                session.ended_at_ms or at_ms,
            )
