"""The connector's settings, as the tools read them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import typer

from connector.settings import (
    STATIONS_EXAMPLE,
    Settings,
    Station,
    read_stations,
)
from connector.tools.problems import Problem, UsageProblem
from pyconnector_template.settings import (
    SettingsError,
    bare_host,
    read_settings,
    setting,
)

DEMO_STATIONS = {
    "garage": Station(host="garage"),
    "yard": Station(host="yard"),
}
"""Those of `.env` as it is shipped: names that `docker compose` knows."""


@dataclass(frozen=True)
class ToolSettings(Settings):
    """Settings of which none is indispensable: a laptop has no `.env`."""

    mqtt_broker_host: str = setting(
        bare_host, example="192.168.0.10", default=""
    )
    keba_p30_charge_stations: Mapping[str, Station] = setting(
        read_stations, example=STATIONS_EXAMPLE, default=MappingProxyType({})
    )

    @property
    def own_stations(self) -> Mapping[str, Station]:
        """The stations that the user has configured."""
        stations = self.keba_p30_charge_stations
        return {} if stations == DEMO_STATIONS else stations


def tool_settings() -> ToolSettings:
    """Read the settings, or tell everything that is wrong with them."""
    try:
        return read_settings(ToolSettings)
    except SettingsError as error:
        raise UsageProblem(str(error)) from None


def require_commands_allowed(settings: ToolSettings) -> None:
    """Refuse to send anything where the settings forbid it."""
    if settings.read_only:
        raise Problem(
            "nothing is sent: READ_ONLY is TRUE",
            "Set READ_ONLY=FALSE to let commands pass.",
            "read_only",
        )


def chosen_stations(
    settings: ToolSettings, wanted: list[str]
) -> dict[str, Station]:
    """Return the stations that were named, or all of them.

    An address needs no settings.
    """
    configured = dict(settings.keba_p30_charge_stations)
    if not wanted:
        # In the demo's container its stations stand in the environment.
        is_demo = "KEBA_P30_CHARGE_STATIONS" in os.environ
        if not (configured if is_demo else settings.own_stations):
            advice = (
                "`keba discover` finds stations, and writes the line; `keba "
                "doctor 192.168.0.99` needs none."
            )
            if configured:
                advice += " Those of .env are the demo's in `docker compose`."
            raise UsageProblem(
                "no station is configured: set KEBA_P30_CHARGE_STATIONS in "
                ".env.local or the environment",
                advice,
            )
        return configured
    return dict(_station_called(name, configured) for name in wanted)


def _station_called(
    name: str, configured: Mapping[str, Station]
) -> tuple[str, Station]:
    if name in configured:
        return name, configured[name]
    for configured_name, station in configured.items():
        if station.host == name:
            return configured_name, station
    if configured and "." not in name:
        raise UsageProblem(
            f"no station is called {name!r}; there are: {', '.join(configured)}"
        )
    return name, Station(host=name)


def complete_station(incomplete: str) -> list[str]:
    """Return the configured stations that begin like this, for the shell."""
    try:
        stations = tool_settings().own_stations
    except UsageProblem:
        return []
    return [name for name in stations if name.startswith(incomplete)]


StationName = Annotated[
    str,
    typer.Argument(
        metavar="STATION",
        help="Name of a station, or its address.",
        autocompletion=complete_station,
    ),
]
