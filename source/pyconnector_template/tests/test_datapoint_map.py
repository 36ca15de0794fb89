"""A datapoint map is believed entry by entry, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconnector_template.datapoint_map import (
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
