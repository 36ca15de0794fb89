"""Other connectors than ours among the bare stations."""

import socket
from pathlib import Path

import pytest

from bench.fleet import BareFleet
from bench.programs import OTHER_PORT, NoVersionError, Program
from bench.stack import Stack
from simulator.wire import KEBA_PORT

pytestmark = pytest.mark.io


def test_stations_on_another_port_leave_kebas_to_the_connector() -> None:
    with (
        BareFleet(["127.0.1.1"], OTHER_PORT, "127.0.0.1") as fleet,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connector,
    ):
        connector.settimeout(5)
        # As the published connector does, and without SO_REUSEADDR.
        connector.bind(("0.0.0.0", KEBA_PORT))
        connector.sendto(b"report 2", ("127.0.1.1", OTHER_PORT))
        assert b'"ID": "2"' in connector.recv(4096)
        assert [one.text for one in fleet.take_traffic().heard] == ["report 2"]


@pytest.mark.mosquitto
def test_what_a_connector_said_before_it_ended_is_told(tmp_path: Path) -> None:
    main = tmp_path / "main.py"
    main.write_text("import a_package_that_is_missing")
    with (
        pytest.raises(NoVersionError, match="a_package_that_is_missing"),
        Stack(1, program=Program(main)) as stack,
    ):
        stack.connector.wait_for_exit()
