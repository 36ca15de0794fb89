"""What stations tell by themselves, and what happens when they do not."""

import pytest

from end_to_end.conftest import QUICK_VERDICT, STATIONS, Launch
from simulator import Simulator
from testbed.connector_process import Controller
from testbed.mosquitto import wait_until

pytestmark = pytest.mark.mosquitto


def test_a_dead_station_is_one_line_down_and_one_line_up(
    launch: Launch,
    controller: Controller,
    stations: Simulator,
    hurry: dict[str, str],
) -> None:
    controller.select("yard__connection__reason", "garage__report 3__P")
    with launch(STATIONS, **(hurry | QUICK_VERDICT)) as connector:
        controller.wait_for("yard__connection__reason", "ok")

        stations.silence("yard")
        controller.wait_for("yard__connection__reason", "no_reply")
        before = len(controller.values("garage__report 3__P"))
        stations.answer("yard")
        wait_until(
            lambda: controller.values("yard__connection__reason")[-1] == "ok",
            "recovery",
        )

        about_yard = [line for line in controller.logs() if "yard" in line]
        assert len(about_yard) == 3, "online, does not answer, online again"
        wait_until(
            lambda: len(controller.values("garage__report 3__P")) > before
        )
        assert connector.is_running()


def test_read_only_sends_no_command(
    launch: Launch, controller: Controller, stations: Simulator
) -> None:
    with launch(STATIONS, READ_ONLY="TRUE"):
        controller.wait_for_log("garage is online")
        controller.select(actuators=["garage__ena"])
        controller.write_until_logged("garage__ena", 0, "READ_ONLY")

    assert "ena 0" not in [request.text for request in stations.requests]
