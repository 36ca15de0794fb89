"""When a tool has heard all that the broker keeps."""

import threading

import pytest
from paho.mqtt.client import ConnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from connector.tools import broker_client
from connector.tools.broker_client import BrokerClient
from connector.tools.tool_settings import ToolSettings


def connack(client: BrokerClient, reason: str) -> None:
    client._on_connect(
        client._client,
        None,
        ConnectFlags(session_present=False),
        ReasonCode(PacketTypes.CONNACK, reason),
        None,
    )


def test_a_broker_is_silent_since_it_was_asked_or_lost_until_it_accepts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    client = BrokerClient(ToolSettings())
    assert client.silence_s() == 0.0
    now += 2.0
    assert client.silence_s() == 2.0
    client._on_answer()
    client._on_disconnect()
    now += 3.0
    # It was tried again meanwhile.
    connack(client, "Not authorized")
    client._on_disconnect()
    assert client.silence_s() == 3.0
    connack(client, "Success")
    assert client.silence_s() == 0.0


def test_silence_counts_only_after_the_answer_to_the_subscription(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a slow way to the broker nothing comes for a while."""
    monkeypatch.setattr(broker_client, "QUIET_S", 0.0)
    client = BrokerClient(ToolSettings())
    has_looked = threading.Event()

    def look() -> None:
        client.look_around()
        has_looked.set()

    thread = threading.Thread(target=look, name="looks")
    thread.start()
    assert not has_looked.wait(0.2)
    client._on_subscribe()
    assert has_looked.wait(5.0)
    thread.join()
