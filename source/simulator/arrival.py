"""When a datagram arrived: the kernel's stamp, not the moment of reading.

A busy process reads late. Pauses measured by its own clock would be broken on
paper only.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.wire import Address

_SO_TIMESTAMPNS = 35
"""Python names this option on no version we support; the number is that of
Linux on all machines but a few historic ones (socket(7))."""

_TIMESPEC = struct.Struct("@ll")
_LARGEST_DATAGRAM = 65_535
_NANOSECONDS = 1e-9


def stamp_arrivals(sock: socket.socket) -> None:
    """Ask the kernel to note when each datagram arrives, where it can."""
    if sys.platform == "linux":
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive_stamped(sock: socket.socket) -> tuple[bytes, float, Address]:
    """Return a datagram, its arrival in Unix seconds, and its sender."""
    data, notes, _, sender = sock.recvmsg(
        _LARGEST_DATAGRAM, socket.CMSG_SPACE(_TIMESPEC.size)
    )
    for level, kind, content in notes:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(content[: _TIMESPEC.size])
            return data, seconds + nanoseconds * _NANOSECONDS, sender
    return data, time.time(), sender
