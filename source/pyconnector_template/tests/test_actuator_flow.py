"""Value messages become commands; all else becomes a warning."""

import json
import logging
import math
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyconnector_template import actuator_flow
from pyconnector_template.actuator_flow import CommandWorker
from pyconnector_template.pyconnector_template import ActuatorFlow
from testbed.mosquitto import DEADLINE_S

TOPIC = "demo/messages/6/value"
KEY = "garage__ena"
NOW_MS = 1_795_343_453_078


class Flow(ActuatorFlow):
    def __init__(self) -> None:
        self.datapoint_map = {"sensor": {}, "actuator": {TOPIC: KEY}}
        self.commands: list[tuple[str, Any, int | None]] = []
        self.expired: list[str] = []

    def send_command(
        self,
        datapoint_key: str,
        datapoint_value: Any,
        datapoint_timestamp: int | None,
    ) -> None:
        self.commands.append(
            (datapoint_key, datapoint_value, datapoint_timestamp)
        )

    def command_expired(self, datapoint_key: str) -> None:
        self.expired.append(datapoint_key)


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> Flow:
    monkeypatch.setattr(actuator_flow, "timestamp_utc_now", lambda: NOW_MS)
    return Flow()


@pytest.mark.parametrize(
    "value", [16000, 16000.0, "16000", True, None, [1, 2], {"a": 1}, "1\nena 0"]
)
def test_a_value_message_becomes_a_command_whatever_the_value(
    flow: Flow, value: object
) -> None:
    text = json.dumps({"value": value, "timestamp": NOW_MS})
    flow.run_actuator_flow(topic=TOPIC, value_msg_json=text)
    assert flow.commands == [(KEY, value, NOW_MS)]


def test_nan_reaches_the_connector_which_knows_what_it_means(
    flow: Flow,
) -> None:
    flow.run_actuator_flow(TOPIC, b'{"value": NaN, "timestamp": 1}')
    assert math.isnan(flow.commands[0][1])


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("demo/messages/7/value", b'{"value": 1, "timestamp": 1}'),
        (TOPIC, b""),
        (TOPIC, b"1"),
        (TOPIC, b"[1]"),
        (TOPIC, b"\xff\xfe"),
        (TOPIC, b"x" * 1_000_000),
        (TOPIC, b'{"timestamp": 1}'),
        (TOPIC, b"[" * 100_000),
    ],
)
def test_what_is_no_command_is_one_short_warning(
    flow: Flow,
    topic: str,
    message: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    flow.run_actuator_flow(topic, message)
    assert flow.commands == []
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert len(record.getMessage()) < 300


@pytest.mark.parametrize(
    "timestamp",
    ['"soon"', "null", "true", "[]", "NaN", "1e999", "-5", "9" * 400],
)
def test_a_strange_timestamp_is_no_timestamp(
    flow: Flow, timestamp: str
) -> None:
    message = f'{{"value": 1, "timestamp": {timestamp}}}'
    flow.run_actuator_flow(TOPIC, message)
    assert flow.commands == [(KEY, 1, None)]


def test_a_missing_timestamp_is_no_reason_to_refuse(flow: Flow) -> None:
    flow.run_actuator_flow(TOPIC, '{"value": 1}')
    assert flow.commands == [(KEY, 1, None)]


def test_old_commands_are_accepted_by_default(flow: Flow) -> None:
    flow.run_actuator_flow(TOPIC, '{"value": 1, "timestamp": 1573680749000}')
    assert len(flow.commands) == 1


@pytest.mark.parametrize(
    ("message", "is_sent"),
    [
        ({"value": 1, "timestamp": NOW_MS - 59_000}, True),
        ({"value": 1, "timestamp": NOW_MS - 61_000}, False),
        ({"value": 1, "timestamp": NOW_MS + 99_000}, True),
        ({"value": 1}, False),
    ],
)
def test_with_a_maximum_age_older_commands_are_refused(
    flow: Flow,
    message: dict[str, int],
    is_sent: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    flow.actuator_max_age_s = 60.0
    flow.run_actuator_flow(TOPIC, json.dumps(message))
    assert bool(flow.commands) == is_sent
    assert flow.expired == ([] if is_sent else [KEY])
    assert len(caplog.records) == (0 if is_sent else 1)


# Each example has a flow of its own; the environment is the same for all.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_nothing_that_arrives_raises(message: bytes) -> None:
    flow = Flow()
    flow.run_actuator_flow(TOPIC, message)


def test_send_command_has_to_be_written() -> None:
    with pytest.raises(NotImplementedError, match="send_command"):
        ActuatorFlow().send_command("key", 1, None)


class OlderFlow(ActuatorFlow):
    """As connectors were written before template 0.7.0."""

    def __init__(self) -> None:
        self.datapoint_map = {"sensor": {}, "actuator": {"t": "heater__power"}}
        self.commands: list[tuple[str, Any]] = []

    def send_command(  # type: ignore[override]
        self, datapoint_key: str, datapoint_value: Any
    ) -> None:
        self.commands.append((datapoint_key, datapoint_value))


class KeywordFlow(OlderFlow):
    def send_command(self, **command: Any) -> None:  # type: ignore[override]
        self.commands.append((command["datapoint_key"], command))


def test_a_connector_with_two_parameters_gets_two_arguments() -> None:
    flow = OlderFlow()
    for value in (1, 2):
        flow.run_actuator_flow("t", f'{{"value": {value}, "timestamp": 5}}')
    assert flow.commands == [("heater__power", 1), ("heater__power", 2)]


def test_a_connector_that_takes_any_keyword_gets_the_timestamp() -> None:
    flow = KeywordFlow()
    flow.run_actuator_flow("t", '{"value": 1, "timestamp": 5}')
    assert flow.commands[0][1]["datapoint_timestamp"] == 5


def test_commands_run_in_order_and_the_thread_ends_on_request() -> None:
    done: list[str] = []
    all_done = threading.Event()

    def run(topic: str, payload: str | bytes) -> None:
        done.append(topic)
        if len(done) == 3:
            all_done.set()

    worker = CommandWorker(run)
    thread = threading.Thread(target=worker.run)
    thread.start()
    for topic in "abc":
        worker.submit(topic, b"")
    assert all_done.wait(DEADLINE_S)
    worker.stop()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert done == ["a", "b", "c"]


def test_when_too_many_wait_the_oldest_make_room_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(actuator_flow, "MAX_WAITING", 2)
    done: list[str] = []
    worker = CommandWorker(lambda topic, _payload: done.append(topic))
    for topic in "abcd":
        worker.submit(topic, b"")
    worker._commands.put(None)
    worker.run()
    assert done == ["c", "d"]
    assert len(caplog.records) == 2


def test_nothing_is_sent_after_the_end() -> None:
    done: list[str] = []
    worker = CommandWorker(lambda topic, _payload: done.append(topic))
    worker.submit("waiting", b"")
    worker.stop()
    worker.submit("late", b"")
    worker.run()
    assert done == []
