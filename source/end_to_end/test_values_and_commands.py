"""Values and commands of a connector that runs as long as all these tests.

Each test has topics of its own, and looks at what was sent since it began.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.conftest import STATIONS, wait_for_all_datapoints
from simulator import Simulator, pauses
from testbed import short_pauses
from testbed.connector_process import NAME, ConnectorProcess, Controller
from testbed.mosquitto import Mosquitto, Observer

pytestmark = pytest.mark.mosquitto

unused_limits_ma = itertools.count(7001)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("connector")


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[Mosquitto]:
    with Mosquitto(folder) as mosquitto:
        yield mosquitto


@pytest.fixture(scope="module")
def observer(broker: Mosquitto) -> Observer:
    return broker.observe("#")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    scenario = {"garage": "always-charging", "yard": "idle"}
    with (
        pytest.MonkeyPatch.context() as patch,
        Simulator(STATIONS, scenario=scenario, speed=10.0) as simulator,
    ):
        patch.setattr(
            pauses, "BETWEEN_EQUAL_REPORTS_S", short_pauses.REPEAT_PAUSE_S
        )
        yield simulator


@pytest.fixture
def stations(simulator: Simulator) -> Iterator[Simulator]:
    yield simulator
    assert simulator.violations == []


@pytest.fixture(scope="module")
def process(
    folder: Path, broker: Mosquitto, observer: Observer, simulator: Simulator
) -> Iterator[ConnectorProcess]:
    with ConnectorProcess(
        folder,
        broker.port,
        STATIONS,
        SEND_RAW_MESSAGE_TO_DB="TRUE",
        **short_pauses.settings_for(folder),
    ) as process:
        wait_for_all_datapoints(observer)
        yield process


@pytest.fixture
def online(
    process: ConnectorProcess, stations: Simulator
) -> Iterator[ConnectorProcess]:
    """The connector, which each test leaves alive."""
    yield process
    assert process.is_running()
    assert "Traceback" not in process.output


def commands_since(asked: int, stations: Simulator) -> list[tuple[str, str]]:
    """Station and text of each command that followed so many requests."""
    return [
        (one.station, one.text)
        for one in stations.requests[asked:]
        if "report" not in one.text
    ]


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


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b'{"value": NaN, "timestamp": 1}',
        b'{"value": "1\\nena 0", "timestamp": 1}',
        b'{"value": 5999}',
        b'{"value": "' + b"9" * 1_000_000 + b'", "timestamp": 1}',
        b"[" * 100_000,
    ],
    ids=lambda payload: repr(payload[:24]),
)
def test_nothing_on_mqtt_harms_the_connector_or_reaches_a_station(
    online: ConnectorProcess,
    controller: Controller,
    broker: Mosquitto,
    observer: Observer,
    stations: Simulator,
    payload: bytes,
) -> None:
    asked = len(stations.requests)
    limit_ma = next(unused_limits_ma)
    controller.select(actuators=["garage__curr"])
    broker.wait_for_subscription(controller.topic("garage__curr"))

    observer.publish(controller.topic("garage__curr"), payload)
    controller.write("garage__curr", limit_ma)

    controller.wait_for_log(f"garage << curr {limit_ma}: TCH-OK")
    assert commands_since(asked, stations) == [("garage", f"curr {limit_ma}")]
    assert online.is_running()


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


def test_raw_messages_keep_the_published_form(
    online: ConnectorProcess, observer: Observer
) -> None:
    message = observer.wait_for(
        f"{NAME}/raw_message_to_db",
        lambda one: "report 2" in json.dumps(one.json),
    )

    raw_message = message.json["payload"]["raw_message"]
    ((station, texts),) = raw_message.items()
    assert station in STATIONS
    assert texts["report 2"].startswith('{\n"ID": "2",\n')
    assert isinstance(message.json["payload"]["timestamp"], int)
    assert message.json["connector_version"]
    assert not message.retain
