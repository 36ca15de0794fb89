"""Raw messages become values; what cannot be parsed costs only itself."""

import json
import logging
import time
from typing import Any
from unittest.mock import MagicMock

import pytest

from pyconnector_template.pyconnector_template import SensorFlow

ARRIVED_MS = 1_573_680_749_000


@pytest.fixture
def flow() -> Any:
    """Make a flow as upstream's own tests do, with mocks around it."""
    flow: Any = SensorFlow()
    flow.mqtt_client = MagicMock()
    flow.SEND_RAW_MESSAGE_TO_DB = "FALSE"
    flow.MQTT_TOPIC_RAW_MESSAGE_TO_DB = "demo/raw_message_to_db"
    flow.version = "1.2.3"
    flow.datapoint_map = {"sensor": {}, "actuator": {}}
    flow._update_available_datapoints = MagicMock()
    receive(flow, {"raw_message": '{"a": {"b": 1}}'})
    mocked(flow, "parse_raw_msg", parse)
    return flow


def mocked(flow: Any, name: str, behaviour: Any) -> MagicMock:
    mock = MagicMock(side_effect=behaviour)
    setattr(flow, name, mock)
    return mock


def receive(flow: Any, payload: dict[str, Any] | None) -> None:
    mocked(flow, "receive_raw_msg", lambda raw_data=None: {"payload": payload})


def parse(raw_msg: dict[str, Any]) -> dict[str, Any]:
    payload = raw_msg["payload"]
    payload["parsed_message"] = json.loads(payload.pop("raw_message"))
    return raw_msg


def published(flow: Any) -> list[tuple[str, Any]]:
    return [
        (call.kwargs["topic"], json.loads(call.kwargs["payload"]))
        for call in flow.mqtt_client.publish.call_args_list
    ]


def flat(flow: Any, parsed: dict[Any, Any]) -> dict[str, Any]:
    message = {"payload": {"parsed_message": parsed, "timestamp": ARRIVED_MS}}
    payload = flow._flatten_parsed_msg(parsed_msg=message)["payload"]
    assert payload["timestamp"] == ARRIVED_MS
    flattened: dict[str, Any] = payload["flattened_message"]
    return flattened


def test_selected_datapoints_are_published_retained_in_native_types(
    flow: Any,
) -> None:
    flow.datapoint_map["sensor"] = {"a__b": "demo/messages/1/value"}
    receive(flow, {"raw_message": '{"a": {"b": 1, "c": 2}}', "timestamp": 5})
    flow.run_sensor_flow()
    assert published(flow) == [
        ("demo/messages/1/value", {"value": 1, "timestamp": 5})
    ]
    assert flow.mqtt_client.publish.call_args.kwargs["retain"] is True


def test_all_datapoints_are_announced_selected_or_not(flow: Any) -> None:
    flow.run_sensor_flow()
    assert flow._update_available_datapoints.call_args.kwargs == {
        "available_datapoints": {"sensor": {"a__b": 1}, "actuator": {}}
    }


def test_pushed_data_are_handed_to_the_receiver(flow: Any) -> None:
    receiver = mocked(flow, "receive_raw_msg", lambda raw_data: parse_none())
    flow.run_sensor_flow(raw_data=b"push")
    assert receiver.call_args.kwargs == {"raw_data": b"push"}


def parse_none() -> dict[str, Any]:
    return {"payload": None}


def test_a_message_without_time_gets_the_time_of_its_reception(
    flow: Any,
) -> None:
    before = time.time() * 1000 - 1
    flow.run_sensor_flow()
    [raw_msg] = flow.parse_raw_msg.call_args.kwargs.values()
    timestamp = raw_msg["payload"]["timestamp"]
    assert isinstance(timestamp, int)
    assert before <= timestamp <= time.time() * 1000 + 1


def test_the_time_of_arrival_that_the_receiver_knows_is_kept(flow: Any) -> None:
    receive(flow, {"raw_message": "{}", "timestamp": ARRIVED_MS})
    flow.run_sensor_flow()
    [raw_msg] = flow.parse_raw_msg.call_args.kwargs.values()
    assert raw_msg["payload"]["timestamp"] == ARRIVED_MS


def test_an_empty_payload_from_the_receiver_ends_the_flow(flow: Any) -> None:
    receive(flow, None)
    flow.run_sensor_flow()
    flow.parse_raw_msg.assert_not_called()


def test_an_empty_payload_from_the_parser_ends_the_flow(flow: Any) -> None:
    mocked(flow, "parse_raw_msg", lambda raw_msg: {"payload": None})
    flow.run_sensor_flow()
    flow._update_available_datapoints.assert_not_called()


def test_raw_messages_are_wrapped_with_the_version_and_sent_with_qos_2(
    flow: Any,
) -> None:
    flow.SEND_RAW_MESSAGE_TO_DB = "TRUE"
    receive(flow, {"raw_message": "{}", "timestamp": ARRIVED_MS})
    flow.run_sensor_flow()
    assert published(flow) == [
        (
            "demo/raw_message_to_db",
            {
                "payload": {"raw_message": "{}", "timestamp": ARRIVED_MS},
                "connector_version": "1.2.3",
            },
        )
    ]
    assert flow.mqtt_client.publish.call_args.kwargs["qos"] == 2


def test_raw_messages_stay_here_unless_asked_for(flow: Any) -> None:
    flow.run_sensor_flow()
    assert published(flow) == []


def test_the_parser_gets_the_bytes_that_the_database_gets_as_text(
    flow: Any,
) -> None:
    flow.SEND_RAW_MESSAGE_TO_DB = "TRUE"
    receive(flow, {"raw_message": b"{}"})
    seen: list[object] = []

    def parse_bytes(raw_msg: dict[str, Any]) -> dict[str, Any]:
        seen.append(raw_msg["payload"]["raw_message"])
        return {"payload": None}

    mocked(flow, "parse_raw_msg", parse_bytes)
    flow.run_sensor_flow()
    assert seen == [b"{}"]
    assert published(flow)[0][1]["payload"]["raw_message"] == "{}"


def test_nested_keys_are_joined(flow: Any) -> None:
    parsed = {"a": {"b": 1, "c": {"d": [2]}}, "e": None}
    assert flat(flow, parsed) == {"a__b": 1, "a__c__d": [2], "e": None}


def test_keys_become_texts_and_empty_branches_vanish(flow: Any) -> None:
    assert flat(flow, {"a": {1: "x", None: 2}, "b": {}}) == {
        "a__1": "x",
        "a__None": 2,
    }


def test_keys_lose_what_ends_a_thread_of_the_api(flow: Any) -> None:
    assert flat(flow, {"a\0": {"b\ud800": 1}}) == {"a__b?": 1}


def test_of_two_paths_to_one_key_the_first_stays_with_one_warning(
    flow: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        assert flat(flow, {"a": {"b": 1}, "a__b": 2}) == {"a__b": 1}
    [record] = caplog.records
    assert "a__b" in record.getMessage()


def test_a_message_that_cannot_be_parsed_costs_only_itself_and_one_error(
    flow: Any, caplog: pytest.LogCaptureFixture
) -> None:
    flow.datapoint_map["sensor"] = {"a": "demo/messages/1/value"}
    for text in ("no JSON", "no JSON", '{"a": 1}'):
        receive(flow, {"raw_message": text, "timestamp": 5})
        flow.run_sensor_flow()
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert len(published(flow)) == 1


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_the_wish_to_end_is_not_swallowed(
    flow: Any, error: type[BaseException]
) -> None:
    mocked(flow, "parse_raw_msg", error("end"))
    with pytest.raises(error):
        flow.run_sensor_flow()


def test_a_broken_access_to_the_device_is_not_swallowed(flow: Any) -> None:
    mocked(flow, "receive_raw_msg", OSError("no device"))
    with pytest.raises(OSError, match="no device"):
        flow.run_sensor_flow()


@pytest.mark.parametrize("method", ["receive_raw_msg", "parse_raw_msg"])
def test_both_methods_have_to_be_written(flow: Any, method: str) -> None:
    delattr(flow, method)
    with pytest.raises(NotImplementedError, match=method):
        flow.run_sensor_flow()


def test_derived_values_can_be_published_without_a_raw_message(
    flow: Any,
) -> None:
    flow.datapoint_map["sensor"] = {"a__online": "demo/messages/9/value"}
    flow.publish_values({"a": {"online": True}}, 7)
    assert published(flow) == [
        ("demo/messages/9/value", {"value": True, "timestamp": 7})
    ]
