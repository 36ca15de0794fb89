"""The stations' failsafe mode watches over the connector and its broker."""

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulator import Simulator
from testbed.connector_process import ConnectorProcess, Controller
from testbed.mosquitto import Mosquitto, wait_until
from testbed.plain_station import free_udp_port

pytestmark = pytest.mark.mosquitto

HERE = "127.0.6.1"
GARAGE = {"garage": "127.0.6.40"}
SOMEBODY = "127.0.6.50"
FAILSAFE = {"timeout": 10, "current": 6000}
ARMING = "failsafe 10 6000 0"
DISARMING = "failsafe 0 0 0"


@pytest.fixture
def port() -> int:
    return free_udp_port()


@contextmanager
def charging_garage(port: int, *, speed: float = 1.0) -> Iterator[Simulator]:
    """A station at which a vehicle charges."""
    with Simulator(
        GARAGE, scenario="always-charging", port=port, speed=speed
    ) as simulator:
        yield simulator
        assert simulator.violations == []


def _connector(
    folder: Path, broker: Mosquitto, port: int, **failsafe: float
) -> ConnectorProcess:
    return ConnectorProcess(
        folder,
        broker.port,
        GARAGE,
        bind=HERE,
        KEBA_P30_PORT=str(port),
        KEBA_P30_FAILSAFE=json.dumps(FAILSAFE | failsafe),
    )


def _settings_sent(simulator: Simulator) -> list[str]:
    return [
        request.text
        for request in simulator.requests
        if not request.text.startswith("report")
    ]


def _has_fallen_back(simulator: Simulator) -> bool:
    return simulator.stations["garage"].point.limits.failsafe.is_tripped


def _controller(broker: Mosquitto) -> Controller:
    controller = Controller(broker.observe("#"))
    controller.select(
        "garage__readings__limited_by",
        "garage__results__ena",
        "garage__results__curr",
        actuators=["garage__curr", "garage__display"],
    )
    return controller


def test_a_broker_that_is_cut_makes_the_station_fall_back_until_it_returns(
    tmp_path: Path, port: int
) -> None:
    broker = Mosquitto(tmp_path)
    with (
        charging_garage(port) as garage,
        broker,
        _connector(tmp_path, broker, port) as connector,
    ):
        controller = _controller(broker)
        controller.write_until_logged("garage__display", "x", "x: TCH-OK")
        assert garage.wait_until(lambda: ARMING in _settings_sent(garage))
        controller.write("garage__curr", 13_000)
        # Written once, the limit is repeated as long as the broker is there.
        assert garage.wait_until(
            lambda: _settings_sent(garage).count("curr 13000") >= 3, 20
        )
        assert not _has_fallen_back(garage)

        broker.kill()

        assert garage.wait_until(lambda: _has_fallen_back(garage), 20)
        sent = len(_settings_sent(garage))

        broker.start()
        controller = _controller(broker)

        controller.wait_for_log(
            "garage was without commands for longer than its failsafe timeout"
        )
        wait_until(lambda: not _has_fallen_back(garage))
        assert _settings_sent(garage)[sent:][:2] == ["ena 1", "curr 13000"]
        controller.wait_for("garage__results__ena", "applied")
        controller.wait_for("garage__results__curr", "applied")

        code, seconds = connector.end()

        assert (code, seconds < 2.0) == (0, True)
        assert _settings_sent(garage)[-1] == DISARMING


def test_a_connector_that_dies_leaves_the_station_to_itself(
    tmp_path: Path, broker: Mosquitto, port: int
) -> None:
    """It neither disarms nor feeds any more."""
    with (
        charging_garage(port, speed=20.0) as garage,
        _connector(tmp_path, broker, port) as connector,
    ):
        garage.wait_until(lambda: ARMING in _settings_sent(garage))

        connector.end(signal.SIGKILL)

        assert garage.wait_until(lambda: _has_fallen_back(garage), 5)
        assert DISARMING not in _settings_sent(garage)


def test_a_station_that_was_left_armed_is_taken_over(
    tmp_path: Path, broker: Mosquitto, port: int
) -> None:
    """It has fallen back, so it needs enable and current again."""
    with charging_garage(port, speed=20.0) as garage:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((SOMEBODY, 0))
            client.sendto(ARMING.encode(), (GARAGE["garage"], port))
            assert garage.wait_until(lambda: _has_fallen_back(garage), 5)

        with _connector(tmp_path, broker, port):
            assert garage.wait_until(
                lambda: {"ena 1", "curr 63000"} <= {*_settings_sent(garage)}
            )


def test_a_controller_that_falls_silent_is_not_in_charge(
    tmp_path: Path, broker: Mosquitto, port: int
) -> None:
    with (
        charging_garage(port, speed=5.0) as garage,
        _connector(tmp_path, broker, port, controller_timeout=0.5),
    ):
        controller = _controller(broker)
        assert garage.wait_until(lambda: _has_fallen_back(garage))
        controller.wait_for("garage__readings__limited_by", "failsafe")
        assert _settings_sent(garage) == [ARMING]

        controller.write("garage__display", "here I am")

        assert garage.wait_until(
            lambda: {"ena 1", "curr 63000"} <= {*_settings_sent(garage)}
        )


def test_without_the_setting_no_station_is_armed(
    tmp_path: Path, broker: Mosquitto, port: int
) -> None:
    with (
        charging_garage(port) as garage,
        ConnectorProcess(
            tmp_path, broker.port, GARAGE, bind=HERE, KEBA_P30_PORT=str(port)
        ) as connector,
    ):
        assert garage.wait_until(lambda: len(garage.requests) >= 3)
        connector.end()

        assert _settings_sent(garage) == []
