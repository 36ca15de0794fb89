"""Plays BEMCom: chooses datapoints, writes setpoints, notes what comes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from soak.events import LinkChanged, Published

if TYPE_CHECKING:
    from collections.abc import Iterable
    from queue import SimpleQueue

    from paho.mqtt.client import MQTTMessage

    from soak.events import Event

HOST = "127.0.0.1"
KEEPALIVE_S = 10
LONGEST_RETRY_S = 1


class Controller:
    """An MQTT client that comes back by itself.

    Parameters
    ----------
    name
        Name of the connector.
    port
        Of the broker.
    queue
        Where all that comes is noted.
    """

    def __init__(self, name: str, port: int, queue: SimpleQueue[Event]) -> None:
        self._name = name
        self._queue = queue
        self._map: dict[str, dict[str, str]] = {"sensor": {}, "actuator": {}}
        self._topics: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda *_: self._come()
        self._client.on_disconnect = lambda *_: self._go()
        self._client.on_message = self._note
        self._client.reconnect_delay_set(LONGEST_RETRY_S, LONGEST_RETRY_S)
        self._client.connect(HOST, port, KEEPALIVE_S)
        self._client.loop_start()

    @property
    def map_topic(self) -> str:
        """Where the datapoint map is published."""
        return f"{self._name}/datapoint_map"

    def select(self, sensors: Iterable[str], actuators: Iterable[str]) -> None:
        """Choose datapoints and publish the map."""
        sensors, actuators = [*sensors], [*actuators]
        for key in (*sensors, *actuators):
            topic = f"{self._name}/messages/{len(self._topics) + 1}/value"
            self._topics.setdefault(key, topic)
        self._keys = {self._topics[key]: key for key in sensors}
        self._map = {
            "sensor": {key: self._topics[key] for key in sensors},
            "actuator": {self._topics[key]: key for key in actuators},
        }
        self.publish_map()

    def publish_map(self) -> None:
        """Publish the map, once more perhaps."""
        self.publish(self.map_topic, self._map, retain=True)

    def sensor_of(self, topic: str) -> str | None:
        """Return the sensor that is published on a topic."""
        return self._keys.get(topic)

    def is_ours(self, topic: str) -> bool:
        """Tell whether we write on this topic ourselves."""
        return topic == self.map_topic or topic in self._map["actuator"]

    def topic(self, key: str) -> str:
        """Return the topic of a chosen datapoint."""
        return self._topics[key]

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted us."""
        return self._client.is_connected()

    def write(self, key: str, value: Any, *, retain: bool = False) -> None:
        """Write an actuator as BEMCom's API does, with QoS 0."""
        message = {"value": value, "timestamp": int(time.time() * 1000)}
        self.publish(self._topics[key], message, retain=retain)

    def publish(
        self, topic: str, payload: object, *, retain: bool = False
    ) -> None:
        """Publish bytes as they are, anything else as JSON."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload)
        self._client.publish(topic, data, 0, retain)

    def close(self) -> None:
        """Disconnect and end the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    # In the client's thread ------------------------------------------------

    def _come(self) -> None:
        self._client.subscribe(f"{self._name}/#", 0)
        self._queue.put(LinkChanged(time.monotonic(), is_up=True))
        if self._map["sensor"]:
            # A broker without memory has forgotten it.
            self.publish_map()

    def _go(self) -> None:
        self._queue.put(LinkChanged(time.monotonic(), is_up=False))

    def _note(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._queue.put(
            Published(
                time.monotonic(),
                message.topic,
                bytes(message.payload),
                message.retain,
            )
        )
