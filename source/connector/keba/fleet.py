"""All stations side by side: who is due, and whose datagram this is.

Clockwork like `session`; stations never wait for each other.
"""

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from connector.keba.protocol.commands import Command
from connector.keba.protocol.fields import report_of_field
from connector.keba.protocol.messages import (
    Acceptance,
    Message,
    Report,
    StatusPush,
    parse_datagram,
)
from connector.keba.station.events import (
    AddressShared,
    Event,
    StationFloods,
    StrangerHeard,
)
from connector.keba.station.station import Session

FLOOD_PER_S = 200
"""Datagrams a second that are read of one station while we do not keep up.
KEBA's stations send a few; whoever sends more must not cost the other stations
anything. At BEMCom's default of 0.1 CPU a flood of 3000 a second was seen to
take all of it."""

STRANGERS_REMEMBERED = 1000

_IDLE_TURN_S = 0.005
"""A session whose turn brought nothing is not asked again at once."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A datagram that may leave now."""

    station: str
    address: str
    data: bytes


@dataclass(frozen=True, slots=True)
class FleetTurn:
    """What one look at the fleet has brought."""

    events: list[Event]
    outgoing: Outgoing | None = None


@dataclass(slots=True)
class _Member:
    session: Session
    address: str | None = None
    is_looked_up: bool = False
    due_at: float | None = None
    heard: int = 0
    counted_since: float = 0.0
    is_flood_told: bool = False

    def is_flooding(self, now: float) -> bool:
        """Count a datagram; tell whether there were too many this second."""
        if now - self.counted_since >= 1.0:
            self.counted_since = now
            self.heard = 0
            self.is_flood_told = False
        self.heard += 1
        return self.heard > FLOOD_PER_S

    def tell_flood(self) -> list[Event]:
        """Tell of a flood, once a second."""
        if self.is_flood_told:
            return []
        self.is_flood_told = True
        return [StationFloods(self.session.station, FLOOD_PER_S)]


class UnknownStationError(LookupError):
    """No station of that name is configured."""


class Fleet:
    """The sessions of all stations, found by name and by source address.

    Parameters
    ----------
    sessions
        One session for each station; it begins with its first address.
    """

    def __init__(self, sessions: Iterable[Session]) -> None:
        self._members = {
            session.station: _Member(session) for session in sessions
        }
        self._by_address: dict[str, _Member] = {}
        self._strangers: set[str] = set()
        self._agenda: list[tuple[float, int, _Member]] = []
        self._tie_breaker = itertools.count()

    @property
    def stations(self) -> tuple[str, ...]:
        """Names of all stations."""
        return tuple(self._members)

    def address_of(self, station: str) -> str | None:
        """Return the address of a station, None while it has none."""
        return self._member(station).address

    def set_address(
        self, station: str, address: str | None, now: float
    ) -> list[Event]:
        """Hear to which address the name of a station leads.

        An address that already belongs to another station is refused, since
        nobody could tell their answers apart.
        """
        member = self._member(station)
        events: list[Event] = []
        owner = self._by_address.get(address or "", member)
        if owner is not member and address is not None:
            events.append(
                AddressShared(station, owner.session.station, address)
            )
            address = None
        if member.address is not None:
            del self._by_address[member.address]
        member.address = address
        member.is_looked_up = True
        if address is not None:
            self._by_address[address] = member
        events += member.session.note_address(
            is_resolved=address is not None, now=now
        )
        self._schedule(member)
        return events

    def submit(self, station: str, command: Command, now: float) -> list[Event]:
        """Queue a command for a station."""
        member = self._member(station)
        events = member.session.submit(command, now)
        self._schedule(member)
        return events

    def receive(
        self, data: bytes, address: str, now: float, *, is_behind: bool = False
    ) -> list[Event]:
        """Take a datagram and hand it to the station that sent it.

        Parameters
        ----------
        data, address, now
            What came, from where, and when.
        is_behind
            Whether more comes than can be worked off; then a flood is read
            up to a limit only.
        """
        member = self._by_address.get(address)
        if member is None:
            return self._on_stranger(data, address)
        if member.is_flooding(now) and is_behind:
            return member.tell_flood()
        events = member.session.receive(data, now)
        self._schedule(member)
        return events

    def ask(self, station: str, report: int, now: float) -> None:
        """Ask a station for a report outside of its rounds."""
        member = self._member(station)
        member.session.ask(report, now)
        self._schedule(member)

    def set_in_charge(self, *, is_in_charge: bool, now: float) -> None:
        """Hear whether somebody is in charge, see `Caretaker`."""
        for member in self._members.values():
            member.session.set_in_charge(is_in_charge=is_in_charge, now=now)
            self._schedule(member)

    def say_farewell(self, now: float) -> None:
        """Poll no more; say what belongs to a clean end."""
        for member in self._members.values():
            member.session.say_farewell(now)
            self._schedule(member)

    @property
    def has_commands(self) -> bool:
        """Whether any command waits for its moment or for its answer."""
        return any(m.session.has_commands for m in self._members.values())

    @property
    def stations_left_armed(self) -> list[str]:
        """Stations that have not confirmed the farewell."""
        return [
            name
            for name, member in self._members.items()
            if member.session.owes_farewell
        ]

    def note_left(self, station: str, now: float) -> None:
        """Hear when the last datagram for a station has really left."""
        member = self._member(station)
        member.session.note_left(now)
        self._schedule(member)

    def note_send_error(self, station: str) -> None:
        """Hear that the last datagram for a station could not be sent."""
        self._member(station).session.note_send_error()

    def next_deadline(self) -> float | None:
        """Return the moment at which `turn` is worth a call."""
        while self._agenda:
            due_at, _, member = self._agenda[0]
            if due_at == member.due_at:
                return due_at
            heapq.heappop(self._agenda)
        return None

    def turn(self, now: float, heard_until: float) -> FleetTurn | None:
        """Let time pass for the one station that is due first.

        Parameters
        ----------
        now
            The moment.
        heard_until
            Up to when all that came was handed to `receive`.

        Returns
        -------
        FleetTurn or None
            None when no station is due.
        """
        due_at = self.next_deadline()
        if due_at is None or due_at > now:
            return None
        member = heapq.heappop(self._agenda)[2]
        member.due_at = None
        turn = member.session.turn(now, heard_until)
        is_idle = turn.datagram is None and not turn.events
        self._schedule(member, now + _IDLE_TURN_S if is_idle else 0.0)
        if turn.datagram is None or member.address is None:
            return FleetTurn(turn.events)
        outgoing = Outgoing(
            member.session.station, member.address, turn.datagram
        )
        return FleetTurn(turn.events, outgoing)

    def _member(self, station: str) -> _Member:
        try:
            return self._members[station]
        except KeyError:
            raise UnknownStationError(
                f"no station is called {station!r}"
            ) from None

    def _schedule(self, member: _Member, not_before: float = 0.0) -> None:
        """Put the member on the agenda; its older entries lose their due_at."""
        if not member.is_looked_up:
            # Nothing can leave before the first lookup has ended.
            return
        due_at = max(member.session.next_deadline(), not_before)
        if due_at == member.due_at:
            return
        member.due_at = due_at
        heapq.heappush(self._agenda, (due_at, next(self._tie_breaker), member))

    def _on_stranger(self, data: bytes, address: str) -> list[Event]:
        if (
            address in self._strangers
            or len(self._strangers) >= STRANGERS_REMEMBERED
        ):
            return []
        self._strangers.add(address)
        is_keba = _is_of_a_station(parse_datagram(data))
        return [StrangerHeard(address, is_keba)]


def _is_of_a_station(message: Message) -> bool:
    """Tell whether only a KEBA station says this."""
    if isinstance(message, StatusPush):
        return any(report_of_field(key) for key in message.fields)
    return isinstance(message, Report | Acceptance)
