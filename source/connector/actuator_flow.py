"""The way from MQTT messages to commands."""

import logging
from collections.abc import Mapping
from typing import Any

from connector.actuators import ACTUATORS, command_from_value
from connector.keba.errors import InvalidCommandError
from connector.keba.gateway import Gateway
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
    """

    gateway: Gateway
    stations: Mapping[str, Station]
    is_read_only: bool

    def send_command(
        self,
        datapoint_key: str,
        datapoint_value: Any,
        datapoint_timestamp: int | None,  # noqa: ARG002 - BEMCom's signature
    ) -> None:
        """Check a value and queue its command; returns at once.

        Parameters
        ----------
        datapoint_key
            ``<station>__<word>``
        datapoint_value
            Any JSON value; what must not be sent is refused with a warning.
        datapoint_timestamp
            Not used: age is checked before.
        """
        station, _, word = datapoint_key.rpartition("__")
        if station not in self.stations or word not in ACTUATORS:
            logger.warning(
                "Ignored a command for %.100s: there is no such actuator",
                datapoint_key,
            )
            return
        max_curr = self.stations[station].max_curr
        try:
            command = command_from_value(word, datapoint_value, max_curr)
        except InvalidCommandError as error:
            logger.warning("Refused a value for %s: %s", datapoint_key, error)
            return
        if self.is_read_only:
            logger.warning(
                "%s: %s is not sent: READ_ONLY is TRUE", station, command
            )
            return
        logger.debug("%s: %s is queued", station, command)
        self.gateway.submit(station, command)
