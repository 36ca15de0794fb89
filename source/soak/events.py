"""What is seen in a run, in the order in which it happened.

The stations' thread and the MQTT client's thread only append to one queue. A
station's word is in it before it leaves, hence before anything that the
connector can make of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queue import SimpleQueue

    from simulator import HeardRequest, SimulatedStation


@dataclass(frozen=True, slots=True)
class Settings:
    """What is in force at a station: `Curr user` in mA, and `Enable user`."""

    curr_user: int
    enable_user: bool

    def shows(self, word: str, value: int) -> bool:
        """Tell whether a setpoint of this actuator is in force."""
        if word == "ena":
            return self.enable_user == bool(value)
        return self.curr_user == value


@dataclass(frozen=True, slots=True)
class Heard:
    """A datagram has reached a station.

    Parameters
    ----------
    stamped_at
        When the kernel got it, in Unix seconds.
    """

    at: float
    stamped_at: float
    station: str
    source: str
    text: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Said:
    """A datagram leaves a station."""

    at: float
    station: str
    data: bytes
    settings: Settings


@dataclass(frozen=True, slots=True)
class Published:
    """An MQTT message has come."""

    at: float
    topic: str
    payload: bytes
    is_retained: bool


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The observer's own connection to the broker has come or gone."""

    at: float
    is_up: bool


Event = Heard | Said | Published | LinkChanged


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
        settings = settings_of(self.stations[request.station])
        self._queue.put(
            Heard(
                time.monotonic(),
                request.at,
                request.station,
                request.source[0],
                request.text,
                settings,
            )
        )

    def said(self, station: str, data: bytes) -> None:
        """A station's socket sends this now."""
        settings = settings_of(self.stations[station])
        self._queue.put(Said(time.monotonic(), station, data, settings))
