"""The way from the stations to MQTT values."""

import logging
import threading
from collections import defaultdict
from functools import cached_property
from typing import Any

from connector.bemcom.charging_sessions import (
    LATEST,
    SessionBook,
)
from connector.bemcom.filters import UnchangedValues
from connector.bemcom.raw_messages import (
    STATUS,
    ParsedStation,
    parse_raw_message,
)
from connector.bemcom.readings import Reading, renewed_readings
from connector.bemcom.rfid import CardMask
from connector.bemcom.station_log import StationLog
from connector.bemcom.unknown_keys import UnknownKeys
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.link import link_cause
from connector.diagnosis.site import SiteFacts
from connector.keba.io.gateway import Delivery, Gateway
from connector.keba.protocol.fields import SESSION_REPORTS
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
from pyconnector_template.pyconnector_template import (
    SensorFlow as SensorFlowTemplate,
)

logger = logging.getLogger("pyconnector")

PATIENCE_S = 0.25
"""How long to wait for an event before looking whether to end."""


class SensorFlow(SensorFlowTemplate):
    """Publishes what the gateway tells, each event as it comes.

    Attributes
    ----------
    gateway
        Talks to the stations; set by the connector.
    station_log
        Writes the log lines about the stations; set by the connector.
    card_mask
        Hides the tags of RFID cards; set by the connector.
    unchanged
        Holds back values that have not changed; None publishes all.
    """

    gateway: Gateway
    station_log: StationLog
    card_mask: CardMask = CardMask(None)
    unchanged: UnchangedValues[Any] | None = None
    _map_in_use: object = None

    @cached_property
    def site(self) -> SiteFacts:
        """What is known of all stations."""
        # BEMCom's flows are mixed into a connector and have no __init__.
        return SiteFacts()

    @cached_property
    def _session_books(self) -> defaultdict[str, SessionBook]:
        return defaultdict(SessionBook)

    @cached_property
    def _unknown_keys(self) -> defaultdict[str, UnknownKeys]:
        return defaultdict(UnknownKeys)

    def follow_stations(self, termination_event: threading.Event) -> None:
        """Open the gateway and handle its events until asked to end."""
        self.gateway.open()
        while not termination_event.is_set():
            self.look_after_itself()
            self.station_log.note_dropped(self.gateway.events_dropped)
            delivery = self.gateway.next_event(PATIENCE_S)
            if delivery is not None:
                self.handle(delivery)

    def look_after_itself(self) -> None:
        """Called between two events, once a second at least; overridable."""

    def handle(self, delivery: Delivery) -> None:
        """Log an event and publish the values that it brings."""
        event = delivery.event
        self.station_log.tell(event)
        self.site.note(event, delivery.timestamp_ms)
        match event:
            case ReportReceived() | StatusReceived():
                self.run_sensor_flow(raw_data=delivery)
            case ReportUnanswered(station=station):
                self._publish_finished_sessions(station, delivery.timestamp_ms)
            case ConnectionState(station=station):
                self._publish_values(
                    station,
                    {"connection": self._connection(event)},
                    delivery.timestamp_ms,
                )
            case CommandFinished():
                self._publish_result(delivery, event.command.word, event)
            case CommandNotSent(word=word):
                self._publish_result(delivery, word, event)

    def _publish_result(
        self,
        delivery: Delivery,
        word: str,
        event: CommandFinished | CommandNotSent,
    ) -> None:
        self._publish_values(
            event.station,
            {"results": {word: _result_text(event)}},
            delivery.timestamp_ms,
        )

    def receive_raw_msg(self, raw_data: Any = None) -> dict[str, Any]:
        """Wrap the text of a datagram, with the time of its arrival.

        Parameters
        ----------
        raw_data
            A `Delivery` with a `ReportReceived` or a `StatusReceived`.

        Returns
        -------
        dict
            ``{"payload": {"raw_message": {station: {request: text}},
            "timestamp": ms}}``
        """
        event = raw_data.event
        request = getattr(event, "request", STATUS)
        return {
            "payload": {
                "raw_message": {
                    event.station: {request: self.card_mask.apply(event.text)}
                },
                "timestamp": raw_data.timestamp_ms,
            }
        }

    def parse_raw_msg(self, raw_msg: dict[str, Any]) -> dict[str, Any]:
        """Parse a raw message of this or of the published connector.

        Parameters
        ----------
        raw_msg
            As `receive_raw_msg` returns it.

        Returns
        -------
        dict
            ``{"payload": {"parsed_message": {station: {"report 2":
            {"State": 3}}}, "timestamp": ms}}``
        """
        payload = raw_msg["payload"]
        return {
            "payload": {
                "parsed_message": parse_raw_message(payload["raw_message"]),
                "timestamp": payload["timestamp"],
            }
        }

    def _publish_parsed_msg(self, parsed_msg: dict[str, Any]) -> None:
        """Publish what was received, and what it means, in one go."""
        payload = parsed_msg["payload"]
        for station, reports in payload["parsed_message"].items():
            self._interpret(station, reports, payload["timestamp"])
        super()._publish_parsed_msg(parsed_msg)

    def _interpret(
        self, station: str, reports: ParsedStation, timestamp_ms: int
    ) -> None:
        """Add readings to the reports of a station; take its sessions."""
        facts = self.site.station(station)
        self._take_sessions(station, reports, timestamp_ms)
        if self._unknown_keys[station].limit(reports):
            self.station_log.tell_unknown_keys(station)
        readings: dict[str, Reading] = {}
        for name in ("report 1", "report 2", "report 3"):
            if name in reports:
                readings |= self._learn(facts, reports[name], timestamp_ms)
        if readings:
            reports["readings"] = readings

    def _take_sessions(
        self, station: str, reports: ParsedStation, timestamp_ms: int
    ) -> None:
        for name in [*reports]:
            number = _session_report_number(name)
            if number is None:
                continue
            self._take_session(station, number, reports[name], timestamp_ms)
            if number > LATEST:
                # Thirty older sessions would be hundreds of datapoints that
                # never change again.
                del reports[name]

    def _take_session(
        self,
        station: str,
        number: int,
        fields: dict[str, Value],
        timestamp_ms: int,
    ) -> None:
        if number == LATEST:
            self.site.station(station).note_session(fields)
        book = self._session_books[station]
        missing = book.take(number, fields, timestamp_ms)
        if missing is None:
            self._publish_finished_sessions(station, timestamp_ms)
        else:
            self.gateway.ask(station, missing)

    def _publish_finished_sessions(
        self, station: str, timestamp_ms: int
    ) -> None:
        for session in self._session_books[station].finished():
            self._publish_values(
                station,
                {"session": dict(session.values)},
                session.ended_at_ms or timestamp_ms,
            )

    def _learn(
        self, facts: StationFacts, fields: dict[str, Value], at_ms: int
    ) -> dict[str, Reading]:
        """Take the fields of a report, or of a push, which has no ID."""
        if "ID" not in fields:
            facts.pushes.note_push(fields)
        elif facts.pushes.note_report(fields):
            self.station_log.hint_at_another_client(facts.station)
        for wanted in facts.note_fields(fields, at_ms):
            self.gateway.ask(facts.station, wanted)
        return renewed_readings(facts, fields)

    def _connection(self, state: ConnectionState) -> dict[str, Any]:
        values: dict[str, Any] = {
            "online": state.online,
            "reason": str(link_cause(state.link)),
            "requests_sent": state.requests_sent,
            "requests_unanswered": state.requests_unanswered,
            "restarts": state.restarts,
        }
        if state.last_seen_at is not None:
            values["last_seen"] = self.gateway.wall_clock_ms(state.last_seen_at)
        return values

    def _filter_and_publish_datapoint_values(
        self, flattened_msg: dict[str, Any]
    ) -> None:
        """Publish the values of selected datapoints, if they are due."""
        if self.unchanged is not None:
            flattened_msg = self._without_unchanged(
                flattened_msg, self.unchanged
            )
        super()._filter_and_publish_datapoint_values(flattened_msg)

    def _without_unchanged(
        self, flattened_msg: dict[str, Any], unchanged: UnchangedValues[Any]
    ) -> dict[str, Any]:
        if self._map_in_use is not self.datapoint_map:
            # Who has just selected a datapoint waits for its first value.
            self._map_in_use = self.datapoint_map
            unchanged.forget()
        payload = flattened_msg["payload"]
        topics = self.datapoint_map["sensor"]
        selected = {
            key: value
            for key, value in payload["flattened_message"].items()
            if key in topics
        }
        due = unchanged.select(selected)
        return {
            **flattened_msg,
            "payload": {**payload, "flattened_message": due},
        }

    def _publish_values(
        self, station: str, values: dict[str, Any], timestamp_ms: int
    ) -> None:
        """Publish values that are in no raw message."""
        super()._publish_parsed_msg(
            {
                "payload": {
                    "parsed_message": {station: values},
                    "timestamp": timestamp_ms,
                }
            }
        )


def _session_report_number(name: str) -> int | None:
    number = name.removeprefix("report ")
    # Shorter names are those of the other reports.
    if len(number) < len(str(LATEST)) or not number.isdecimal():
        return None
    return int(number) if int(number) in SESSION_REPORTS else None


def _result_text(event: CommandFinished | CommandNotSent) -> str:
    if event.outcome in (Outcome.REJECTED, Outcome.INVALID):
        return f"{event.outcome}: {event.detail}"
    return str(event.outcome)
