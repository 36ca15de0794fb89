import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconnector_template.json_text import value_message
from pyconnector_template.mqtt.packets import ValuePackets, publish_packet

TOPICS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="+#\0"),
    min_size=1,
    max_size=40,
)


@pytest.mark.io
@given(TOPICS, st.binary(max_size=300), st.booleans())
def test_a_packet_carries_topic_payload_and_retain_flag(
    topic: str, payload: bytes, retain: bool
) -> None:
    packet = publish_packet(topic, payload, retain=retain)

    assert packet[0] == 0x30 | retain
    assert packet.endswith(topic.encode() + payload)
    assert len(packet) == _length_of(packet)


def _length_of(packet: bytes) -> int:
    """Read the length that the packet's header promises."""
    length, shift, at = 0, 0, 1
    while True:
        length |= (packet[at] & 0x7F) << shift
        at += 1
        if not packet[at - 1] & 0x80:
            return length + at
        shift += 7


@pytest.mark.parametrize("size", [0, 120, 128, 16_384, 2_097_152])
def test_long_payloads_get_longer_headers(size: int) -> None:
    packet = publish_packet("a/b", b"x" * size, retain=False)

    assert len(packet) == _length_of(packet)


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0b", "x" * 65_536])
def test_a_topic_that_mqtt_cannot_carry_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        publish_packet(topic, b"x", retain=False)


def encoded(
    packets: ValuePackets, value: object, timestamp: object = 1_600_000_000_000
) -> bytes:
    pieces = packets.encode([("a/b", value)], timestamp)
    assert len(pieces) == 2
    return b"".join(pieces)


def test_a_value_that_stays_is_encoded_like_one_that_is_new() -> None:
    packets = ValuePackets()
    for value in (1, 1, True, 1.0, None, "a", "a", [1], [2], 0, False):
        for timestamp in (1_600_000_000_000, 5, None):
            assert encoded(packets, value, timestamp) == publish_packet(
                "a/b", value_message(value, timestamp), retain=True
            )


def test_a_list_that_was_changed_is_encoded_anew() -> None:
    packets, value = ValuePackets(), [1]
    encoded(packets, value)
    value.append(2)
    assert b"[1, 2]" in encoded(packets, value)


def test_a_topic_that_mqtt_cannot_carry_leaves_the_others_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pieces = ValuePackets().encode([("a/+", 1), ("a/b", 2)], 5)
    assert caplog.messages == [
        "Cannot publish on 'a/+': the topic holds a wildcard"
    ]
    assert b"".join(pieces).endswith(b'a/b{"value": 2, "timestamp": 5}')
