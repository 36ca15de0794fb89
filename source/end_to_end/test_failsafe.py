"""The stations' failsafe mode watches over the connector and its broker."""

import json
import signal
from random import Random

import pytest

from end_to_end.conftest import Launch
from end_to_end.fake_time import Site
from simulator import SCENARIOS, SimulatedStation, Simulator
from testbed.connector_process import Controller

HERE = "127.0.6.1"
GARAGE = {"garage": "127.0.6.40"}
SOMEBODY = ("192.0.2.50", 50_000)
FAILSAFE = {"timeout": 10, "current": 6000}
ARMING = "failsafe 10 6000 0"
DISARMING = "failsafe 0 0 0"
TRIPPED = "garage was without commands for longer than its failsafe timeout"


def select(controller: Controller) -> Controller:
    controller.select(
        "garage__readings__limited_by",
        "garage__results__ena",
        "garage__results__curr",
        actuators=["garage__curr", "garage__display"],
    )
    return controller


def station() -> SimulatedStation:
    """A station at which a vehicle charges."""
    scenario = SCENARIOS["always-charging"](Random(1))
    return SimulatedStation("garage", scenario=scenario)


def site(garage: SimulatedStation, **failsafe: float) -> Site:
    text = json.dumps(FAILSAFE | failsafe)
    return Site(garage, settings={"KEBA_P30_FAILSAFE": text})


def has_tripped(garage: SimulatedStation) -> bool:
    return garage.point.limits.failsafe.is_tripped


def test_a_station_falls_back_without_the_broker_until_it_returns() -> None:
    garage = station()
    with site(garage) as here:
        controller = select(here.controller)
        here.wait_until(lambda: ARMING in here.settings_sent("garage"))
        controller.write("garage__curr", 13_000)
        for _ in range(300):
            here.advance(1.0)
            assert not has_tripped(garage)
        # Written once, the limit is repeated as long as the broker is there.
        assert here.settings_sent("garage").count("curr 13000") >= 30

        here.cut_broker()

        here.wait_until(lambda: has_tripped(garage))
        sent = len(here.settings_sent("garage"))
        here.advance(300.0)
        assert len(here.settings_sent("garage")) == sent
        assert has_tripped(garage)

        here.bring_broker_back()

        controller.wait_for_log(TRIPPED)
        here.wait_until(lambda: not has_tripped(garage))
        resumed = here.settings_sent("garage")[sent:]
        assert resumed[:2] == ["ena 1", "curr 13000"]
        controller.wait_for("garage__results__ena", "applied")
        controller.wait_for("garage__results__curr", "applied")


def test_a_station_that_was_left_armed_is_taken_over() -> None:
    """It has fallen back, so it needs enable and current again."""
    garage = station()
    garage.receive(ARMING.encode(), 0.0, SOMEBODY)
    garage.advance(20.0)
    assert has_tripped(garage)

    with site(garage) as here:
        here.advance(60.0)

        assert {"ena 1", "curr 63000"} <= {*here.settings_sent("garage")}
        assert not has_tripped(garage)


def test_a_controller_that_falls_silent_is_not_in_charge() -> None:
    garage = station()
    with site(garage, controller_timeout=0.5) as here:
        controller = select(here.controller)
        controller.wait_for("garage__readings__limited_by", "failsafe")
        assert has_tripped(garage)
        assert here.settings_sent("garage") == [ARMING]

        controller.write("garage__display", "here I am")

        here.wait_until(
            lambda: {"ena 1", "curr 63000"} <= {*here.settings_sent("garage")}
        )


# --- with a real process -----------------------------------------------------


@pytest.mark.mosquitto
def test_a_connector_that_dies_leaves_the_station_to_itself(
    launch: Launch, port: int
) -> None:
    """It neither disarms nor keeps alive any more."""
    settings = {
        "KEBA_P30_PORT": str(port),
        "KEBA_P30_FAILSAFE": json.dumps(FAILSAFE),
    }
    with (
        Simulator(
            GARAGE, scenario="always-charging", port=port, speed=20.0
        ) as garage,
        launch(GARAGE, bind=HERE, **settings) as connector,
    ):
        assert garage.wait_until(lambda: ARMING in texts(garage), 30)

        connector.end(signal.SIGKILL)

        assert garage.wait_until(
            lambda: has_tripped(garage.stations["garage"]), 30
        )
        assert DISARMING not in texts(garage)
        assert garage.violations == []


def texts(garage: Simulator) -> list[str]:
    return [request.text for request in garage.requests]
