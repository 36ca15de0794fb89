"""A test for a network namespace of its own; `test_world` runs it there.

The station's address is one of the loopback device, as long as there is a way
to it. Without it the kernel says "Network is unreachable".
"""

import subprocess
from pathlib import Path

import pytest

from simulator import Simulator
from simulator.actions import SetInput
from testbed.connector_process import ConnectorProcess, Controller
from testbed.mosquitto import Mosquitto, wait_until

DISTANT = "198.51.100.2"
STATIONS = {"garage": DISTANT, "yard": "127.0.5.11"}
REASON = "garage__connection__reason"
INPUT = "yard__report 2__Input"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def _loopback() -> None:
    ip("link", "set", "lo", "up")
    ip("addr", "add", f"{DISTANT}/32", "dev", "lo")


@pytest.mark.usefixtures("_loopback")
def test_an_unreachable_network(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        Simulator(STATIONS) as simulator,
        ConnectorProcess(
            tmp_path,
            broker.port,
            STATIONS,
            bind="127.0.5.1",
            KEBA_P30_REPLY_TIMEOUT="0.5",
        ) as connector,
    ):
        controller = Controller(broker.observe("#"))
        controller.select(REASON, INPUT)
        controller.wait_for(REASON, "ok")

        ip("addr", "del", f"{DISTANT}/32", "dev", "lo")
        simulator.act("yard", SetInput(1))
        controller.wait_for(INPUT, 1)
        # The next round, in which report 1 is repeated after five seconds.
        asked = len(simulator.requests)
        simulator.wait_until(lambda: len(simulator.requests) >= asked + 6, 20.0)
        controller.wait_for(REASON, "send_error")

        ip("addr", "add", f"{DISTANT}/32", "dev", "lo")
        wait_until(lambda: controller.values(REASON)[-1] == "ok", "recovery")
        about_garage = [line for line in controller.logs() if "garage" in line]
        assert len(about_garage) == 3, "online, unreachable, online again"
        assert connector.is_running()

    assert simulator.violations == []
