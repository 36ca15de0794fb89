"""PUBLISH packets with QoS 0, many of which fit into one write.

paho makes an object with a condition variable for each message and writes each
with a system call of its own. Values are nearly all that a connector sends, so
they leave as one piece of bytes per batch; everything else is paho's.
"""

from collections.abc import Iterable
from functools import lru_cache

from pyconnector_template.json_text import to_json
from pyconnector_template.logs import logger_about

logger = logger_about("broker")

_NOT_RETAINED, _RETAINED = b"\x30", b"\x31"
"""The first byte of a PUBLISH packet with QoS 0."""

MAX_TOPICS = 100_000
"""As many as a connector announces at most."""

_NOTHING = object(), b""
_UNCHANGING = frozenset({int, float, str, bool, type(None)})

LONGEST_TOPIC = 65_535
LARGEST_PACKET = 268_435_455


def publish_packet(topic: str, payload: str | bytes, *, retain: bool) -> bytes:
    """Encode a PUBLISH packet with QoS 0 (MQTT 3.1.1, section 3.3).

    ValueError if MQTT cannot carry the topic or the payload.
    """
    name = encoded_topic(topic)
    data = payload.encode("utf-8") if isinstance(payload, str) else payload
    kind = _RETAINED if retain else _NOT_RETAINED
    return kind + _encoded_length(len(name) + len(data)) + name + data


class ValuePackets:
    """Encodes values as BEMCom's messages, retained.

    From poll to poll most values stay what they are. Of their packets all but
    the timestamp is kept: some 0.3 kB for each topic.
    """

    def __init__(self) -> None:
        self._kept: tuple[int, dict[str, tuple[object, bytes]]] = 0, {}

    def encode(
        self, values: Iterable[tuple[str, object]], timestamp: object
    ) -> list[bytes]:
        """Encode values of one moment, by their topics.

        Two pieces become a packet. What MQTT cannot carry is left out.
        """
        end = f"{to_json(timestamp)}}}".encode("ascii")
        # Read and replaced as one: other threads may publish meanwhile.
        end_length, kept = self._kept
        if end_length != len(end) or len(kept) > MAX_TOPICS:
            # The length of a packet stands at its begin.
            kept = {}
            self._kept = len(end), kept
        pieces: list[bytes] = []
        for topic, value in values:
            before, begin = kept.get(topic, _NOTHING)
            if before != value or type(before) is not type(value):
                try:
                    begin = _begin(topic, value, len(end))
                except ValueError as error:
                    logger.error(  # noqa: TRY400 - the text tells all
                        "Cannot publish on %r: %s", topic[:80], error
                    )
                    continue
                if type(value) in _UNCHANGING:
                    kept[topic] = value, begin
            pieces.append(begin)
            pieces.append(end)
        return pieces


def _begin(topic: str, value: object, end_length: int) -> bytes:
    """Encode the packet of a value up to its timestamp."""
    name = encoded_topic(topic)
    data = f'{{"value": {to_json(value)}, "timestamp": '.encode("ascii")
    length = _encoded_length(len(name) + len(data) + end_length)
    return _RETAINED + length + name + data


def encoded_topic(topic: str) -> bytes:
    """Encode a topic behind its length.

    ValueError if nothing can be published on it.
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
    if length > LARGEST_PACKET:
        raise ValueError(f"a packet of {length} bytes is too large")
    groups = bytearray()
    while length > 0x7F:
        groups.append(length & 0x7F | 0x80)
        length >>= 7
    groups.append(length)
    return bytes(groups)
