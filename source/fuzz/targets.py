"""What anybody can send us, and what must hold whatever they send.

Each target takes any bytes and raises if a promise is broken.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from connector.bemcom.dispatcher import CommandDispatcher
from connector.bemcom.raw_messages import parse_raw_message
from connector.keba.protocol.commands import Command
from connector.keba.protocol.messages import (
    decode_datagram,
    parse_datagram,
    parse_text,
)
from connector.keba.station.events import CommandNotSent, Event
from connector.keba.station.station import Station
from connector.settings import Station as StationSettings
from pyconnector_template.datapoint_map import (
    UnusableMapError,
    is_plain_topic,
    read_datapoint_map,
)
from pyconnector_template.pyconnector_template import ActuatorFlow
from testbed.mutations import STATION, TOPICS

LONGEST_COMMAND = 64


class NotingGateway:
    """Notes commands instead of sending them."""

    def __init__(self) -> None:
        self.submitted: list[Command] = []
        self.told: list[Event] = []

    def submit(self, station: str, command: Command) -> None:
        self.submitted.append(command)

    def emit(self, event: Event) -> None:
        self.told.append(event)

    def set_controlled(self, *, is_controlled: bool) -> None:
        """Nobody asks."""


class Flow(ActuatorFlow):
    """BEMCom's actuator flow, with a topic for each actuator."""

    def __init__(self) -> None:
        self.noting = NotingGateway()
        self._dispatcher = CommandDispatcher(
            self.noting, {STATION: StationSettings(host="192.0.2.1")}
        )
        self.datapoint_map = {"sensor": {}, "actuator": dict(TOPICS)}

    def send_command(
        self,
        datapoint_key: str,
        datapoint_value: Any,
        datapoint_timestamp: int | None,
    ) -> None:
        """Hand on, as the connector does."""
        self._dispatcher.send_command(datapoint_key, datapoint_value)


def hear_datagram(data: bytes) -> None:
    """Take a datagram from a station through parser, session and values."""
    assert parse_datagram(data) is not None
    text = decode_datagram(data)
    assert parse_text(text) is not None
    for request in ("report 2", "status"):
        values = parse_raw_message({STATION: {request: text}})
        json.dumps(values, allow_nan=False)
        for fields in values.get(STATION, {}).values():
            for key, value in fields.items():
                assert "\0" not in f"{key}{value}"
                # Lone surrogates have no UTF-8.
                f"{key}{value}".encode()
    station = Station(STATION)
    station.advance(0.0, 0.0)
    station.receive(data, 0.01)
    for now in (2.5, 5.5, 8.0):
        station.advance(now, now)
        assert station.next_deadline() > 0.0


def take_value(data: bytes) -> None:
    """Take a message that was written to an actuator."""
    flow = Flow()
    topic = list(TOPICS)[zlib.crc32(data) % len(TOPICS)]
    flow.run_actuator_flow(topic, data)
    for command in flow.noting.submitted:
        datagram = command.encode()
        assert datagram.isascii()
        assert datagram.decode("ascii").isprintable()
        assert len(datagram) <= LONGEST_COMMAND
    for event in flow.noting.told:
        assert isinstance(event, CommandNotSent)
        assert len(event.detail) < 500


def take_map(data: bytes) -> None:
    """Take a datapoint map."""
    try:
        datapoint_map, _ = read_datapoint_map(data)
    except UnusableMapError:
        return
    assert datapoint_map.keys() == {"sensor", "actuator"}
    for topic in datapoint_map["sensor"].values():
        assert is_plain_topic(topic)
    for topic in datapoint_map["actuator"]:
        assert is_plain_topic(topic)


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "datagram": hear_datagram,
    "value": take_value,
    "map": take_map,
}
