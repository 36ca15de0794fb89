"""A datapoint map is believed entry by entry, or not at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconnector_template.datapoint_map import (
    LOOK_S,
    PATIENCE_S,
    MissingMap,
    Step,
    UnusableMapError,
    is_plain_topic,
    read_datapoint_map,
)

GOOD: dict[str, Any] = {
    "sensor": {"garage__report 2__State": "keba/messages/1/value"},
    "actuator": {"keba/messages/6/value": "garage__ena"},
}


def test_a_good_map_is_taken_as_it_is() -> None:
    assert read_datapoint_map(json.dumps(GOOD)) == (GOOD, [])


def test_keys_that_bemcom_may_add_one_day_are_ignored() -> None:
    text = json.dumps({**GOOD, "schedule": {}})
    assert read_datapoint_map(text) == (GOOD, [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "empty"),
        (b"no JSON", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "No sensor key in datapoint_map"),
        (b'{"sensor": {}}', "No actuator key in datapoint_map"),
        (
            b'{"sensor": null, "actuator": {}}',
            "Sensor entry in datapoint_map is no object",
        ),
        (
            b'{"sensor": {}, "actuator": []}',
            "Actuator entry in datapoint_map is no object",
        ),
    ],
)
def test_what_is_no_map_is_refused_with_the_reason(
    text: bytes, reason: str
) -> None:
    with pytest.raises(UnusableMapError, match=reason):
        read_datapoint_map(text)


@pytest.mark.parametrize(
    "topic", ["", "a/+/b", "#", "a\0", "\ud800", "x" * 70_000, 5, None, ["a"]]
)
def test_bad_entries_are_left_out_and_good_ones_stay(topic: object) -> None:
    sensors = {**GOOD["sensor"], "bad": topic}
    text = json.dumps({**GOOD, "sensor": sensors})
    datapoint_map, rejected = read_datapoint_map(text)
    assert datapoint_map == GOOD
    assert len(rejected) == 1
    assert "'bad'" in rejected[0]


@pytest.mark.parametrize(
    ("topic", "key"), [("demo/#", "garage__ena"), ("a/b", 5), ("a/b", None)]
)
def test_bad_actuators_are_left_out(topic: str, key: object) -> None:
    actuators = {**GOOD["actuator"], topic: key}
    text = json.dumps({**GOOD, "actuator": actuators})
    datapoint_map, rejected = read_datapoint_map(text)
    assert datapoint_map == GOOD
    assert len(rejected) == 1


@given(st.text())
def test_plain_topics_are_those_one_can_publish_on(topic: str) -> None:
    expected = topic != "" and not set(topic) & set("+#\0")
    assert is_plain_topic(topic) == expected


@pytest.fixture
def missing() -> MissingMap:
    return MissingMap("keba-garage")


def steps(
    missing: MissingMap, *moments: float, is_connected: bool = True
) -> list[Step]:
    return [
        missing.next_step(now, is_connected=is_connected) for now in moments
    ]


def test_after_a_while_it_looks_and_then_tells_once(
    missing: MissingMap,
) -> None:
    looks = PATIENCE_S + 5
    assert steps(missing, 5, looks - 0.1) == [Step.WAIT] * 2
    assert steps(missing, looks, looks + 1) == [Step.LOOK, Step.WAIT]
    assert steps(missing, looks + LOOK_S) == [Step.REPORT]
    assert steps(missing, looks + 100, looks + 9999) == [Step.WAIT] * 2


def test_a_map_that_has_come_is_not_missing(missing: MissingMap) -> None:
    steps(missing, 0)
    missing.has_come = True
    assert steps(missing, PATIENCE_S, 9999) == [Step.WAIT] * 2


def test_a_map_that_comes_while_it_looks_ends_the_looking_once(
    missing: MissingMap,
) -> None:
    assert steps(missing, 0, PATIENCE_S)[-1] is Step.LOOK
    missing.has_come = True
    assert steps(missing, 31, 32) == [Step.END, Step.WAIT]


def test_the_wait_begins_with_the_connection(missing: MissingMap) -> None:
    steps(missing, 0, 20)
    assert steps(missing, 25, is_connected=False) == [Step.WAIT]
    assert steps(missing, 30, 59) == [Step.WAIT] * 2
    assert steps(missing, 60) == [Step.LOOK]


def test_a_connection_that_breaks_while_it_looks_begins_anew(
    missing: MissingMap,
) -> None:
    assert steps(missing, 0, PATIENCE_S)[-1] is Step.LOOK
    steps(missing, 31, is_connected=False)
    assert steps(missing, 32, 32 + PATIENCE_S) == [Step.WAIT, Step.LOOK]


@pytest.mark.parametrize(
    "other", ["keba_garage", "Keba-Garage", "keba-garag", "kebagarage"]
)
def test_a_similar_name_is_found(missing: MissingMap, other: str) -> None:
    missing.note_other("modbus-heatpump")
    missing.note_other(other)
    assert missing.similar_name() == other


def test_a_name_that_is_not_similar_is_no_help(missing: MissingMap) -> None:
    assert missing.similar_name() is None
    missing.note_other("modbus-heatpump")
    assert missing.similar_name() is None
