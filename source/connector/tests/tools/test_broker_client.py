"""When a tool has heard all that the broker keeps."""

import threading

import pytest
from paho.mqtt.client import ConnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from connector.tools import broker_client
from connector.tools.broker_client import BrokerClient
from connector.tools.tool_settings import ToolSettings


def test_an_answer_that_was_lost_with_the_connection_is_not_waited_for() -> (
    None
):
    client = BrokerClient(ToolSettings())
    client.silence_s()
    asked_at = client._asked_at
    client._on_connect(
        client._client,
        None,
        ConnectFlags(session_present=False),
        ReasonCode(PacketTypes.CONNACK),
        None,
    )
    assert asked_at is not None
    assert client._asked_at is None


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
