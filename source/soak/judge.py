"""Leads what happens to the invariants, with what it means. No I/O."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from soak.events import (
    BrokerAway,
    Event,
    FaultBegan,
    FaultEnded,
    LinkChanged,
    Published,
    Said,
    Tick,
    Told,
    Value,
)
from soak.invariants.attribution import Attribution
from soak.invariants.calm import Recovery, Settled
from soak.invariants.messages import Heartbeats, LogRows, Payloads
from soak.invariants.pauses import Pauses
from soak.invariants.process import Alive, Baseline, Memory
from soak.invariants.setpoints import NewestWins, TrueResults
from soak.invariants.timestamps import Timestamps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from soak.invariants.breach import Breach, Invariant
    from soak.stations import Station
    from testbed.bemcom_api import BemcomApi

UNCERTAIN_S = 60.0
"""After damaged datagrams nobody can tell what a station has said; values that
were on their way, or kept for the broker, come later."""


class Judge:
    """All invariants of a run.

    Parameters
    ----------
    controller
        Knows the sensor of a topic, and where it writes itself.
    unix_ahead_s
        What to add to the monotonic clock for Unix time.
    """

    def __init__(
        self,
        stations: Mapping[str, Station],
        serials: Mapping[str, str],
        controller: BemcomApi,
        *,
        unix_ahead_s: float,
        is_armed: bool = False,
    ) -> None:
        self._controller = controller
        self._unix_ahead_s = unix_ahead_s
        self._is_broker_disturbed = False
        self._uncertain_until: dict[str, float] = {}
        self._told: Counter[str] = Counter()
        self._was_linked = False
        self._concerned: dict[type[Event], list[Invariant]] = {}
        self.values = 0
        self.datagrams_of_stations = 0
        self.pauses = Pauses()
        self.settled = Settled(stations)
        self.recovery = Recovery([*stations])
        self.baseline = Baseline()
        self.alive = Alive()
        self.payloads = Payloads()
        self.invariants: tuple[Invariant, ...] = (
            self.pauses,
            Attribution(stations, serials),
            Timestamps(),
            NewestWins(is_armed=is_armed),
            self.settled,
            TrueResults(),
            self.recovery,
            Memory(),
            self.baseline,
            LogRows(len(stations)),
            self.payloads,
            Heartbeats(),
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
        fresh: list[Breach] = []
        for one in self.invariants:
            fresh += one.breaches[self._told[one.name] :]
            self._told[one.name] = len(one.breaches)
        return fresh

    def see(self, event: Event) -> None:
        """Something has happened."""
        for one in self._meaning_of(event):
            for invariant in self._concerned_by(type(one)):
                invariant.see(one)

    def _concerned_by(self, kind: type[Event]) -> list[Invariant]:
        """Find once who sees an event: there are thousands a second."""
        if kind not in self._concerned:
            self._concerned[kind] = [
                one for one in self.invariants if issubclass(kind, one.sees)
            ]
        return self._concerned[kind]

    def _meaning_of(self, event: Event) -> Iterator[Event]:
        """Yield what has happened; of a message only what it means."""
        match event:
            case Published(topic=topic):
                if not self._controller.writes_on(topic):
                    yield from self._meaning_of_message(event)
                return
            case Said():
                self.datagrams_of_stations += 1
            case FaultBegan(phase=phase):
                self._is_broker_disturbed |= phase.kind.family == "broker"
                if phase.kind.is_damaging:
                    self._doubt(event.at + phase.duration_s, phase.stations)
            case Tick() if self._is_broker_disturbed:
                yield BrokerAway(event.at)
            case FaultEnded(phase=phase) if phase.kind.family == "broker":
                self._is_broker_disturbed = False
                yield BrokerAway(event.at)
            case LinkChanged(is_up=is_up):
                # The very first connection is no outage.
                if self._was_linked or not is_up:
                    yield BrokerAway(event.at)
                self._was_linked = True
        yield event

    def _doubt(self, until: float, stations: Iterable[str]) -> None:
        """The datagrams of these stations are damaged until a moment."""
        for name in stations:
            known = self._uncertain_until.get(name, until)
            self._uncertain_until[name] = max(until + UNCERTAIN_S, known)

    def _meaning_of_message(self, message: Published) -> Iterator[Event]:
        at, topic = message.at, message.topic
        content = self.payloads.judge(at, topic, message.payload)
        if content is None or message.is_retained:
            # What the broker has kept was judged when it was new.
            return
        if (key := self._controller.sensor_of(topic)) is not None:
            if self.payloads.judge_value(at, topic, content):
                self.values += 1
                yield self._value(at, key, **content)
        else:
            yield Told(at, topic.partition("/")[2], content)

    def _value(
        self, at: float, key: str, value: object, timestamp: int
    ) -> Value:
        station, group, field = key.split("__", 2)
        return Value(
            at,
            station,
            group,
            field,
            value,
            timestamp,
            age_s=at + self._unix_ahead_s - timestamp / 1000,
            is_certain=at > self._uncertain_until.get(station, at - 1.0),
        )
