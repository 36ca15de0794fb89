"""The way of a command: from an MQTT message through a queue to the device."""

import inspect
import logging
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from .datapoint_map import DatapointMap
from .json_text import json_object, timestamp_utc_now
from .logs import logger_about, shortened

logger = logger_about("connector")

MAX_WAITING = 1_000

Command = tuple[str, str | bytes]
"""Topic and payload of an actuator value message."""

LAST_TIMESTAMP_MS = 253_402_300_799_999
"""Year 9999, the last one that BEMCom can store."""


class ActuatorFlow:
    """Takes actuator value messages and sends them as commands.

    A connector overrides `send_command`.
    """

    datapoint_map: DatapointMap

    actuator_max_age_s: float = 0.0
    """Older commands are refused; 0 accepts all, the default, because BEMCom's
    own documentation shows timestamps in the past."""

    def run_actuator_flow(
        self, topic: str, value_msg_json: str | bytes
    ) -> None:
        """Send the command that a value message asks for.

        It is ``{"value": <any JSON>, "timestamp": <ms since 1970>}``. Messages
        that are no commands are ignored with a warning.
        """
        datapoint_key = self.datapoint_map["actuator"].get(topic)
        if datapoint_key is None:
            logger.warning(
                "Ignored a message on %s: the topic is not in the datapoint "
                "map.",
                shortened(topic),
            )
            return
        try:
            value_msg = _value_message(value_msg_json)
        except ValueError as error:
            _device_log(datapoint_key).warning(
                "Ignored a message for %s: %s: %s",
                datapoint_key,
                shortened(str(error)),
                shortened(value_msg_json),
            )
            return
        timestamp = _timestamp_of(value_msg)
        if self._is_too_old(timestamp):
            _device_log(datapoint_key).warning(
                "Ignored a command for %s: it is older than %g s.",
                datapoint_key,
                self.actuator_max_age_s,
            )
            self.command_expired(datapoint_key)
            return
        arguments = {
            "datapoint_key": datapoint_key,
            "datapoint_value": value_msg["value"],
        }
        parameters = inspect.signature(self.send_command).parameters.values()
        if any(
            one.name == "datapoint_timestamp" or one.kind is one.VAR_KEYWORD
            for one in parameters
        ):
            arguments["datapoint_timestamp"] = timestamp
        self.send_command(**arguments)

    def send_command(
        self,
        datapoint_key: str,
        datapoint_value: Any,
        datapoint_timestamp: int | None,
    ) -> None:
        """Send a command to the device; to be overridden.

        The value is as it came: null, NaN, lists and objects are possible. The
        timestamp is the sender's, in milliseconds since 1970, or None if there
        was none, or nonsense. Connectors written before template 0.7.0 have no
        third parameter; they get two arguments.
        """
        raise NotImplementedError("send_command has not been implemented.")

    def command_expired(self, datapoint_key: str) -> None:
        """Learn that a command was too old to be sent; may be overridden."""

    def _is_too_old(self, timestamp: int | None) -> bool:
        if self.actuator_max_age_s <= 0:
            return False
        if timestamp is None:
            # Whoever sets a limit wants proof; no time is no proof.
            return True
        age_ms = timestamp_utc_now() - timestamp
        return age_ms > self.actuator_max_age_s * 1000


class CommandWorker:
    """Runs commands one after the other, away from the broker's thread.

    A device that answers slowly delays the next command, never the receiving
    of messages.
    """

    def __init__(self, run_command: Callable[[str, str | bytes], None]) -> None:
        self._run_command = run_command
        self._commands: SimpleQueue[Command | None] = SimpleQueue()
        self._is_over = False

    def submit(self, topic: str, payload: str | bytes) -> None:
        """Queue a command; never waits. The oldest one makes room."""
        if self._commands.qsize() >= MAX_WAITING:
            with suppress(Empty):
                self._commands.get_nowait()
            logger.warning(
                "Too many commands are waiting: the oldest is dropped."
            )
        self._commands.put((topic, payload))

    def stop(self) -> None:
        """End the thread after the command that runs now.

        Commands that still wait would reach the device after its end.
        """
        self._is_over = True
        self._commands.put(None)

    def run(self) -> None:
        """Run commands until `stop` is called: the body of the thread."""
        while (command := self._commands.get()) and not self._is_over:
            self._run_command(*command)


def _timestamp_of(value_msg: dict[str, Any]) -> int | None:
    timestamp = value_msg.get("timestamp")
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        return None
    # NaN fails this comparison as well.
    if not 0 <= timestamp <= LAST_TIMESTAMP_MS:
        return None
    return int(timestamp)


def _value_message(text: str | bytes) -> dict[str, Any]:
    message = json_object(text)
    if "value" not in message:
        raise ValueError("no value")
    return message


def _device_log(datapoint_key: str) -> logging.Logger:
    # A device's name is the first part of a key.
    return logger_about(datapoint_key.partition("__")[0])
