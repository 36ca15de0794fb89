"""Values and commands, with a real broker and the real process."""

from collections.abc import Iterator

import pytest

from end_to_end.conftest import STATIONS, Launch, wait_for_all_datapoints
from simulator import Simulator
from testbed.connector_process import ConnectorProcess, Controller
from testbed.mosquitto import Mosquitto, Observer

pytestmark = pytest.mark.mosquitto


@pytest.fixture
def online(
    launch: Launch,
    stations: Simulator,
    observer: Observer,
    hurry: dict[str, str],
) -> Iterator[ConnectorProcess]:
    """A connector that knows its stations, and is alive in the end."""
    with launch(STATIONS, **hurry) as process:
        wait_for_all_datapoints(observer)
        yield process
        assert process.is_running()


def test_values_are_retained_and_carry_the_time_of_arrival(
    online: ConnectorProcess,
    controller: Controller,
    broker: Mosquitto,
    stations: Simulator,
) -> None:
    serial = "yard__report 1__Serial"
    controller.select(
        serial, "garage__report 2__State", "garage__connection__online"
    )
    controller.wait_for("garage__report 2__State", 3)
    controller.wait_for("garage__connection__online", True)
    controller.wait_for(serial, stations.stations["yard"].serial)

    late = broker.observe(controller.topic(serial))
    message = late.wait_for(controller.topic(serial))

    assert message.retain
    assert message.json["timestamp"] > 1_600_000_000_000


def test_a_command_changes_the_station_and_the_values_show_it(
    online: ConnectorProcess, controller: Controller, broker: Mosquitto
) -> None:
    controller.select(
        "garage__report 2__Curr user",
        "garage__results__curr",
        actuators=["garage__curr"],
    )

    broker.wait_for_subscription(controller.topic("garage__curr"))
    controller.write("garage__curr", 10_000)

    controller.wait_for_log("garage << curr 10000: TCH-OK")
    controller.wait_for("garage__report 2__Curr user", 10_000)
    controller.wait_for("garage__results__curr", "applied")


NONSENSE = (
    b"",
    b"\xff\xfe",
    b'{"value": NaN, "timestamp": 1}',
    b'{"value": "1\\nena 0", "timestamp": 1}',
    b'{"value": 5999}',
    b'{"value": "' + b"9" * 1_000_000 + b'", "timestamp": 1}',
    b"[" * 100_000,
)


def test_nothing_on_mqtt_harms_the_connector_or_reaches_a_station(
    online: ConnectorProcess,
    controller: Controller,
    broker: Mosquitto,
    observer: Observer,
    stations: Simulator,
) -> None:
    controller.select(actuators=["garage__curr"])
    broker.wait_for_subscription(controller.topic("garage__curr"))

    for payload in NONSENSE:
        observer.publish(controller.topic("garage__curr"), payload)
    controller.write("garage__curr", 7000)

    controller.wait_for_log("garage << curr 7000: TCH-OK")
    sent = [one.text for one in stations.requests if "report" not in one.text]
    assert sent == ["curr 7000"]


def test_a_retained_command_is_ignored_with_a_warning(
    online: ConnectorProcess,
    controller: Controller,
    observer: Observer,
    stations: Simulator,
) -> None:
    topic = controller.topic("garage__ena")
    observer.publish(topic, {"value": 0, "timestamp": 1}, retain=True)
    controller.select(actuators=["garage__ena"])

    controller.wait_for_log("Ignored a retained message")
    controller.write("garage__ena", True)
    controller.wait_for_log("garage << ena 1: TCH-OK")
    assert "ena 0" not in [request.text for request in stations.requests]
