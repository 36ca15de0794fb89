"""Simulated stations on real sockets, ready to use in a `with` block.

One thread, one selector, many stations: each has a socket bound to an address
of its own. That thread alone touches stations and sockets; others hand it
actions.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import logging
import math
import queue
import re
import resource
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    NamedTuple,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
)

from simulator.actions import Action, Answer, Reboot, Silence
from simulator.arrival import receive_stamped, stamp_arrivals
from simulator.faults import NO_FAULTS, FaultyLink, LinkFaults
from simulator.pauses import PauseChecker, Violation
from simulator.profiles import Profile, find_profile
from simulator.scenario import Scenario, find_scenario
from simulator.station import SimulatedStation
from simulator.wire import KEBA_PORT, Address, Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

logger = logging.getLogger("simulator")

ACTION_TIMEOUT_S = 10.0
"""For a thread that has nothing to wait for itself."""

KEPT_ENTRIES = 100_000
"""Older entries are dropped, so that a long run does not fill the memory."""

LONGEST_WAIT_S = 3600.0
"""The selector knows no longer waits than some weeks."""

FAIR_SHARE = 20
"""Datagrams taken from one socket before the others have their turn."""

SPARE_FILES = 64
"""Files that a process needs besides the stations' sockets."""

_REPORT = re.compile(rb'\{\s*"ID": "?(\d{1,9})\b')

_T = TypeVar("_T", "Profile | str", "Scenario | str", LinkFaults)
PerStation: TypeAlias = "_T | Mapping[str, _T]"


class HeardRequest(NamedTuple):
    """A datagram that reached a station's socket.

    `at` is in Unix seconds, the kernel's stamp where it gives one.
    """

    at: float
    station: str
    source: Address
    text: str


class Observer(Protocol):
    """Sees each datagram, in the simulator's thread, which must not wait."""

    def heard(self, request: HeardRequest) -> None:
        """A datagram has reached a station's socket."""

    def said(self, station: str, data: bytes) -> None:
        """A station's socket sends this now."""


@dataclass(slots=True)
class _Endpoint:
    """A station's place in the network."""

    station: SimulatedStation
    address: str
    to_station: FaultyLink
    to_client: FaultyLink
    checker: PauseChecker | None
    wakes_at: float = math.inf


class Simulator:
    """Simulated stations on real sockets, for the time of a `with` block.

    Parameters
    ----------
    stations
        Name and address of each station.
    profile, scenario, faults
        The same for all stations, or a table with an entry for each.
    speed
        How much faster time passes inside the stations.
    seed
        Where chance begins; each station draws its own from it.
    faults_to_client
        What is wrong with the way back; the same as `faults` if not given.
    strict
        Whether to look for broken pauses.
    port
        The port of stations and clients; KEBA's, unless a test cannot use it.
    broadcast
        An address at which all stations hear as well.
    observer
        Who sees each datagram.
    others
        Stations made by other means (a replay, for instance), by the name
        that they have in `stations`.

    Raises
    ------
    ValueError
        If a profile or scenario is not known.
    OSError
        On entering, if an address or the port cannot be used.

    Attributes
    ----------
    stations : dict
        The stations by name. They live in the simulator's thread: other
        threads only look.
    failure : BaseException or None
        What ended that thread before its time.
    """

    def __init__(
        self,
        stations: Mapping[str, str],
        *,
        profile: PerStation[Profile | str] = "p30-c",
        scenario: PerStation[Scenario | str] = "idle",
        speed: float = 1.0,
        seed: int = 1,
        faults: PerStation[LinkFaults] = NO_FAULTS,
        faults_to_client: PerStation[LinkFaults] | None = None,
        strict: bool = True,
        port: int = KEBA_PORT,
        broadcast: str | None = None,
        observer: Observer | None = None,
        others: Mapping[str, SimulatedStation] | None = None,
    ) -> None:
        self._port = port
        self._observer = observer
        self._broadcast = broadcast
        back = faults if faults_to_client is None else faults_to_client
        now = time.monotonic()
        self.stations: dict[str, SimulatedStation] = {}
        self._endpoints: dict[str, _Endpoint] = {}
        for name, address in stations.items():
            model: Profile | str = _pick(profile, name)
            plot: Scenario | str = _pick(scenario, name)
            self.stations[name] = (others or {}).get(name) or SimulatedStation(
                name,
                find_profile(model) if isinstance(model, str) else model,
                seed,
                scenario=find_scenario(plot, f"{seed} {name}")
                if isinstance(plot, str)
                else plot,
                speed=speed,
                now=now,
                port=port,
                unix_at_zero=time.time() - now,
            )
            self._endpoints[name] = _Endpoint(
                self.stations[name],
                address,
                FaultyLink(_pick(faults, name), f"{seed} {name} there", now),
                FaultyLink(_pick(back, name), f"{seed} {name} back", now),
                PauseChecker(name) if strict else None,
            )
        self.failure: BaseException | None = None
        self._requests: deque[HeardRequest] = deque(maxlen=KEPT_ENTRIES)
        self._violations: deque[Violation] = deque(maxlen=KEPT_ENTRIES)
        self._sockets: dict[str, socket.socket] = {}
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._jobs: queue.SimpleQueue[
            tuple[Callable[[], None], Future[None]]
        ] = queue.SimpleQueue()
        self._is_ending = threading.Event()
        self._activity = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="simulator")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._selector = selectors.DefaultSelector()
            stack.enter_context(self._selector)
            self._waker, self._wakee = map(
                stack.enter_context, socket.socketpair()
            )
            self._selector.register(
                self._wakee, selectors.EVENT_READ, self._take_jobs
            )
            everybody = list(self._endpoints.values())
            _allow_files(len(everybody) + SPARE_FILES)
            for name, endpoint in self._endpoints.items():
                sock = self._listen(stack, endpoint.address, [endpoint])
                self._sockets[name] = sock
            if self._broadcast is not None:
                self._listen(stack, self._broadcast, everybody)
            self._thread.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        self._is_ending.set()
        self._waker.send(b"\0")
        self._thread.join()
        self._stack.close()
        if self.failure is not None and error is None:
            raise self.failure

    # What happened ---------------------------------------------------------

    @property
    def requests(self) -> list[HeardRequest]:
        """All datagrams that reached the stations' sockets, in order."""
        return list(self._requests)

    @property
    def violations(self) -> list[Violation]:
        """All broken pauses, in order; empty unless strict."""
        return list(self._violations)

    def wait_until(
        self, condition: Callable[[], bool], timeout_s: float = ACTION_TIMEOUT_S
    ) -> bool:
        """Wait until something is true of the stations or the requests."""
        with self._activity:
            return self._activity.wait_for(condition, timeout_s)

    # What to do to stations ------------------------------------------------

    def act(self, name: str, action: Action) -> None:
        """Let something happen to a station; return when it has."""

        def perform(endpoint: _Endpoint, now: float) -> None:
            self._take(endpoint, endpoint.station.perform(action, now), now)

        self._let_do(name, perform)

    def disturb(
        self,
        name: str,
        to_station: LinkFaults = NO_FAULTS,
        to_client: LinkFaults = NO_FAULTS,
    ) -> None:
        """Let something else be wrong with the way to a station, and back."""

        def change(endpoint: _Endpoint, now: float) -> None:
            endpoint.to_station.change(to_station, now)
            endpoint.to_client.change(to_client, now)

        self._let_do(name, change)

    def reboot(self, name: str) -> None:
        """Switch a station's power off and on."""
        self.act(name, Reboot())

    def silence(self, name: str, requests: tuple[str, ...] = ()) -> None:
        """Leave requests (all if none is named) without an answer."""
        self.act(name, Silence(requests))

    def answer(self, name: str) -> None:
        """Let a silenced station answer again."""
        self.act(name, Answer())

    def _let_do(
        self, name: str, job: Callable[[_Endpoint, float], None]
    ) -> None:
        """Let the simulator's thread do something; return when it has."""
        if name not in self._endpoints:
            raise ValueError(f"there is no station {name!r}")
        if self.failure is not None:
            raise self.failure
        endpoint = self._endpoints[name]
        done: Future[None] = Future()
        self._jobs.put((lambda: job(endpoint, time.monotonic()), done))
        self._waker.send(b"\0")
        done.result(ACTION_TIMEOUT_S)

    # The simulator's thread ------------------------------------------------

    def _run(self) -> None:
        try:
            for endpoint in self._endpoints.values():
                self._plan_waking(endpoint)
            while not self._is_ending.is_set():
                self._work_off()
                for key, _ in self._selector.select(self._wait_s()):
                    key.data()
                self._work_off()
                self._announce()
        except BaseException as failure:
            # Raised again where somebody sees it, in `__exit__`.
            self.failure = failure
            logger.exception("the simulator's thread ended")
            self._announce()

    def _announce(self) -> None:
        """Let those who wait look again."""
        with self._activity:
            self._activity.notify_all()

    def _take_jobs(self) -> None:
        self._wakee.recv(4096)
        while not self._jobs.empty():
            job, done = self._jobs.get()
            try:
                job()
            except Exception as error:  # noqa: BLE001  (the caller sees it)
                done.set_exception(error)
            else:
                done.set_result(None)

    def _listen(
        self, stack: ExitStack, address: str, endpoints: Sequence[_Endpoint]
    ) -> socket.socket:
        sock = stack.enter_context(
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        )
        sock.setblocking(False)
        stamp_arrivals(sock)
        try:
            sock.bind((address, self._port))
        except OSError as error:
            raise OSError(
                error.errno,
                f"UDP port {self._port} of {address} is used by another "
                "program; end that one (a simulator, the demo, the "
                "connector?) or take another address"
                if error.errno == errno.EADDRINUSE
                else f"{error.strerror}: {address}:{self._port}",
            ) from error
        # Only now: a second simulator is still refused, but a client that
        # listens on all addresses and shares its port may come afterwards.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        is_broadcast = address == self._broadcast

        def read() -> None:
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

        self._selector.register(sock, selectors.EVENT_READ, read)
        return sock

    def _arrive(
        self,
        endpoint: _Endpoint,
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
        self._requests.append(request)
        if self._observer:
            self._observer.heard(request)
        if endpoint.checker:
            for violation in endpoint.checker.hear(data, at, sender[0]):
                logger.warning("%s !! %s", name, violation)
                self._violations.append(violation)

        for due, arriving in endpoint.to_station.carry(data, time.monotonic()):

            def deliver(now: float, arriving: bytes = arriving) -> None:
                leaving = endpoint.station.receive(
                    arriving, now, sender, broadcast=is_broadcast
                )
                self._take(endpoint, leaving, now)

            self._plan(due, deliver)

    def _take(
        self, endpoint: _Endpoint, leaving: Iterable[Outgoing], now: float
    ) -> None:
        """Pass on what leaves a station and plan its next moment."""
        name = endpoint.station.name
        for line in endpoint.station.take_log_lines():
            logger.info("%s %s", name, line)
        for outgoing in leaving:
            at = max(outgoing.at, now)
            for due, data in endpoint.to_client.carry(outgoing.data, at):

                def send(
                    _now: float, data: bytes = data, to: Address = outgoing.to
                ) -> None:
                    self._send(name, data, to)

                self._plan(due, send)
        self._plan_waking(endpoint)

    def _send(self, name: str, data: bytes, to: Address) -> None:
        if self._observer:
            self._observer.said(name, data)
        # The energy would drown the rest: a message for each 10 Wh.
        if not data.startswith(b'{"E pres"'):
            logger.info("%s >> %s (to %s:%d)", name, _summary(data), *to)
        try:
            self._sockets[name].sendto(data, to)
        except OSError as error:
            # A station does not know either whether it is heard.
            logger.debug("%s: sending to %s:%d: %s", name, *to, error)

    # The agenda ------------------------------------------------------------

    def _plan(self, at: float, job: Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), job))

    def _plan_waking(self, endpoint: _Endpoint) -> None:
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
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        number = min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))


def _pick(choice: PerStation[_T], name: str) -> _T:
    return choice[name] if isinstance(choice, Mapping) else choice
