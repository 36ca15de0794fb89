"""A double of BEMCom's API on MQTT: select, write, read, wait, count.

It publishes datapoint maps and values as the API does and notes what the
connector publishes. Its connection comes back by itself, and after a broker
without memory it publishes the map once more.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from paho.mqtt.client import MQTTMessage

HOST = "127.0.0.1"
DEADLINE_S = 10.0
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


class BemcomApi:
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
        on_message: Callable[[Received], None] | None = None,
        on_connection: Callable[[bool], None] | None = None,
    ) -> None:
        self._connector = connector
        self._listens = listens
        self._selects_all = selects_all
        self._tell_message = on_message
        self._tell_connection = on_connection
        self._map: dict[str, dict[str, str]] = {"sensor": {}, "actuator": {}}
        self._topics: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._changed = threading.Condition()
        self.log_rows: deque[str] = deque(maxlen=NEWEST_LOG_ROWS)
        self.received = 0
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = lambda *_: self._on_connect()
        self._client.on_disconnect = lambda *_: self._on_disconnect()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(RECONNECT_S, RECONNECT_S)
        self._client.connect(host, port, KEEPALIVE_S)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # paho's thread may have ended before it came to that.
        if (sock := self._client.socket()) is not None:
            sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- select -------------------------------------------------------------

    def select(
        self, sensors: Iterable[str], actuators: Iterable[str] = ()
    ) -> None:
        """Mark these datapoints as active, and no others."""
        sensors, actuators = [*sensors], [*actuators]
        for key in (*sensors, *actuators):
            topic = f"{self._connector}/messages/{len(self._topics) + 1}/value"
            self._topics.setdefault(key, topic)
        self._keys = {self._topics[key]: key for key in sensors}
        self._map = {
            "sensor": {key: self._topics[key] for key in sensors},
            "actuator": {self._topics[key]: key for key in actuators},
        }
        self.publish_map()

    @property
    def map_topic(self) -> str:
        return f"{self._connector}/datapoint_map"

    def publish_map(self) -> None:
        """Publish the datapoint map, perhaps once more."""
        self.publish(self.map_topic, self._map, retain=True, qos=1)

    def sensor_of(self, topic: str) -> str | None:
        """Return the sensor that is published on a topic."""
        return self._keys.get(topic)

    def topic(self, key: str) -> str:
        """Return the topic of a selected datapoint."""
        return self._topics[key]

    def writes_on(self, topic: str) -> bool:
        """Tell whether this API, not the connector, publishes on a topic."""
        return topic == self.map_topic or topic in self._map["actuator"]

    # --- write --------------------------------------------------------------

    def write(self, key: str, value: Any, *, retain: bool = False) -> float:
        """Write an actuator with QoS 0, as the API does.

        Returns
        -------
        float
            When, in Unix seconds.
        """
        at = time.time()
        message = {"value": value, "timestamp": round(at * 1000)}
        self.publish(self._topics[key], message, retain=retain)
        return at

    def publish(
        self,
        topic: str,
        payload: object,
        *,
        retain: bool = False,
        qos: int = 0,
    ) -> None:
        """Publish bytes as they are, anything else as JSON."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload)
        self._client.publish(topic, data, qos, retain)

    # --- read, wait ---------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected()

    def value(self, key: str) -> Any:
        """Return the newest value of a sensor, None without one."""
        return self._values.get(key)

    def wait_until(
        self, is_true: Callable[[], object], timeout_s: float = DEADLINE_S
    ) -> bool:
        """Wait for something that messages bring about."""
        with self._changed:
            return bool(self._changed.wait_for(is_true, timeout_s))

    # --- in the client's thread ---------------------------------------------

    def _on_connect(self) -> None:
        if self._listens:
            self._client.subscribe(f"{self._connector}/#", 0)
        if self._map["sensor"] or self._map["actuator"]:
            # A broker without memory has forgotten it.
            self.publish_map()
        if self._tell_connection is not None:
            self._tell_connection(True)

    def _on_disconnect(self) -> None:
        if self._tell_connection is not None:
            self._tell_connection(False)

    def _on_message(
        self, _client: Client, _data: Any, message: MQTTMessage
    ) -> None:
        came = Received(message.topic, bytes(message.payload), message.retain)
        if self._tell_message is not None:
            self._tell_message(came)
        with self._changed:
            self._take(came)
            self._changed.notify_all()

    def _take(self, came: Received) -> None:
        _, _, what = came.topic.partition("/")
        if what == "logs":
            self.log_rows.append(came.json["msg"])
        elif what == "available_datapoints" and self._selects_all:
            self.select(came.json["sensor"], came.json["actuator"])
        elif (key := self._keys.get(came.topic)) is not None:
            self._values[key] = came.json["value"]
            self.received += 1


def _send_at_once(_client: Client, _data: object, sock: Any) -> None:
    # Else Nagle's algorithm would hold small messages back.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
