"""PUBLISH packets with QoS 0, many of which fit into one write.

paho makes an object with a condition variable for each message and writes each
with a system call of its own. Values are nearly all that a connector sends, so
they leave as one piece of bytes per batch; everything else is paho's.
"""

from functools import lru_cache

_NOT_RETAINED, _RETAINED = b"\x30", b"\x31"
"""The first byte of a PUBLISH packet with QoS 0."""

MAX_TOPICS = 100_000
"""As many as a connector announces at most."""

LONGEST_TOPIC = 65_535
LARGEST_PACKET = 268_435_455


def publish_packet(topic: str, payload: str | bytes, *, retain: bool) -> bytes:
    """Encode a PUBLISH packet with QoS 0 (MQTT 3.1.1, section 3.3).

    Raises
    ------
    ValueError
        If MQTT cannot carry the topic or the payload.
    """
    name = encoded_topic(topic)
    data = payload.encode("utf-8") if isinstance(payload, str) else payload
    length = len(name) + len(data)
    if length > LARGEST_PACKET:
        raise ValueError(f"a packet of {length} bytes is too large")
    kind = _RETAINED if retain else _NOT_RETAINED
    return kind + _encoded_length(length) + name + data


@lru_cache(maxsize=MAX_TOPICS)
def encoded_topic(topic: str) -> bytes:
    """Encode a topic behind its length; the same ones come with each poll.

    Raises
    ------
    ValueError
        If nothing can be published on it.
    """
    name = topic.encode("utf-8")
    if not name or len(name) > LONGEST_TOPIC or b"\0" in name:
        raise ValueError("the topic is empty, too long, or holds a NUL")
    if "+" in topic or "#" in topic:
        raise ValueError("the topic holds a wildcard")
    return len(name).to_bytes(2, "big") + name


@lru_cache(maxsize=512)
def _encoded_length(length: int) -> bytes:
    """Encode a length in groups of seven bits, lowest first."""
    groups = bytearray()
    while length > 0x7F:
        groups.append(length & 0x7F | 0x80)
        length >>= 7
    groups.append(length)
    return bytes(groups)
