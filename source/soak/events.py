"""What happens in a run, in the order in which it happens.

The stations' thread and the MQTT client's thread only append to one queue. A
station's word is in it before it leaves, hence before anything that the
connector can make of it. All moments are seconds of the monotonic clock,
unless a name says otherwise.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from queue import SimpleQueue

    from simulator import HeardRequest, SimulatedStation
    from soak.timeline import Phase

MIB = 1024 * 1024


class Settings(NamedTuple):
    """What is in force at a station: `Curr user` in mA, and `Enable user`."""

    curr_user: int
    enable_user: bool

    def shows(self, word: str, value: int) -> bool:
        """Tell whether a setpoint of this actuator is in force."""
        if word == "ena":
            return self.enable_user == bool(value)
        return self.curr_user == value


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens at a moment."""

    at: float


@dataclass(frozen=True, slots=True)
class Heard(Event):
    """A datagram has reached a station.

    Parameters
    ----------
    stamped_at
        When the kernel got it, in Unix seconds.
    """

    stamped_at: float
    station: str
    source: str
    text: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Said(Event):
    """A datagram leaves a station."""

    station: str
    data: bytes
    settings: Settings


@dataclass(frozen=True, slots=True)
class Published(Event):
    """An MQTT message has come."""

    topic: str
    payload: bytes
    is_retained: bool = False


@dataclass(frozen=True, slots=True)
class LinkChanged(Event):
    """The observer's own connection to the broker has come or gone."""

    is_up: bool


@dataclass(frozen=True, slots=True)
class Started(Event):
    """A process of the connector begins."""

    unix_at: float


@dataclass(frozen=True, slots=True)
class ClockStepped(Event):
    """The connector's clock is so far ahead of the true one from now on."""

    offset_s: float


@dataclass(frozen=True, slots=True)
class FaultBegan(Event):
    """A fault of the timeline begins."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class FaultEnded(Event):
    """A fault of the timeline has just ended."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Written(Event):
    """A setpoint is being written."""

    station: str
    word: str
    value: int


@dataclass(frozen=True, slots=True)
class Sample(Event):
    """The connector's process was looked at.

    Parameters
    ----------
    life
        Which process it is: 1 for the first, one more after each kill.
    rss
        Resident memory, in bytes.
    """

    life: int
    age_s: float
    rss: int
    threads: int
    files: int
    cpu_s: float


class Tick(Event):
    """Time passes."""


@dataclass(frozen=True, slots=True)
class RunOver(Event):
    """Nothing more comes; these are the samples of all calms."""

    samples: Sequence[Sample]


# What the judge makes of the others -----------------------------------------


class BrokerAway(Event):
    """The broker does not take messages."""


@dataclass(frozen=True, slots=True)
class Value(Event):
    """A value was published under a sensor's key.

    Parameters
    ----------
    age_s
        What has passed since its timestamp, by the true clock.
    is_certain
        Whether its station's datagrams were whole lately.
    """

    station: str
    group: str
    field: str
    value: object
    timestamp_ms: int
    age_s: float
    is_certain: bool = True

    @property
    def key(self) -> str:
        return f"{self.station}__{self.group}__{self.field}"


@dataclass(frozen=True, slots=True)
class Told(Event):
    """Another message came below the connector's name: `logs` and the like."""

    what: str
    content: Mapping[str, Any]


def settings_of(station: SimulatedStation) -> Settings:
    """Look at what is in force at a station."""
    limits = station.point.limits
    return Settings(limits.curr_user, limits.enable_user)


class StationsObserver:
    """Notes what stations hear and say, in their thread.

    `stations` are set before they speak.
    """

    def __init__(self, queue: SimpleQueue[Event]) -> None:
        self._queue = queue
        self.stations: dict[str, SimulatedStation] = {}

    def heard(self, request: HeardRequest) -> None:
        self._queue.put(
            Heard(
                time.monotonic(),
                request.at,
                request.station,
                request.source[0],
                request.text,
                settings_of(self.stations[request.station]),
            )
        )

    def said(self, station: str, data: bytes) -> None:
        """A station's socket sends this now."""
        settings = settings_of(self.stations[station])
        self._queue.put(Said(time.monotonic(), station, data, settings))
