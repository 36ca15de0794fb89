"""What is to be received, and what the broker does not deliver.

A broker may refuse a subscription in its SUBACK. Mosquitto's access lists say
yes instead and deliver nothing: that shows by a topic that the connector
publishes itself.
"""

from collections.abc import Iterable, Iterator, Sequence

from .report import BrokerReport, in_words

TOPICS_PER_PACKET = 100

OWN_TIMEOUT_S = 10.0
"""A broker delivers what it has within milliseconds."""


class Subscriptions:
    """The subscriptions of one connection after the other.

    The connector publishes on `own_topic` itself after each CONNACK, retained,
    so a message has to come. The broker `delivers_nothing` where none does.
    """

    def __init__(self, own_topic: str, report: BrokerReport) -> None:
        self._own_topic = own_topic
        self._report = report
        self._qos: dict[str, int] = {own_topic: 1}
        self._unasked: dict[str, None] = {}
        self._asked: dict[int, Sequence[str]] = {}
        self._refused: dict[str, None] = {}
        self._own_due_at: float | None = None
        self.delivers_nothing = False

    def add(self, topic: str, qos: int) -> None:
        """Wish for a topic, on this connection and all later ones."""
        self._qos[topic] = qos
        self._unasked[topic] = None

    def remove(self, topic: str) -> None:
        self._qos.pop(topic, None)
        self._unasked.pop(topic, None)
        self._refused.pop(topic, None)

    def all_packets(self) -> Iterator[list[tuple[str, int]]]:
        """Yield what to subscribe on a new connection."""
        self._asked.clear()
        self._unasked.clear()
        self._own_due_at = None
        yield from self._packets(self._qos)

    def new_packets(self) -> Iterator[list[tuple[str, int]]]:
        """Yield what was added since: a map may bring thousands at once."""
        unasked, self._unasked = self._unasked, {}
        yield from self._packets(unasked)

    def refused_packets(self) -> Iterator[list[tuple[str, int]]]:
        """Yield what to try once more."""
        yield from self._packets(self._refused)

    def note_asked(self, packet_id: int, topics: Iterable[str]) -> None:
        """Remember which topics a SUBSCRIBE has asked for."""
        self._asked[packet_id] = [*topics]

    def note_suback(
        self, packet_id: int, is_refused: Sequence[bool], now: float
    ) -> None:
        """Take the broker's answer; report topics newly refused."""
        newly_refused = []
        topics = self._asked.pop(packet_id, ())
        for topic, refused in zip(topics, is_refused, strict=False):
            if topic not in self._qos:
                continue
            if not refused:
                self._refused.pop(topic, None)
                if topic == self._own_topic:
                    self._own_due_at = now + OWN_TIMEOUT_S
            elif topic not in self._refused:
                self._refused[topic] = None
                newly_refused.append(topic)
        self._report.subscriptions(self.evidence)
        if newly_refused:
            self._report.refused(newly_refused)

    def note_own_message(self) -> None:
        """Learn that the broker has delivered something on our own topic."""
        self._own_due_at = None
        self.delivers_nothing = False
        self._report.subscriptions(self.evidence)

    def check_own(self, now: float) -> None:
        """Report once if our own message does not come."""
        if self._own_due_at is None or now < self._own_due_at:
            return
        self._own_due_at = None
        if not self.delivers_nothing:
            self.delivers_nothing = True
            self._report.subscriptions(self.evidence)
            self._report.not_delivered(self._own_topic)

    @property
    def evidence(self) -> str:
        """What is not delivered, in words; empty if all is well."""
        parts = []
        if self._refused:
            parts.append(f"refused: {in_words([*self._refused])}")
        if self.delivers_nothing:
            parts.append(f"accepted, but not delivered: {self._own_topic}")
        return "; ".join(parts)

    def _packets(
        self, topics: Iterable[str]
    ) -> Iterator[list[tuple[str, int]]]:
        wanted = [(topic, self._qos[topic]) for topic in topics]
        for start in range(0, len(wanted), TOPICS_PER_PACKET):
            yield wanted[start : start + TOPICS_PER_PACKET]
