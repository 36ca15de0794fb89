"""What MQTT tells of a connector."""

import json
from typing import Any

import pytest

from connector.settings import Station
from connector.tools.connector_view import ConnectorView, RawTexts, Reading
from connector.tools.examination import Examination, read_diagnosis
from connector.tools.overview import summaries_of

MAP = {
    "sensor": {
        "garage__connection__reason": "keba/messages/1/value",
        "garage__report 3__P": "keba/messages/2/value",
    },
    "actuator": {
        "keba/messages/9/value": "garage__curr",
        "keba/messages/10/value": "all__ena",
    },
}


def view_of(*messages: tuple[str, Any]) -> ConnectorView:
    view = ConnectorView("keba")
    for topic, content in messages:
        payload = json.dumps(content).encode()
        view.take(f"keba/{topic}", payload, is_retained=False)
    return view


def value(content: Any, timestamp: int = 1000) -> dict[str, Any]:
    return {"value": content, "timestamp": timestamp}


def test_values_are_known_by_their_keys() -> None:
    view = view_of(("datapoint_map", MAP), ("messages/2/value", value(11)))
    assert view.value("garage__report 3__P") == 11
    assert view.readings["garage__report 3__P"].timestamp_ms == 1000


def test_values_that_come_before_the_map_count_as_well() -> None:
    seen: dict[str, Reading] = {}
    view = ConnectorView("keba", seen.__setitem__)
    for topic, content in (
        ("messages/2/value", value(11)),
        ("datapoint_map", MAP),
    ):
        payload = json.dumps(content).encode()
        view.take(f"keba/{topic}", payload, is_retained=True)
    assert view.value("garage__report 3__P") == 11
    assert seen["garage__report 3__P"].is_retained


def test_commands_of_others_are_heard() -> None:
    seen: dict[str, Reading] = {}
    view = ConnectorView("keba", seen.__setitem__)
    for topic, content in (
        ("datapoint_map", MAP),
        ("messages/9/value", value(10000)),
    ):
        payload = json.dumps(content).encode()
        view.take(f"keba/{topic}", payload, is_retained=False)
    assert seen["garage__curr"].value == 10000
    assert view.value("garage__curr") is None


def test_all_is_no_station() -> None:
    assert view_of(("datapoint_map", MAP)).stations == ("garage",)


def test_nonsense_is_ignored() -> None:
    view = ConnectorView("keba")
    for payload in (
        b"",
        b"\xff",
        b"[1]",
        b'"text"',
        b'{"value": 1}',
        b'{"value": 1, "timestamp": NaN}',
        b'{"value": 1, "timestamp": 1e999}',
        b'{"value": 1, "timestamp": -1}',
        b'{"value": 1, "timestamp": 1%s}' % (400 * b"0"),
        b'{"value": [1], "timestamp": 1}',
        b'{"value": {}, "timestamp": 1}',
    ):
        for kind in ("datapoint_map", "status", "messages/2/value"):
            view.take(f"keba/{kind}", payload, is_retained=False)
    assert view.readings == {}


def test_raw_messages_are_told_by_station_and_nonsense_is_none() -> None:
    told: list[RawTexts] = []
    view = ConnectorView("keba", on_raw=told.append)
    odd: tuple[object, ...] = (1, {"raw_message": [1]})
    for payload in (*odd, {"raw_message": {"garage": {}}}):
        content = json.dumps({"payload": payload}).encode()
        view.take("keba/raw_message_to_db", content, is_retained=False)
    assert told == [{}, {}, {"garage": {}}]


def test_a_status_tells_whether_one_is_online() -> None:
    assert view_of().is_online is None
    assert view_of(("status", {"status": "online"})).is_online is True
    assert view_of(("status", {"status": "offline"})).is_online is False


def heartbeat(sent_s: float) -> tuple[str, Any]:
    sent = round(sent_s * 1000)
    return (
        "heartbeat",
        {
            "this_heartbeats_timestamp": sent,
            "next_heartbeats_timestamp": sent + 30_000,
        },
    )


def test_one_connector_is_alone_even_when_it_restarts() -> None:
    steady = [heartbeat(moment) for moment in (0, 29, 58, 87)]
    assert not view_of(*steady).is_name_used_twice
    restarted = [heartbeat(moment) for moment in (0, 29, 35, 64, 93)]
    assert not view_of(*restarted).is_name_used_twice
    again = [heartbeat(moment) for moment in (122, 151, 158, 187, 216)]
    assert not view_of(*restarted, *again).is_name_used_twice


def test_a_broker_and_a_connector_that_restart_are_no_second_connector() -> (
    None
):
    moments = (0, 29, 35, 64, 75, 80, 109, 111, 140)
    assert not view_of(*map(heartbeat, moments)).is_name_used_twice


def test_two_connectors_of_one_name_are_seen() -> None:
    both = [heartbeat(moment) for moment in (0, 12, 29, 41, 58, 70)]
    assert view_of(*both).is_name_used_twice


def test_a_heartbeat_counts_for_more_than_an_old_last_will() -> None:
    view = ConnectorView("keba")
    for is_retained, (topic, content) in (
        (True, ("status", {"status": "offline"})),
        (False, heartbeat(0)),
    ):
        payload = json.dumps(content).encode()
        view.take(f"keba/{topic}", payload, is_retained=is_retained)
    assert view.is_online is True
    goodbye = json.dumps({"status": "offline"}).encode()
    view.take("keba/status", goodbye, is_retained=False)
    assert view.is_online is False


def test_a_heartbeat_from_before_a_lost_broker_is_no_news() -> None:
    view = view_of(heartbeat(0))
    assert view.is_online is True
    view.note_new_connection()
    goodbye = json.dumps({"status": "offline"}).encode()
    view.take("keba/status", goodbye, is_retained=True)
    assert view.is_online is False


def test_maps_of_other_connectors_are_known_by_name() -> None:
    view = view_of(("datapoint_map", MAP))
    view.take("keba-p30/datapoint_map", b"{}", is_retained=True)
    assert view.other_maps == {"keba-p30"}
    assert view.stations == ("garage",)


def test_what_the_connector_has_found_is_known_by_station() -> None:
    finding = {"about": "garage", "code": "no_reply"}
    view = view_of(
        (
            "diagnosis",
            {"findings": [finding, "nonsense"], "stations": {"garage": {}}},
        )
    )
    assert view.findings == [finding]
    assert view.facts_of_stations == {"garage": {}}


@pytest.mark.parametrize(
    "diagnosis",
    [
        {"findings": 1, "stations": [1]},
        {"findings": {}, "stations": {"garage": 1}},
        {
            "findings": [{"about": None, "since": 10**400, "severity": 1}],
            "stations": {"garage": {"fields": None, "link": 1, "failsafe": []}},
        },
    ],
)
def test_a_diagnosis_of_another_shape_harms_no_tool(diagnosis: object) -> None:
    view = view_of(("datapoint_map", MAP), ("diagnosis", diagnosis))
    stations = {"garage": Station(host="192.0.2.1")}
    exam = Examination()

    read_diagnosis(exam, view, stations)

    (garage,) = summaries_of(view)
    assert garage.station == "garage"
    assert view.fields_of("garage") == {}
    assert [row.check for row in exam.host] == ["connector"]


def test_stations_are_those_of_keys_and_those_that_the_diagnosis_tells() -> (
    None
):
    view = view_of(("datapoint_map", MAP))
    assert view.stations == ("garage",)
    view.take("keba/diagnosis", b'{"stations": {"yard": {}}}', is_retained=True)
    view.take(
        "keba/available_datapoints",
        b'{"sensor": {}, "actuator": {"attic__ena": 1, "all__ena": 1}}',
        is_retained=True,
    )
    assert [*view.stations] == ["attic", "garage", "yard"]
