import json
from pathlib import Path

import pytest

from end_to_end.conftest import STATIONS
from simulator import Simulator
from simulator.actions import SetInput
from testbed.connector_process import NAME, ConnectorProcess, Controller
from testbed.mosquitto import (
    Mosquitto,
    Observer,
    wait_until,
)

pytestmark = pytest.mark.mosquitto


def test_values_of_both_stations_arrive_on_mqtt(
    online: ConnectorProcess, controller: Controller
) -> None:
    controller.select(
        "garage__report 2__State",
        "yard__report 2__State",
        "garage__connection__online",
    )

    controller.wait_for("garage__report 2__State", 3)
    controller.wait_for("yard__report 2__State", 1)
    controller.wait_for("garage__connection__online", True)


def test_values_are_retained_and_carry_the_time_of_arrival(
    online: ConnectorProcess,
    controller: Controller,
    broker: Mosquitto,
    stations: Simulator,
) -> None:
    serial = stations.stations["yard"].serial
    controller.select("yard__report 1__Serial")
    controller.wait_for("yard__report 1__Serial", serial)

    late = broker.observe(controller.topic("yard__report 1__Serial"))
    message = late.wait_for(controller.topic("yard__report 1__Serial"))

    assert message.retain
    assert message.json["timestamp"] > 1_600_000_000_000


def test_a_command_changes_the_station_and_the_values_show_it(
    online: ConnectorProcess, controller: Controller
) -> None:
    controller.select(
        "garage__report 2__Curr user",
        "garage__results__curr",
        actuators=["garage__curr"],
    )

    controller.write_until_logged(
        "garage__curr", 10_000, "garage << curr 10000: TCH-OK"
    )

    controller.wait_for("garage__report 2__Curr user", 10_000)
    controller.wait_for("garage__results__curr", "applied")


def test_a_push_is_published_at_once(
    online: ConnectorProcess,
    controller: Controller,
    stations: Simulator,
) -> None:
    controller.select("yard__report 2__Input")
    controller.wait_for("yard__report 2__Input", 0)
    asked = len(stations.requests)

    stations.act("yard", SetInput(1))

    controller.wait_for("yard__report 2__Input", 1)
    requests = stations.requests[asked:]
    assert not [r for r in requests if r.text == "report 2"]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no json",
        b"\xff\xfe",
        b"[1, 2]",
        b'{"value": NaN, "timestamp": 1}',
        b'{"value": 1e999, "timestamp": 1}',
        b'{"value": [1], "timestamp": 1}',
        b'{"value": {"a": 1}, "timestamp": 1}',
        b'{"value": "1\\nena 0", "timestamp": 1}',
        b'{"value": true, "timestamp": 1}',
        b'{"timestamp": 1}',
        b'{"value": 5999}',
        b'{"value": 0, "timestamp": "yesterday"}',
        b'{"value": "' + b"9" * 1_000_000 + b'", "timestamp": 1}',
        b"[" * 100_000,
    ],
    ids=lambda payload: repr(payload[:24]),
)
def test_nothing_on_mqtt_harms_the_connector_or_reaches_a_station(
    online: ConnectorProcess,
    controller: Controller,
    observer: Observer,
    stations: Simulator,
    payload: bytes,
) -> None:
    controller.select(actuators=["garage__curr", "garage__display"])
    controller.write_until_logged("garage__display", "ready", "ready: TCH-OK")

    observer.publish(controller.topic("garage__curr"), payload)
    controller.write("garage__curr", 7000)

    controller.wait_for_log("garage << curr 7000: TCH-OK")
    sent = {r.text for r in stations.requests if "report" not in r.text}
    assert sent == {"display 0 0 0 0 ready", "curr 7000"}
    assert online.is_running()


@pytest.mark.parametrize(
    "datapoint_map",
    [
        b"",
        b"no json",
        b"[]",
        b'{"sensor": {}}',
        b'{"sensor": [], "actuator": {}}',
        b'{"sensor": {}, "actuator": {"#": "garage__curr"}}',
        b'{"sensor": {"garage__report 3__P": 7}, "actuator": {"": 1}}',
    ],
    ids=repr,
)
def test_a_malformed_map_harms_nothing(
    online: ConnectorProcess,
    controller: Controller,
    observer: Observer,
    datapoint_map: bytes,
) -> None:
    observer.publish(f"{NAME}/datapoint_map", datapoint_map)

    controller.select(actuators=["garage__ena"])

    controller.write_until_logged("garage__ena", True, "ena 1: TCH-OK")


def test_a_retained_command_is_ignored_with_a_warning(
    online: ConnectorProcess,
    controller: Controller,
    observer: Observer,
    stations: Simulator,
) -> None:
    observer.publish(
        f"{NAME}/messages/1/value", {"value": 0, "timestamp": 1}, retain=True
    )
    controller.select(actuators=["garage__ena"])

    controller.wait_for_log("Ignored a retained message")
    assert "ena 0" not in [request.text for request in stations.requests]


def test_of_twenty_values_at_once_the_newest_leaves_last_and_none_too_early(
    online: ConnectorProcess, controller: Controller, stations: Simulator
) -> None:
    controller.select(actuators=["yard__curr", "yard__display"])
    controller.write_until_logged("yard__display", "ready", "ready: TCH-OK")
    for limit in range(6000, 26_000, 1000):
        controller.write("yard__curr", limit)

    controller.wait_for_log("yard << curr 25000: TCH-OK")
    sent = [r.text for r in stations.requests if r.text.startswith("curr")]
    assert sent[-1] == "curr 25000"
    assert sent == sorted(sent, key=lambda text: int(text.split()[1]))


def test_a_dead_station_is_one_line_down_and_one_line_up(
    online: ConnectorProcess,
    controller: Controller,
    stations: Simulator,
) -> None:
    controller.select("yard__connection__reason", "garage__report 3__P")

    stations.silence("yard")
    asked = len(stations.requests)
    stations.wait_until(lambda: len(stations.requests) > asked + 6, 30)
    controller.wait_for("yard__connection__reason", "no_reply")
    before = len(controller.values("garage__report 3__P"))
    stations.answer("yard")
    controller.wait_for("yard__connection__reason", "ok")

    about_yard = [line for line in controller.logs() if "yard" in line]
    assert len(about_yard) == 3  # online, does not answer, online again
    wait_until(lambda: len(controller.values("garage__report 3__P")) > before)


def test_raw_messages_keep_the_published_form(
    tmp_path: Path,
    broker: Mosquitto,
    observer: Observer,
    stations: Simulator,
) -> None:
    with ConnectorProcess(
        tmp_path, broker.port, STATIONS, SEND_RAW_MESSAGE_TO_DB="TRUE"
    ):
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


def test_read_only_sends_no_command(
    tmp_path: Path,
    broker: Mosquitto,
    controller: Controller,
    stations: Simulator,
) -> None:
    with ConnectorProcess(tmp_path, broker.port, STATIONS, READ_ONLY="TRUE"):
        controller.wait_for_log("garage is online")
        controller.select(actuators=["garage__ena"])
        controller.write_until_logged("garage__ena", 0, "READ_ONLY")

    assert "ena 0" not in [request.text for request in stations.requests]
