"""Real sockets; the promises about time are in the other tests."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from simulator.actions import PlugIn, Unplug
from simulator.faults import NO_FAULTS, FaultyLink
from simulator.server import Endpoint, Server
from simulator.station import SimulatedStation
from simulator.tests.client import ANSWER_TIMEOUT_S, PORT, Client
from simulator.tests.talking import BRISK

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.io

GARAGE = "127.0.1.2"


@pytest.fixture
def server() -> Iterator[Server]:
    endpoint = Endpoint(
        SimulatedStation("garage", port=PORT),
        GARAGE,
        FaultyLink(NO_FAULTS, 1),
        FaultyLink(NO_FAULTS, 1),
    )
    server = Server([endpoint], port=PORT, broadcast=None)
    thread = threading.Thread(target=server.run, name="server under test")
    thread.start()
    yield server
    server.stop()
    thread.join()
    server.close()


def test_a_request_is_answered_from_the_stations_address(
    server: Server,
) -> None:
    with Client() as client:
        client.send("i", GARAGE)
        text, sender = client.hear()
    assert text.startswith('"Firmware"')
    assert sender == GARAGE


def test_an_action_is_done_when_its_future_says_so(server: Server) -> None:
    with Client() as client:
        client.ask("i", GARAGE)
        server.act("garage", PlugIn(BRISK)).result(5.0)
        assert client.hear()[0] == '{"State": 2}'
        server.act("garage", Unplug()).result(5.0)


def test_one_can_wait_for_a_request(server: Server) -> None:
    with Client() as client:
        client.send("nonsense", GARAGE)
        assert server.wait_until(
            lambda: len(server.requests) == 1, timeout_s=5.0
        )
    request = server.requests[0]
    assert (request.station, request.text) == ("garage", "nonsense")
    assert request.source == ("127.0.1.1", PORT)


def test_waiting_ends_in_vain_after_its_time(server: Server) -> None:
    assert not server.wait_until(lambda: False, timeout_s=0.01)


def test_a_taken_address_is_refused_by_name(server: Server) -> None:
    with pytest.raises(OSError, match=rf"UDP port {PORT} of {GARAGE} is used"):
        Server(list(server._endpoints.values()), port=PORT, broadcast=None)


def test_a_client_on_all_addresses_that_shares_its_port_may_sit_beside(
    server: Server,
) -> None:
    del server
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("0.0.0.0", PORT))
        client.settimeout(ANSWER_TIMEOUT_S)
        client.sendto(b"i", (GARAGE, PORT))
        data, sender = client.recvfrom(512)
    assert data.startswith(b'"Firmware"')
    assert sender == (GARAGE, PORT)
