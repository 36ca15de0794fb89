"""Noise: a flood of one station, and nonsense from unknown senders."""

import os
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from end_to_end.conftest import Launch
from simulator import Simulator
from simulator.actions import SetInput
from testbed.connector_process import ConnectorProcess, Controller
from testbed.mosquitto import wait_until
from testbed.mutations import nonsense
from testbed.plain_station import PlainStation, report

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(
        not Path("/proc/self/statm").exists(),
        reason="memory is looked at in /proc, which this system has not",
    ),
]

HERE = "127.0.2.1"
GARAGE = {"garage": "127.0.2.10"}
LOUD = {"loud": "127.0.2.12"}

FLOOD_PUSHES = 5_000
FLOOD_POLLS = 3
MEGABYTE = 1024 * 1024


def resident_bytes(process: ConnectorProcess) -> int:
    """Return the memory that a process occupies."""
    statm = Path(f"/proc/{process.process.pid}/statm").read_text("ascii")
    return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def unknown_senders(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Open sockets at addresses that are no station's."""
    with ExitStack() as stack:
        sockets = []
        for number in range(count):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stack.enter_context(one)
            one.bind((f"127.0.2.{100 + number}", port))
            sockets.append(one)
        yield sockets


def test_noise_from_everywhere_costs_neither_values_nor_memory_nor_log_lines(
    launch: Launch, controller: Controller, port: int, hurry: dict[str, str]
) -> None:
    chance = random.Random(1)
    controller.select(
        "garage__report 1__Serial",
        "garage__report 2__State",
        "garage__report 2__Input",
        "loud__report 3__E pres",
        "loud__report 3__P",
    )
    loud_station = PlainStation(
        LOUD["loud"],
        port,
        HERE,
        {"report 3": report(3, '"P": 1234, "E pres": 77')},
    )
    with (
        Simulator(GARAGE, port=port) as stations,
        loud_station as loud,
        unknown_senders(port, 20) as unknown,
        launch(
            GARAGE | LOUD, bind=HERE, KEBA_P30_PORT=str(port), **hurry
        ) as connector,
    ):
        controller.wait_for("garage__report 2__State", 1)
        controller.wait_for("loud__report 3__P", 1234)
        memory_before = resident_bytes(connector)
        lines_before = connector.output.count("\n")

        def polls() -> int:
            return sum(one.text == "report 1" for one in stations.requests)

        pushes = 0
        enough = polls() + FLOOD_POLLS
        # It lasts until the other station was asked all the same.
        while pushes < FLOOD_PUSHES or polls() < enough:
            for _ in range(100):
                pushes += 1
                loud.say(b'{"E pres": %d}' % pushes)
            for data in nonsense(chance):
                chance.choice(unknown).sendto(data, (HERE, port))
                loud.say(data)

        wait_until(
            lambda: controller.values("loud__report 3__E pres")[-1] == 77,
            "what the loud station answers, after all that it has said",
        )
        stations.act("garage", SetInput(1))
        controller.wait_for("garage__report 2__Input", 1)
        assert connector.is_running()
        assert resident_bytes(connector) - memory_before < 40 * MEGABYTE
        assert connector.output.count("\n") - lines_before < 40
        serial = stations.stations["garage"].serial
        assert stations.violations == []

    assert set(controller.values("garage__report 1__Serial")) == {serial}
    assert set(controller.values("garage__report 2__State")) == {1}
