"""Plays BEMCom's API: selects every datapoint and collects the values."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

Values = dict[str, dict[str, Any]]


class DemoApi:
    """What the API and its AdminUI do, in short.

    Parameters
    ----------
    host, port
        Where the broker is.
    connector
        CONNECTOR_NAME of the connector.
    """

    def __init__(self, host: str, port: int, connector: str) -> None:
        self._connector = connector
        self._key_of_topic: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._received = 0
        self._log_lines: list[str] = []
        self._changed = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.connect(host, port)
        self._client.loop_start()

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def received(self) -> int:
        """How many values have come so far."""
        return self._received

    @property
    def log_lines(self) -> list[str]:
        """The connector's log as BEMCom would store it."""
        return list(self._log_lines)

    def value(self, key: str) -> Any:
        """Return the newest value of a datapoint, None without one."""
        return self._values.get(key)

    def wait_for(
        self, condition: Callable[["DemoApi"], bool], timeout_s: float
    ) -> bool:
        """Wait until a condition about the values is true."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout_s)

    def write(self, key: str, value: Any) -> None:
        """Write an actuator datapoint, as the API does for its users."""
        for topic, known_key in list(self._key_of_topic.items()):
            if known_key == key:
                message = {"value": value, "timestamp": 0}
                self._client.publish(topic, json.dumps(message))

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe(f"{self._connector}/available_datapoints", 1)
        client.subscribe(f"{self._connector}/logs", 1)
        client.subscribe(f"{self._connector}/messages/+/value", 1)

    def _on_message(
        self, _client: Client, _userdata: object, message: MQTTMessage
    ) -> None:
        content = json.loads(message.payload)
        with self._changed:
            self._take(
                message.topic.removeprefix(f"{self._connector}/"), content
            )
            self._changed.notify_all()

    def _take(self, topic: str, content: Mapping[str, Any]) -> None:
        if topic == "available_datapoints":
            self._select_all(content)
        elif topic == "logs":
            self._log_lines.append(content["msg"])
        elif (key := self._key_of_topic.get(self._full(topic))) is not None:
            self._values[key] = content["value"]
            self._received += 1

    def _full(self, topic: str) -> str:
        return f"{self._connector}/{topic}"

    def _select_all(self, available: Mapping[str, Mapping[str, Any]]) -> None:
        """Mark every datapoint as active, with a number of its own."""
        topics = {key: topic for topic, key in self._key_of_topic.items()}
        for kind in ("actuator", "sensor"):
            for key in available[kind]:
                number = len(topics) + 1
                topics.setdefault(key, self._full(f"messages/{number}/value"))
        self._key_of_topic = {topic: key for key, topic in topics.items()}
        datapoint_map = {
            "sensor": {key: topics[key] for key in available["sensor"]},
            "actuator": {topics[key]: key for key in available["actuator"]},
        }
        self._client.publish(
            f"{self._connector}/datapoint_map",
            json.dumps(datapoint_map),
            qos=1,
            retain=True,
        )
