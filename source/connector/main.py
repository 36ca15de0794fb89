"""KEBA P30 connector for BEMCom: the entry point."""

import os
import signal
import sys

# In its image the connector is process 1, which the kernel lets ignore any
# signal without a handler: a SIGTERM during the imports would be lost, and
# they take seconds where the CPU is scarce. Nothing is open yet that would
# need to be closed; `run` sets handlers of its own. The tools are left alone,
# since for them 0 would mean that all is well.
if __name__ == "__main__" and len(sys.argv) == 1:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))

from pathlib import Path

# Run as a script, as BEMCom's images do, Python knows this folder only; the
# packages are beside it.
SOURCE = str(Path(__file__).resolve().parents[1])
if SOURCE not in sys.path:
    sys.path.insert(0, SOURCE)

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from connector.bemcom.datapoints import available_datapoints
from connector.bemcom.diagnosis_topic import DiagnosisTopic
from connector.bemcom.dispatcher import CommandDispatcher
from connector.bemcom.filters import ChangeFilter
from connector.bemcom.rfid import TagMask
from connector.bemcom.station_log import StationLog
from connector.bemcom.telemetry import Telemetry
from connector.diagnosis.causes import Code
from connector.diagnosis.findings import Finding
from connector.diagnosis.site import SiteFacts
from connector.health import HealthFile, path_from
from connector.keba.io.gateway import Gateway, GatewayError, PortTakenError
from connector.keba.station.station import StationOptions
from connector.settings import Settings
from pyconnector_template import pyconnector_template as template
from pyconnector_template.connector import EXIT_WRONG_SETTINGS, CannotStartError
from pyconnector_template.dispatch import DispatchOnce
from pyconnector_template.logs import logger_about
from pyconnector_template.settings import SettingsError, read_settings

__version__ = "1.2.0"

SWITCH_INTERVAL_S = 0.001
"""After so long a thread lets another one run: with Python's five milliseconds
each request to a station would wait for the flow (decision 7)."""

AFTER_WRONG_SETTINGS = (
    "Nothing was started. Mend the settings in .env.local beside "
    "docker-compose.yml (or in the environment), then run: docker compose up "
    "-d. Until then Docker restarts this container again and again, to the "
    "same end."
)

FIRST_MAP_TIMEOUT_S = 0.5
"""A broker that has a datapoint map sends it at once. What is read before it is
here cannot be published until the next poll."""


class Connector(template.Connector, template.SensorFlow, template.ActuatorFlow):
    """BEMCom's template with KEBA's stations: it only hands on.

    Without settings it reads them from the environment. Further arguments are
    those of the template.
    """

    def __init__(
        self,
        version: str = __version__,
        settings: Settings | None = None,
        **kwargs: Any,
    ) -> None:
        settings = settings or read_settings(Settings)
        self.gateway = _gateway(settings)
        self._site = SiteFacts()
        for station in settings.keba_p30_charge_stations:
            self._site.station(station)
        # Without report 100 no salt is needed, but another client may ask for
        # it.
        tag_mask = TagMask(settings.rfid_salt, is_plain=settings.rfid_plain)
        failsafe = settings.failsafe
        self._dispatcher = CommandDispatcher(
            self.gateway,
            settings.keba_p30_charge_stations,
            is_read_only=settings.read_only,
            controller_timeout_s=failsafe.controller_timeout
            if failsafe
            else None,
            is_hash=tag_mask.is_hash,
        )
        self._telemetry = Telemetry(
            self.gateway,
            self,
            station_log=StationLog(settings.keba_p30_charge_stations),
            tag_mask=tag_mask,
            site=self._site,
            was_refused=self._dispatcher.was_refused,
        )
        self._diagnosis = DiagnosisTopic(self._site, self._findings)
        self._change_filter = ChangeFilter(settings.publish_unchanged_every)
        self._has_map = threading.Event()
        self._health_file = HealthFile(
            path_from(os.environ),
            lambda: self.is_healthy() and self.broker_is_connected,
        )
        defaults: dict[str, Any] = {
            "available_datapoints": available_datapoints(
                settings.keba_p30_charge_stations
            ),
            "DeviceDispatcher": DispatchOnce,
            "device_dispatcher_kwargs": {
                "target_func": self._telemetry.follow_stations,
                "target_args": (self._between_datagrams,),
                "cleanup_func": self.gateway.close,
            },
        }
        super().__init__(version, settings=settings, **(defaults | kwargs))

    def run(self) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        super().run()

    def open_device(self) -> None:
        """Open the UDP port when it is known what to publish, or soon."""
        self._has_map.wait(FIRST_MAP_TIMEOUT_S)
        try:
            self.gateway.open()
        except GatewayError as error:
            if isinstance(error, PortTakenError):
                self._site.port_taken_by = str(error)
                self._publish_diagnosis()
            raise CannotStartError(str(error)) from error

    def receive_raw_msg(self, raw_data: Any = None) -> dict[str, Any]:
        return self._telemetry.receive_raw_msg(raw_data)

    def parse_raw_msg(self, raw_msg: dict[str, Any]) -> dict[str, Any]:
        return self._telemetry.parse_raw_msg(raw_msg)

    def complete_values(
        self, parsed_message: dict[str, Any], timestamp_ms: int
    ) -> None:
        self._telemetry.complete_values(parsed_message, timestamp_ms)

    def select_values(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._change_filter.select(values)

    def send_command(
        self,
        datapoint_key: str,
        datapoint_value: Any,
        datapoint_timestamp: int | None,  # noqa: ARG002 - age is checked before
    ) -> None:
        self._dispatcher.send_command(datapoint_key, datapoint_value)

    def command_expired(self, datapoint_key: str) -> None:
        self._dispatcher.command_expired(datapoint_key)

    def on_connected(self) -> None:
        """Publish all values anew: a broker may have lost what it retained."""
        self._change_filter.forget()

    def on_datapoint_map(self, *, is_new: bool) -> None:
        """Begin to poll; who has just selected a datapoint waits for it."""
        self._has_map.set()
        if is_new:
            self._change_filter.forget()

    def is_healthy(self) -> bool:
        return self.gateway.is_alive

    def _findings(self) -> list[Finding]:
        """Turn what the template finds into the causes of our table."""
        return [
            Finding("broker", Code(one.cause), one.evidence, one.since_ms)
            for one in self.broker_findings.current()
        ]

    def _between_datagrams(self) -> None:
        """Do what is due, in the thread of the sensor flow."""
        self._health_file.write()
        self._publish_diagnosis()
        self._dispatcher.check_control(
            broker_is_connected=self.broker_is_connected
        )

    def _publish_diagnosis(self) -> None:
        """Publish what is found, if that is news."""
        diagnosis = self._diagnosis.due(
            time.monotonic(), time.time_ns() // 1_000_000
        )
        if diagnosis is not None:
            self.publish_retained("diagnosis", diagnosis)


def _gateway(settings: Settings) -> Gateway:
    stations = settings.keba_p30_charge_stations
    failsafe = settings.failsafe
    return Gateway(
        {name: station.host for name, station in stations.items()},
        serials={
            name: station.serial
            for name, station in stations.items()
            if station.serial is not None
        },
        options=StationOptions(
            reports=settings.keba_p30_reports,
            poll_interval_s=settings.poll_seconds,
            reply_timeout_s=settings.keba_p30_reply_timeout,
            restores=settings.keba_p30_restore and not settings.read_only,
            failsafe=None if failsafe is None else failsafe.command,
        ),
        bind_address=settings.keba_p30_bind_address,
        port=settings.keba_p30_port,
        log=logger_about("udp"),
    )


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
        # There is no log yet.
        print(error, AFTER_WRONG_SETTINGS, sep="\n", file=sys.stderr)  # noqa: T201
        return EXIT_WRONG_SETTINGS
    connector.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
