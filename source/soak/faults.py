"""The faults, as generators: begin, go on, end.

What stands before the first `yield` begins a fault, each further step is taken
at every tick of the run, and what stands in `finally` ends it. All of them
stay on loopback, and all floods are bounded.
"""

from __future__ import annotations

import itertools
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator import LinkFaults, Simulator
from simulator.actions import AnswerLate, Say
from simulator.faults import NO_FAULTS
from simulator.wire import KEBA_PORT
from soak.noise import damaged_datagram, forged_report, odd_message
from soak.stations import CONNECTOR, UNKNOWN_SENDERS
from testbed.mutations import mutant

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
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
        self._last_at = time.monotonic()

    def due(self, per_second: float) -> range:
        """Return how many pieces of a flood are due since the last call.

        Never more than a tenth of a second's: what a busy machine could not
        send is not sent at once afterwards.
        """
        now = time.monotonic()
        self._last_at = max(self._last_at, now - 0.1)
        number = int((now - self._last_at) * per_second)
        self._last_at += number / per_second
        return range(number)


def _lasting(
    begin: Callable[[Testbed], object], end: Callable[[Testbed], object]
) -> Fault:
    """Return a fault that goes on by itself between its begin and its end."""

    def fault(context: FaultContext) -> Generator[None]:
        try:
            begin(context.testbed)
            while True:
                yield
        finally:
            end(context.testbed)

    return fault


def _at_stations(
    begin: Callable[[Simulator, str], object],
    end: Callable[[Simulator, str], object] = lambda *_: None,
) -> Fault:
    """Return a fault of each station that a phase is about."""

    def fault(context: FaultContext) -> Generator[None]:
        simulator, names = context.testbed.simulator, context.phase.stations
        try:
            for name in names:
                begin(simulator, name)
            while True:
                yield
        finally:
            for name in names:
                end(simulator, name)

    return fault


def _on_links(there: LinkFaults, back: LinkFaults | None = None) -> Fault:
    """Return a fault of links, the same in both directions unless told."""
    return _at_stations(
        lambda simulator, name: simulator.disturb(name, there, back or there),
        lambda simulator, name: simulator.disturb(name),
    )


def _with_answers(begin: Callable[[Simulator, str], object]) -> Fault:
    """Return a fault of answers, which are right again at its end."""
    return _at_stations(begin, lambda simulator, name: simulator.answer(name))


def _wait(seconds: float) -> Generator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield


def late_answers(context: FaultContext) -> Generator[None]:
    """Stations answer when the connector has given it up, or nearly."""
    return _with_answers(
        lambda simulator, name: simulator.act(
            name, AnswerLate(context.chance.uniform(1.0, 2.5))
        )
    )(context)


def flood_from_station(context: FaultContext) -> Generator[None]:
    """A station tells its energy without end."""
    (name,) = context.phase.stations
    energies = itertools.count(1)
    while True:
        pushes = [
            f'{{"E pres": {next(energies)}}}' for _ in context.due(FLOOD_PER_S)
        ]
        context.testbed.simulator.act(name, Say(tuple(pushes)))
        yield


def nonsense_from_station(context: FaultContext) -> Generator[None]:
    """Stations send damaged datagrams of all kinds."""
    while True:
        for _ in context.due(NONSENSE_PER_S):
            name = context.chance.choice(context.phase.stations)
            text = damaged_datagram(context.chance).decode("latin-1")
            context.testbed.simulator.act(name, Say((text,)))
        yield


def _from_unknown_senders(
    per_second: float, datagram: Callable[[FaultContext], bytes]
) -> Fault:
    """Return a fault of datagrams from addresses that are no station's."""

    def fault(context: FaultContext) -> Generator[None]:
        with ExitStack() as stack:
            sockets = []
            for address in UNKNOWN_SENDERS:
                one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sockets.append(stack.enter_context(one))
                one.bind((address, KEBA_PORT))
                one.setblocking(False)
            while True:
                for _ in context.due(per_second):
                    sender = context.chance.choice(sockets)
                    sender.sendto(datagram(context), (CONNECTOR, KEBA_PORT))
                    context.testbed.from_unknown_senders += 1
                yield

    return fault


def _forged(context: FaultContext) -> bytes:
    serials = sorted(context.testbed.serials.values())
    return forged_report(context.chance.choice(serials), context.chance)


def _kill_broker(testbed: Testbed) -> None:
    """Let the broker die and forget everything."""
    testbed.broker.kill()
    testbed.forget_broker_memory()


def broker_restarted(context: FaultContext) -> Generator[None]:
    """The broker is restarted again and again; it keeps its memory."""
    while True:
        context.testbed.broker.stop()
        context.testbed.broker.start()
        yield from _wait(context.chance.uniform(2.0, 6.0))


def broker_slow(context: FaultContext) -> Generator[None]:
    """The broker works for a tenth of the time."""
    broker = context.testbed.broker
    try:
        while True:
            broker.freeze()
            yield from _wait(0.9)
            broker.thaw()
            yield from _wait(0.1)
    finally:
        broker.thaw()


def broken_maps(context: FaultContext) -> Generator[None]:
    """Maps are published that are damaged, or the same once more."""
    controller = context.testbed.controller
    try:
        while True:
            for _ in context.due(MAPS_PER_S):
                if context.chance.random() < 0.3:
                    controller.publish_map()
                    continue
                damaged = mutant("map", context.chance)
                controller.publish(controller.map_topic, damaged)
            yield
    finally:
        controller.publish_map()


def odd_values(context: FaultContext) -> Generator[None]:
    """Actuators are written with what is no value for them."""
    controller = context.testbed.controller
    stations = [*context.testbed.stations.values()]
    while True:
        for _ in context.due(ODD_VALUES_PER_S):
            one = context.chance.choice(stations)
            word = context.chance.choice(one.words)
            topic = controller.topic(f"{one.name}__{word}")
            controller.publish(topic, odd_message(word, context.chance))
        yield


def retained_commands(context: FaultContext) -> Generator[None]:
    """Commands are kept by the broker for whoever subscribes later."""
    controller = context.testbed.controller
    kept: set[str] = set()
    try:
        while True:
            name = context.chance.choice([*context.testbed.stations])
            kept.add(context.writer.write_current(name, retain=True))
            yield from _wait(0.5)
    finally:
        for key in kept:
            controller.publish(controller.topic(key), b"", retain=True)


def flood_of_commands(context: FaultContext) -> Generator[None]:
    """One station is given a new setpoint without end."""
    name = context.chance.choice([*context.testbed.stations])
    while True:
        for _ in context.due(COMMANDS_PER_S):
            context.writer.write_current(name)
        yield


def clock_stepped(context: FaultContext) -> Generator[None]:
    """The connector's clock is wrong for a while."""
    context.testbed.step_clock(context.chance.choice(STEPS_S))
    try:
        while True:
            yield
    finally:
        context.testbed.step_clock(0.0)


_DEAD = LinkFaults(loss=1.0)

FAULTS: Mapping[str, Fault] = {
    "loss": _on_links(LinkFaults(loss=0.4)),
    "duplication": _on_links(LinkFaults(duplication=0.5)),
    "delay": _on_links(LinkFaults(delay_s=(0.05, 1.0))),
    "reordering": _on_links(LinkFaults(reordering=0.4, reordering_s=1.5)),
    "corruption": _on_links(LinkFaults(corruption=0.3)),
    "outage": _on_links(_DEAD),
    "one-way outage": _on_links(NO_FAULTS, _DEAD),
    "reboot": _at_stations(lambda simulator, name: simulator.reboot(name)),
    "silence": _with_answers(lambda simulator, name: simulator.silence(name)),
    "half silence": _with_answers(
        lambda simulator, name: simulator.silence(name, ("report 2",))
    ),
    "late answers": late_answers,
    "flood from a station": flood_from_station,
    "nonsense from a station": nonsense_from_station,
    "flood from unknown senders": _from_unknown_senders(FLOOD_PER_S, _forged),
    "nonsense from unknown senders": _from_unknown_senders(
        NONSENSE_PER_S, lambda context: damaged_datagram(context.chance)
    ),
    "forged reports": _from_unknown_senders(NONSENSE_PER_S, _forged),
    "broker killed": _lasting(_kill_broker, lambda bed: bed.broker.start()),
    "broker restarted": broker_restarted,
    "broker frozen": _lasting(
        lambda testbed: testbed.broker.freeze(),
        lambda testbed: testbed.broker.thaw(),
    ),
    "broker slow": broker_slow,
    "broken maps": broken_maps,
    "odd values": odd_values,
    "retained commands": retained_commands,
    "flood of commands": flood_of_commands,
    "clock stepped": clock_stepped,
    "connector killed": _lasting(
        lambda testbed: testbed.kill_connector(),
        lambda testbed: testbed.start_connector(),
    ),
}
