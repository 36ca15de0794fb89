"""Start, stop, trouble: the connector's life beside its broker."""

import signal
import socket
from pathlib import Path

import pytest

from end_to_end.conftest import STATIONS, Launch, wait_for_all_datapoints
from simulator import Simulator
from testbed.bemcom_api import Received
from testbed.connector_process import NAME, ConnectorProcess, Controller
from testbed.load import seconds_here
from testbed.mosquitto import Mosquitto, Observer

pytestmark = pytest.mark.mosquitto


def assert_ends_politely(
    connector: ConnectorProcess, *how: signal.Signals
) -> None:
    code, seconds = connector.end(*how)
    assert code == 0
    assert seconds < seconds_here(2.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_politely_within_two_seconds(
    launch: Launch,
    stations: Simulator,
    observer: Observer,
    controller: Controller,
    number: signal.Signals,
) -> None:
    with launch(STATIONS) as connector:
        wait_for_all_datapoints(observer)

        assert_ends_politely(connector, number)

    controller.wait_for_log("Good bye")


def test_it_ends_within_two_seconds_although_the_broker_is_away(
    tmp_path: Path, stations: Simulator
) -> None:
    with ConnectorProcess(tmp_path, 1, STATIONS) as connector:
        connector.wait_for_output("garage is online")

        assert_ends_politely(connector)


def test_it_starts_while_the_broker_is_down(
    tmp_path: Path, stations: Simulator, hurry: dict[str, str]
) -> None:
    broker = Mosquitto(tmp_path)
    with ConnectorProcess(
        tmp_path, broker.port, STATIONS, **hurry
    ) as connector:
        connector.wait_for_output("garage is online")

        with broker:
            controller = Controller(broker.observe("#"))
            controller.select(
                "garage__report 2__State", actuators=["garage__ena"]
            )
            controller.wait_for("garage__report 2__State", 3)
            controller.write_until_logged("garage__ena", 1, "ena 1: TCH-OK")


def _polls(stations: Simulator) -> int:
    asked = [(one.station, one.text) for one in stations.requests]
    return asked.count(("garage", "report 3"))


def test_a_frozen_broker_blocks_neither_polls_nor_the_end(
    launch: Launch,
    broker: Mosquitto,
    observer: Observer,
    stations: Simulator,
    hurry: dict[str, str],
) -> None:
    with launch(STATIONS, **hurry) as connector:
        observer.wait_for(
            f"{NAME}/status", lambda one: one.json["status"] == "online"
        )
        broker.freeze()
        polls = _polls(stations)

        assert stations.wait_until(lambda: _polls(stations) >= polls + 2)
        assert_ends_politely(connector)


def test_a_taken_port_is_told_and_ends_with_an_exit_code(
    launch: Launch, controller: Controller, observer: Observer
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 7090))
        with launch(STATIONS) as connector:
            code = connector.wait_for_exit()

    assert code == 1
    assert "UDP port 7090" in connector.output
    controller.wait_for_log("UDP port 7090")
    told = observer.wait_for(f"{NAME}/diagnosis", _finds_port_taken)
    assert "cannot be bound" in told.json["findings"][0]["evidence"]


def _finds_port_taken(message: Received) -> bool:
    codes = [one["code"] for one in message.json["findings"]]
    return codes == ["port_taken"]
