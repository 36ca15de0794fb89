"""Weaknesses of the upstream template that a whole connector shows, absent.

Those of a part are absent in the tests of that part. Where a broker matters it
is a real one.
"""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyconnector_template import supervisor as supervisor_module
from pyconnector_template.dispatch import DispatchInInterval, DispatchOnce
from pyconnector_template.pyconnector_template import (
    ActuatorFlow,
    Connector,
    SensorFlow,
)
from pyconnector_template.tests.conftest import running
from testbed.load import seconds_here
from testbed.mosquitto import DEADLINE_S, Mosquitto, free_port, wait_until

from . import demo_connector

pytestmark = pytest.mark.io

SOURCE = Path(__file__).parents[2]
TEMPERATURE = "demo/messages/1/value"
SETPOINT = "demo/messages/2/value"
COMMAND = "demo/messages/3/value"
MAP = {
    "sensor": {
        "heater__temperature": TEMPERATURE,
        "heater__setpoint": SETPOINT,
    },
    "actuator": {COMMAND: "heater__setpoint"},
}


class Recorder(Connector, SensorFlow, ActuatorFlow):
    """A connector without a device that notes its commands."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("1.2.3", **kwargs)
        self.commands: list[Any] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def send_command(
        self, datapoint_key: str, datapoint_value: Any, datapoint_timestamp: Any
    ) -> None:
        assert self.may_go_on.wait(DEADLINE_S)
        self.commands.append(datapoint_value)


@pytest.fixture
def device() -> Iterator[dict[str, Any]]:
    """Provide the demo's device, and leave it as it was."""
    before = json.dumps(demo_connector.DEVICE)
    yield demo_connector.DEVICE
    demo_connector.DEVICE.clear()
    demo_connector.DEVICE.update(json.loads(before))


def value(number: object) -> dict[str, object]:
    return {"value": number, "timestamp": 1_795_343_453_078}


def start_process(**environ: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pyconnector_template.tests.demo_connector"],
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def end(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    try:
        _, errors = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.wait()
    return process.returncode, errors.decode()


def end_politely(
    process: subprocess.Popen[bytes], *signals: signal.Signals
) -> str:
    """End a process by signals within two seconds; return what it said."""
    started_at = time.monotonic()
    for number in signals:
        process.send_signal(number)
    code, errors = end(process)
    assert time.monotonic() - started_at < seconds_here(2.0)
    assert code == 0, errors
    return errors


def read_until(process: subprocess.Popen[bytes], part: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if part in line.decode():
            return
    pytest.fail(f"the process ended without saying {part!r}")


@pytest.mark.mosquitto
def test_a_slow_device_blocks_neither_receiving_nor_publishing(
    broker: Mosquitto,
) -> None:
    observer = broker.observe("demo/#")
    observer.publish("demo/datapoint_map", MAP, retain=True)
    connector = Recorder()
    with running(connector):
        wait_until(lambda: connector.datapoint_map == MAP)
        connector.may_go_on.clear()
        observer.publish(COMMAND, value(1))
        observer.publish("demo/datapoint_map", {"sensor": {}, "actuator": {}})
        wait_until(lambda: connector.datapoint_map != MAP)
        connector.mqtt_client.publish(topic="demo/x", payload="1")
        observer.wait_for("demo/x")
        assert connector.commands == []
        connector.may_go_on.set()


def test_a_thread_that_dies_is_noticed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MQTT_BROKER_PORT", str(free_port()))
    monkeypatch.setattr(supervisor_module, "CHECK_INTERVAL_S", 3600.0)
    may_fail = threading.Event()

    def target() -> None:
        may_fail.wait(DEADLINE_S)
        raise OSError("the device is gone")

    connector = Recorder(
        DeviceDispatcher=DispatchOnce,
        device_dispatcher_kwargs={"target_func": target},
        heartbeat_interval=3600,
    )
    with running(connector) as outcome:
        wait_until(lambda: "sensor flow" in connector._supervisor._dispatchers)
        may_fail.set()
        # Joining the broker's thread included, which cannot connect.
        assert outcome.ended.wait(seconds_here(2.0))
    assert outcome.exit_code == 1


@pytest.mark.mosquitto
def test_every_connection_subscribes_and_announces_anew(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    observer = broker.observe()
    observer.publish("demo/datapoint_map", MAP, retain=True)
    connector = Recorder(
        available_datapoints={"sensor": {}, "actuator": {"heater__setpoint": 1}}
    )
    with running(connector):
        wait_until(lambda: connector.datapoint_map == MAP)
        broker.restart()
        late = broker.observe("demo/#")
        late.wait_for("demo/available_datapoints")
        late.wait_for(
            "demo/logs", lambda one: "Connected again" in one.json["msg"]
        )
        late.wait_for("demo/heartbeat")
        late.publish(COMMAND, value(7))
        wait_until(lambda: connector.commands == [7])
        late.publish("demo/datapoint_map", {"sensor": {}, "actuator": {}})
        wait_until(lambda: connector.datapoint_map != MAP)
        assert connector.broker_is_connected
    texts = [one.getMessage() for one in caplog.records]
    assert sum("Lost the MQTT broker" in text for text in texts) == 1


@pytest.mark.mosquitto
def test_a_fatal_error_is_told_and_the_exit_code_is_true(
    broker: Mosquitto,
) -> None:
    observer = broker.observe("demo/#")
    process = start_process(DEMO_FAULT="receive")
    code, errors = end(process)
    assert code == 1
    assert "Traceback" in errors
    assert "RuntimeError: the device is on fire" in errors
    told = observer.wait_for("demo/logs", lambda one: one.json["level"] >= 40)
    assert "RuntimeError: the device is on fire" in told.json["msg"]


@pytest.mark.mosquitto
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_politely_within_two_seconds(
    broker: Mosquitto, number: signal.Signals
) -> None:
    observer = broker.observe("demo/#")
    process = start_process()
    observer.wait_for("demo/heartbeat")
    assert "run has returned" in end_politely(process, number, number)
    observer.wait_for("demo/logs", lambda one: "Good bye" in one.json["msg"])
    observer.wait_for(
        "demo/status", lambda one: one.json["status"] == "offline"
    )
    with broker.observe("demo/logs") as late:
        kept = late.wait_for("demo/logs")
    assert kept.retain
    assert "Good bye" in kept.json["msg"]


def test_signals_end_it_while_the_broker_is_mute() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        process = start_process(MQTT_BROKER_PORT=str(mute.getsockname()[1]))
        read_until(process, "Connector online")
        end_politely(process, signal.SIGTERM)


@pytest.mark.mosquitto
def test_a_thread_that_cannot_be_interrupted_holds_up_nobody(
    broker: Mosquitto,
) -> None:
    observer = broker.observe("demo/#")
    process = start_process(DEMO_FAULT="block")
    observer.wait_for("demo/heartbeat")
    end_politely(process, signal.SIGTERM)
    observer.wait_for("demo/logs", lambda one: "Good bye" in one.json["msg"])


def is_complete(received: Any) -> bool:
    return "heater__temperature" in received.json["sensor"]


def test_other_loggers_and_the_environment_file_of_others_stay_untouched(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = logging.getLogger("somebody.elses")
    other.setLevel(logging.DEBUG)
    (tmp_path / ".env").write_text("CONNECTOR_NAME=from-the-file\n")
    connector = Recorder()
    assert other.level == logging.DEBUG
    assert connector.CONNECTOR_NAME == "demo"
    environment.setenv("DEBUG", "TRUE")
    Recorder()
    assert logging.getLogger("pyconnector").level == logging.DEBUG
    assert logging.getLogger().level != logging.DEBUG


@pytest.mark.mosquitto
def test_a_connector_written_for_upstream_runs_unchanged(
    broker: Mosquitto, device: dict[str, Any]
) -> None:
    observer = broker.observe("demo/#")
    observer.publish("demo/datapoint_map", MAP, retain=True)
    connector = demo_connector.make_connector()
    assert connector._DeviceDispatcher is DispatchInInterval
    with running(connector):
        assert observer.wait_for(TEMPERATURE).json["value"] == 21.5
        known = observer.wait_for("demo/available_datapoints", is_complete)
        assert known.json["actuator"] == {"heater__setpoint": 20}
        observer.publish(COMMAND, value(23))
        observer.wait_for(SETPOINT, lambda one: one.json["value"] == 23)
    assert device["heater"]["setpoint"] == 23
