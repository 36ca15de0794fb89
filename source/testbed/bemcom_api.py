"""A double of BEMCom's API on MQTT: select, write, read, count.

It publishes datapoint maps and values as the API does and notes what the
connector publishes. Its connection comes back by itself, and after a broker
without memory it publishes the map once more.
"""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from paho.mqtt.client import MQTTMessage

HOST = "127.0.0.1"
KEEPALIVE_S = 10
RECONNECT_S = 1
NEWEST_LOG_ROWS = 100


class Received(NamedTuple):
    """A message that came."""

    topic: str
    payload: bytes
    retain: bool

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


def received(message: MQTTMessage) -> Received:
    """Return what paho has received."""
    return Received(message.topic, bytes(message.payload), message.retain)


class Selection:
    """The datapoints of a connector that are active, and their topics.

    Parameters
    ----------
    connector
        Its name.
    publish
        Publishes a payload on a topic, perhaps retained.
    """

    _numbers = itertools.count(1)
    """No two selections use the same topic, so that several can follow each
    other at one broker."""

    def __init__(self, connector: str, publish: Callable[..., object]) -> None:
        self._publish = publish
        self.map_topic = f"{connector}/datapoint_map"
        self._values_topic = f"{connector}/messages"
        self._topics: dict[str, str] = {}
        self.map: dict[str, dict[str, str]] = {"sensor": {}, "actuator": {}}

    def select(self, *sensors: str, actuators: Iterable[str] = ()) -> None:
        """Mark these datapoints as active, and no others."""
        self.map = {
            "sensor": {key: self.topic(key) for key in sensors},
            "actuator": {self.topic(key): key for key in actuators},
        }
        self.publish_map()

    def publish_map(self) -> None:
        """Publish the datapoint map, perhaps once more."""
        self._publish(self.map_topic, self.map, retain=True)

    def topic(self, key: str) -> str:
        """Return the topic of a datapoint, selected or not."""
        if key not in self._topics:
            number = next(self._numbers)
            self._topics[key] = f"{self._values_topic}/{number}/value"
        return self._topics[key]

    def write(self, key: str, value: Any, *, retain: bool = False) -> float:
        """Write an actuator; return when, in Unix seconds."""
        at = time.time()
        message = {"value": value, "timestamp": round(at * 1000)}
        self._publish(self.topic(key), message, retain=retain)
        return at


class BemcomApi(Selection):
    """One connector's API, for the time of a `with` block.

    Parameters
    ----------
    listens
        Whether it hears the connector; reading thousands of values a second
        costs what a measurement must not.
    selects_all
        Whether each announced datapoint is selected at once.
    on_message
        Gets every message below the connector's name, in the client's thread.
    on_connection
        Hears, in the client's thread, that the connection came or went.
    """

    def __init__(
        self,
        connector: str,
        port: int,
        *,
        host: str = HOST,
        listens: bool = True,
        selects_all: bool = False,
        on_message: Callable[[Received], None] = lambda _: None,
        on_connection: Callable[[bool], None] = lambda _: None,
    ) -> None:
        super().__init__(connector, self.publish)
        self._connector = connector
        self._listens = listens
        self._selects_all = selects_all
        self._tell_message = on_message
        self._tell_connection = on_connection
        self._keys: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self.log_rows: deque[str] = deque(maxlen=NEWEST_LOG_ROWS)
        self.received = 0
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = lambda *_: self._on_connect()
        self._client.on_disconnect = lambda *_: self._tell_connection(False)
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(RECONNECT_S, RECONNECT_S)
        self._client.connect(host, port, KEEPALIVE_S)
        self._client.loop_start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # paho's thread may have ended before it came to that.
        if (sock := self._client.socket()) is not None:
            sock.close()

    def publish(
        self, topic: str, payload: object, *, retain: bool = False
    ) -> None:
        """Publish bytes as they are, anything else as JSON.

        With QoS 0, as the API does.
        """
        data = payload if isinstance(payload, bytes) else json.dumps(payload)
        self._client.publish(topic, data, 0, retain)

    def select(self, *sensors: str, actuators: Iterable[str] = ()) -> None:
        self._keys = {self.topic(key): key for key in sensors}
        super().select(*sensors, actuators=actuators)

    def sensor_of(self, topic: str) -> str | None:
        """Return the sensor that is published on a topic."""
        return self._keys.get(topic)

    def writes_on(self, topic: str) -> bool:
        """Tell whether this API, not the connector, publishes on a topic."""
        return topic == self.map_topic or topic in self.map["actuator"]

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected()

    def value(self, key: str) -> Any:
        """Return the newest value of a sensor, None without one."""
        return self._values.get(key)

    # --- in the client's thread ---------------------------------------------

    def _on_connect(self) -> None:
        if self._listens:
            self._client.subscribe(f"{self._connector}/#", 0)
        if self.map["sensor"] or self.map["actuator"]:
            # A broker without memory has forgotten it.
            self.publish_map()
        self._tell_connection(True)

    def _on_message(
        self, _client: Client, _data: Any, message: MQTTMessage
    ) -> None:
        came = received(message)
        self._tell_message(came)
        _, _, what = came.topic.partition("/")
        if what == "logs":
            self.log_rows.append(came.json["msg"])
        elif what == "available_datapoints" and self._selects_all:
            self.select(*came.json["sensor"], actuators=came.json["actuator"])
        elif (key := self._keys.get(came.topic)) is not None:
            self._values[key] = came.json["value"]
            self.received += 1


def _send_at_once(_client: Client, _data: object, sock: Any) -> None:
    # Else Nagle's algorithm would hold small messages back.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
