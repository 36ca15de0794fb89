"""The fleet and simulated stations on fake time, a bad network between them.

Both sides are sans-I/O, so a day passes in seconds and every run of a seed
is the same. Besides carrying datagrams `FakeNetwork` keeps the books that the
connector's own ones are compared with.
"""

import heapq
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.keba.fleet import Fleet
from connector.keba.protocol.commands import Command
from connector.keba.station.events import (
    CommandAnswered,
    CommandFinished,
    CommandNotSent,
    ConnectionState,
    Event,
    Outcome,
    ReportReceived,
    ReportUnanswered,
)
from connector.keba.station.station import Station, StationOptions
from simulator import (
    NO_FAULTS,
    FaultyLink,
    LinkFaults,
    PauseChecker,
    SimulatedStation,
    Violation,
)
from simulator.actions import Action
from simulator.reports import report
from simulator.wire import Outgoing

CLIENT = ("127.0.0.1", 7090)
REPLY_TIMEOUT_S = 2.0

MAX_STEPS_AT_ONCE = 10_000
"""So often may anything happen in one moment; more is a loop without end."""


@dataclass(slots=True)
class Order:
    """A command that was submitted, and what was told of it since."""

    command: Command
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass(slots=True)
class Request:
    """A datagram that has left for a station."""

    text: str
    at: float
    is_answered: bool = False
    is_given_up: bool = False


@dataclass(slots=True)
class Line:
    """One station, the network to and from it, and what went over it."""

    station: SimulatedStation
    address: str
    to_station: FaultyLink
    to_client: FaultyLink
    checker: PauseChecker
    violations: list[Violation] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    unanswered: int = 0
    overtaken: list[str] = field(default_factory=list)
    miscredited: list[str] = field(default_factory=list)
    reports: Counter[str] = field(default_factory=Counter)
    state: ConnectionState | None = None
    wakes_at: float = math.inf

    @property
    def in_flight(self) -> Request | None:
        return self.requests[-1] if self.requests else None

    def order_of(self, command: Command) -> Order:
        return next(order for order in self.orders if order.command is command)

    def newest(self, word: str) -> Order:
        """Return the last order with this command word."""
        return next(
            order
            for order in reversed(self.orders)
            if order.command.word == word
        )

    def shown(self) -> dict[str, Any]:
        """Return report 2 as the station would give it now."""
        text = report(self.station.point, self.station.serial, 2)
        assert text is not None
        # Some profiles put garbage behind the last brace.
        fields: dict[str, Any]
        fields, _ = json.JSONDecoder().raw_decode(text.decode("ascii"))
        return fields


def address_of(number: int) -> str:
    """Return the address of the station with this number, from 0 on."""
    return f"192.0.2.{number + 1}"


class FakeNetwork:
    """Stations, a fleet that talks to them, and the time.

    Parameters
    ----------
    stations
        The stations; their clocks begin at 0.
    to_station, to_client
        What is wrong with the network.
    seed
        Where its chance begins.
    poll_interval_s
        See `StationOptions`.
    fleet
        A fleet that is there already, whose stations have the same names.
    """

    def __init__(
        self,
        stations: Iterable[SimulatedStation],
        *,
        to_station: LinkFaults = NO_FAULTS,
        to_client: LinkFaults = NO_FAULTS,
        seed: int = 1,
        poll_interval_s: float = 30.0,
        fleet: Fleet | None = None,
    ) -> None:
        self.now = 0.0
        self._seed = seed
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._busy_until = 0.0
        self.lines: dict[str, Line] = {}
        for number, station in enumerate(stations):
            self.lines[station.name] = Line(
                station,
                address_of(number),
                self._link(to_station),
                self._link(to_client),
                PauseChecker(station.name),
            )
        self._fleet = fleet or Fleet(
            Station(
                name,
                StationOptions(
                    poll_interval_s=poll_interval_s,
                    reply_timeout_s=REPLY_TIMEOUT_S,
                    first_round_at=index * 0.0005,
                ),
            )
            for index, name in enumerate(self.lines)
        )
        for name, line in self.lines.items():
            self._note(self._fleet.set_address(name, line.address, 0.0))
            self._plan_waking(line)

    # --- what happens -------------------------------------------------------

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        steps = 0
        while (moment := self._next_moment()) <= until:
            steps = 0 if moment > self.now else steps + 1
            assert steps < MAX_STEPS_AT_ONCE, "time does not go on"
            self.now = max(self.now, moment)
            self._step()
        self.now = until

    def submit(self, name: str, command: Command) -> Order:
        order = Order(command)
        self.lines[name].orders.append(order)
        self._note(self._fleet.submit(name, command, self.now))
        return order

    def act(self, name: str, action: Action) -> None:
        line = self.lines[name]
        self._leave(line, line.station.perform(action, self.now), None)

    def worsen(
        self,
        name: str,
        *,
        to_station: LinkFaults = NO_FAULTS,
        to_client: LinkFaults = NO_FAULTS,
    ) -> None:
        """Replace the network of a station; what is under way arrives."""
        line = self.lines[name]
        line.to_station = self._link(to_station)
        line.to_client = self._link(to_client)

    def keep_busy(self, seconds: float) -> None:
        """Leave the connector no time to listen or to speak."""
        self._busy_until = self.now + seconds
        self.advance(seconds)

    def lose_name(self, name: str) -> None:
        self._note(self._fleet.set_address(name, None, self.now))

    def find_name(self, name: str) -> None:
        address = self.lines[name].address
        self._note(self._fleet.set_address(name, address, self.now))

    # --- time ---------------------------------------------------------------

    def _next_moment(self) -> float:
        due_at = self._fleet.next_deadline()
        turn_at = math.inf if due_at is None else max(due_at, self._busy_until)
        return min(turn_at, self._agenda[0][0] if self._agenda else math.inf)

    def _step(self) -> None:
        """Let everything arrive that is due, then the fleet act."""
        while self._agenda and self._agenda[0][0] <= self.now:
            heapq.heappop(self._agenda)[2]()
        if self.now < self._busy_until:
            return
        for line in self.lines.values():
            self._give_up(line)
        while step := self._fleet.advance(self.now, self.now):
            self._note(step.events)
            if step.outgoing is not None:
                self._send(
                    self.lines[step.outgoing.station], step.outgoing.data
                )

    def _plan(self, at: float, job: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), job))

    def _plan_waking(self, line: Line) -> None:
        moment = line.station.next_moment()
        if moment >= line.wakes_at:
            return
        line.wakes_at = moment

        def wake() -> None:
            if line.wakes_at == moment:
                line.wakes_at = math.inf
                self._leave(line, line.station.advance(self.now), None)

        self._plan(moment, wake)

    # --- the network --------------------------------------------------------

    def _link(self, faults: LinkFaults) -> FaultyLink:
        return FaultyLink(faults, f"{self._seed} {next(self._order)}")

    def _send(self, line: Line, data: bytes) -> None:
        text = data.decode("ascii")
        line.violations += line.checker.hear(data, self.now, CLIENT[0])
        previous = line.in_flight
        if previous and not (previous.is_answered or previous.is_given_up):
            line.overtaken.append(previous.text)
        line.requests.append(Request(text, self.now))
        for at, arriving in line.to_station.carry(data, self.now):

            def arrive(arriving: bytes = arriving) -> None:
                leaving = line.station.receive(arriving, self.now, CLIENT)
                self._leave(line, leaving, text)

            self._plan(at, arrive)

    def _give_up(self, line: Line) -> None:
        """Count a command whose answer has not come in time."""
        request = line.in_flight
        if request is None or request.is_answered or request.is_given_up:
            return
        if self.now >= request.at + REPLY_TIMEOUT_S:
            request.is_given_up = True
            line.unanswered += not request.text.startswith("report")

    def _leave(
        self, line: Line, leaving: Iterable[Outgoing], request: str | None
    ) -> None:
        """Carry what leaves a station; `request` is what it answers."""
        for outgoing in leaving:
            at = max(outgoing.at, self.now)
            for due, data in line.to_client.carry(outgoing.data, at):
                self._plan(due, self._hearing(line, data, request))
        self._plan_waking(line)

    def _hearing(
        self, line: Line, data: bytes, request: str | None
    ) -> Callable[[], None]:
        def hear() -> None:
            if self.now < self._busy_until:
                # It lies in the socket meanwhile.
                self._plan(self._busy_until, hear)
                return
            events = self._fleet.receive(data, line.address, self.now)
            for event in events:
                self._compare(line, event, request)
            self._note(events)

        return hear

    # --- the books ----------------------------------------------------------

    def _compare(self, line: Line, event: Event, request: str | None) -> None:
        """Compare what our side takes for an answer with the truth."""
        if isinstance(event, ReportReceived):
            self._answer(line, event.request)
        if isinstance(event, CommandAnswered):
            self._answer(line, str(event.command))
            if str(event.command) != request:
                line.miscredited.append(f"{event.command}: {request}")

    def _answer(self, line: Line, request: str) -> None:
        if line.in_flight is not None and line.in_flight.text == request:
            line.in_flight.is_answered = True

    def _note(self, events: Iterable[Event]) -> None:
        for event in events:
            self._write_down(event)

    def _write_down(self, event: Event) -> None:
        match event:
            case ReportReceived(station=name, request=request):
                self.lines[name].reports[request] += 1
            case ReportUnanswered(station=name):
                self.lines[name].unanswered += 1
            case CommandFinished(station=name, command=command):
                order = self.lines[name].order_of(command)
                order.outcomes.append(event.outcome)
            case CommandNotSent(station=name, word=word, outcome=outcome):
                self.lines[name].newest(word).outcomes.append(outcome)
            case ConnectionState(station=name):
                assert event.requests_sent == len(self.lines[name].requests)
                self.lines[name].state = event


def assert_books_agree(lines: Mapping[str, Line]) -> None:
    """Check what must hold whatever was lost, doubled or delayed."""
    for name, line in lines.items():
        assert line.violations == [], name
        assert line.overtaken == [], f"{name}: two requests in flight"


def assert_all_is_told(lines: Mapping[str, Line]) -> None:
    """Check, once the network is quiet, that each command has its result.

    Only `no_reply` may be corrected by a second one. `waiting` is none: it says
    that the result comes at the end of a delay.
    """
    for name, line in lines.items():
        for order in line.orders:
            told = [one for one in order.outcomes if one is not Outcome.WAITING]
            if told[:1] == [Outcome.NO_REPLY]:
                told = told[1:] or told
            assert len(told) == 1, f"{name}: {order}"
