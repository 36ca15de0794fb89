"""What comes back when a datagram does not arrive."""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing

import pytest

from connector.keba.io.undelivered import _read, ask_for_errors, undelivered
from connector.keba.station.events import Unreachable

NOBODY = ("127.0.0.2", 7090)
NO_DEVICE = bytes([192, 168, 0, 2])


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as end:
        end.bind(("127.0.0.1", 0))
        end.setblocking(False)
        ask_for_errors(end)
        yield end


def _icmp(code: int, *, kind: int = 3, origin: int = 2) -> bytes:
    error = struct.pack("=IBBBBII", 111, origin, kind, code, 0, 0, 0)
    return error + struct.pack("=HH4s8x", socket.AF_INET, 0, NO_DEVICE)


@pytest.mark.io
def test_a_closed_port_is_refused_by_the_host(udp: socket.socket) -> None:
    udp.sendto(b"i", NOBODY)

    assert [*undelivered(udp)] == [
        (NOBODY[0], Unreachable(is_refused=True, told_by=NOBODY[0]))
    ]
    assert [*undelivered(udp)] == []


@pytest.mark.io
def test_afterwards_the_socket_sends_to_others_as_if_nothing_was(
    udp: socket.socket,
) -> None:
    """An error that waits would be reported for the next datagram."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(5)
        udp.sendto(b"i", NOBODY)
        assert [*undelivered(udp)]

        udp.sendto(b"report 1", other.getsockname())

        assert other.recv(100) == b"report 1"


@pytest.mark.parametrize("code", [2, 3, 9, 10, 13])
def test_what_ports_and_firewalls_answer_is_a_refusal(code: int) -> None:
    ((address, one),) = _read(_icmp(code), "192.168.0.99")

    assert address == "192.168.0.99"
    assert one == Unreachable(is_refused=True, told_by="192.168.0.2")


@pytest.mark.parametrize("code", [0, 1])
def test_an_address_that_nobody_has_is_no_refusal(code: int) -> None:
    ((_, one),) = _read(_icmp(code), "192.168.0.99")

    assert not one.is_refused


@pytest.mark.parametrize(
    "data", [b"", _icmp(4), _icmp(3, kind=11), _icmp(3, origin=1)]
)
def test_other_errors_say_nothing_about_a_station(data: bytes) -> None:
    assert [*_read(data, "192.168.0.99")] == []
