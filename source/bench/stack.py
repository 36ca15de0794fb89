"""All that runs in a measurement: broker, stations, connector, recorder."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import psutil

from bench.figures import Key
from bench.fleet import BareFleet
from bench.limits import Limits
from bench.programs import OURS, NoVersionError
from bench.recorder import Recorder, cpu_clock
from testbed.bemcom_api import BemcomApi
from testbed.connector_process import NAME, ConnectorProcess
from testbed.mosquitto import Mosquitto

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.fleet import Heard, Traffic
    from bench.programs import Program

POLL_S = 5.0

BROKER = "allow_anonymous true\nset_tcp_nodelay true\nlog_dest none"
"""A log of each message would cost it time."""

OUTPUT_SHOWN = 2000
"""Characters of what a connector wrote before it failed."""


class Stack:
    """A running connector and all around it, for a `with` block.

    Parameters
    ----------
    stations
        How many there are.
    poll_s
        Between two polls of a station.
    sensors, actuators
        Names of the datapoints that are selected of each station.
    has_limits
        Whether the connector has no more than `Limits` allow.
    program
        The connector, perhaps another one than ours.

    Attributes
    ----------
    heard
        All requests that were taken so far.
    """

    def __init__(
        self,
        stations: int,
        *,
        poll_s: float = POLL_S,
        sensors: Sequence[str] = (),
        actuators: Sequence[str] = (),
        has_limits: bool = False,
        program: Program = OURS,
    ) -> None:
        self.stations = stations
        self.poll_s = poll_s
        self.sensors = sensors
        self.keys: dict[str, Key] = {}
        self.heard: list[Heard] = []
        self.started_at = 0.0
        self._actuators = actuators
        self._has_limits = has_limits
        self._program = program

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            self.broker = stack.enter_context(Mosquitto(folder, BROKER))
            self.fleet = stack.enter_context(
                BareFleet(
                    [_address(one) for one in range(self.stations)],
                    self._program.station_port,
                    "127.0.0.1",
                )
            )
            self.recorder = stack.enter_context(
                Recorder(self.broker.port, f"{NAME}/messages/#")
            )
            within = (
                stack.enter_context(Limits()).command
                if self._has_limits
                else ()
            )
            self._api = stack.enter_context(
                BemcomApi(NAME, self.broker.port, listens=False)
            )
            self._select()
            self.started_at = time.time()
            self.connector = stack.enter_context(
                ConnectorProcess(
                    folder,
                    self.broker.port,
                    {_name(one): _address(one) for one in range(self.stations)},
                    within=within,
                    main=self._program.main,
                    python=self._program.python,
                    POLL_SECONDS=str(self.poll_s),
                    **self._program.settings,
                )
            )
            self._pid = self.connector.process.pid
            self._clock = cpu_clock(self._pid)
            self.recorder.watch_cpu(self._pid)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._stack:
            is_interrupted = kind is KeyboardInterrupt
            if not is_interrupted and not self.connector.is_running():
                raise NoVersionError(
                    f"{self._program.main} ended while it was measured: "
                    f"{self.connector.output[-OUTPUT_SHOWN:]}"
                )

    def write(self, station: int, actuator: str, value: object) -> float:
        """Write an actuator; return when, in Unix seconds."""
        return self._api.write(f"{_name(station)}__{actuator}", value)

    def take_traffic(self) -> Traffic:
        """Return what went over the wire since the last call."""
        traffic = self.fleet.take_traffic()
        self.heard += traffic.heard
        return traffic

    def cpu_s(self) -> float:
        """Return the connector's CPU time so far."""
        return time.clock_gettime(self._clock)

    def memory_mib(self) -> float:
        """Return what the connector holds in memory."""
        return float(psutil.Process(self._pid).memory_info().rss) / 2**20

    def _select(self) -> None:
        """Mark the wanted datapoints of all stations as active."""
        sensors = {
            f"{_name(one)}__{name}": Key(one, name)
            for one in range(self.stations)
            for name in self.sensors
        }
        actuators = [
            f"{_name(one)}__{name}"
            for one in range(self.stations)
            for name in self._actuators
        ]
        self._api.select(*sensors, actuators=actuators)
        self.keys = {self._api.topic(key): sensors[key] for key in sensors}


OF_A_WHOLE_ROUND = ("readings__power", "connection__last_seen")
"""Every version has them once a round is over."""


def learn_sensors(program: Program = OURS) -> list[str]:
    """Ask a connector with one station which values it has."""
    with Stack(1, program=program) as stack:
        topic = f"{NAME}/available_datapoints"
        message = stack.broker.observe(topic).wait_for(
            topic,
            lambda one: all(
                f"{_name(0)}__{name}" in one.json["sensor"]
                for name in OF_A_WHOLE_ROUND
            ),
        )
    prefix = f"{_name(0)}__"
    return [key.removeprefix(prefix) for key in message.json["sensor"]]


def _name(station: int) -> str:
    return f"s{station:04}"


def _address(station: int) -> str:
    return f"127.0.{1 + station // 250}.{1 + station % 250}"
