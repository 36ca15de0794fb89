"""The way of a measurement: from the device to MQTT values."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from .datapoint_map import DatapointMap
from .json_text import clean_text, timestamp_utc_now, to_json
from .logs import RepetitionFilter, error_line, logger_about
from .mqtt.injected_link import publish_one_by_one

logger = logger_about("connector")


class SensorFlow:
    """Takes raw messages from a device and publishes their values.

    A connector overrides `receive_raw_msg` and `parse_raw_msg`. Messages are
    ``{"payload": {"raw_message": ..., "timestamp": ms}}``; on their way
    ``raw_message`` becomes ``parsed_message``, then ``flattened_message``.
    The attributes are the connector's.
    """

    mqtt_client: Any
    SEND_RAW_MESSAGE_TO_DB: str
    MQTT_TOPIC_RAW_MESSAGE_TO_DB: str
    version: str
    datapoint_map: DatapointMap
    _update_available_datapoints: Callable[..., None]

    def run_sensor_flow(self, raw_data: Any = None) -> None:
        """Receive one raw message and publish what is in it.

        A message that cannot be parsed is dropped with an error in the log:
        one malformed reply must not stop all devices. An exception of
        `receive_raw_msg` is passed on: without access to the device there is
        no work left.
        """
        raw_msg = self.receive_raw_msg(raw_data=raw_data)
        if raw_msg["payload"] is None:
            return
        # A connector that knows when the data arrived says so itself.
        if raw_msg["payload"].get("timestamp") is None:
            raw_msg["payload"]["timestamp"] = timestamp_utc_now()
        if self.SEND_RAW_MESSAGE_TO_DB == "TRUE":
            self._publish_raw_msg(raw_msg)
        try:
            parsed = self.parse_raw_msg(raw_msg=raw_msg)["payload"]
            if parsed is None:
                return
            values, timestamp = parsed["parsed_message"], parsed["timestamp"]
            self.complete_values(values, timestamp)
            self.publish_values(values, timestamp)
        except NotImplementedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the data provoke
            self._log_once("Dropped a message that cannot be parsed.", error)

    def receive_raw_msg(self, raw_data: Any = None) -> dict[str, Any]:
        """Receive a raw message from the device; to be overridden.

        It returns ``{"payload": {"raw_message": <anything for JSON>}}``; a
        ``timestamp`` (ms) in the payload is kept. A payload of None ends the
        flow. `raw_data` is what the device pushed, if it pushes.
        """
        raise NotImplementedError("receive_raw_msg has not been implemented.")

    def parse_raw_msg(self, raw_msg: dict[str, Any]) -> dict[str, Any]:
        """Parse a raw message; to be overridden, as a pure function.

        It returns ``{"payload": {"parsed_message": <nested dicts>, "timestamp":
        ms}}``. A payload of None ends the flow for this message.
        """
        raise NotImplementedError("parse_raw_msg has not been implemented.")

    def complete_values(
        self, parsed_message: dict[str, Any], timestamp_ms: int
    ) -> None:
        """Add what follows from a parsed message in place; may be overridden.

        Parsing has to be a pure function, so that a stored message can be
        parsed again. What needs a memory of earlier messages belongs here.
        """

    def select_values(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Choose which of the active datapoints' values are published now.

        May be overridden.
        """
        return values

    def publish_values(self, values: dict[str, Any], timestamp_ms: int) -> None:
        """Announce and publish values, nested as in a parsed message.

        They need not belong to a raw message, and are true since
        `timestamp_ms`.
        """
        parsed_msg = {
            "payload": {"parsed_message": values, "timestamp": timestamp_ms}
        }
        flattened_msg = self._flatten_parsed_msg(parsed_msg=parsed_msg)
        self._update_available_datapoints(
            available_datapoints={
                "sensor": flattened_msg["payload"]["flattened_message"],
                "actuator": {},
            }
        )
        self._filter_and_publish_datapoint_values(flattened_msg=flattened_msg)

    def send_values(
        self, values: Iterable[tuple[str, Any]], timestamp: Any
    ) -> None:
        """Send values of one moment, each with its topic."""
        publish_one_by_one(self.mqtt_client, values, timestamp)

    def _flatten_parsed_msg(self, parsed_msg: dict[str, Any]) -> dict[str, Any]:
        """Join nested keys with ``__``.

        Where two paths lead to one key the first value stays; a warning names
        the key once.
        """
        payload = dict(parsed_msg["payload"])
        flattened: dict[str, Any] = {}
        self._flatten_into(flattened, payload.pop("parsed_message"), "")
        payload["flattened_message"] = flattened
        return {**parsed_msg, "payload": payload}

    def _filter_and_publish_datapoint_values(
        self, flattened_msg: dict[str, Any]
    ) -> None:
        payload = flattened_msg["payload"]
        topics = self.datapoint_map["sensor"]
        selected = {
            key: value
            for key, value in payload["flattened_message"].items()
            if key in topics
        }
        values = self.select_values(selected)
        if values:
            self.send_values(
                zip(
                    map(topics.__getitem__, values),
                    values.values(),
                    strict=True,
                ),
                payload["timestamp"],
            )

    def _publish_raw_msg(self, raw_msg: dict[str, Any]) -> None:
        self.mqtt_client.publish(
            topic=self.MQTT_TOPIC_RAW_MESSAGE_TO_DB,
            payload=to_json(
                {
                    "payload": raw_msg["payload"],
                    "connector_version": self.version,
                }
            ),
            qos=2,
        )

    def _flatten_into(
        self, flattened: dict[str, Any], branch: dict[Any, Any], prefix: str
    ) -> None:
        for key, value in branch.items():
            path = f"{prefix}{key}"
            # The look at the exact type is for speed: most are numbers.
            if type(value) is not int and isinstance(value, dict):
                self._flatten_into(flattened, value, f"{path}__")
                continue
            if not path.isprintable():
                # A NUL in a key ends a writer thread of BEMCom's API.
                path = clean_text(path)
            if path not in flattened:
                flattened[path] = value
                continue
            self._log_once(
                f"Two parsed values have the same key {path}; only the first "
                "one is published."
            )

    @cached_property
    def _repetitions(self) -> RepetitionFilter:
        # Made on first use: connectors do not call an __init__ of this class.
        return RepetitionFilter()

    def _log_once(self, text: str, error: Exception | None = None) -> None:
        """Log a fault that may come with each message."""
        key = text if error is None else error_line(error)
        if self._repetitions.is_new(key, time.monotonic()):
            level = logging.WARNING if error is None else logging.ERROR
            logger.log(level, "%s", text, exc_info=error)
