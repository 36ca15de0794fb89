"""Leads what was seen to the invariants that it concerns. No I/O."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from soak.events import Event, Heard, LinkChanged, Published, Said
from soak.invariants.attribution import UNCERTAIN_S, Attribution
from soak.invariants.calm import Recovery, Settled
from soak.invariants.messages import Heartbeats, LogRows, Payloads
from soak.invariants.pauses import Pauses
from soak.invariants.process import (
    Alive,
    Baseline,
    MemoryBound,
    MemoryGain,
    MemorySlope,
)
from soak.invariants.setpoints import NewestWins, TrueResults
from soak.invariants.timestamps import Timestamps
from soak.timeline import Family

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from soak.invariants.breach import Breach, Invariant
    from soak.stations import Station
    from soak.timeline import Phase

DAMAGING = frozenset({"corruption", "nonsense from a station"})


class Judge:
    """All invariants of a run.

    Parameters
    ----------
    sensor_of
        Returns the sensor that is published on a topic.
    is_ours
        Tells whether the controller writes on a topic itself.
    unix_ahead_s
        What to add to the monotonic clock for Unix time.
    """

    def __init__(
        self,
        name: str,
        stations: Mapping[str, Station],
        serials: Mapping[str, str],
        *,
        sensor_of: Callable[[str], str | None],
        is_ours: Callable[[str], bool],
        unix_ahead_s: float,
        is_armed: bool = False,
    ) -> None:
        self._name = name
        self._sensor_of = sensor_of
        self._is_ours = is_ours
        self._unix_ahead_s = unix_ahead_s
        self._active: list[Phase] = []
        self._told: Counter[str] = Counter()
        self._was_linked = False
        self.values = 0
        self.datagrams_of_stations = 0
        self.pauses = Pauses()
        self.attribution = Attribution(stations, serials)
        self.timestamps = Timestamps()
        self.newest = NewestWins(is_armed=is_armed)
        self.results = TrueResults()
        self.settled = Settled(stations)
        self.recovery = Recovery([*stations])
        self.memory = MemoryBound()
        self.slope = MemorySlope()
        self.gain = MemoryGain()
        self.baseline = Baseline()
        self.alive = Alive()
        self.payloads = Payloads()
        self.heartbeats = Heartbeats()
        self.rows = LogRows(len(stations))

    @property
    def invariants(self) -> tuple[Invariant, ...]:
        """All of them, in the order of the report."""
        return (
            self.pauses,
            self.attribution,
            self.timestamps,
            self.newest,
            self.settled,
            self.results,
            self.recovery,
            self.memory,
            self.slope,
            self.gain,
            self.baseline,
            self.rows,
            self.payloads,
            self.heartbeats,
            self.alive,
        )

    @property
    def broken(self) -> int:
        """How often any promise was broken so far."""
        return sum(one.broken for one in self.invariants)

    @property
    def breaches(self) -> list[Breach]:
        """All that was noted, in order of time."""
        noted = [one for each in self.invariants for one in each.breaches]
        return sorted(noted, key=lambda breach: breach.at)

    def new_breaches(self) -> list[Breach]:
        """Return what was noted since the last call."""
        fresh = [
            breach
            for one in self.invariants
            for breach in one.breaches[self._told[one.name] :]
        ]
        for one in self.invariants:
            self._told[one.name] = len(one.breaches)
        return fresh

    # What happens ----------------------------------------------------------

    def connector_started(self, at: float, unix_at: float) -> None:
        self.pauses.connector_started(unix_at)
        self.timestamps.connector_started(at)
        self.rows.started(at)
        self.heartbeats.disturb()

    def phase_begins(self, phase: Phase, at: float) -> None:
        self._active.append(phase)
        self.rows.fault(len(phase.stations))
        if phase.kind.name in DAMAGING:
            until = at + phase.duration_s
            self.attribution.damage(phase.stations, until)
            self.results.damage(phase.stations, until + UNCERTAIN_S)

    def phase_ends(self, phase: Phase, at: float) -> None:
        self.look(at)
        self._active.remove(phase)
        self.recovery.fault_ended(phase, at)

    def clock_stepped(self, at: float, offset_s: float) -> None:
        self.timestamps.step(at, offset_s)
        self.rows.clock_stepped()

    def look(self, now: float) -> None:
        """Let time pass."""
        families = {phase.kind.family for phase in self._active}
        if Family.BROKER in families:
            self.timestamps.broker_disturbed(now)
            self.rows.broker_disturbed(now)
        if families & {Family.BROKER, Family.PROCESS}:
            self.heartbeats.disturb()
        self.heartbeats.look(now)

    # What is seen ----------------------------------------------------------

    def see(self, event: Event) -> None:
        match event:
            case Heard():
                self.pauses.hear(event)
                self.newest.hear(event)
                self.results.hear(event)
            case Said():
                self.datagrams_of_stations += 1
                self.attribution.say(event)
                self.results.say(event)
            case LinkChanged():
                self._see_link(event)
            case Published(topic=topic) if not self._is_ours(topic):
                self._see_message(event)

    def _see_link(self, event: LinkChanged) -> None:
        """Take it as an outage, unless it is the very first connection."""
        if self._was_linked or not event.is_up:
            self.heartbeats.disturb()
            self.timestamps.broker_disturbed(event.at)
            self.rows.broker_disturbed(event.at)
        self._was_linked = True

    def _see_message(self, message: Published) -> None:
        at, topic = message.at, message.topic
        content = self.payloads.judge(at, topic, message.payload)
        if content is None or message.is_retained:
            # What the broker has kept was judged when it was new.
            return
        sensor = self._sensor_of(topic)
        if sensor is not None:
            if self.payloads.judge_value(at, topic, content):
                self._see_value(at, sensor, content)
        elif topic == f"{self._name}/heartbeat":
            self.heartbeats.beat(at, content)
        elif topic == f"{self._name}/logs":
            self.rows.row(at, content["msg"], content["timestamp"])

    def _see_value(
        self, at: float, key: str, content: Mapping[str, Any]
    ) -> None:
        self.values += 1
        value, timestamp_ms = content["value"], content["timestamp"]
        unix_at = at + self._unix_ahead_s
        self.timestamps.judge(at, unix_at, key, timestamp_ms)
        self.attribution.judge(at, key, value)
        station, group, field = key.split("__", 2)
        match group:
            case "report 2":
                # Kept for the broker, it is older than it comes.
                told_at = timestamp_ms / 1000 - self._unix_ahead_s
                self.recovery.value(min(at, told_at), station)
            case "connection" if field == "online":
                self.recovery.online(station, is_online=bool(value))
            case "results":
                self.results.judge(at, station, field, str(value))
                self.settled.result(station, field, str(value))
