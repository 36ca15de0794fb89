"""KEBA P30 connector for BEMCom: the entry point."""

import os
import signal
import sys

# In its image the connector is process 1, which the kernel lets ignore any
# signal without a handler: a SIGTERM during the imports would be lost, and
# they take seconds where the CPU is scarce. Nothing is open yet that would
# need a goodbye; `run` sets handlers that say it. The tools are left alone,
# since for them 0 would mean that all is well.
if __name__ == "__main__" and len(sys.argv) == 1:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))

from pathlib import Path

# Run as a script, as BEMCom's images do, Python knows this folder only; the
# packages are beside it.
SOURCE = str(Path(__file__).resolve().parents[1])
if SOURCE not in sys.path:
    sys.path.insert(0, SOURCE)

import logging
import math
import secrets
import threading
import time
from collections.abc import Sequence
from typing import Any

from connector.bemcom.actuators import ACTUATORS, FLEET, FLEET_WORDS
from connector.bemcom.dispatcher import ActuatorFlow
from connector.bemcom.filters import UnchangedValues
from connector.bemcom.rfid import CardMask
from connector.bemcom.station_log import StationLog
from connector.bemcom.telemetry import SensorFlow
from connector.health import Pulse, path_from
from connector.keba.io.gateway import Gateway
from connector.keba.station.station import StationOptions
from connector.settings import Settings
from pyconnector_template.dispatch import DispatchOnce
from pyconnector_template.pyconnector_template import (
    Connector as ConnectorTemplate,
)
from pyconnector_template.settings import (
    SettingsError,
    read_settings,
)

__version__ = "1.1.0"

EXIT_WRONG_SETTINGS = 2

SWITCH_INTERVAL_S = 0.001
"""After so long a thread lets another one run: with Python's five milliseconds
each request to a station would wait for the flow (decision 7)."""

MAP_PATIENCE_S = 0.5
"""A broker that has a datapoint map sends it at once. What is read before it is
here cannot be published until the next poll."""

logger = logging.getLogger("pyconnector")


class Connector(ConnectorTemplate, SensorFlow, ActuatorFlow):
    """The connector: BEMCom's template with KEBA's stations.

    Parameters
    ----------
    version
        Stored with raw messages, so that they can be parsed again.
    settings
        The settings; None reads them from the environment.
    kwargs
        Further arguments of the template's Connector.
    """

    def __init__(
        self,
        version: str = __version__,
        settings: Settings | None = None,
        **kwargs: Any,
    ) -> None:
        settings = settings or read_settings(Settings)
        self.stations = settings.keba_p30_charge_stations
        self.is_read_only = settings.read_only
        self.last_command_at = time.monotonic()
        failsafe = None if self.is_read_only else settings.keba_p30_failsafe
        self._controller_timeout_s = (
            failsafe.controller_timeout if failsafe else None
        ) or math.inf
        self._was_controlled = True
        self._has_map = threading.Event()
        self.station_log = StationLog()
        self.card_mask = CardMask(_salt_of(settings))
        if settings.publish_unchanged_every > 1:
            self.unchanged = UnchangedValues(settings.publish_unchanged_every)
        self.gateway = Gateway(
            {name: station.host for name, station in self.stations.items()},
            serials={
                name: station.serial
                for name, station in self.stations.items()
                if station.serial is not None
            },
            options=StationOptions(
                reports=settings.keba_p30_reports,
                poll_interval_s=settings.poll_seconds,
                reply_timeout_s=settings.keba_p30_reply_timeout,
                restores=settings.keba_p30_restore and not self.is_read_only,
                failsafe=None if failsafe is None else failsafe.command,
            ),
            bind_address=settings.keba_p30_bind_address,
            port=settings.keba_p30_port,
            log=logger,
        )
        self._pulse = Pulse(
            path_from(os.environ),
            lambda: self.is_healthy() and self.broker_is_connected,
        )
        defaults: dict[str, Any] = {
            "available_datapoints": {
                "sensor": {},
                "actuator": {
                    f"{station}__{actuator.word}": actuator.example
                    for station in self.stations
                    for actuator in ACTUATORS.values()
                }
                | {
                    f"{FLEET}__{word}": ACTUATORS[word].example
                    for word in FLEET_WORDS
                },
            },
            "DeviceDispatcher": DispatchOnce,
            "device_dispatcher_kwargs": {
                "target_func": self.follow_stations,
                "cleanup_func": self.gateway.close,
            },
        }
        super().__init__(version, settings=settings, **(defaults | kwargs))
        if settings.polls_slower_than_asked:
            logger.warning(
                "POLL_SECONDS=%g is less than KEBA allows; polling every 5 s",
                settings.poll_seconds,
            )

    def run(self) -> None:
        """Run until asked to end, see BEMCom's template."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        super().run()

    def follow_stations(self, termination_event: threading.Event) -> None:
        """Begin when it is known what to publish, or not to be known soon."""
        self._has_map.wait(MAP_PATIENCE_S)
        super().follow_stations(termination_event)

    def _validate_and_update_datapoint_map(
        self, datapoint_map_json: str | bytes
    ) -> None:
        super()._validate_and_update_datapoint_map(datapoint_map_json)
        self._has_map.set()

    def look_after_itself(self) -> None:
        """Beat for the health check, and tell stations who controls them."""
        self._pulse.beat()
        silence_s = time.monotonic() - self.last_command_at
        is_controlled = (
            self.broker_is_connected and silence_s < self._controller_timeout_s
        )
        if is_controlled != self._was_controlled:
            self._was_controlled = is_controlled
            self.gateway.set_controlled(is_controlled=is_controlled)

    def _subscribe_and_announce(self) -> None:
        super()._subscribe_and_announce()
        if self.unchanged is not None:
            # A broker without memory has lost the values that it retained.
            self.unchanged.forget()

    def is_healthy(self) -> bool:
        """Tell whether the stations are being listened to."""
        return self.gateway.is_alive


def _salt_of(settings: Settings) -> str | None:
    if settings.rfid_plain:
        return None
    if settings.rfid_salt is None:
        # No report with cards is polled, but another client may ask for one.
        return secrets.token_hex()
    return settings.rfid_salt.get_secret_value()


def main(arguments: Sequence[str] = ()) -> int:
    """Run the connector until it is asked to end; return its exit code.

    With arguments the tools run instead, so that in the image ``docker
    compose run --rm connector doctor`` does what it says.
    """
    if arguments:
        # They need libraries that the connector can do without.
        from connector.tools.app import main as run_tools

        run_tools()
    try:
        connector = Connector(version=__version__)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no log yet
        return EXIT_WRONG_SETTINGS
    connector.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
