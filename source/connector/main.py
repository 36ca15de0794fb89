"""KEBA P30 connector for BEMCom: the entry point."""

import sys
from pathlib import Path

# Run as a script, as BEMCom's images do, Python knows this folder only; the
# packages are beside it.
SOURCE = str(Path(__file__).resolve().parents[1])
if SOURCE not in sys.path:
    sys.path.insert(0, SOURCE)

import logging  # noqa: E402
import os  # noqa: E402
from typing import Any  # noqa: E402

from connector.actuator_flow import ActuatorFlow  # noqa: E402
from connector.actuators import ACTUATORS  # noqa: E402
from connector.health import Pulse, path_from  # noqa: E402
from connector.keba.gateway import Delivery, Gateway  # noqa: E402
from connector.sensor_flow import SensorFlow  # noqa: E402
from connector.settings import Settings  # noqa: E402
from connector.station_log import StationLog  # noqa: E402
from pyconnector_template.dispatch import DispatchOnce  # noqa: E402
from pyconnector_template.pyconnector_template import (  # noqa: E402
    Connector as ConnectorTemplate,
)
from pyconnector_template.settings import (  # noqa: E402
    SettingsError,
    read_settings,
)

__version__ = "1.0.0"

EXIT_WRONG_SETTINGS = 2

logger = logging.getLogger("pyconnector")


class WatchedGateway(Gateway):
    """A gateway that notes when the sensor flow asks for news.

    Attributes
    ----------
    pulse
        Beats in the flow's thread; set by the connector.
    """

    pulse: Pulse

    def next_event(self, timeout_s: float) -> Delivery | None:
        """See `Gateway`."""
        self.pulse.beat()
        return super().next_event(timeout_s)


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
        self.station_log = StationLog()
        self.gateway = WatchedGateway(
            {name: station.host for name, station in self.stations.items()},
            bind_address=settings.keba_p30_bind_address,
            port=settings.keba_p30_port,
            reports=settings.keba_p30_reports,
            poll_interval_s=settings.poll_seconds,
            reply_timeout_s=settings.keba_p30_reply_timeout,
            log=logger,
        )
        self.gateway.pulse = Pulse(
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

    def is_healthy(self) -> bool:
        """Tell whether the stations are being listened to."""
        return self.gateway.is_alive


def main() -> int:
    """Run the connector until it is asked to end; return its exit code."""
    try:
        connector = Connector(version=__version__)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no log yet
        return EXIT_WRONG_SETTINGS
    connector.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
