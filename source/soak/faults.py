"""The faults, as generators: begin, go on, end.

What stands before the first `yield` begins a fault, each further step is taken
at every tick of the run, and what stands in `finally` ends it. All of them
stay on loopback, and all floods are bounded.
"""

from __future__ import annotations

import itertools
import socket
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator import LinkFaults
from simulator.actions import AnswerLate, Say
from simulator.faults import NO_FAULTS
from simulator.wire import KEBA_PORT
from soak.noise import Mutants, forged_report, odd_message
from soak.stations import CONNECTOR, UNKNOWN_SENDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from random import Random

    from soak.testbed import Testbed
    from soak.timeline import Phase
    from soak.writer import Writer

    Fault = Callable[["FaultContext"], Generator[None]]

FLOOD_PER_S = 1_000
NONSENSE_PER_S = 100
COMMANDS_PER_S = 200
ODD_VALUES_PER_S = 10
MAPS_PER_S = 20

STEPS_S = (-7200.0, -600.0, -5.0, 5.0, 600.0, 3600.0, 86_400.0)


@dataclass
class FaultContext:
    """What a fault gets to play with."""

    testbed: Testbed
    writer: Writer
    phase: Phase
    chance: Random

    def __post_init__(self) -> None:
        self.simulator = self.testbed.simulator
        self.broker = self.testbed.broker
        self.clock = self.testbed.clock
        self._last_at = time.monotonic()

    def due(self, per_second: float) -> int:
        """Return how many pieces of a flood are due since the last call.

        Never more than a tenth of a second's: what a busy machine could not
        send is not sent at once afterwards.
        """
        now = time.monotonic()
        self._last_at = max(self._last_at, now - 0.1)
        number = int((now - self._last_at) * per_second)
        self._last_at += number / per_second
        return number


def _lasting(
    begin: Callable[[FaultContext], object],
    end: Callable[[FaultContext], object] = lambda _: None,
) -> Fault:
    """Return a fault that goes on by itself between its begin and its end."""

    def fault(context: FaultContext) -> Generator[None]:
        try:
            begin(context)
            while True:
                yield
        finally:
            end(context)

    return fault


def _at_stations(
    begin: Callable[[FaultContext, str], object],
    end: Callable[[FaultContext, str], object] = lambda *_: None,
) -> Fault:
    """Return a fault of each station that a phase is about."""

    def begin_all(context: FaultContext) -> None:
        for name in context.phase.stations:
            begin(context, name)

    def end_all(context: FaultContext) -> None:
        for name in context.phase.stations:
            end(context, name)

    return _lasting(begin_all, end_all)


def _on_links(there: LinkFaults, back: LinkFaults) -> Fault:
    return _at_stations(
        lambda context, name: context.simulator.disturb(name, there, back),
        lambda context, name: context.simulator.disturb(name),
    )


def _with_answers(begin: Callable[[FaultContext, str], object]) -> Fault:
    """Return a fault of answers, which are right again at its end."""
    return _at_stations(
        begin, lambda context, name: context.simulator.answer(name)
    )


def _answer_late(context: FaultContext, name: str) -> None:
    """Answer when the connector has given it up, or nearly."""
    late_s = context.chance.uniform(1.0, 2.5)
    context.simulator.act(name, AnswerLate(late_s))


def _wait(seconds: float) -> Generator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield


def flood_from_station(context: FaultContext) -> Generator[None]:
    """A station tells its energy without end."""
    (name, *_) = context.phase.stations
    energies = itertools.count(1)
    while True:
        number = context.due(FLOOD_PER_S)
        pushes = (f'{{"E pres": {next(energies)}}}' for _ in range(number))
        context.simulator.act(name, Say(tuple(pushes)))
        yield


def nonsense_from_station(context: FaultContext) -> Generator[None]:
    """Stations send damaged datagrams of all kinds."""
    mutants = Mutants(context.chance)
    while True:
        for _ in range(context.due(NONSENSE_PER_S)):
            name = context.chance.choice(context.phase.stations)
            text = mutants.datagram().decode("latin-1")
            context.simulator.act(name, Say((text,)))
        yield


@contextmanager
def _unknown_senders() -> Iterator[list[socket.socket]]:
    """Open sockets at addresses that are no station's."""
    with ExitStack() as stack:
        sockets = []
        for address in UNKNOWN_SENDERS:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stack.enter_context(one)
            one.bind((address, KEBA_PORT))
            one.setblocking(False)
            sockets.append(one)
        yield sockets


def _from_unknown_senders(
    per_second: float, datagrams: Callable[[FaultContext], Callable[[], bytes]]
) -> Fault:
    def fault(context: FaultContext) -> Generator[None]:
        datagram = datagrams(context)
        with _unknown_senders() as sockets:
            while True:
                for _ in range(context.due(per_second)):
                    sender = context.chance.choice(sockets)
                    sender.sendto(datagram(), (CONNECTOR, KEBA_PORT))
                    context.testbed.from_unknown_senders += 1
                yield

    return fault


def _forged(context: FaultContext) -> Callable[[], bytes]:
    serials = sorted(context.testbed.serials.values())
    return lambda: forged_report(context.chance.choice(serials), context.chance)


def _mutated(context: FaultContext) -> Callable[[], bytes]:
    return Mutants(context.chance).datagram


def _kill_broker(context: FaultContext) -> None:
    """Let the broker die and forget everything."""
    context.broker.kill()
    context.testbed.forget_broker_memory()


def broker_restarted(context: FaultContext) -> Generator[None]:
    """The broker is restarted again and again; it keeps its memory."""
    while True:
        context.broker.restart()
        yield from _wait(context.chance.uniform(2.0, 6.0))


def broker_slow(context: FaultContext) -> Generator[None]:
    """The broker works for a tenth of the time."""
    try:
        while True:
            context.broker.freeze()
            yield from _wait(0.9)
            context.broker.thaw()
            yield from _wait(0.1)
    finally:
        context.broker.thaw()


def broken_maps(context: FaultContext) -> Generator[None]:
    """Maps are published that are damaged, or the same once more."""
    mutants = Mutants(context.chance)
    controller = context.testbed.controller
    try:
        while True:
            for _ in range(context.due(MAPS_PER_S)):
                if context.chance.random() < 0.3:
                    controller.publish_map()
                    continue
                damaged = mutants.datapoint_map()
                controller.publish(controller.map_topic, damaged)
            yield
    finally:
        controller.publish_map()


def odd_values(context: FaultContext) -> Generator[None]:
    """Actuators are written with what is no value for them."""
    controller = context.testbed.controller
    stations = [*context.testbed.stations.values()]
    while True:
        for _ in range(context.due(ODD_VALUES_PER_S)):
            one = context.chance.choice(stations)
            word = context.chance.choice(one.words)
            topic = controller.topic(f"{one.name}__{word}")
            controller.publish(topic, odd_message(word, context.chance))
        yield


def retained_commands(context: FaultContext) -> Generator[None]:
    """Commands are kept by the broker for whoever subscribes later."""
    controller = context.testbed.controller
    stations = [*context.testbed.stations.values()]
    kept: set[str] = set()
    try:
        while True:
            one = context.chance.choice(stations)
            kept.add(context.writer.write_current(one.name, retain=True))
            yield from _wait(0.5)
    finally:
        for key in kept:
            controller.publish(controller.topic(key), b"", retain=True)


def flood_of_commands(context: FaultContext) -> Generator[None]:
    """One station is given a new setpoint without end."""
    name = context.chance.choice([*context.testbed.stations])
    while True:
        for _ in range(context.due(COMMANDS_PER_S)):
            context.writer.write_current(name)
        yield


_LOSSY = LinkFaults(loss=0.4)
_DOUBLING = LinkFaults(duplication=0.5)
_SLOW = LinkFaults(delay_s=(0.05, 1.0))
_DISORDERLY = LinkFaults(reordering=0.4, reordering_s=1.5)
_DAMAGING = LinkFaults(corruption=0.3)
_DEAD = LinkFaults(loss=1.0)

FAULTS: Mapping[str, Fault] = {
    "loss": _on_links(_LOSSY, _LOSSY),
    "duplication": _on_links(_DOUBLING, _DOUBLING),
    "delay": _on_links(_SLOW, _SLOW),
    "reordering": _on_links(_DISORDERLY, _DISORDERLY),
    "corruption": _on_links(_DAMAGING, _DAMAGING),
    "outage": _on_links(_DEAD, _DEAD),
    "one-way outage": _on_links(NO_FAULTS, _DEAD),
    "reboot": _at_stations(
        lambda context, name: context.simulator.reboot(name)
    ),
    "silence": _with_answers(
        lambda context, name: context.simulator.silence(name)
    ),
    "half silence": _with_answers(
        lambda context, name: context.simulator.silence(name, ("report 2",))
    ),
    "late answers": _with_answers(_answer_late),
    "flood from a station": flood_from_station,
    "nonsense from a station": nonsense_from_station,
    "flood from unknown senders": _from_unknown_senders(FLOOD_PER_S, _forged),
    "nonsense from unknown senders": _from_unknown_senders(
        NONSENSE_PER_S, _mutated
    ),
    "forged reports": _from_unknown_senders(NONSENSE_PER_S, _forged),
    "broker killed": _lasting(
        _kill_broker, lambda context: context.broker.start()
    ),
    "broker restarted": broker_restarted,
    "broker frozen": _lasting(
        lambda context: context.broker.freeze(),
        lambda context: context.broker.thaw(),
    ),
    "broker slow": broker_slow,
    "broken maps": broken_maps,
    "odd values": odd_values,
    "retained commands": retained_commands,
    "flood of commands": flood_of_commands,
    "clock stepped": _lasting(
        lambda context: context.clock.step_to(context.chance.choice(STEPS_S)),
        lambda context: context.clock.step_to(0.0),
    ),
    "connector killed": _lasting(
        lambda context: context.testbed.kill_connector(),
        lambda context: context.testbed.start_connector(),
    ),
}
