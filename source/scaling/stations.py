"""The simulated stations of a run, in one process for all connectors."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scaling.campus import Campus

SOURCE = Path(__file__).resolve().parents[1]
PER_NETWORK = 250
MOST_CONNECTORS = 200


READY_S = 15.0
"""A simulated station starts for 10 s, then its vehicle begins to charge."""

CHARGING = """\
[[step]]
at_s = 0
do = "plug_in"
phases = 3
max_current = 16000
needs_wh = 1e9
hesitation_s = 0.5
ramp_s = 1
"""
"""A scenario: 11 kW from the station's start, and never full."""


@dataclass(frozen=True, slots=True)
class Line:
    """A connector and its stations.

    Parameters
    ----------
    name
        CONNECTOR_NAME.
    bind
        The connector's own address.
    stations
        Name and address of each station.
    """

    name: str
    bind: str
    stations: dict[str, str]


def lines_of(campus: Campus) -> list[Line]:
    """Give every connector and every station an address of its own.

    All connectors have the same number of stations; what is left over is left
    out.

    Raises
    ------
    ValueError
        If there are not as many addresses.
    """
    connectors = campus.connectors
    stations_each = campus.stations // connectors
    if not 1 <= connectors <= MOST_CONNECTORS:
        raise ValueError(f"1 to {MOST_CONNECTORS} connectors are possible")
    if not 1 <= stations_each <= 200 * PER_NETWORK:
        raise ValueError(f"1 to {200 * PER_NETWORK} stations are possible")
    return [
        Line(
            f"keba-p30-scaling-{number}",
            f"127.{number}.0.1",
            {
                f"c{number:02d}-s{index:04d}": _address(number, index)
                for index in range(stations_each)
            },
        )
        for number in range(1, connectors + 1)
    ]


def _address(connector: int, index: int) -> str:
    network, host = divmod(index, PER_NETWORK)
    return f"127.{connector}.{1 + network}.{1 + host}"


@contextlib.contextmanager
def running_stations(campus: Campus, folder: Path) -> Iterator[None]:
    """Run all stations; gives when they are up and vehicles charge.

    Parameters
    ----------
    campus
        How many stations, and how many of them charge.
    folder
        Where a scenario is written to.

    Raises
    ------
    OSError
        If they cannot be run.
    """
    scenario = folder / "charging.toml"
    scenario.write_text(CHARGING, "utf-8")
    program = [sys.executable, "-m", "simulator", "--quiet"]
    program += ["--scenario-file", str(scenario)]
    for line in lines_of(campus):
        charging = round(campus.charging_share * len(line.stations))
        for index, (name, address) in enumerate(line.stations.items()):
            plot = "" if index < charging else ",p30-c,idle"
            program += ["--station", f"{name}={address}{plot}"]
    process = subprocess.Popen(  # noqa: S603 - our own program
        program, cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        first_line = process.stdout.readline().decode("utf-8")
        if not first_line.startswith("listening"):
            raise OSError(f"the stations do not start: {first_line.strip()}")
        if campus.charging_share > 0:
            time.sleep(READY_S)
        yield
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(10)
