"""The thin shell of the tools: one UDP socket at KEBA's port."""

import contextlib
import errno
import math
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from connector.keba.protocol.messages import MAX_DATAGRAM_BYTES
from connector.tools.interview import Interview
from connector.tools.problems import Problem

_IP_RECVERR = 11
"""Linux's option that gives the network's complaints to the sender, see
ip(7); Python's `socket` module does not name it before 3.14."""

LONGEST_WAIT_S = 0.2
RECEIVE_BUFFER_BYTES = 1024 * 1024


class PortTaken(Problem):
    """Another program on this host has KEBA's port."""


class Line:
    """A UDP socket bound to KEBA's port, and who was heard on it.

    Parameters
    ----------
    bind_address, port
        Where to listen; stations are expected at the same port.

    Attributes
    ----------
    strangers : dict
        First datagram of each address that nobody was asked at.

    Raises
    ------
    PortTaken
        On entering, if another program has the port.
    Problem
        On entering, if it cannot be bound for another reason.
    """

    def __init__(self, bind_address: str, port: int) -> None:
        self.strangers: dict[str, bytes] = {}
        self._where = (bind_address, port)
        self._port = port

    def __enter__(self) -> Self:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setblocking(False)
        udp.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES
        )
        if sys.platform == "linux":
            udp.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        try:
            udp.bind(self._where)
        except OSError as error:
            udp.close()
            raise _bind_problem(self._where, error) from None
        self._socket = udp
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def allow_broadcasts(self) -> None:
        """Let `send` reach broadcast addresses."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def send(self, address: str, data: bytes) -> None:
        """Send a datagram to the station's port.

        Raises
        ------
        OSError
            If it cannot leave.
        """
        self._socket.sendto(data, (address, self._port))

    def conduct(
        self,
        interviews: Mapping[str, Interview],
        *,
        until: float = math.inf,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Let all interviews go on side by side until they are over.

        Parameters
        ----------
        interviews
            One for each address; who else is heard is a stranger.
        until
            When to end at the latest, on the clock of `time.monotonic`.
        on_progress
            Called whenever something was sent or heard.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            while time.monotonic() < until:
                self._take_turns(interviews)
                if all(one.is_over for one in interviews.values()):
                    return
                selector.select(self._patience_s(interviews, until))
                self._hear(interviews)
                on_progress()

    def listen(
        self, interviews: Mapping[str, Interview], seconds: float
    ) -> None:
        """Hear what comes by itself."""
        ends_at = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            while (left_s := ends_at - time.monotonic()) > 0:
                selector.select(min(left_s, LONGEST_WAIT_S))
                self._hear(interviews)

    def _take_turns(self, interviews: Mapping[str, Interview]) -> None:
        now = time.monotonic()
        for address, interview in interviews.items():
            if interview.next_deadline() > now:
                continue
            datagram = interview.turn(now)
            if datagram is not None:
                self._ask(address, datagram, interviews)

    def _ask(
        self,
        address: str,
        datagram: bytes,
        interviews: Mapping[str, Interview],
    ) -> None:
        # A complaint about an earlier datagram comes up with the next call.
        self._read_complaints(interviews)
        try:
            self.send(address, datagram)
        except OSError as error:
            interviews[address].note_obstacle(error.errno or errno.EIO)
        interviews[address].note_left(time.monotonic())

    def _patience_s(
        self, interviews: Mapping[str, Interview], until: float
    ) -> float:
        due_at = min(one.next_deadline() for one in interviews.values())
        wait_s = min(due_at, until) - time.monotonic()
        return min(max(0.0, wait_s), LONGEST_WAIT_S)

    def _hear(self, interviews: Mapping[str, Interview]) -> None:
        self._read_complaints(interviews)
        while True:
            try:
                data, (address, _) = self._socket.recvfrom(
                    MAX_DATAGRAM_BYTES + 1
                )
            except BlockingIOError:
                return
            except OSError:
                # A complaint that the error queue tells more about.
                self._read_complaints(interviews)
                continue
            interview = interviews.get(address)
            if interview is not None:
                interview.receive(data, time.monotonic())
            else:
                self.strangers.setdefault(address, data)

    def _read_complaints(self, interviews: Mapping[str, Interview]) -> None:
        """Hear which datagrams the network could not deliver."""
        if sys.platform != "linux":
            return
        with contextlib.suppress(BlockingIOError):
            while True:
                _, notes, _, (address, _) = self._socket.recvmsg(
                    MAX_DATAGRAM_BYTES, 512, socket.MSG_ERRQUEUE
                )
                for _, _, note in notes:
                    # struct sock_extended_err begins with the errno, ip(7).
                    number = int.from_bytes(note[:4], sys.byteorder)
                    if address in interviews:
                        interviews[address].note_obstacle(number)


def _bind_problem(where: tuple[str, int], error: OSError) -> Problem:
    address, port = where
    text = f"UDP port {port} of {address} cannot be bound: {error.strerror}"
    if error.errno == errno.EADDRINUSE:
        return PortTaken(text, code="port_taken")
    if error.errno == errno.EADDRNOTAVAIL:
        advice = "KEBA_P30_BIND_ADDRESS must be an address of this host"
        return Problem(text, advice, "bind_address")
    return Problem(text, os.strerror(error.errno or errno.EIO), "bind_failed")


def local_address_towards(address: str) -> str:
    """Return the address of this host that a station would see.

    Raises
    ------
    OSError
        If there is no route to the station.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Connecting a UDP socket sends nothing: it only asks for the route.
        probe.connect((address, 9))
        return str(probe.getsockname()[0])


def resolve(host: str) -> str:
    """Return the IPv4 address of a host.

    Raises
    ------
    OSError
        If the name does not resolve.
    """
    try:
        found = socket.getaddrinfo(
            host, None, socket.AF_INET, socket.SOCK_DGRAM
        )
    except UnicodeError:
        raise OSError(errno.EINVAL, "no valid name") from None
    return str(found[0][4][0])


def holder_of_port(bind_address: str, port: int) -> str | None:
    """Name the process that keeps us from binding, if we may look.

    Returns
    -------
    str or None
        Its number and command line; None where that cannot be seen, as from
        inside a container or without permission.
    """
    if sys.platform != "linux":
        return None
    try:
        rows = Path("/proc/net/udp").read_text("ascii").splitlines()[1:]
    except OSError:
        return None
    # See proc(5): the address as a number of this machine, then the port.
    own = int.from_bytes(socket.inet_aton(bind_address), sys.byteorder)
    inodes = {
        f"socket:[{fields[9]}]"
        for fields in map(str.split, rows)
        if fields[1].endswith(f":{port:04X}")
        and (own == 0 or int(fields[1].partition(":")[0], 16) in (0, own))
    }
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()) not in inodes:
                continue
            process = descriptor.parents[1]
            words = (process / "cmdline").read_bytes().split(b"\0")
            line = b" ".join(words).decode("utf-8", "replace").strip()
            return f"process {process.name}: {line}"
    return None
