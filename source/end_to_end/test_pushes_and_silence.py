"""What stations tell by themselves, and what happens when they do not."""

import pytest

from end_to_end.conftest import QUICK_VERDICT, STATIONS, Launch
from simulator import Simulator
from simulator.actions import SetInput
from testbed.connector_process import Controller
from testbed.mosquitto import Mosquitto, wait_until

pytestmark = pytest.mark.mosquitto


def test_a_push_is_published_at_once(
    launch: Launch,
    broker: Mosquitto,
    controller: Controller,
    stations: Simulator,
) -> None:
    controller.select("yard__report 2__Input", actuators=["yard__ena"])
    with launch(STATIONS, POLL_SECONDS="300"):
        broker.wait_for_subscription(controller.topic("yard__ena"))
        assert stations.wait_until(
            lambda: any(
                (one.station, one.text) == ("yard", "report 3")
                for one in stations.requests
            )
        )

        stations.act("yard", SetInput(1))

        controller.wait_for("yard__report 2__Input", 1)

    assert [one.text for one in stations.requests].count("report 2") == 2, (
        "once for each station, before the push"
    )


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
