"""The way from MQTT messages to commands."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from connector.bemcom.actuators import (
    ACTUATORS,
    FLEET,
    FLEET_WORDS,
    command_from_value,
)
from connector.keba.io.gateway import Gateway
from connector.keba.protocol.commands import InvalidCommandError
from connector.keba.station.events import CommandNotSent, Outcome
from connector.settings import Station
from pyconnector_template.pyconnector_template import (
    ActuatorFlow as ActuatorFlowTemplate,
)

logger = logging.getLogger("pyconnector")


class ActuatorFlow(ActuatorFlowTemplate):
    """Hands valid commands to the gateway; what becomes of them is an event.

    Attributes
    ----------
    gateway
        Talks to the stations; set by the connector.
    stations
        The configured stations by name; set by the connector.
    is_read_only
        Whether commands are checked and logged only.
    last_command_at
        When the last message for an actuator came, by the monotonic clock.
    """

    gateway: Gateway
    stations: Mapping[str, Station]
    is_read_only: bool
    last_command_at: float

    def send_command(
        self,
        datapoint_key: str,
        datapoint_value: Any,
        datapoint_timestamp: int | None,  # noqa: ARG002 - BEMCom's signature
    ) -> None:
        """Check a value and queue its command; returns at once.

        What must not be sent is told as an event, like all other results.

        Parameters
        ----------
        datapoint_key
            ``<station>__<word>``, or ``all__<word>`` for every station.
        datapoint_value
            Any JSON value.
        datapoint_timestamp
            Not used: age is checked before.
        """
        self.last_command_at = time.monotonic()
        target, word = _target_of(datapoint_key)
        names = self._stations_of(target, word)
        if not names:
            logger.warning(
                "Ignored a command for %.100s: there is no such actuator",
                datapoint_key,
            )
        for name in names:
            self._send_to(name, word, datapoint_value)

    def command_expired(self, datapoint_key: str) -> None:
        """Tell that a command was too old to be sent."""
        target, word = _target_of(datapoint_key)
        for name in self._stations_of(target, word):
            self.gateway.emit(CommandNotSent(name, word, Outcome.EXPIRED))

    def _stations_of(self, target: str, word: str) -> list[str]:
        """Return the stations that an actuator belongs to."""
        if target == FLEET and word in FLEET_WORDS:
            return [*self.stations]
        is_there = target in self.stations and word in ACTUATORS
        return [target] if is_there else []

    def _send_to(self, name: str, word: str, value: Any) -> None:
        max_curr = self.stations[name].max_curr
        try:
            command = command_from_value(word, value, max_curr)
        except InvalidCommandError as error:
            self.gateway.emit(
                CommandNotSent(name, word, Outcome.INVALID, str(error))
            )
            return
        if self.is_read_only:
            self.gateway.emit(
                CommandNotSent(name, word, Outcome.READ_ONLY, str(command))
            )
            return
        logger.debug("%s: %s is queued", name, command)
        self.gateway.submit(name, command)


def _target_of(datapoint_key: str) -> tuple[str, str]:
    """Split a key into the station's name, or `all`, and the word."""
    target, _, word = datapoint_key.rpartition("__")
    return target, word
