"""The connector with the clients and mocks that upstream's tests use."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import MagicMock

import pytest
from paho.mqtt.client import Client

from pyconnector_template import connector as connector_module
from pyconnector_template import datapoint_map as map_module
from pyconnector_template import supervisor as supervisor_module
from pyconnector_template.connector import CannotStartError, heartbeat_pause
from pyconnector_template.logs import LOGGER_NAME, MQTTHandler
from pyconnector_template.pyconnector_template import (
    ActuatorFlow,
    Connector,
    SensorFlow,
)
from pyconnector_template.tests.conftest import running
from testbed.mosquitto import DEADLINE_S, wait_until

TOPIC = "demo/messages/3/value"
MAP_TOPIC = "demo/datapoint_map"


class WholeConnector(Connector, SensorFlow, ActuatorFlow):
    pass


class FakeClient:
    """A client with the interface of paho 1.5, and a loop that obeys."""

    last: "FakeClient"

    def __init__(self, userdata: Any) -> None:
        FakeClient.last = self
        self.userdata = userdata
        self.on_message: Callable[..., None] | None = None
        self.publish = MagicMock()
        self.subscribe = MagicMock()
        self.unsubscribe = MagicMock()
        self.connect = MagicMock()
        self.loops = threading.Event()
        self.disconnected = threading.Event()

    def loop_forever(self) -> None:
        self.loops.set()
        self.disconnected.wait()

    def disconnect(self) -> None:
        self.disconnected.set()

    def deliver(
        self, topic: str, payload: Any, *, retain: bool = False
    ) -> None:
        message = MagicMock(topic=topic, payload=payload, retain=retain)
        assert self.on_message is not None
        self.on_message(self, self.userdata, message)

    def on(self, topic: str) -> list[Any]:
        return [
            json.loads(call.kwargs["payload"])
            for call in self.publish.call_args_list
            if call.kwargs["topic"] == topic
        ]


@pytest.fixture
def connector() -> Connector:
    """Make a connector that does not run, with a mock for a client."""
    connector = WholeConnector("1.2.3")
    connector.mqtt_client = MagicMock()
    return connector


def new_map(*topics: str) -> str:
    actuators = {topic: f"key of {topic}" for topic in topics}
    return json.dumps({"sensor": {}, "actuator": actuators})


def message(topic: str, payload: Any, retain: Any = None) -> MagicMock:
    made = MagicMock(topic=topic, payload=payload)
    if retain is not None:
        made.retain = retain
    return made


def handle(connector: Connector, made: MagicMock) -> None:
    connector._handle_incoming_mqtt_msg(
        client=MagicMock(), userdata={"self": connector}, msg=made
    )


@contextmanager
def connected(**keywords: Any) -> Iterator[tuple[WholeConnector, FakeClient]]:
    """Run a connector with a fake client that is connected."""
    connector = WholeConnector("1", MqttClient=FakeClient, **keywords)
    with running(connector):
        wait_until(lambda: connector.broker_is_connected)
        yield connector, FakeClient.last


def test_attributes_come_from_the_environment(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("SEND_RAW_MESSAGE_TO_DB", "TRUE")
    environment.setenv("DEBUG", "FALSE")
    connector = Connector(version="1.2.3")
    assert connector.CONNECTOR_NAME == "demo"
    assert connector.MQTT_BROKER_HOST == "127.0.0.1"
    assert connector.MQTT_BROKER_PORT == 1883
    assert connector.SEND_RAW_MESSAGE_TO_DB == "TRUE"
    assert connector.DEBUG == "FALSE"
    assert connector.MQTT_TOPIC_LOGS == "demo/logs"
    assert connector.MQTT_TOPIC_HEARTBEAT == "demo/heartbeat"
    assert (
        connector.MQTT_TOPIC_AVAILABLE_DATAPOINTS == "demo/available_datapoints"
    )
    assert connector.MQTT_TOPIC_DATAPOINT_MAP == MAP_TOPIC
    assert connector.MQTT_TOPIC_RAW_MESSAGE_TO_DB == "demo/raw_message_to_db"
    assert connector.version == "1.2.3"


def test_arguments_may_be_given_by_position_and_have_defaults() -> None:
    given: Any = ("1", {}, {}, MagicMock(), {"a": 1}, MagicMock(), 5)
    connector = Connector(*given)
    assert connector.version == "1"
    assert connector._device_dispatcher_kwargs == {"a": 1}
    assert connector._heartbeat_interval == 5
    plain = Connector("1")
    assert plain._MqttClient is Client
    assert plain._heartbeat_interval == 30
    assert plain._device_dispatcher_kwargs == {}


def test_a_connector_can_be_made_without_settings_as_unit_tests_do(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.delenv("MQTT_BROKER_HOST")
    connector = WholeConnector("1.2.3")
    connector.mqtt_client = MagicMock()
    connector._update_available_datapoints(
        {"sensor": {"power": 1}, "actuator": {}}
    )
    sent = connector.mqtt_client.publish.call_args.kwargs
    assert sent["topic"] == "demo/available_datapoints"


def test_what_is_missing_is_told_by_run_before_anything_starts(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.delenv("MQTT_BROKER_HOST")
    environment.setenv("MQTT_TLS", "perhaps")
    connector = WholeConnector("1.2.3", MqttClient=FakeClient)
    with pytest.raises(SystemExit) as ended:
        connector.run()
    assert ended.value.code == 2
    [record] = caplog.records
    assert "MQTT_BROKER_HOST: is required" in record.getMessage()
    assert "MQTT_TLS" in record.getMessage()
    assert record.exc_info is None


def test_variables_of_the_file_are_there_for_the_connectors_own_settings(
    environment: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    environment.setenv("DEMO_OWN", "x")
    environment.delenv("DEMO_OWN")
    (tmp_path / ".env").write_text("DEMO_OWN=4\n")
    (tmp_path / ".env.local").write_text("DEMO_OWN=5\n")
    Connector("1.2.3")
    assert os.environ["DEMO_OWN"] == "5"


def test_a_map_message_updates_the_map(connector: Connector) -> None:
    handle(connector, message(MAP_TOPIC, new_map(TOPIC).encode(), retain=True))
    assert connector.datapoint_map["actuator"] == {TOPIC: f"key of {TOPIC}"}


def test_a_value_message_runs_the_actuator_flow(connector: Connector) -> None:
    flow = MagicMock()
    connector.run_actuator_flow = flow
    payload = MagicMock()
    handle(connector, message(TOPIC, payload))
    assert flow.call_args.kwargs == {"topic": TOPIC, "value_msg_json": payload}


def test_a_retained_command_is_ignored_with_a_warning(
    connector: Connector, caplog: pytest.LogCaptureFixture
) -> None:
    connector.run_actuator_flow = MagicMock()
    handle(connector, message(TOPIC, b"{}", retain=True))
    assert not connector.run_actuator_flow.called
    [warning] = caplog.messages
    assert "Ignored a retained message" in warning


def test_entries_of_a_map_that_are_left_out_are_one_warning(
    connector: Connector, caplog: pytest.LogCaptureFixture
) -> None:
    connector._validate_and_update_datapoint_map(new_map("ok", "demo/#", "+"))
    assert [*connector.datapoint_map["actuator"]] == ["ok"]
    client: Any = connector.mqtt_client
    client.subscribe.assert_called_once_with(topic="ok", qos=2)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("hook", "topic"),
    [("on_datapoint_map", MAP_TOPIC), ("run_actuator_flow", TOPIC)],
)
def test_an_exception_leaves_no_callback_of_the_broker(
    connector: Connector,
    caplog: pytest.LogCaptureFixture,
    hook: str,
    topic: str,
) -> None:
    failing = MagicMock(side_effect=ZeroDivisionError)
    setattr(connector, hook, failing)
    handle(connector, message(topic, new_map(TOPIC).encode()))
    assert failing.called
    assert any("ZeroDivision" in str(one.exc_info) for one in caplog.records)


def test_only_changed_actuators_are_subscribed_and_unsubscribed(
    connector: Connector,
) -> None:
    for text in (new_map("a/1", "a/2"), new_map("a/2", "a/3")):
        connector._validate_and_update_datapoint_map(datapoint_map_json=text)
    client = connector.mqtt_client
    subscribed = [call.kwargs for call in client.subscribe.call_args_list]
    assert sorted(one["topic"] for one in subscribed) == ["a/1", "a/2", "a/3"]
    assert {one["qos"] for one in subscribed} == {2}
    client.unsubscribe.assert_called_once_with(topic="a/1")


def test_the_same_map_again_changes_nothing_and_says_nothing(
    connector: Connector, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        connector._validate_and_update_datapoint_map(new_map(TOPIC))
    assert connector.mqtt_client.subscribe.call_count == 1
    assert caplog.records == []


def test_an_unusable_map_is_one_error_and_the_old_one_stays(
    connector: Connector, caplog: pytest.LogCaptureFixture
) -> None:
    connector._validate_and_update_datapoint_map(new_map(TOPIC))
    connector._validate_and_update_datapoint_map(datapoint_map_json="{}")
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "No sensor key" in record.getMessage()
    assert TOPIC in connector.datapoint_map["actuator"]


def test_an_empty_map_is_authoritative(connector: Connector) -> None:
    connector._validate_and_update_datapoint_map(new_map(TOPIC))
    connector._validate_and_update_datapoint_map(new_map())
    assert connector.datapoint_map == {"sensor": {}, "actuator": {}}
    connector.mqtt_client.unsubscribe.assert_called_once_with(topic=TOPIC)


@pytest.mark.parametrize("kind", ["sensor", "actuator"])
def test_a_new_datapoint_is_announced_with_all_others(
    connector: Connector, kind: str
) -> None:
    connector.available_datapoints = {
        "sensor": {"power": 0.1},
        "actuator": {"setpoint": 0.4},
    }
    update: dict[str, dict[str, Any]] = {"sensor": {}, "actuator": {}}
    update[kind]["new"] = 6.4
    connector._update_available_datapoints(available_datapoints=update)
    expected: dict[str, dict[str, Any]] = {
        "sensor": {"power": 0.1},
        "actuator": {"setpoint": 0.4},
    }
    expected[kind]["new"] = 6.4
    assert connector.available_datapoints == expected
    sent = connector.mqtt_client.publish.call_args.kwargs
    assert sent["topic"] == "demo/available_datapoints"
    assert sent["payload"] == json.dumps(expected)
    assert sent["retain"] is True


def test_new_examples_of_known_datapoints_are_noted_but_not_announced(
    connector: Connector,
) -> None:
    for value in (1, 2):
        connector._update_available_datapoints(
            {"sensor": {"power": value}, "actuator": {}}
        )
    assert connector.mqtt_client.publish.call_count == 1
    assert connector.available_datapoints["sensor"] == {"power": 2}


def test_a_heartbeat_promises_the_next_one(connector: Connector) -> None:
    connector._heartbeat_interval = 22.1
    before = time.time() * 1000 - 1
    connector._send_heartbeat()
    sent = connector.mqtt_client.publish.call_args.kwargs
    assert sent["topic"] == "demo/heartbeat"
    beat = json.loads(sent["payload"])
    assert before <= beat["this_heartbeats_timestamp"] <= time.time() * 1000 + 1
    gap = beat["next_heartbeats_timestamp"] - beat["this_heartbeats_timestamp"]
    assert gap == 22_100


def test_an_injected_client_is_driven_as_upstream_does() -> None:
    connector = WholeConnector("1", MqttClient=FakeClient)
    with running(connector) as outcome:
        wait_until(lambda: connector.broker_is_connected)
        client = FakeClient.last
        assert client.loops.wait(DEADLINE_S)
        assert client.userdata == {"self": connector}
        assert client.connect.call_args.kwargs == {
            "host": "127.0.0.1",
            "port": 1883,
        }
        assert client.subscribe.call_args.kwargs == {
            "topic": MAP_TOPIC,
            "qos": 1,
        }
        assert client.on("demo/available_datapoints") == [
            {"sensor": {}, "actuator": {}}
        ]
        wait_until(lambda: client.on("demo/heartbeat"))
        assert client.on("demo/status") == []
    assert client.disconnected.is_set()
    assert outcome.exit_code is None
    assert not connector.broker_is_connected


def test_the_hook_of_a_connection_may_publish() -> None:
    class Saying(WholeConnector):
        def on_connected(self) -> None:
            self.publish_retained("x", 1)

    connector = Saying("1", MqttClient=FakeClient)
    with running(connector):
        wait_until(lambda: connector.broker_is_connected)
        wait_until(lambda: FakeClient.last.on("demo/x") == [1])


def test_initial_map_and_datapoints_are_installed() -> None:
    datapoints = {"sensor": {"a": 1}, "actuator": {"b": 2}}
    given = json.loads(new_map(TOPIC))
    with connected(datapoint_map=given, available_datapoints=datapoints) as (
        connector,
        client,
    ):
        assert connector.datapoint_map == given
        assert connector.available_datapoints == datapoints
        topics = [
            call.kwargs["topic"] for call in client.subscribe.call_args_list
        ]
        assert set(topics) == {TOPIC, MAP_TOPIC}


def test_the_dispatcher_gets_its_target_and_the_callers_dict_stays() -> None:
    dispatcher = MagicMock()
    dispatcher.return_value.is_alive.return_value = True
    for given in ({"call_interval": 5}, {"target_func": MagicMock()}):
        before = dict(given)
        connector = WholeConnector(
            "1", None, None, dispatcher, given, MqttClient=FakeClient
        )
        with running(connector):
            wait_until(lambda: dispatcher.return_value.start.called)
        flow = {"target_func": connector.run_sensor_flow}
        assert dispatcher.call_args.kwargs == {**flow, **before}
        assert given == before
        assert dispatcher.return_value.terminate.called
        dispatcher.return_value.reset_mock()


def test_without_a_dispatcher_the_connector_lives_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connector = WholeConnector("1", MqttClient=FakeClient)
    with running(connector) as outcome:
        wait_until(lambda: connector.broker_is_connected)
        assert not outcome.ended.is_set()
    first = caplog.records[0]
    assert first.levelno == logging.WARNING
    assert "DeviceDispatcher is not set." in first.getMessage()


def test_doubtful_settings_are_told_once_at_the_start(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("CONNECTOR_NAMES", "keba")
    with connected() as (connector, client):
        pass
    rows = client.on(connector.MQTT_TOPIC_LOGS)
    [row] = [row for row in rows if row["emitter"] == "settings"]
    assert row["level"] == logging.WARNING
    assert row["msg"].startswith("CONNECTOR_NAMES is ignored")
    assert row["msg"].endswith("Did you mean CONNECTOR_NAME?")


def test_the_log_handler_is_there_exactly_once() -> None:
    for _ in range(2):
        with connected():
            pass
    handlers = logging.getLogger(LOGGER_NAME).handlers
    [handler] = [one for one in handlers if isinstance(one, MQTTHandler)]
    assert handler.mqtt_client is FakeClient.last


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_the_wish_to_end_is_a_normal_end_wherever_it_comes_from(
    error: type[BaseException],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connector = WholeConnector("1", MqttClient=FakeClient)
    monkeypatch.setattr(
        connector, "_send_heartbeat", MagicMock(side_effect=error)
    )
    caplog.set_level(logging.WARNING)
    with running(connector) as outcome:
        assert outcome.ended.wait(DEADLINE_S)
    assert outcome.exit_code is None
    assert [one for one in caplog.records if one.levelno > 30] == []


def test_commands_that_come_during_the_goodbye_do_not_reach_the_device() -> (
    None
):
    flow = MagicMock()
    with connected() as (connector, client):
        connector.run_actuator_flow = flow
        # The goodbye is published when the device has been left already.
        client.publish.side_effect = lambda **sent: (
            client.deliver(TOPIC, b"late")
            if "Good bye" in str(sent["payload"])
            else None
        )
    assert any("Good bye" in one["msg"] for one in client.on("demo/logs"))
    assert flow.call_count == 0


def test_a_loop_of_the_client_that_ends_is_fatal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connector = WholeConnector("1", MqttClient=MagicMock)
    with running(connector) as outcome:
        assert outcome.ended.wait(DEADLINE_S)
    assert outcome.exit_code == 1
    [record] = [one for one in caplog.records if one.levelno > 30]
    assert "unexpected exception" in record.getMessage()
    assert "'mqtt' has ended" in str(record.exc_info)


def test_without_health_there_is_no_heartbeat_but_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    health = threading.Event()
    looked = threading.Semaphore(0)

    class Ailing(WholeConnector):
        def is_healthy(self) -> bool:
            looked.release()
            return health.is_set()

    connector = Ailing("1", MqttClient=FakeClient, heartbeat_interval=0.02)
    with running(connector):
        for _ in range(3):
            assert looked.acquire(timeout=DEADLINE_S)
        client = FakeClient.last
        assert client.on("demo/heartbeat") == []
        health.set()
        wait_until(lambda: len(client.on("demo/heartbeat")) >= 3)
    texts = [one.getMessage() for one in caplog.records]
    assert sum("not healthy" in text for text in texts) == 1
    assert sum("healthy again" in text for text in texts) == 1


@pytest.mark.parametrize(
    ("interval", "pause"), [(30, 29.0), (0.1, 0.095), (3600, 3599.0)]
)
def test_heartbeats_come_slightly_before_they_are_due(
    interval: float, pause: float
) -> None:
    assert heartbeat_pause(interval) == pytest.approx(pause)


def test_the_number_of_datapoints_is_bounded(
    connector: Connector,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(connector_module, "MAX_AVAILABLE_DATAPOINTS", 3)
    for number in range(10):
        connector._update_available_datapoints(
            {"sensor": {str(number): number}, "actuator": {}}
        )
    assert list(connector.available_datapoints["sensor"]) == ["0", "1", "2"]
    assert connector.mqtt_client.publish.call_count == 3
    assert len(caplog.records) == 1


def causes(connector: Connector) -> list[str]:
    return [str(one.cause) for one in connector.broker_findings.current()]


def test_a_map_with_nothing_in_it_is_a_finding_until_something_is_active(
    connector: Connector,
) -> None:
    assert causes(connector) == []
    connector._validate_and_update_datapoint_map(new_map())
    assert causes(connector) == ["nothing_active"]
    connector._validate_and_update_datapoint_map(new_map(TOPIC))
    assert causes(connector) == []


@pytest.fixture
def impatient(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(map_module, "PATIENCE_S", 0.01)
    environment.setattr(map_module, "LOOK_S", 0.01)
    environment.setattr(supervisor_module, "CHECK_INTERVAL_S", 0.01)


@pytest.mark.parametrize(
    ("other", "cause", "hint"),
    [
        ("Demo", "wrong_name", "did you mean CONNECTOR_NAME=Demo?"),
        ("heatpump", "no_map", "Connectors, Add, and enter the name demo"),
    ],
)
def test_a_map_that_does_not_come_is_one_warning_with_what_to_do(
    impatient: None,
    environment: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    other: str,
    cause: str,
    hint: str,
) -> None:
    environment.setattr(map_module, "LOOK_S", 0.2)
    with connected() as (connector, client):
        wait_until(
            lambda: "+/datapoint_map" in str(client.subscribe.mock_calls)
        )
        client.deliver(f"{other}/datapoint_map", b"{}", retain=True)
        wait_until(lambda: "no datapoint map" in caplog.text)
        client.unsubscribe.assert_called_once_with(topic="+/datapoint_map")
        assert causes(connector) == [cause]
        client.deliver(MAP_TOPIC, new_map(TOPIC), retain=True)
        assert causes(connector) == []
    told = [one for one in caplog.messages if "no datapoint map" in one]
    assert len(told) == 1
    assert hint in told[0]


def test_a_state_is_published_under_the_connectors_name(
    connector: Connector,
) -> None:
    connector.publish_retained("diagnosis", {"findings": [float("nan")]})
    connector.mqtt_client.publish.assert_called_once_with(
        topic="demo/diagnosis", payload='{"findings": [null]}', retain=True
    )


def test_what_has_to_be_mended_outside_is_told_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Portless(WholeConnector):
        def open_device(self) -> None:
            raise CannotStartError("port 7090 is taken; end the other program")

    caplog.set_level(logging.INFO)
    dispatcher = MagicMock()
    connector = Portless(
        "1", DeviceDispatcher=dispatcher, MqttClient=FakeClient
    )
    with running(connector) as outcome:
        assert outcome.ended.wait(DEADLINE_S)
    assert outcome.exit_code == 1
    assert not dispatcher.called
    [error] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert error.getMessage() == "port 7090 is taken; end the other program"
    assert error.exc_info is None
    assert "Connector online" not in caplog.text
