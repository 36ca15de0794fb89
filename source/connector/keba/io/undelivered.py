"""What the network says about datagrams that did not arrive.

A UDP socket that talks to many hosts hears of ICMP errors only through its
error queue, and only on Linux (ip(7), IP_RECVERR). Elsewhere silence is all
that there is.
"""

import contextlib
import socket
import struct
from collections.abc import Iterator

from connector.keba.station.events import Unreachable

IP_RECVERR = 11
"""Python 3.11 has no name for it."""

_MSG_ERRQUEUE = getattr(socket, "MSG_ERRQUEUE", None)
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_ADDRESS_AT = _EXTENDED_ERROR.size + 4
_ADDRESS_END = _ADDRESS_AT + 4
_ORIGIN_ICMP = 2
_UNREACHABLE = 3

_REFUSING_CODES = frozenset({2, 3, 9, 10, 13})
"""No such protocol or port, and what firewalls answer (RFC 1812, 5.2.7.1)."""

_ABSENCE_CODES = frozenset({0, 1, 5, 6, 7, 11, 12})
"""No way to the network or the host."""

ERRORS_PER_LOOK = 500


def ask_for_errors(udp: socket.socket) -> None:
    """Let the kernel keep the errors of a socket, where it can."""
    if _MSG_ERRQUEUE is None:
        return
    with contextlib.suppress(OSError):
        udp.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)


def undelivered(udp: socket.socket) -> Iterator[tuple[str, Unreachable]]:
    """Yield the address and what is said of it, since the last call.

    This also takes back the error that the next call of the socket would
    report, although it is about an earlier datagram to somebody else.
    """
    if _MSG_ERRQUEUE is None:
        return
    for _ in range(ERRORS_PER_LOOK):
        try:
            _, ancillary, _, destination = udp.recvmsg(0, 512, _MSG_ERRQUEUE)
        except OSError:
            return
        for level, kind, data in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR):
                yield from _read(data, destination[0])


def _read(data: bytes, address: str) -> Iterator[tuple[str, Unreachable]]:
    if len(data) < _EXTENDED_ERROR.size:
        return
    _, origin, kind, code, *_ = _EXTENDED_ERROR.unpack_from(data)
    if (origin, kind) != (_ORIGIN_ICMP, _UNREACHABLE):
        return
    if code not in _REFUSING_CODES | _ABSENCE_CODES:
        return
    told_by = address
    if len(data) >= _ADDRESS_END:
        told_by = socket.inet_ntoa(data[_ADDRESS_AT:_ADDRESS_END])
    yield address, Unreachable(code in _REFUSING_CODES, told_by)
