"""All that runs in a measurement: broker, stations, connector, recorder."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import psutil

from bench.figures import READINGS, Key, PauseWatch
from bench.fleet import BareFleet
from bench.recorder import Recorder
from testbed.bemcom_api import BemcomApi
from testbed.connector_process import NAME, ConnectorProcess
from testbed.mosquitto import Mosquitto

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from bench.fleet import Traffic

CLIENT = "127.0.0.1"
PORT_OF_STATIONS = ":1BB2"


def addresses(number: int) -> list[str]:
    """Return so many loopback addresses."""
    return [f"127.0.{1 + n // 250}.{1 + n % 250}" for n in range(number)]


class Stack:
    """A running connector and all around it, for a `with` block.

    Parameters
    ----------
    stations
        How many there are.
    dead
        How many of them are not there; the last ones.
    poll_s
        Seconds between two polls.
    sensors, actuators
        Names of the datapoints that are selected of each station.
    """

    def __init__(
        self,
        stations: int,
        *,
        dead: int = 0,
        poll_s: float = 5.0,
        sensors: Sequence[str] = (),
        actuators: Sequence[str] = (),
    ) -> None:
        self.stations = stations
        self.alive = stations - dead
        self.keys: dict[str, Key] = {}
        self.pauses = PauseWatch()
        self.started_at = 0.0
        self._poll_s = poll_s
        self._sensors = sensors
        self._actuators = actuators

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            self.broker = stack.enter_context(
                Mosquitto(
                    folder,
                    "allow_anonymous true\nset_tcp_nodelay true",
                    log_types="warning",
                )
            )
            # One address, one name each; only those alive are bound.
            everyone = addresses(self.stations)
            self.fleet = stack.enter_context(
                BareFleet(everyone[: self.alive], CLIENT)
            )
            self.recorder = stack.enter_context(
                Recorder(self.broker.port, [f"{NAME}/messages/#"])
            )
            self._api = stack.enter_context(
                BemcomApi(NAME, self.broker.port, listens=False)
            )
            self._select()
            self.connector = ConnectorProcess(
                folder,
                self.broker.port,
                {_name(n): address for n, address in enumerate(everyone)},
                POLL_SECONDS=str(self._poll_s),
            )
            self.started_at = time.time()
            stack.enter_context(self.connector)
            self.process = psutil.Process(self.connector.process.pid)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and not self.connector.is_running():
            raise RuntimeError(f"it ended: {self.connector.output[-2000:]}")
        self._stack.close()

    def write(self, station: int, actuator: str, value: object) -> float:
        """Write an actuator; return when, in Unix seconds."""
        return self._api.write(f"{_name(station)}__{actuator}", value)

    def take_traffic(self) -> Traffic:
        """Return what went over the wire since the last call.

        All of it goes by `pauses`, from the first datagram on.
        """
        traffic = self.fleet.take_traffic()
        self.pauses.hear(traffic.heard)
        return traffic

    def cpu_s(self) -> float:
        """Return the CPU time of the connector so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory_mib(self) -> float:
        """Return what the connector holds in memory."""
        return float(self.process.memory_info().rss) / 2**20

    def dropped_datagrams(self) -> int:
        """Return how many datagrams the kernel dropped at our socket."""
        table = Path("/proc/net/udp").read_text("ascii").splitlines()[1:]
        mine = "0100007F" + PORT_OF_STATIONS
        return sum(int(row.split()[-1]) for row in table if mine in row.split())

    def _select(self) -> None:
        """Mark the wanted datapoints of all stations as active."""
        everyone = range(self.stations)
        sensors = [Key(one, name) for one in everyone for name in self._sensors]
        self._api.select(
            [f"{_name(key.station)}__{key.name}" for key in sensors],
            [
                f"{_name(one)}__{name}"
                for one in everyone
                for name in self._actuators
            ],
        )
        self.keys = {
            self._api.topic(f"{_name(key.station)}__{key.name}"): key
            for key in sensors
        }


def learn_sensors() -> list[str]:
    """Ask a connector with one station which values it has."""
    with Stack(1) as stack:
        topic = f"{NAME}/available_datapoints"
        message = stack.broker.observe(topic).wait_for(
            topic,
            lambda one: all(
                f"{_name(0)}__{name}" in one.json["sensor"]
                for name in (*READINGS, "connection__last_seen")
            ),
        )
    prefix = f"{_name(0)}__"
    return [key.removeprefix(prefix) for key in message.json["sensor"]]


def _name(station: int) -> str:
    return f"s{station:04}"
