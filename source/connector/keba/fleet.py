"""All stations side by side: who is due, and whose datagram this is.

Sans-I/O like `connector.keba.station`; stations never wait for each other.
"""

import heapq
import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from connector.keba.protocol.commands import Command
from connector.keba.protocol.fields import report_of_field
from connector.keba.protocol.messages import (
    Acceptance,
    FirmwareReply,
    ForeignRequest,
    Message,
    Report,
    StatusPush,
    parse_datagram,
)
from connector.keba.station.events import (
    AddressShared,
    Elsewhere,
    Event,
    OddDatagram,
    StationFloods,
    UnknownSender,
    Unreachable,
)
from connector.keba.station.station import Station

UDP_PORT = 7090
"""Requests leave from it, replies come to it (evcc-io/evcc#31478)."""

FLOOD_PER_S = 200
"""Datagrams a second that are read of one station while we do not keep up.
KEBA's stations send a few; whoever sends more must not cost the other stations
anything. At BEMCom's default of 0.1 CPU a flood of 3000 a second was seen to
take all of it."""

UNKNOWN_SENDERS_REMEMBERED = 1000
"""Addresses can be forged; the memory of them is bounded."""

_IDLE_STEP_S = 0.005
"""A station whose step brought nothing is not asked again at once: rounding of
moments must not become a loop."""


SPREAD = 0.8
"""Rounds begin within this part of the interval. Began they together, the
answers of a thousand stations would wait a second for the interpreter and the
broker; within a third of it they would still fill a core (decision 11)."""

STATIONS_IN_A_SLOT = 16
"""So many begin together. Each beginning wakes three threads from their sleep;
more at once make the last value wait for the others (decision 11)."""

SLOT_S = 0.08
"""Slots are no closer together: with a thousand stations each five seconds 20
share one, since there CPU is scarcer than milliseconds."""

FIRST_ROUNDS_APART_S = 0.005
FIRST_ROUNDS_S = 2.0
"""First rounds come sooner than their phase, but not all at once."""


class RoundTimes(NamedTuple):
    """When a station is asked first, and a moment of its later rounds."""

    first_at: float
    phase_at: float


def spread_rounds(
    count: int, interval_s: float, begin_at: float
) -> Iterator[RoundTimes]:
    """Spread the rounds of so many stations over a part of the interval.

    All first rounds come as soon as they can be worked off.
    """
    spread_s = SPREAD * interval_s
    slots = max(1, min(count // STATIONS_IN_A_SLOT, int(spread_s / SLOT_S)))
    first_apart_s = min(
        FIRST_ROUNDS_APART_S, min(FIRST_ROUNDS_S, spread_s) / max(1, count)
    )
    for number in range(count):
        slot = number * slots // count
        last_in_slot = math.ceil((slot + 1) * count / slots) - 1
        yield RoundTimes(
            begin_at + number * first_apart_s,
            # Not before any of them may be asked again, five seconds after
            # its first round: they would be late for ever, each by itself.
            begin_at
            + max(slot * spread_s / slots, last_in_slot * first_apart_s),
        )


class Outgoing(NamedTuple):
    """A datagram that may leave now."""

    station: str
    address: str
    data: bytes


class FleetStep(NamedTuple):
    """What has happened at a station, and what may leave for it now."""

    events: list[Event]
    outgoing: Outgoing | None = None


@dataclass(slots=True)
class _Member:
    station: Station
    address: str | None = None
    is_looked_up: bool = False
    due_at: float | None = None
    received: int = 0
    counted_since: float = 0.0
    is_flood_reported: bool = False

    def is_flooding(self, now: float) -> bool:
        """Count a datagram; tell whether there were too many this second."""
        if now - self.counted_since >= 1.0:
            self.counted_since = now
            self.received = 0
            self.is_flood_reported = False
        self.received += 1
        return self.received > FLOOD_PER_S

    def report_flood(self) -> list[Event]:
        if self.is_flood_reported:
            return []
        self.is_flood_reported = True
        return [StationFloods(self.station.name, FLOOD_PER_S)]


class Fleet:
    """All stations, found by name and by source address.

    Each begins with its first address; all send from the same port.
    """

    def __init__(
        self, stations: Iterable[Station], port: int = UDP_PORT
    ) -> None:
        self._port = port
        self._members = {station.name: _Member(station) for station in stations}
        self._by_address: dict[str, _Member] = {}
        self._unknown_senders: set[str] = set()
        self._agenda: list[tuple[float, int, _Member]] = []
        self._tie_breaker = itertools.count()

    def address_of(self, station: str) -> str | None:
        return self._members[station].address

    def set_address(
        self, station: str, address: str | None, now: float
    ) -> list[Event]:
        """Note to which address the name of a station leads.

        An address that already belongs to another station is refused, since
        nobody could tell their answers apart.
        """
        member = self._members[station]
        events: list[Event] = []
        owner = self._by_address.get(address, member) if address else member
        if address is not None and owner is not member:
            events += [AddressShared(station, owner.station.name, address)]
            address = None
        if member.address is not None:
            del self._by_address[member.address]
        member.address = address
        member.is_looked_up = True
        if address is not None:
            self._by_address[address] = member
        events += member.station.note_address(
            is_resolved=address is not None, now=now
        )
        self._schedule(member)
        return events

    def submit(self, station: str, command: Command, now: float) -> list[Event]:
        member = self._members[station]
        events = member.station.submit(command, now)
        self._schedule(member)
        return events

    def receive(
        self,
        data: bytes,
        address: str,
        now: float,
        *,
        port: int = UDP_PORT,
        is_behind: bool = False,
    ) -> list[Event]:
        """Take a datagram and hand it to the station that sent it.

        Only the stations' own port is believed. When more comes than can be
        worked off (`is_behind`), a flood is read up to a limit only.
        """
        member = self._by_address.get(address)
        if member is None:
            return self._on_unknown_sender(data, address, port)
        if member.is_flooding(now) and is_behind:
            return member.report_flood()
        if port != self._port:
            return self._on_wrong_port(member, data, address, port)
        events = member.station.receive(data, now)
        self._schedule(member)
        return events

    def ask(self, station: str, report: int, now: float) -> None:
        member = self._members[station]
        member.station.ask(report, now)
        self._schedule(member)

    def set_controlled(self, *, is_controlled: bool, now: float) -> None:
        for member in self._members.values():
            member.station.set_controlled(is_controlled=is_controlled, now=now)
            self._schedule(member)

    def shutdown(self, now: float) -> None:
        for member in self._members.values():
            member.station.shutdown(now)
            self._schedule(member)

    @property
    def has_commands(self) -> bool:
        return any(m.station.has_commands for m in self._members.values())

    @property
    def stations_left_armed(self) -> list[str]:
        """Stations whose failsafe mode could not be switched off so far."""
        return [
            name
            for name, member in self._members.items()
            if member.station.is_left_armed
        ]

    def datagram_sent(self, station: str, now: float) -> None:
        member = self._members[station]
        member.station.datagram_sent(now)
        self._schedule(member)

    def note_send_error(self, station: str, number: int) -> None:
        self._members[station].station.note_send_error(number)

    def note_unreachable(
        self, address: str, unreachable: Unreachable
    ) -> list[Event]:
        member = self._by_address.get(address)
        if member is None:
            return []
        return member.station.note_unreachable(unreachable)

    def next_deadline(self) -> float | None:
        while self._agenda:
            due_at, _, member = self._agenda[0]
            if due_at == member.due_at:
                return due_at
            heapq.heappop(self._agenda)
        return None

    def advance(self, now: float, received_until: float) -> FleetStep | None:
        """Let time pass for the station that is due first, if one is.

        `received_until` as in `Station.advance`.
        """
        due_at = self.next_deadline()
        if due_at is None or due_at > now:
            return None
        member = heapq.heappop(self._agenda)[2]
        member.due_at = None
        step = member.station.advance(now, received_until)
        is_idle = step.datagram is None and not step.events
        self._schedule(member, now + _IDLE_STEP_S if is_idle else 0.0)
        if step.datagram is None or member.address is None:
            return FleetStep(step.events)
        outgoing = Outgoing(member.station.name, member.address, step.datagram)
        return FleetStep(step.events, outgoing)

    def _schedule(self, member: _Member, not_before: float = 0.0) -> None:
        """Put the member on the agenda; its older entries lose their due_at."""
        if not member.is_looked_up:
            # Nothing can leave before the first lookup has ended.
            return
        due_at = max(member.station.next_deadline(), not_before)
        if due_at == member.due_at:
            return
        member.due_at = due_at
        heapq.heappush(self._agenda, (due_at, next(self._tie_breaker), member))

    def _on_wrong_port(
        self, member: _Member, data: bytes, address: str, port: int
    ) -> list[Event]:
        """Tell of a datagram that only has a station's address.

        Stations send from their port. Anybody may forge an address; who sits
        on the station's host, or behind its router, has another port.
        """
        reason = f"it came from port {port}, stations send from {self._port}"
        events: list[Event] = [OddDatagram(member.station.name, reason)]
        message = parse_datagram(data)
        if not isinstance(message, Report):
            return events
        elsewhere = Elsewhere(address, port, _serial_of(message))
        return [*events, *member.station.note_elsewhere(elsewhere)]

    def _on_unknown_sender(
        self, data: bytes, address: str, port: int
    ) -> list[Event]:
        message = parse_datagram(data)
        events: list[Event] = []
        if isinstance(message, Report):
            events += self._note_elsewhere(message, address, port)
        if (
            address in self._unknown_senders
            or len(self._unknown_senders) >= UNKNOWN_SENDERS_REMEMBERED
        ):
            return events
        self._unknown_senders.add(address)
        request = message.text if isinstance(message, ForeignRequest) else ""
        is_keba = _is_of_a_station(message)
        return [*events, UnknownSender(address, is_keba, request)]

    def _note_elsewhere(
        self, report: Report, address: str, port: int
    ) -> list[Event]:
        """Note a report for the station that it belongs to, if any does."""
        serial = _serial_of(report)
        stations = [member.station for member in self._members.values()]
        owners = [
            one for one in stations if serial and one.expected_serial == serial
        ]
        if not owners:
            # Without a configured serial number, if only one waits for it.
            owners = [
                one
                for one in stations
                if one.expected_serial is None and one.awaits(report.number)
            ]
        if len(owners) != 1:
            return []
        return owners[0].note_elsewhere(Elsewhere(address, port, serial))


def _serial_of(report: Report) -> str | None:
    serial = report.fields.get("Serial")
    return None if serial is None else str(serial)


def _is_of_a_station(message: Message) -> bool:
    """Tell whether only a KEBA station says this."""
    if isinstance(message, StatusPush):
        return any(report_of_field(key) for key in message.fields)
    return isinstance(message, Report | Acceptance | FirmwareReply)
