"""The one UDP socket, and the thread that owns it, the fleet and the clock.

The thread "keba-udp" alone sees the fleet and its stations, hence nothing in
them needs a lock. Other threads hand in requests through an inbox, and wake
the thread by a byte; they take events from a bounded queue.
"""

import contextlib
import errno
import ipaddress
import logging
import math
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import NamedTuple

from connector.keba.fleet import UDP_PORT, Fleet, Outgoing, spread_rounds
from connector.keba.io.fair_queue import FairQueue
from connector.keba.io.resolver import NameLookup
from connector.keba.io.undelivered import ask_for_errors, undelivered
from connector.keba.protocol.commands import AskFirmware, Command
from connector.keba.protocol.messages import MAX_DATAGRAM_BYTES, without_card
from connector.keba.station.events import (
    ConnectionState,
    Event,
    ForeignRequestHeard,
    OddDatagram,
    ReportReceived,
    StatusReceived,
)
from connector.keba.station.station import (
    DEFAULT_OPTIONS,
    Station,
    StationOptions,
)

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
"""Asked for; the kernel may grant less. 1000 stations answer at once."""

EVENTS_PER_LANE = 2000
EVENTS_BEHIND = 200
"""When more events wait, the flow does not keep up with what comes."""

EVENTS_AT_ONCE = 10
"""So many are published together: waking the broker's thread for each of them
costs as much CPU as publishing it. More would keep stations waiting (decision
7)."""

READS_PER_LOOK = 500

LATE_READING_S = 1.0
"""So long a flood may put off that a request counts as not answered."""

DUE_TOGETHER_S = 0.001
"""What becomes due within this time is sent with one look."""

LOOK_INTERVAL_S = 4.0
STUCK_AFTER_S = 15.0
"""A thread that has not looked at its socket for so long hangs."""

SHUTDOWN_S = 0.5
"""So long the end may take for stations that are to be disarmed."""

_DATAGRAMS = (ReportReceived, StatusReceived, OddDatagram, ForeignRequestHeard)

FromOtherThread = Callable[[float], Sequence[Event] | None]
"""What another thread wants done at the moment it is read."""


class Delivery(NamedTuple):
    """An event, and when it happened in ms since 1970 UTC."""

    event: Event
    timestamp_ms: int


class GatewayError(Exception):
    """The UDP socket could not be opened, or its thread has died."""


class UnknownStationError(LookupError):
    """No station of that name is configured."""


class PortTakenError(GatewayError):
    """Another program on this host has the port."""


class Gateway:
    """Talks to all stations over one UDP socket, in a thread of its own.

    Parameters
    ----------
    stations
        Name of each station and its address or host name.
    serials
        Serial numbers of the stations that are meant, where known.
    options
        How all stations are spoken to; the first round and the serial are
        set for each of them.
    bind_address, port
        Where to listen; stations are expected at the same port.
    log
        For the datagrams themselves, at level DEBUG.
    """

    def __init__(
        self,
        stations: Mapping[str, str],
        *,
        serials: Mapping[str, str] | None = None,
        options: StationOptions = DEFAULT_OPTIONS,
        bind_address: str = "0.0.0.0",  # noqa: S104 - stations are outside
        port: int = UDP_PORT,
        log: logging.Logger,
    ) -> None:
        self._hosts = dict(stations)
        self._bind_address = bind_address
        self._port = port
        self._log = log
        self._clock = time.monotonic
        self._serials = serials or {}
        self._options = options
        self._fleet = Fleet((), port)
        self._received_until = self._clock()
        self._looked_at = self._received_until
        self._inbox: SimpleQueue[FromOtherThread] = SimpleQueue()
        self._events: FairQueue[Delivery] = FairQueue(EVENTS_PER_LANE)
        self._fresh: list[Delivery] = []
        self._has_events = threading.Condition()
        self._is_at_work = False
        self._names = NameLookup(self._on_lookup, log)
        self._closes_at = math.inf
        self._wake_writer: socket.socket | None = None
        self._failure: Exception | None = None
        self._thread = threading.Thread(
            target=self._run_and_report, name="keba-udp", daemon=True
        )

    # --- for other threads -------------------------------------------------

    def open(self) -> None:
        """Bind the socket and start the thread.

        Raises `GatewayError` if the port cannot be bound, `PortTakenError` if
        that is because another program has it.
        """
        self._socket = _bind(self._bind_address, self._port)
        self._wake_reader, self._wake_writer = socket.socketpair()
        for end in (self._wake_reader, self._wake_writer):
            end.setblocking(False)
        # For what was handed in before.
        self._wake()
        self._fleet = self._make_fleet()
        for station, host in self._hosts.items():
            self._find(station, host)
        self._looked_at = self._clock()
        self._thread.start()

    def _make_fleet(self) -> Fleet:
        options = self._options
        times = spread_rounds(
            len(self._hosts), options.poll_interval_s, self._clock()
        )
        stations = [
            Station(
                name,
                replace(
                    options,
                    first_round_at=first_at,
                    phase_at=phase_at,
                    serial=self._serials.get(name),
                ),
            )
            for name, (first_at, phase_at) in zip(
                self._hosts, times, strict=True
            )
        ]
        return Fleet(stations, self._port)

    def close(self) -> None:
        """Disarm what was armed, end the thread and free the port.

        Commands that have not been sent are lost.
        """
        if self._thread.ident is None:
            return
        self._hand_in(self._begin_shutdown)
        self._thread.join(timeout=SHUTDOWN_S + 0.5)

    @property
    def is_alive(self) -> bool:
        """Whether the thread looks at its socket, or is about to."""
        if self._thread.ident is None:
            return True
        is_stuck = self._clock() - self._looked_at > STUCK_AFTER_S
        return self._thread.is_alive() and not is_stuck

    @property
    def events_dropped(self) -> int:
        return self._events.dropped

    def submit(self, station: str, command: Command) -> None:
        if station not in self._hosts:
            raise UnknownStationError(f"no station is called {station!r}")
        self._hand_in(lambda now: self._fleet.submit(station, command, now))

    def ask(self, station: str, report: int) -> None:
        self._hand_in(lambda now: self._fleet.ask(station, report, now))

    def call_out(self, broadcast_address: str) -> None:
        """Send `i` to all stations of a network; those unknown are told.

        KEBA made `i` for this. No other request may be broadcast: every
        station would carry it out (UDP guide V2.01, pages 14 and 15). Raises
        `OSError` if it cannot be sent.
        """
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            self._socket.sendto(
                AskFirmware().encode(), (broadcast_address, self._port)
            )
        finally:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 0)

    def set_controlled(self, *, is_controlled: bool) -> None:
        """Tell whether the broker and the controller are there.

        While they are not, stations in failsafe mode are left to trip.
        """
        self._hand_in(
            lambda now: self._fleet.set_controlled(
                is_controlled=is_controlled, now=now
            )
        )

    def emit(self, event: Event) -> None:
        self._hand_in(lambda _: [event])

    def next_event(self, timeout_s: float) -> Delivery | None:
        """Wait for what happens next; None as `next_events`."""
        return next(iter(self.next_events(timeout_s, 1)), None)

    def next_events(
        self, timeout_s: float, at_most: int = EVENTS_AT_ONCE
    ) -> list[Delivery]:
        """Wait for what happens next; empty after `timeout_s`.

        Raises `GatewayError` if the thread has died; its cause is the cause
        of this error.
        """
        with self._has_events:
            self._has_events.wait_for(self._is_worth_a_look, timeout_s)
            deliveries = [
                delivery
                for _ in range(min(at_most, len(self._events)))
                if (delivery := self._events.take()) is not None
            ]
        if not deliveries and self._failure is not None:
            raise GatewayError(
                f"the thread of the UDP socket has died: {self._failure!r}"
            ) from self._failure
        return deliveries

    def _is_worth_a_look(self) -> bool:
        """Tell whether an event waits, and no station is being served.

        Python runs one thread at a time, and whoever makes a system call lets
        the others go first: a flow that works on while requests are to leave
        holds each of them up (decision 7).
        """
        if self._failure is not None:
            return True
        return not self._is_at_work and len(self._events) > 0

    def wall_clock_ms(self, moment: float) -> int:
        """Turn a moment of an event into ms since 1970 UTC."""
        return round((time.time() - self._clock() + moment) * 1000)

    def _hand_in(self, request: FromOtherThread) -> None:
        self._inbox.put(request)
        self._wake()

    def _wake(self) -> None:
        if self._wake_writer is None:
            return
        # A full pipe wakes the thread as well.
        with contextlib.suppress(BlockingIOError, OSError):
            self._wake_writer.send(b"!")

    # --- the thread --------------------------------------------------------

    def _run_and_report(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - seen by next_event
            self._hand_over()
            with self._has_events:
                self._failure = error
                self._has_events.notify_all()
        finally:
            self._socket.close()
            self._wake_reader.close()
            if self._wake_writer is not None:
                self._wake_writer.close()

    def _run(self) -> None:
        while not self._is_over():
            self._wait()
            self._is_at_work = True
            self._looked_at = self._clock()
            self._read_wake_bytes()
            self._read_inbox()
            # Before stations advance: what has come may answer a request
            # that is about to time out.
            self._read_socket()
            self._advance()
            self._hand_over()
        self._warn_of_armed()

    def _wait(self) -> None:
        # Two sockets need no epoll, whose timeout counts in milliseconds.
        select.select(
            [self._socket, self._wake_reader], [], [], self._timeout_s()
        )

    def _warn_of_armed(self) -> None:
        armed = self._fleet.stations_left_armed
        if armed:
            self._log.warning(
                "The failsafe mode of %s could not be switched off in time; "
                "without a connector it will limit the current soon",
                ", ".join(armed),
            )

    def _is_over(self) -> bool:
        if self._closes_at == math.inf:
            return False
        return not self._fleet.has_commands or self._clock() >= self._closes_at

    def _begin_shutdown(self, now: float) -> None:
        self._closes_at = now + SHUTDOWN_S
        self._fleet.shutdown(now)

    def _timeout_s(self) -> float:
        now = self._clock()
        deadline = self._fleet.next_deadline()
        until = now + LOOK_INTERVAL_S
        if deadline is not None:
            until = min(until, deadline + DUE_TOGETHER_S)
        return max(0.0, min(until, self._closes_at) - now)

    def _read_wake_bytes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_reader.recv(4096)

    def _read_inbox(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                request = self._inbox.get_nowait()
                self._deliver(request(self._clock()))

    def _read_socket(self) -> None:
        """Read what has come, up to a limit: stations must get their turn."""
        looked_at = self._clock()
        is_behind = len(self._events) > EVENTS_BEHIND
        for _ in range(READS_PER_LOOK):
            try:
                data, (address, port) = self._socket.recvfrom(
                    MAX_DATAGRAM_BYTES + 1
                )
            except BlockingIOError:
                self._received_until = looked_at
                return
            except OSError as error:
                # About a datagram that was sent before, to whomever.
                self._log.debug("UDP socket: %s", error)
                self._read_errors()
                continue
            now = self._clock()
            self._deliver(
                self._fleet.receive(
                    data, address, now, port=port, is_behind=is_behind
                )
            )
        self._received_until = max(
            self._received_until, looked_at - LATE_READING_S
        )

    def _read_errors(self) -> bool:
        """Read what the network has thrown away; tell if there was any."""
        errors = [*undelivered(self._socket)]
        for address, unreachable in errors:
            self._deliver(self._fleet.note_unreachable(address, unreachable))
        return bool(errors)

    def _advance(self) -> None:
        while step := self._fleet.advance(self._clock(), self._received_until):
            if step.outgoing is not None:
                self._send(step.outgoing)
            self._deliver(step.events)

    def _send(self, outgoing: Outgoing) -> None:
        if self._log.isEnabledFor(logging.DEBUG):
            request = without_card(outgoing.data.decode("ascii"))
            self._log.debug("%s >> %s", outgoing.station, request)
        error = self._try_to_send(outgoing)
        if error is not None and self._read_errors():
            # It was about an earlier datagram to somebody else.
            error = self._try_to_send(outgoing)
        if error is not None:
            self._log.debug("%s: %s", outgoing.station, error)
            self._fleet.note_send_error(outgoing.station, error.errno or 0)
        self._fleet.datagram_sent(outgoing.station, self._clock())

    def _try_to_send(self, outgoing: Outgoing) -> OSError | None:
        try:
            self._socket.sendto(outgoing.data, (outgoing.address, self._port))
        except OSError as error:
            return error
        return None

    def _deliver(self, events: Sequence[Event] | None) -> None:
        if not events:
            return
        timestamp_ms = time.time_ns() // 1_000_000
        for event in events:
            self._look_again(event)
            self._fresh.append(Delivery(event, timestamp_ms))

    def _hand_over(self) -> None:
        """Let the sensor flow take what has come, now that all is sent."""
        with self._has_events:
            for delivery in self._fresh:
                self._events.put(_lane_of(delivery.event), delivery)
            self._fresh.clear()
            self._is_at_work = False
            if self._events:
                self._has_events.notify()

    # --- names -------------------------------------------------------------

    def _find(self, station: str, host: str) -> None:
        """Give a station its address; names are looked up aside."""
        if _is_address(host):
            self._fleet.set_address(station, host, self._clock())
        else:
            self._names.ask(station, host)

    def _look_again(self, event: Event) -> None:
        """Look a name up again while its station stays silent."""
        if not isinstance(event, ConnectionState) or event.online:
            return
        if event.link.is_deaf:
            # It answers: the address is right.
            return
        host = self._hosts[event.station]
        if not _is_address(host):
            self._names.ask(event.station, host)

    def _on_lookup(self, station: str, address: str | None) -> None:
        self._hand_in(lambda now: self._note_found(station, address, now))

    def _note_found(
        self, station: str, address: str | None, now: float
    ) -> list[Event]:
        # A name service in trouble does not take a known address away.
        address = address or self._fleet.address_of(station)
        return self._fleet.set_address(station, address, now)


def _bind(address: str, port: int) -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        udp.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES
        )
        udp.setblocking(False)
        ask_for_errors(udp)
        udp.bind((address, port))
    except OSError as error:
        udp.close()
        is_taken = error.errno == errno.EADDRINUSE
        kind = PortTakenError if is_taken else GatewayError
        raise kind(_bind_advice(address, port, error)) from error
    return udp


def _bind_advice(address: str, port: int, error: OSError) -> str:
    where = f"UDP port {port} of {address} cannot be bound: {error.strerror}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"{where}. Another program on this host talks to KEBA stations "
            "(a second connector, evcc, Home Assistant…); stations answer to "
            "this port only, so end that program or use another host"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{where}. KEBA_P30_BIND_ADDRESS must be an address of this host"
    return where


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _lane_of(event: Event) -> str:
    """Keep a station's flood of datagrams apart from all other events."""
    if isinstance(event, _DATAGRAMS):
        return f"{event.station} <<"
    return getattr(event, "station", "")
