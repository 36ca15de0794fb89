"""The way from the stations to MQTT values."""

import logging
import threading
from typing import Any

from connector.keba.events import (
    CommandFinished,
    ConnectionState,
    Outcome,
    ReportReceived,
    StatusReceived,
)
from connector.keba.gateway import Delivery, Gateway
from connector.raw_messages import STATUS, parse_raw_message
from connector.station_log import StationLog
from pyconnector_template.pyconnector_template import (
    SensorFlow as SensorFlowTemplate,
)

logger = logging.getLogger("pyconnector")

PATIENCE_S = 1.0
"""How long to wait for an event before looking whether to end."""

MAX_UNKNOWN_KEYS = 200
"""Datapoints of one station that no table knows; more are ignored, since
every one would stay in BEMCom's database."""


class SensorFlow(SensorFlowTemplate):
    """Publishes what the gateway tells, each event as it comes.

    Attributes
    ----------
    gateway
        Talks to the stations; set by the connector.
    station_log
        Writes the log lines about the stations; set by the connector.
    """

    gateway: Gateway
    station_log: StationLog

    def follow_stations(self, termination_event: threading.Event) -> None:
        """Open the gateway and handle its events until asked to end."""
        self.gateway.open()
        while not termination_event.is_set():
            delivery = self.gateway.next_event(PATIENCE_S)
            if delivery is not None:
                self.handle(delivery)

    def handle(self, delivery: Delivery) -> None:
        """Log an event and publish the values that it brings."""
        event = delivery.event
        self.station_log.tell(event)
        match event:
            case ReportReceived() | StatusReceived():
                self.run_sensor_flow(raw_data=delivery)
            case ConnectionState(station=station):
                self._publish_values(
                    delivery, station, {"connection": self._connection(event)}
                )
            case CommandFinished(station=station, command=command):
                self._publish_values(
                    delivery,
                    station,
                    {"results": {command.word: _result_text(event)}},
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
                "raw_message": {event.station: {request: event.text}},
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

    def _connection(self, state: ConnectionState) -> dict[str, Any]:
        values: dict[str, Any] = {
            "online": state.online,
            "reason": str(state.reason),
            "requests_sent": state.requests_sent,
            "requests_unanswered": state.requests_unanswered,
        }
        if state.last_seen_at is not None:
            values["last_seen"] = self.gateway.wall_clock_ms(state.last_seen_at)
        return values

    def _publish_values(
        self, delivery: Delivery, station: str, values: dict[str, Any]
    ) -> None:
        """Publish values that are in no raw message."""
        self._publish_parsed_msg(
            {
                "payload": {
                    "parsed_message": {station: values},
                    "timestamp": delivery.timestamp_ms,
                }
            }
        )


def _result_text(event: CommandFinished) -> str:
    if event.outcome is Outcome.REJECTED:
        return f"{event.outcome}: {event.detail}"
    return str(event.outcome)
