"""Subscribes and selects as BEMCom's API does, and notes what arrives."""

import json
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from scaling.selections import PUSHED_WHILE_CHARGING, Selection
from scaling.store import Arrival

HOST = "127.0.0.1"
QOS = 2
"""The API's, for subscriptions and for the datapoint map."""

LOOK_S = 0.05


class ApiDouble:
    """An admin who has added some connectors, and the API's MQTT thread.

    Parameters
    ----------
    port
        Of a broker on 127.0.0.1.
    connectors
        Their names.
    selection
        What the admin marks as active, of every station.

    Attributes
    ----------
    arrivals : list of Arrival
        All values so far, in order.
    announcement_bytes, map_bytes : dict
        Length of the newest `available_datapoints` and `datapoint_map` of
        each connector.
    """

    def __init__(
        self, port: int, connectors: Sequence[str], selection: Selection
    ) -> None:
        self.arrivals: list[Arrival] = []
        self.announcement_bytes: dict[str, int] = {}
        self.map_bytes: dict[str, int] = {}
        self._connectors = connectors
        self._keys = frozenset(selection.keys)
        self._topics: dict[str, dict[str, str]] = {
            name: {} for name in connectors
        }
        self._seen: set[str] = set()
        self._pushed: set[str] = set()
        self._polled_at = 0.0
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._port = port

    def __enter__(self) -> Self:
        self._client.connect(HOST, self._port)
        self._client.loop_start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def datapoints_seen(self) -> int:
        """How many datapoints have brought a value."""
        return len(self._seen)

    def wait_for_datapoints(self, count: int, patience_s: float) -> bool:
        """Wait until so many datapoints have brought a value."""
        until = time.monotonic() + patience_s
        while self.datapoints_seen < count:
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_S)
        return True

    def wait_for_quiet(self, quiet_s: float, patience_s: float) -> bool:
        """Wait until nothing but status messages has come for a while."""
        until = time.monotonic() + patience_s
        while time.time() - self._polled_at < quiet_s:
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_S)
        return True

    def _on_connect(self, client: Client, *_: object) -> None:
        for name in self._connectors:
            for topic in ("logs", "heartbeat", "available_datapoints"):
                client.subscribe(f"{name}/{topic}", QOS)

    def _on_message(
        self, _client: Client, _data: object, message: MQTTMessage
    ) -> None:
        at = time.time()
        topic = message.topic
        content = json.loads(message.payload)
        name, _, rest = topic.partition("/")
        if rest == "available_datapoints":
            self.announcement_bytes[name] = len(message.payload)
            self._select(name, content["sensor"])
        elif rest.endswith("/value"):
            self._seen.add(topic)
            if topic not in self._pushed:
                self._polled_at = at
            self.arrivals.append(
                Arrival(at, topic, content["value"], content["timestamp"])
            )

    def _select(self, name: str, sensors: dict[str, Any]) -> None:
        """Activate what is new; the map goes out before the subscriptions."""
        topics = self._topics[name]
        new = [
            key
            for key in sensors
            if key not in topics and key.partition("__")[2] in self._keys
        ]
        if not new:
            return
        for key in new:
            number = 1 + sum(map(len, self._topics.values()))
            topics[key] = f"{name}/messages/{number}/value"
            if key.partition("__")[2] in PUSHED_WHILE_CHARGING:
                self._pushed.add(topics[key])
        payload = json.dumps({"sensor": topics, "actuator": {}})
        self.map_bytes[name] = len(payload)
        self._client.publish(f"{name}/datapoint_map", payload, QOS, retain=True)
        for key in new:
            self._client.subscribe(topics[key], QOS)
