"""The pieces of a run: stations, broker, connector, controller, clock."""

from __future__ import annotations

import time
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

import psutil

from simulator import Simulator
from soak.events import (
    ClockStepped,
    Event,
    LinkChanged,
    Published,
    Sample,
    Settings,
    Started,
    StationsObserver,
    settings_of,
)
from soak.stations import CONNECTOR, Station
from testbed.bemcom_api import BemcomApi, Received
from testbed.connector_process import NAME, ConnectorProcess
from testbed.mosquitto import Mosquitto
from testbed.stepped_clock import SteppedClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ARMED = {
    "KEBA_P30_RESTORE": "TRUE",
    "KEBA_P30_FAILSAFE": '{"timeout": 10, "current": 6000}',
}

# A log of each message would fill the disk.
BROKER = """
allow_anonymous true
log_dest none
persistence true
persistence_location {folder}/
"""


class Testbed:
    """Everything that a run needs, for the time of a `with` block.

    Parameters
    ----------
    is_armed
        Whether the connector arms the stations' failsafe mode and restores
        what a restart has undone.

    Attributes
    ----------
    life
        How often the connector has been started.
    """

    def __init__(
        self,
        folder: Path,
        stations: Sequence[Station],
        seed: int,
        *,
        is_armed: bool = False,
    ) -> None:
        self.queue: SimpleQueue[Event] = SimpleQueue()
        self.stations = {one.name: one for one in stations}
        self.is_armed = is_armed
        self.life = 0
        self.from_unknown_senders = 0
        self.is_connector_down = True
        self._folder = folder
        self._stack = ExitStack()
        observer = StationsObserver(self.queue)
        self.simulator = Simulator(
            {one.name: one.address for one in stations},
            profile={one.name: one.profile for one in stations},
            scenario="always-charging",
            seed=seed,
            strict=False,
            observer=observer,
        )
        observer.stations = self.simulator.stations
        self.clock = SteppedClock(folder)
        self.broker = Mosquitto(folder, BROKER.format(folder=folder))
        self.connector = ConnectorProcess(
            folder,
            self.broker.port,
            {one.name: self._entry(one) for one in stations},
            bind=CONNECTOR,
            SEND_RAW_MESSAGE_TO_DB="TRUE",
            **(ARMED if is_armed else {}),
            **self.clock.environment,
        )

    def _entry(self, one: Station) -> object:
        """Return how a station stands in the settings: half with a serial."""
        if one.number % 2:
            return one.address
        return {"host": one.address, "serial": self.serials[one.name]}

    @property
    def serials(self) -> dict[str, str]:
        stations = self.simulator.stations
        return {name: one.serial for name, one in stations.items()}

    def settings(self) -> dict[str, Settings]:
        """Look at what is in force at all stations."""
        stations = self.simulator.stations
        return {name: settings_of(one) for name, one in stations.items()}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.clock)
            stack.enter_context(self.simulator)
            stack.enter_context(self.broker)
            self.controller = stack.enter_context(
                BemcomApi(
                    NAME,
                    self.broker.port,
                    on_message=self._note_message,
                    on_connection=self._note_connection,
                )
            )
            stack.enter_context(self.connector)
            self._connector_started()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_connector(self) -> None:
        """Start the connector anew after a kill."""
        self.connector.start()
        self._connector_started()

    def kill_connector(self) -> None:
        """End the connector without a chance to say goodbye."""
        self.is_connector_down = True
        self.connector.process.kill()
        self.connector.process.wait()

    def step_clock(self, offset_s: float) -> None:
        """Let the connector's clock be so far ahead of the true one."""
        self.clock.step_to(offset_s)
        self.queue.put(ClockStepped(time.monotonic(), offset_s))

    def forget_broker_memory(self) -> None:
        """Remove what a broker that is down had kept."""
        (self._folder / "mosquitto.db").unlink(missing_ok=True)

    def sample(self) -> Sample | None:
        """Look at the connector's process; None if it is not there."""
        try:
            process = psutil.Process(self.connector.process.pid)
            with process.oneshot():
                times = process.cpu_times()
                return Sample(
                    at=time.monotonic(),
                    life=self.life,
                    age_s=time.monotonic() - self.started_at,
                    rss=process.memory_info().rss,
                    threads=process.num_threads(),
                    files=process.num_fds(),
                    cpu_s=times.user + times.system,
                )
        except psutil.Error:
            return None

    # In the API's thread ----------------------------------------------------

    def _note_message(self, came: Received) -> None:
        self.queue.put(
            Published(time.monotonic(), came.topic, came.payload, came.retain)
        )

    def _note_connection(self, is_up: bool) -> None:
        self.queue.put(LinkChanged(time.monotonic(), is_up=is_up))

    def _connector_started(self) -> None:
        self.life += 1
        self.is_connector_down = False
        self.started_at = time.monotonic()
        self.queue.put(Started(self.started_at, unix_at=time.time()))
