"""A datapoint map is believed entry by entry, or not at all."""

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconnector_template.datapoint_map import (
    LOOK_S,
    PATIENCE_S,
    MissingMap,
    UnusableMapError,
    is_plain_topic,
    read_datapoint_map,
    similar_name,
)
from pyconnector_template.findings import Findings

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
def link() -> MagicMock:
    return MagicMock()


@pytest.fixture
def missing() -> MissingMap:
    return MissingMap("keba-garage", Findings())


@pytest.fixture
def steps(missing: MissingMap, link: MagicMock) -> Callable[..., list[str]]:
    """Return a function that says what was done at which moments."""

    def steps(*moments: float, is_connected: bool = True) -> list[str]:
        link.is_connected.return_value = is_connected
        link.reset_mock()
        for now in moments:
            missing.check(now, link)
        return [
            f"{name} {args[0]}"
            for name, args, _ in link.mock_calls
            if name != "is_connected"
        ]

    return steps


LOOK = "subscribe_temporarily +/datapoint_map"
END = "unsubscribe +/datapoint_map"
Steps = Callable[..., list[str]]


def test_after_a_while_it_looks_and_then_tells_once(
    steps: Steps, missing: MissingMap, caplog: pytest.LogCaptureFixture
) -> None:
    looks = 5 + PATIENCE_S
    assert steps(5, looks - 0.1) == []
    assert steps(looks, looks + 1) == [LOOK]
    assert missing.is_awaited
    assert not caplog.messages
    assert steps(looks + LOOK_S, looks + 100, looks + 9999) == [END]
    assert len(caplog.messages) == 1
    assert not missing.is_awaited


def test_a_map_that_has_come_is_not_missing(
    steps: Steps, missing: MissingMap
) -> None:
    steps(0)
    missing.has_come = True
    assert steps(PATIENCE_S, 9999) == []


def test_a_map_that_comes_while_it_looks_ends_the_looking_once(
    steps: Steps, missing: MissingMap, caplog: pytest.LogCaptureFixture
) -> None:
    assert steps(0, PATIENCE_S) == [LOOK]
    missing.has_come = True
    assert steps(31, 32) == [END]
    assert not caplog.messages


def test_the_wait_begins_with_the_connection(steps: Steps) -> None:
    assert steps(0, 20) == []
    assert steps(25, is_connected=False) == []
    assert steps(30, 59) == []
    assert steps(60) == [LOOK]


def test_a_connection_that_breaks_while_it_looks_begins_anew(
    steps: Steps,
) -> None:
    assert steps(0, PATIENCE_S) == [LOOK]
    assert steps(31, is_connected=False) == []
    assert steps(32, 32 + PATIENCE_S) == [LOOK]


@pytest.mark.parametrize(
    "other", ["keba_garage", "Keba-Garage", "keba-garag", "kebagarage"]
)
def test_a_similar_name_is_found(other: str) -> None:
    assert similar_name("keba-garage", {"modbus-heatpump", other}) == other


@pytest.mark.parametrize("others", [set(), {"modbus-heatpump"}])
def test_a_name_that_is_not_similar_is_no_help(others: set[str]) -> None:
    assert similar_name("keba-garage", others) is None
