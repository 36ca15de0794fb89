"""Real sockets for stations: one thread, one selector, many stations.

Each station has a socket bound to an address of its own. The server's thread
alone touches stations and sockets; others hand it actions.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import logging
import math
import queue
import re
import selectors
import socket
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from simulator.arrival import receive_stamped, stamp_arrivals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from simulator.actions import Action
    from simulator.faults import FaultyLink, LinkFaults
    from simulator.pauses import PauseChecker, Violation
    from simulator.wire import Address, Outgoing, Station

logger = logging.getLogger("simulator")

KEPT_ENTRIES = 100_000
"""Older entries are dropped, so that a long run does not fill the memory."""

LONGEST_WAIT_S = 3600.0
"""The selector knows no longer waits than some weeks."""

FAIR_SHARE = 20
"""Datagrams taken from one socket before the others have their turn."""

_REPORT = re.compile(rb'\{\s*"ID": "?(\d+)')

SPARE_FILES = 64
"""Files that a process needs besides the stations' sockets."""


@dataclass(frozen=True, slots=True)
class HeardRequest:
    """A datagram that reached a station's socket.

    Parameters
    ----------
    at
        When, in Unix seconds; the kernel's stamp where it gives one.
    """

    at: float
    station: str
    source: Address
    text: str


class Observer(Protocol):
    """Sees each datagram, in the server's thread, which must not wait."""

    def heard(self, request: HeardRequest) -> None:
        """A datagram has reached a station's socket."""

    def said(self, station: str, data: bytes) -> None:
        """A station's socket sends this now."""


@dataclass(slots=True)
class Endpoint:
    """A station's place in the network.

    Parameters
    ----------
    checker
        Who watches the pauses, if anybody does.
    """

    station: Station
    address: str
    to_station: FaultyLink
    to_client: FaultyLink
    checker: PauseChecker | None = None
    wakes_at: float = math.inf


class Server:
    """Lets stations talk on real sockets until it is told to stop.

    Parameters
    ----------
    broadcast
        An address at which all of them hear as well.
    observer
        Who sees each datagram, if anybody does.

    Raises
    ------
    OSError
        If an address or the port cannot be used.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        port: int,
        broadcast: str | None,
        observer: Observer | None = None,
    ) -> None:
        self._observer = observer
        self.requests: deque[HeardRequest] = deque(maxlen=KEPT_ENTRIES)
        self.violations: deque[Violation] = deque(maxlen=KEPT_ENTRIES)
        self._endpoints = {
            endpoint.station.name: endpoint for endpoint in endpoints
        }
        self._sockets: dict[str, socket.socket] = {}
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._orders: queue.SimpleQueue[
            tuple[Callable[[], None], Future[None]]
        ] = queue.SimpleQueue()
        self._is_ending = threading.Event()
        self._activity = threading.Condition()
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakee = socket.socketpair()
        try:
            self._open(endpoints, port, broadcast)
        except OSError:
            self.close()
            raise

    # For other threads -----------------------------------------------------

    def act(self, name: str, action: Action) -> Future[None]:
        """Let something happen to a station, soon; the result tells when."""
        return self._enqueue(
            lambda: self._perform(self._endpoints[name], action)
        )

    def disturb(
        self, name: str, to_station: LinkFaults, to_client: LinkFaults
    ) -> Future[None]:
        """Let something else be wrong with a station's links, soon."""
        endpoint = self._endpoints[name]

        def change() -> None:
            now = time.monotonic()
            endpoint.to_station.change(to_station, now)
            endpoint.to_client.change(to_client, now)

        return self._enqueue(change)

    def stop(self) -> None:
        """Let `run` return."""
        self._is_ending.set()
        self._wake()

    def wait_until(
        self, condition: Callable[[], bool], *, timeout_s: float
    ) -> bool:
        """Wait for something to become true, looking after each event."""
        with self._activity:
            return self._activity.wait_for(condition, timeout_s)

    def announce(self) -> None:
        """Let those who wait look again."""
        with self._activity:
            self._activity.notify_all()

    def _enqueue(self, job: Callable[[], None]) -> Future[None]:
        done: Future[None] = Future()
        self._orders.put((job, done))
        self._wake()
        return done

    # The server's thread ---------------------------------------------------

    def run(self) -> None:
        """Serve until `stop` is called."""
        for endpoint in self._endpoints.values():
            self._plan_waking(endpoint)
        while not self._is_ending.is_set():
            self._work_off()
            for key, _ in self._selector.select(self._wait_s()):
                key.data()
            self._work_off()
            self.announce()

    def close(self) -> None:
        """Close all sockets; call it when `run` has returned."""
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
        self._waker.close()
        self._wakee.close()

    def _open(
        self, endpoints: Sequence[Endpoint], port: int, broadcast: str | None
    ) -> None:
        _allow_files(len(endpoints) + SPARE_FILES)
        self._wakee.setblocking(False)
        self._selector.register(
            self._wakee, selectors.EVENT_READ, self._take_orders
        )
        for endpoint in endpoints:
            sock = self._listen(
                endpoint.address, port, [endpoint], is_broadcast=False
            )
            self._sockets[endpoint.station.name] = sock
        if broadcast is not None:
            self._listen(broadcast, port, endpoints, is_broadcast=True)

    def _listen(
        self,
        address: str,
        port: int,
        endpoints: Sequence[Endpoint],
        *,
        is_broadcast: bool,
    ) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        def read() -> None:
            self._read(sock, endpoints, is_broadcast=is_broadcast)

        self._selector.register(sock, selectors.EVENT_READ, read)
        sock.setblocking(False)
        stamp_arrivals(sock)
        try:
            sock.bind((address, port))
        except OSError as error:
            raise OSError(
                error.errno,
                f"UDP port {port} of {address} is used by another program; "
                "end that one (a simulator, the demo, the connector?) or take "
                "another address"
                if error.errno == errno.EADDRINUSE
                else f"{error.strerror}: {address}:{port}",
            ) from error
        # Only now: a second simulator is still refused, but a client that
        # listens on all addresses and shares its port may come afterwards.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return sock

    def _wake(self) -> None:
        # After `close` there is nobody left to wake.
        if self._waker.fileno() >= 0:
            self._waker.send(b"\0")

    def _take_orders(self) -> None:
        self._wakee.recv(4096)
        while not self._orders.empty():
            job, done = self._orders.get()
            try:
                job()
            except Exception as error:  # noqa: BLE001  (the caller sees it)
                done.set_exception(error)
            else:
                done.set_result(None)

    def _perform(self, endpoint: Endpoint, action: Action) -> None:
        now = time.monotonic()
        self._take(endpoint, endpoint.station.perform(action, now), now)

    def _read(
        self,
        sock: socket.socket,
        endpoints: Sequence[Endpoint],
        *,
        is_broadcast: bool,
    ) -> None:
        for _ in range(FAIR_SHARE):
            try:
                data, at, sender = receive_stamped(sock)
            except BlockingIOError:
                return
            except OSError as error:
                # The kernel's note that an earlier datagram found nobody.
                logger.debug("receiving: %s", error)
                continue
            for endpoint in endpoints:
                self._arrive(
                    endpoint, data, at, sender, is_broadcast=is_broadcast
                )

    def _arrive(
        self,
        endpoint: Endpoint,
        data: bytes,
        at: float,
        sender: Address,
        *,
        is_broadcast: bool,
    ) -> None:
        name = endpoint.station.name
        text = _readable(data)
        logger.info("%s << %s (from %s:%d)", name, text, *sender)
        request = HeardRequest(at, name, sender, text)
        self.requests.append(request)
        if self._observer:
            self._observer.heard(request)
        if endpoint.checker:
            for violation in endpoint.checker.hear(data, at, sender[0]):
                logger.warning("%s !! %s", name, violation)
                self.violations.append(violation)

        for due, arriving in endpoint.to_station.carry(data, time.monotonic()):

            def deliver(now: float, arriving: bytes = arriving) -> None:
                leaving = endpoint.station.receive(
                    arriving, now, sender, broadcast=is_broadcast
                )
                self._take(endpoint, leaving, now)

            self._plan(due, deliver)

    def _take(
        self, endpoint: Endpoint, leaving: Iterable[Outgoing], now: float
    ) -> None:
        """Pass on what leaves a station and plan its next moment."""
        name = endpoint.station.name
        for line in endpoint.station.take_log_lines():
            logger.info("%s %s", name, line)
        sock = self._sockets[name]
        for outgoing in leaving:
            at = max(outgoing.at, now)
            for due, data in endpoint.to_client.carry(outgoing.data, at):

                def send(
                    _now: float,
                    data: bytes = data,
                    to: Address = outgoing.to,
                ) -> None:
                    if self._observer:
                        self._observer.said(name, data)
                    _send(name, sock, data, to)

                self._plan(due, send)
        self._plan_waking(endpoint)

    # The agenda ------------------------------------------------------------

    def _plan(self, at: float, job: Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), job))

    def _plan_waking(self, endpoint: Endpoint) -> None:
        moment = endpoint.station.next_moment()
        if moment >= endpoint.wakes_at or moment == math.inf:
            return
        endpoint.wakes_at = moment

        def wake(now: float) -> None:
            if endpoint.wakes_at != moment:
                return
            endpoint.wakes_at = math.inf
            self._take(endpoint, endpoint.station.advance(now), now)

        self._plan(moment, wake)

    def _work_off(self) -> None:
        now = time.monotonic()
        while self._agenda and self._agenda[0][0] <= now:
            # A fleet in a hurry may have more to do than there is time for.
            if self._is_ending.is_set():
                return
            _, _, job = heapq.heappop(self._agenda)
            job(now)

    def _wait_s(self) -> float | None:
        if not self._agenda:
            return None
        left_s = self._agenda[0][0] - time.monotonic()
        return min(max(0.0, left_s), LONGEST_WAIT_S)


def _send(name: str, sock: socket.socket, data: bytes, to: Address) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("%s >> %s (to %s:%d)", name, _readable(data), *to)
    elif logger.isEnabledFor(logging.INFO) and not _is_frequent(data):
        logger.info("%s >> %s (to %s:%d)", name, _summary(data), *to)
    try:
        sock.sendto(data, to)
    except OSError as error:
        # A station does not know either whether it is heard.
        logger.debug("%s: sending to %s:%d: %s", name, *to, error)


def _is_frequent(data: bytes) -> bool:
    """Tell whether a datagram would drown the others: one for each 10 Wh."""
    return data.startswith(b'{"E pres"')


def _summary(data: bytes) -> str:
    """Return a short datagram as it is, a report by its number."""
    found = _REPORT.match(data)
    if found is None:
        return _readable(data)
    return f"report {int(found[1])} ({len(data)} bytes)"


def _readable(data: bytes) -> str:
    return " ".join(data.decode("ascii", "backslashreplace").split())


def _allow_files(number: int) -> None:
    """Raise the limit of open files where that is possible."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        number = min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
