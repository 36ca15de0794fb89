"""Many bare stations in a process of their own, that answer at once.

The stations of `simulator` are faithful and cost ten times more; here the
connector is to be measured, not the other side. Each answer is a recorded text
with its own `Sec`, so that a value on MQTT can be traced to the datagram it
came in. No two stations say the same `Sec`, nor push the same energy: what is
published under another one's name matches nothing.
"""

from __future__ import annotations

import itertools
import resource
import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bench.worker import Worker
from simulator.actions import PlugIn
from simulator.arrival import receive_stamped, stamp_arrivals
from simulator.profiles import PROFILES
from simulator.station import SimulatedStation
from simulator.wire import KEBA_PORT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection

TCH_OK = b"TCH-OK :done\n"
FIRST_SEC = 100_000
SECS_OF_EACH = 100_000
MOST_STATIONS = 10_000
"""The last `Sec` of the last one is far below what the connector takes."""

PUSHES_OF_EACH = 1_000
CHARGING_FOR_S = 60.0
SPARE_FILES = 100


class Heard(NamedTuple):
    """A request: when it arrived by the kernel's stamp, where, and what."""

    at: float
    station: int
    text: str


class Said(NamedTuple):
    """An answer or a push: when it left, from whom, and its number.

    `report` is 0 for a push, whose number is its `E pres`.
    """

    at: float
    station: int
    report: int
    number: int


@dataclass(slots=True)
class Traffic:
    """What went over the wire, in Unix seconds."""

    heard: list[Heard] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)


class BareFleet(Worker):
    """Bare stations, for the time of a `with` block.

    Parameters
    ----------
    addresses
        Where they listen.
    port
        On which port; they speak to KEBA's.
    client
        The address that pushes go to.
    """

    def __init__(
        self, addresses: Sequence[str], port: int, client: str
    ) -> None:
        super().__init__(_serve, tuple(addresses), port, client)

    def push(self, per_s: float, seconds: float) -> None:
        """Let the stations push in turn; return at once."""
        self._tell((per_s, seconds))

    def take_traffic(self) -> Traffic:
        """Return what went over the wire since the last call."""
        traffic: Traffic = self._ask()
        return traffic


def _serve(
    line: Connection, addresses: Sequence[str], port: int, client: str
) -> None:
    """Run the fleet: the body of its process."""
    _allow_files(len(addresses) + SPARE_FILES)
    texts = _recorded_texts()
    stations = [
        _BareStation(index, (address, port), client, texts)
        for index, address in enumerate(addresses)
    ]
    pushes: deque[tuple[float, int]] = deque()
    traffic = Traffic()
    line.send(traffic)
    with selectors.DefaultSelector() as selector:
        selector.register(line, selectors.EVENT_READ)
        for station in stations:
            selector.register(station.socket, selectors.EVENT_READ, station)
        while True:
            wait_s = max(0.0, pushes[0][0] - time.time()) if pushes else None
            for key, _ in selector.select(wait_s):
                if key.data is not None:
                    key.data.answer(traffic)
                    continue
                order = line.recv()
                if order is None:
                    line.send(traffic)
                    traffic = Traffic()
                else:
                    per_s, seconds = order
                    pushes += _plan(per_s, seconds, len(stations))
            while pushes and pushes[0][0] <= time.time():
                stations[pushes.popleft()[1]].push(traffic)


def _plan(
    per_s: float, seconds: float, stations: int
) -> list[tuple[float, int]]:
    begin = time.time()
    return [
        (begin + number / per_s, number % stations)
        for number in range(round(per_s * seconds))
    ]


class _BareStation:
    """A socket, recorded texts, and two counters."""

    def __init__(
        self,
        index: int,
        address: tuple[str, int],
        client: str,
        texts: Mapping[int, tuple[bytes, bytes]],
    ) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        stamp_arrivals(self.socket)
        self.socket.bind(address)
        self._index = index
        self._client = (client, KEBA_PORT)
        serial = b"%d" % (20_000_000 + index)
        self._texts = {
            b"report %d" % number: (number, before.replace(b"<>", serial), end)
            for number, (before, end) in texts.items()
        }
        self._sec = itertools.count(FIRST_SEC + index * SECS_OF_EACH)
        self._energy = itertools.count(1 + index * PUSHES_OF_EACH)

    def answer(self, traffic: Traffic) -> None:
        """Take one datagram and answer it."""
        request, at, sender = receive_stamped(self.socket)
        traffic.heard.append(Heard(at, self._index, request.decode()))
        known = self._texts.get(request)
        if known is None:
            self.socket.sendto(TCH_OK, (sender[0], KEBA_PORT))
            return
        number, before, after = known
        sec = next(self._sec)
        left_at = time.time()
        self.socket.sendto(
            b"%b%d%b" % (before, sec, after), (sender[0], KEBA_PORT)
        )
        traffic.said.append(Said(left_at, self._index, number, sec))

    def push(self, traffic: Traffic) -> None:
        """Tell the client that more energy has flowed."""
        energy = next(self._energy)
        left_at = time.time()
        self.socket.sendto(b'{"E pres": %d}' % energy, self._client)
        traffic.said.append(Said(left_at, self._index, 0, energy))


def _recorded_texts() -> dict[int, tuple[bytes, bytes]]:
    """Return what a charging P30 says, split where `Sec` stands.

    Its serial number is replaced by ``<>``.
    """
    station = SimulatedStation("recorded", PROFILES["p30-c"], seed=1)
    station.perform(PlugIn(), 0.0)
    station.advance(CHARGING_FOR_S)
    texts = {}
    for number in (1, 2, 3):
        request = b"report %d" % number
        at = CHARGING_FOR_S + number
        (reply,) = (
            one.data
            for one in station.receive(request, at)
            if one.data.startswith(b'{\n"ID"')
        )
        serial = reply.partition(b'"Serial": "')[2].partition(b'"')[0]
        before, key, rest = reply.replace(serial, b"<>").partition(b'"Sec": ')
        texts[number] = (before + key, rest.lstrip(b"0123456789"))
    return texts


def _allow_files(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
