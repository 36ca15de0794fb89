"""Start, stop, trouble: the connector's life beside its broker."""

import signal
import socket
from pathlib import Path

import pytest

from end_to_end.conftest import STATIONS, Launch, wait_for_all_datapoints
from simulator import HeardRequest, Simulator
from testbed.bemcom_api import Received
from testbed.connector_process import NAME, ConnectorProcess, Controller
from testbed.load import seconds_here
from testbed.mosquitto import Mosquitto, Observer, wait_until

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


@pytest.mark.parametrize("has_memory", [False, True])
def test_a_broker_restart_costs_no_value_and_no_command(
    tmp_path: Path,
    stations: Simulator,
    hurry: dict[str, str],
    *,
    has_memory: bool,
) -> None:
    key = "garage__report 3__E total"
    with Mosquitto(tmp_path, has_memory=has_memory) as broker:
        observer = broker.observe("#")
        controller = Controller(observer)
        controller.select(key, actuators=["garage__ena"])
        topic = controller.topic(key)
        with ConnectorProcess(
            tmp_path, broker.port, STATIONS, **hurry
        ) as connector:
            wait_until(lambda: controller.values(key), "a value")

            broker.kill()
            polls = len(_polls(stations))
            assert stations.wait_until(
                lambda: len(_polls(stations)) >= polls + 2
            )
            # Somebody has to listen before the connector is back.
            with connector.standing_still():
                broker.start()
                again = broker.observe("#")
            again.wait_for(f"{NAME}/available_datapoints")
            controller_again = Controller(again)
            controller_again._topics = controller._topics
            controller_again.wait_for_log("Connected again")

            before, after = _stamps(observer, topic), _stamps(again, topic)
            assert after == sorted(after)
            polled = _polls(stations, since_ms=before[0])
            wait_until(
                lambda: (
                    len({*_stamps(observer, topic), *_stamps(again, topic)})
                    > len(polled)
                ),
                "a value of each poll after the first one",
            )
            controller_again.write_until_logged(
                "garage__ena", 1, "ena 1: TCH-OK"
            )
            assert connector.is_running()


def _polls(stations: Simulator, since_ms: float = 0.0) -> list[HeardRequest]:
    return [
        request
        for request in stations.requests
        if request.station == "garage"
        and request.text == "report 3"
        and request.at * 1000 > since_ms
    ]


def _stamps(observer: Observer, topic: str) -> list[int]:
    return [message.json["timestamp"] for message in observer.on(topic)]


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
        polls = len(_polls(stations))

        assert stations.wait_until(lambda: len(_polls(stations)) >= polls + 2)
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


def test_wrong_settings_are_told_all_at_once_with_exit_code_2(
    tmp_path: Path,
) -> None:
    with ConnectorProcess(
        tmp_path,
        1883,
        {"a__b": "127.0.0.2", "c": "127.0.0.3", "d": "127.0.0.3"},
        POLL_SECONDS="often",
        MQTT_BROKER_PORT="0",
    ) as connector:
        code = connector.wait_for_exit()

    assert code == 2
    assert "Traceback" not in connector.output
    for text in ("a__b", "127.0.0.3", "POLL_SECONDS", "MQTT_BROKER_PORT"):
        assert text in connector.output


def test_a_name_that_does_not_resolve_concerns_that_station_alone(
    launch: Launch, controller: Controller, stations: Simulator
) -> None:
    named = {"attic": "no-such-host.invalid", **STATIONS}
    with launch(named):
        controller.select(
            "garage__report 2__State", "attic__connection__reason"
        )
        controller.wait_for("garage__report 2__State", 3)
        controller.wait_for("attic__connection__reason", "name_unresolved")
