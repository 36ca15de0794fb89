from __future__ import annotations

import socket
import sys
import threading
import time

import pytest

from simulator.arrival import receive_stamped, stamp_arrivals

pytestmark = pytest.mark.io


def test_a_datagram_comes_with_its_sender_and_its_arrival() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as station,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        stamp_arrivals(station)
        station.bind(("127.0.1.9", 0))
        client.bind(("127.0.1.8", 0))
        before = time.time()
        client.sendto(b"report 1", station.getsockname())
        data, at, sender = receive_stamped(station)
        assert data == b"report 1"
        assert sender == client.getsockname()
        # The kernel reads its clock a little coarser than Python does.
        assert before - 0.02 <= at <= time.time() + 0.02


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux stamps datagrams for us"
)
def test_reading_late_does_not_change_the_arrival() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as station,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        stamp_arrivals(station)
        station.bind(("127.0.1.9", 0))
        client.sendto(b"report 1", station.getsockname())
        sent_at = time.time()
        # Nobody sets it: a busy process, for a fifth of a second.
        threading.Event().wait(0.2)
        _, at, _ = receive_stamped(station)
        assert at < sent_at + 0.1
