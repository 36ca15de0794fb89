import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconnector_template.mqtt.packets import publish_packet

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
