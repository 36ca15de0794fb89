"""The link and a real Mosquitto that is killed, frozen, locked, or late."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from paho.mqtt.client import Client

from pyconnector_template.findings import Findings
from pyconnector_template.mqtt import link as broker_module
from pyconnector_template.mqtt import outbox as outbox_module
from pyconnector_template.mqtt import subscriptions as subscriptions_module
from pyconnector_template.mqtt.link import BATCH, MAX_RAW, BrokerLink
from pyconnector_template.settings import TemplateSettings
from testbed.load import seconds_here
from testbed.mosquitto import (
    DEADLINE_S,
    Mosquitto,
    Observer,
    free_port,
    wait_until,
)

VALUE = "demo/messages/1/value"


class RunningLink:
    """A link in its thread, with what it reports."""

    def __init__(self, port: int, **settings: Any) -> None:
        self.connections = 0
        self.messages: list[tuple[str, bytes]] = []
        self.findings = Findings()
        self.link = BrokerLink(
            client_class=Client,
            settings=TemplateSettings(
                connector_name="demo",
                mqtt_broker_host="127.0.0.1",
                mqtt_broker_port=port,
                **settings,
            ),
            findings=self.findings,
            version="1.2.3",
            userdata=None,
            on_message=self._note,
            on_connected=self._count,
            announcement=lambda: "{}",
        )
        self.thread = threading.Thread(target=self.link.run, name="mqtt")

    def _count(self) -> None:
        self.connections += 1

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self.link.publish(topic=VALUE, payload=str(number), retain=True)

    def _note(self, _client: object, _data: object, message: Any) -> None:
        self.messages.append((message.topic, message.payload))


@contextmanager
def started(port: int, **arguments: Any) -> Iterator[RunningLink]:
    running = RunningLink(port, **arguments)
    running.thread.start()
    try:
        yield running
    finally:
        running.link.stop()
        running.thread.join(DEADLINE_S)
        assert not running.thread.is_alive()


@contextmanager
def connected(broker: Mosquitto) -> Iterator[RunningLink]:
    with started(broker.port) as running:
        wait_until(running.link.is_connected)
        yield running


def value_of(message: Any) -> int:
    value = message.json
    return int(value["value"] if isinstance(value, dict) else value)


def numbers(observer: Observer) -> list[int]:
    return [int(one.payload) for one in observer.on(VALUE)]


def start_with_an_observer(broker: Mosquitto, running: RunningLink) -> Observer:
    """Start the broker again; the link finds it when somebody listens."""
    running.link._connection._port = free_port()
    broker.start()
    observer = broker.observe("demo/#")
    running.link._connection._port = broker.port
    return observer


@pytest.fixture
def retries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "RETRY_S", 0.005)


pytestmark = [pytest.mark.io, pytest.mark.mosquitto]


def test_values_arrive_in_order_with_their_flags(broker: Mosquitto) -> None:
    observer = broker.observe("demo/#")
    with connected(broker) as running:
        running.send(*range(2000))
        wait_until(lambda: len(numbers(observer)) == 2000)
    assert numbers(observer) == list(range(2000))
    with broker.observe("demo/#") as late:
        assert late.wait_for(VALUE).retain


def test_values_of_an_outage_are_counted_and_sent_afterwards_in_order(
    broker: Mosquitto, retries_at_once: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with connected(broker) as running:
        broker.kill()
        wait_until(lambda: not running.link.is_connected())
        running.send(*range(40))
        running.link.publish_values(((VALUE, one) for one in range(40, 100)), 5)
        running.link.publish(topic="demo/heartbeat", payload="1")
        observer = start_with_an_observer(broker, running)
        wait_until(lambda: len(observer.on(VALUE)) == 100)
        assert [value_of(one) for one in observer.on(VALUE)] == [*range(100)]
        assert observer.on("demo/heartbeat") == []
    told = [one for one in caplog.messages if "Connected" in one]
    address = f"127.0.0.1:{broker.port}"
    again = "100 messages were kept and are sent now, 0 were dropped."
    assert told == [
        f"Connected to the MQTT broker {address}.",
        f"Connected again to the MQTT broker {address}. {again}",
    ]


def test_what_does_not_fit_is_dropped_from_the_oldest_and_told(
    broker: Mosquitto,
    retries_at_once: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    # More than one batch; how many there really are is the outbox's affair.
    monkeypatch.setattr(outbox_module, "MAX_WAITING", 2 * BATCH)
    with started(free_port()) as running:
        for number in range(2 * BATCH + 100):
            running.link.publish(topic=VALUE, payload=str(number))
        observer = broker.observe(VALUE)
        running.link._connection._port = broker.port
        wait_until(lambda: running.connections)
        wait_until(lambda: len(numbers(observer)) >= 2 * BATCH)
    assert numbers(observer) == list(range(100, 2 * BATCH + 100))
    assert f" {2 * BATCH} messages were kept" in caplog.text
    assert " 100 were dropped." in caplog.text


def test_what_a_frozen_broker_swallowed_is_sent_again(
    broker: Mosquitto, retries_at_once: None
) -> None:
    with started(broker.port) as running:
        observer = broker.observe("demo/#")
        wait_until(running.link.is_connected)
        running.send(1)
        observer.wait_for(VALUE)
        wait_until(lambda: running.link._outbox.is_confirmed)
        broker.freeze()
        running.send(2, 3)
        wait_until(lambda: not running.link._outbox.size)
        broker.kill()
        wait_until(lambda: not running.link.is_connected())
        running.send(4)
        late = start_with_an_observer(broker, running)
        wait_until(lambda: len(numbers(late)) == 3)
    assert numbers(late) == [2, 3, 4]


def test_values_are_proven_soon_so_that_little_is_sent_twice(
    broker: Mosquitto,
) -> None:
    with connected(broker) as running:
        running.send(1)
        wait_until(lambda: running.link._outbox.is_confirmed)
        running.send(2)
        wait_until(lambda: running.link._outbox.is_confirmed)
    assert "demo/echo" in broker.log()


def test_raw_messages_arrive_once_even_if_many_wait(broker: Mosquitto) -> None:
    observer = broker.observe("demo/raw_message_to_db")
    with started(broker.port) as running:
        for number in range(300):
            running.link.publish("demo/raw_message_to_db", str(number), qos=2)
        wait_until(lambda: len(observer.messages) == 300)
    assert [int(one.payload) for one in observer.messages] == list(range(300))


def test_of_too_many_raw_messages_the_oldest_make_room(
    broker: Mosquitto, retries_at_once: None
) -> None:
    observer = broker.observe("demo/raw_message_to_db")
    with started(free_port()) as running:
        for number in range(MAX_RAW + 3):
            running.link.publish("demo/raw_message_to_db", str(number), qos=2)
        running.link._connection._port = broker.port
        assert observer.wait_for("demo/raw_message_to_db").payload == b"3"


def test_the_status_is_online_then_offline(broker: Mosquitto) -> None:
    observer = broker.observe("demo/status")
    with started(broker.port):
        online = observer.wait_for("demo/status")
        assert online.json["status"] == "online"
        assert online.json["version"] == "1.2.3"
    observer.wait_for(
        "demo/status", lambda one: one.json["status"] == "offline"
    )
    wait_until(lambda: "Received DISCONNECT" in broker.log())


def test_a_connector_that_dies_leaves_its_last_will(broker: Mosquitto) -> None:
    observer = broker.observe("demo/status")
    with started(broker.port) as running:
        observer.wait_for("demo/status")
        sock = running.link._connection.client.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)
        observer.wait_for(
            "demo/status", lambda one: one.json["status"] == "offline"
        )
        wait_until(lambda: running.connections == 2)


def test_what_is_published_last_is_flushed_before_the_end(
    broker: Mosquitto,
) -> None:
    observer = broker.observe(VALUE)
    with connected(broker) as running:
        running.send(*range(3000))
        # The usual half second may be too short for a busy machine.
        running.link.stop(flush_s=DEADLINE_S)
        running.thread.join(DEADLINE_S)
    observer.wait_for(VALUE, lambda one: one.payload == b"2999")


def test_a_frozen_broker_does_not_hold_up_the_end(broker: Mosquitto) -> None:
    with connected(broker) as running:
        broker.freeze()
        running.send(1)
        started_at = time.monotonic()
    assert time.monotonic() - started_at < seconds_here(1.0)
    broker.thaw()


def test_what_is_subscribed_is_received_until_it_is_unsubscribed(
    broker: Mosquitto,
) -> None:
    observer = broker.observe()
    with connected(broker) as running:
        running.link.subscribe("demo/in", 2)
        wait_until(lambda: "demo/in" in broker.log())
        observer.publish("demo/in", b"1")
        wait_until(lambda: ("demo/in", b"1") in running.messages)
        running.link.unsubscribe("demo/in")
        running.link.subscribe("demo/last", 2)
        wait_until(lambda: "demo/last" in broker.log())
        observer.publish("demo/in", b"2")
        observer.publish("demo/last", b"3")
        wait_until(lambda: ("demo/last", b"3") in running.messages)
    assert ("demo/in", b"2") not in running.messages


def test_a_value_on_a_topic_with_a_wildcard_costs_only_itself(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    observer = broker.observe(VALUE)
    with connected(broker) as running:
        running.link.publish_values([("demo/+", 1), (VALUE, 2)], 5)
        observer.wait_for(VALUE)
    assert "demo/+" in caplog.text


def test_values_of_one_moment_leave_together_and_retained(
    broker: Mosquitto,
) -> None:
    observer = broker.observe("demo/#")
    with connected(broker) as running:
        running.link.publish_values(((VALUE, number) for number in (1, 2)), 5)
        running.link.publish_values([(VALUE, 2)], 6)
        observer.wait_for(VALUE, lambda message: message.json["timestamp"] == 6)
    assert [one.json for one in observer.on(VALUE)] == [
        {"value": 1, "timestamp": 5},
        {"value": 2, "timestamp": 5},
        {"value": 2, "timestamp": 6},
    ]
    with broker.observe("demo/#") as late:
        assert late.wait_for(VALUE).retain


def test_what_is_published_together_wakes_the_thread_once() -> None:
    running, woken = RunningLink(1), []
    running.link._connection.wake = lambda: woken.append(True)  # type: ignore[method-assign]
    with running.link.together():
        for number in range(3):
            running.link.publish_values([(VALUE, number)], 5)
        running.link.publish(topic="demo/logs", payload="a row")
        assert not woken
    assert len(woken) == 1
    with running.link.together():
        running.link._outbox.take(100)
    assert len(woken) == 1, "there is nothing to send"
    running.link._connection.close()


@pytest.mark.parametrize("qos", [0, 2])
def test_what_cannot_be_published_is_the_callers_fault(qos: Any) -> None:
    link = RunningLink(1).link
    with pytest.raises(ValueError, match="empty payload"):
        link.publish("demo/x", qos=qos)
    with pytest.raises(ValueError, match="wildcard"):
        link.publish("demo/#", "1", qos=qos)
    with pytest.raises(UnicodeEncodeError):
        link.publish("demo/x", "\ud800", qos=qos)
    with pytest.raises(ValueError, match="wildcard"):
        link.publish_retained("demo/+", "1")
    link._connection.close()


def test_each_kind_of_failure_is_one_warning(
    caplog: pytest.LogCaptureFixture, retries_at_once: None
) -> None:
    caplog.set_level("DEBUG", logger="pyconnector")
    with started(free_port()):
        wait_until(lambda: len(caplog.records) > 5)
    assert [one.levelname for one in caplog.records[:3]] == [
        "WARNING",
        "DEBUG",
        "DEBUG",
    ]
    assert "nobody listens there" in caplog.records[0].getMessage()


def test_somebody_else_at_the_brokers_port_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        started(server.getsockname()[1]),
    ):
        accepted, _ = server.accept()
        accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        accepted.close()
        wait_until(lambda: "look at MQTT_BROKER_PORT" in caplog.text)


def test_a_refused_login_is_told_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    passwords = tmp_path / "passwords"
    make_password_file(passwords, "connector", "right")
    config = f"allow_anonymous false\npassword_file {passwords}"
    with Mosquitto(tmp_path, config) as broker:
        login = {"mqtt_username": "connector", "mqtt_password": "wrong"}
        with started(broker.port, **login) as running:
            wait_until(lambda: "refused the login" in caplog.text)
            running.link._connection.client.username_pw_set(
                "connector", "right"
            )
            wait_until(running.link.is_connected)


def make_password_file(path: Path, user: str, password: str) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed on this machine")
    path.write_text(f"{user}:{password}\n")
    path.chmod(0o600)
    subprocess.run(
        ["mosquitto_passwd", "-U", str(path)], check=True, capture_output=True
    )


def codes(running: RunningLink) -> set[str]:
    return {str(one.cause) for one in running.findings.current()}


def online(message: Any) -> bool:
    return bool(message.json["status"] == "online")


OLD_OFFLINE = {"status": "offline", "timestamp": 1, "version": "1.1.0"}


def test_a_late_last_will_does_not_leave_the_status_offline(
    broker: Mosquitto,
) -> None:
    with connected(broker) as running:
        observer = broker.observe("demo/#")
        observer.wait_for("demo/available_datapoints")
        observer.publish("demo/status", OLD_OFFLINE, retain=True)
        observer.wait_for("demo/status", lambda one: not online(one))
        wait_until(lambda: online(observer.on("demo/status")[-1]))
        wait_until(lambda: len(observer.on("demo/available_datapoints")) == 2)
        late = broker.observe("demo/status")
        assert online(late.wait_for("demo/status"))
    assert running.findings.current() == ()


def test_two_instances_find_each_other_and_say_so_once(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with started(broker.port) as first:
        wait_until(first.link.is_connected)
        with started(broker.port) as second:
            wait_until(lambda: "name_used_twice" in codes(first))
            wait_until(lambda: "name_used_twice" in codes(second))
        # The other one's goodbye ends it, and does not stay.
        wait_until(lambda: codes(first) == set())
        with broker.observe("demo/status") as late:
            late.wait_for("demo/status", online)
    told = [one for one in caplog.messages if "uses the same name" in one]
    assert len(told) == 2


def test_a_state_is_kept_and_sent_again_to_a_broker_that_forgot(
    broker: Mosquitto,
) -> None:
    with started(broker.port) as running:
        running.link.publish_retained("demo/diagnosis", "1")
        observer = broker.observe("demo/#")
        observer.wait_for("demo/diagnosis")
        broker.kill()
        wait_until(lambda: not running.link.is_connected())
        for number in (2, 3):
            running.link.publish_retained("demo/diagnosis", str(number))
        broker.start()
        with broker.observe("demo/#") as late:
            message = late.wait_for("demo/diagnosis")
            assert message.payload == b"3"


def test_requests_do_not_pile_up_while_the_broker_is_away(
    retries_at_once: None,
) -> None:
    with started(free_port()) as running:
        for number in range(100):
            running.link.publish_retained("demo/diagnosis", str(number))
        wait_until(running.link._requests.empty)


def acl(folder: Path, text: str) -> str:
    path = folder / "acl"
    path.write_text(text)
    path.chmod(0o600)
    return f"allow_anonymous true\nacl_file {path}"


def test_a_broker_that_delivers_nothing_is_told_with_what_to_do(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscriptions_module, "OWN_TIMEOUT_S", 0.2)
    with (
        Mosquitto(tmp_path, acl(tmp_path, "topic write #\n")) as broker,
        started(broker.port) as running,
    ):
        wait_until(lambda: "does not let a client without login" in caplog.text)
        assert codes(running) == {"subscription_refused"}
        acl(tmp_path, "topic readwrite #\n")
        os.kill(broker.pid, signal.SIGHUP)
        wait_until(lambda: "Reloading config" in broker.log())
        running.link.retry()
        wait_until(lambda: codes(running) == set())


class PickyBroker:
    """A broker that refuses subscriptions, and reads, as it likes to."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.server.getsockname()[1]
        self.refuses = True
        self.asked = 0
        self.reads = threading.Event()
        self.reads.set()
        self.bodies: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()
        self._thread.join(DEADLINE_S)

    def _serve(self) -> None:
        client, _ = self.server.accept()
        with client, client.makefile("rb") as stream:
            client.sendall(b"\x20\x02\x00\x00")
            self.reads.wait(DEADLINE_S)
            while head := stream.read(1):
                body = stream.read(_length(stream))
                self.bodies.append(body)
                if head[0] >> 4 == DISCONNECT:
                    return
                if head[0] >> 4 == SUBSCRIBE:
                    self.asked += 1
                    client.sendall(self._suback(body))

    def _suback(self, body: bytes) -> bytes:
        position, codes = 2, bytearray()
        while position < len(body):
            size = int.from_bytes(body[position : position + 2], "big")
            position += 2 + size + 1
            codes.append(0x80 if self.refuses else body[position - 1])
        return bytes([0x90, 2 + len(codes)]) + body[:2] + codes


SUBSCRIBE, DISCONNECT = 8, 14


def _length(stream: Any) -> int:
    length = shift = 0
    while True:
        byte = int(stream.read(1)[0])
        length |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return length
        shift += 7


def test_a_refused_subscription_is_told_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with PickyBroker() as broker, started(broker.port) as running:
        running.link.subscribe("demo/datapoint_map", 1)
        wait_until(lambda: "demo/datapoint_map" in caplog.text)
        [finding] = running.findings.current()
        asked = broker.asked
        running.link.retry()
        wait_until(lambda: broker.asked > asked)
        broker.refuses = False
        running.link.retry()
        wait_until(lambda: codes(running) == set())
        assert "demo/datapoint_map" in finding.evidence
    told = [one for one in caplog.messages if "refuses the subscr" in one]
    assert "Allow a client without login to read" in told[0]
    assert sum("demo/datapoint_map" in one for one in told) == 1


@contextmanager
def half_a_packet_is_written(broker: PickyBroker) -> Iterator[RunningLink]:
    broker.reads.clear()
    with broker, started(broker.port) as running:
        wait_until(running.link.is_connected)
        running.link.publish("demo/raw_message_to_db", "x" * 8_000_000, qos=2)
        wait_until(lambda: running.link._connection.must_write)
        yield running


@pytest.mark.parametrize("topic", ["demo/heartbeat", VALUE])
def test_what_is_published_waits_for_the_end_of_another_message(
    topic: str,
) -> None:
    broker = PickyBroker()
    with half_a_packet_is_written(broker) as running:
        running.link.publish(topic, "alive")
        for _ in range(2):
            # Between two requests the link looks once at what waits.
            running.link._request(lambda: None)
            wait_until(running.link._requests.empty)
        broker.reads.set()
        body = len(topic).to_bytes(2) + f"{topic}alive".encode()
        wait_until(lambda: body in broker.bodies)


def test_a_goodbye_waits_for_the_end_of_another_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker_module, "GOODBYE_TIMEOUT_S", DEADLINE_S)
    broker = PickyBroker()
    with half_a_packet_is_written(broker) as running:
        running.link.stop(flush_s=0.0)
        broker.reads.set()
        running.thread.join(DEADLINE_S)
    *_, raw, goodbye, disconnect = broker.bodies
    assert raw.endswith(b"xxx")
    assert b'"offline"' in goodbye
    assert disconnect == b""


def test_a_raw_message_leaves_as_soon_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker_module, "LONGEST_WAIT_S", 3600.0)
    broker = PickyBroker()
    broker.reads.clear()
    with broker, started(broker.port) as running:
        wait_until(running.link.is_connected)
        running.link.publish(VALUE, "x" * 8_000_000)
        wait_until(lambda: running.link._connection.must_write)
        running.link.publish("demo/raw_message_to_db", "{}", qos=2)
        broker.reads.set()
        wait_until(lambda: any(b"raw_message" in one for one in broker.bodies))
