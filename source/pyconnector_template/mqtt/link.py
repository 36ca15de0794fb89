"""The link to the MQTT broker: the one thread that talks to it.

Other threads append to the outbox or put a request into a queue; nobody ever
waits for the broker.

MQTT does not acknowledge messages with QoS 0. But a broker handles the packets
of one client in order, and answers an UNSUBSCRIBE: unsubscribing a topic that
nobody subscribed is a probe, whose answer confirms that everything before it
has been read. What is not confirmed is sent again after a broken connection.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, Literal, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from pyconnector_template.findings import Findings
from pyconnector_template.settings import TemplateSettings

from .connection import Connection
from .outbox import Batch, Outbox
from .packets import ValuePackets, encoded_topic, publish_packet
from .report import BrokerReport
from .states import OFFLINE, ONLINE, States, Topics
from .subscriptions import Subscriptions

RETRY_S = 1.0
"""Below BEMCom's heartbeat, so that a broker that is back is found in time."""

BATCH = 500
BATCH_PAUSE_S = 0.002
"""In a burst values leave together: waking up for each of them would cost more
than sending it."""

PROBE_INTERVAL_S = 3.0
"""What came in this time may be sent twice after a broken connection."""

LONGEST_WAIT_S = 2.0
"""Who has nothing to do looks this often all the same: for paho's keepalive."""

GOODBYE_TIMEOUT_S = 0.1

MAX_RAW = 2_000
"""Messages with a QoS above 0 that are kept; the oldest make room."""


class BrokerLink:
    """Keeps the connection to the broker and sends what is published.

    `run` is the body of the link's thread. `publish`, `subscribe`,
    `unsubscribe` and `is_connected` are those of paho's client, as connectors
    know them.

    Parameters
    ----------
    findings
        Where the link notes what is wrong with the broker.
    on_message
        Called in the link's thread as by paho; must not raise.
    on_connected
        Called in the link's thread after each CONNACK.
    announcement
        Makes the current available datapoints, as JSON.
    """

    def __init__(
        self,
        *,
        client_class: type[Client],
        settings: TemplateSettings,
        findings: Findings,
        version: str,
        userdata: object,
        on_message: Callable[[Any, Any, Any], None],
        on_connected: Callable[[], None],
        announcement: Callable[[], str],
    ) -> None:
        self._topics = topics = Topics(settings.connector_name)
        self._on_connected = on_connected
        # What any thread may touch.
        self._outbox = Outbox()
        self._raw: deque[tuple[str, str | bytes, int, bool]] = deque(
            maxlen=MAX_RAW
        )
        self._requests: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._stopping = threading.Event()
        self._flush_until = 0.0
        self._is_up = False
        self._packets = ValuePackets()
        self._wakes_later = False
        # What belongs to the link's thread.
        self._connection = Connection(
            client_class, settings, self._after_connack
        )
        self._client = self._connection.client
        self._client.user_data_set(userdata)
        self._client.on_message = on_message
        self._client.message_callback_add(
            topics.status, lambda _c, _d, message: self._on_status(message)
        )
        self._client.on_subscribe = lambda _c, _d, packet_id, reasons, _p: (
            self._on_suback(packet_id, reasons)
        )
        self._client.on_unsubscribe = lambda _c, _d, packet_id, _r, _p: (
            self._on_unsuback(packet_id)
        )
        self._report = BrokerReport(settings, findings)
        self._subscriptions = Subscriptions(topics.status, self._report)
        self._states = States(topics, version, announcement)
        self._probe: tuple[int, int] | None = None
        self._next_probe_at = 0.0
        self._next_batch_at = 0.0

    # What any thread may call, and what never waits.

    def publish(
        self,
        topic: str,
        payload: str | bytes = "",
        qos: Literal[0, 1, 2] = 0,
        retain: bool = False,
    ) -> None:
        """Queue a message; ValueError if it cannot be published.

        While the broker is away all are kept, bounded, but heartbeats.
        """
        if not payload:
            # An empty payload ends a writer thread of BEMCom's API.
            raise ValueError(f"empty payload for {topic}")
        # Raises what is the caller's fault, whatever becomes of the packet.
        packet = publish_packet(topic, payload, retain=retain)
        if qos > 0:
            self._raw.append((topic, payload, qos, retain))
            self._wake()
        elif topic != self._topics.heartbeat:
            self._put(Batch(packet, 1))
        elif self.is_connected():
            self._request(lambda: self._send_now(topic, payload, retain=retain))

    def publish_values(
        self, values: Iterable[tuple[str, object]], timestamp: object
    ) -> None:
        """Queue retained values of one moment, each with its topic."""
        pieces = self._packets.encode(values, timestamp)
        self._put(Batch(b"".join(pieces), len(pieces) // 2))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Wake the link's thread once for all that is queued meanwhile."""
        self._wakes_later = True
        try:
            yield
        finally:
            self._wakes_later = False
            if self._raw or self._outbox.size:
                self._connection.wake()

    def publish_retained(self, topic: str, payload: str) -> None:
        """Publish a state: the newest is kept, and sent after each CONNACK."""
        encoded_topic(topic)
        self._request(lambda: self._states.keep(topic, payload))

    def announce(self) -> None:
        """Publish the available datapoints soon, and many changes as one."""
        self._states.announce()
        self._connection.wake()

    def subscribe(self, topic: str, qos: int = 0) -> None:
        """Subscribe now and after each CONNACK."""
        self._request(lambda: self._subscriptions.add(topic, qos))

    def unsubscribe(self, topic: str) -> None:
        def unsubscribe() -> None:
            self._subscriptions.remove(topic)
            self._client.unsubscribe(topic)

        self._request(unsubscribe)

    def subscribe_temporarily(self, topic_filter: str) -> None:
        """Subscribe until `unsubscribe`; a refusal does not matter."""
        self._request(lambda: self._client.subscribe(topic_filter))

    def retry(self) -> None:
        """Try once more what the broker refuses or does not deliver."""
        self._request(self._retry)

    @property
    def client(self) -> Self:
        """The link itself: connectors publish on it as on paho's client."""
        return self

    def is_connected(self) -> bool:
        """Whether the broker has accepted us and the connection stands."""
        return self._is_up

    def stop(self, flush_s: float = 0.5) -> None:
        """Ask the thread to send what waits, for so long, and to end."""
        self._flush_until = time.monotonic() + flush_s
        self._stopping.set()
        self._connection.wake()

    def _put(self, batch: Batch) -> None:
        if batch.size and self._outbox.put(batch):
            self._wake()

    def _wake(self) -> None:
        if not self._wakes_later:
            self._connection.wake()

    def _request(self, request: Callable[[], object]) -> None:
        self._requests.put(request)
        self._connection.wake()

    # What the link's thread does.

    def run(self) -> None:
        """Connect, talk, connect again, until `stop` is called."""
        try:
            while not self._stopping.is_set():
                self._run_requests()
                self._serve()
                self._stopping.wait(RETRY_S)
        finally:
            self._is_up = False
            self._connection.close()

    def _serve(self) -> None:
        """Open a connection, and serve it until it ends."""
        self._connection.open(self._topics.status, self._states.status(OFFLINE))
        while self._connection.is_open and not self._is_done():
            self._send_what_waits()
            self._connection.wait(self._longest_wait())
            self._run_requests()
        if self._connection.is_open:
            self._send_status(OFFLINE)
            self._connection.disconnect(GOODBYE_TIMEOUT_S)
        was_connected, self._is_up = self._is_up, False
        self._probe = None
        self._outbox.give_back()
        if self._stopping.is_set():
            return
        if was_connected:
            self._report.lost(self._connection.trouble)
        else:
            self._report.cannot_connect(self._connection.trouble)

    def _run_requests(self) -> None:
        with suppress(Empty):
            while True:
                self._requests.get_nowait()()
        if self.is_connected():
            # Together: a map may bring thousands at once.
            self._subscribe(self._subscriptions.new_packets())

    def _is_done(self) -> bool:
        if not self._stopping.is_set():
            return False
        if time.monotonic() >= self._flush_until:
            return True
        if self._raw or self._outbox.size:
            # Also without a connection: the cause of an early end should
            # still reach the broker.
            return False
        return not self.is_connected() or (
            self._outbox.is_confirmed and not self._connection.must_write
        )

    # What leaves.

    def _send_what_waits(self) -> None:
        """Write the rest of the batch before, then one more."""
        self._connection.write()
        if self._connection.must_write or not self.is_connected():
            return
        now = time.monotonic()
        for topic, payload in self._states.take_due(now):
            self._connection.send(publish_packet(topic, payload, retain=True))
        if now >= self._next_batch_at:
            self._send_batch(now)
        self._send_raw()
        self._connection.write()
        self._send_probe(now)
        self._subscriptions.check_own(now)

    def _send_batch(self, now: float) -> None:
        for packets in self._outbox.take(BATCH):
            self._connection.send(packets)
        if not self._outbox.size:
            self._next_batch_at = now + BATCH_PAUSE_S

    def _send_raw(self) -> None:
        """Hand over messages with a QoS above 0, as long as paho takes them."""
        while self._raw:
            message = self._raw.popleft()
            info = self._client.publish(*message)
            if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                self._raw.appendleft(message)
                return

    def _send_now(
        self, topic: str, payload: str | bytes, *, retain: bool
    ) -> None:
        """Send what is true only now, if there is a connection.

        By paho, which may have written only a part of another packet.
        """
        if self.is_connected():
            self._client.publish(topic, payload, retain=retain)

    def _send_status(self, state: str) -> None:
        payload = self._states.status(state)
        self._send_now(self._topics.status, payload, retain=True)

    def _longest_wait(self) -> float:
        now = time.monotonic()
        until = now + LONGEST_WAIT_S
        if self._stopping.is_set():
            until = min(until, self._flush_until)
        if self.is_connected() and not self._connection.must_write:
            batch_at = self._next_batch_at if self._outbox.size else math.inf
            until = min(until, batch_at, self._states.next_due_at())
        return max(0.0, until - now)

    def _send_probe(self, now: float) -> None:
        if self._probe is not None or self._outbox.is_confirmed:
            return
        if now < self._next_probe_at and not self._stopping.is_set():
            return
        _, packet_id = self._client.unsubscribe(self._topics.echo)
        if packet_id is not None:
            self._probe = (packet_id, self._outbox.taken)
            self._next_probe_at = now + PROBE_INTERVAL_S

    def _subscribe(self, packets: Iterable[list[tuple[str, int]]]) -> None:
        for packet in packets:
            _, packet_id = self._client.subscribe(packet)
            if packet_id is not None:
                self._subscriptions.note_asked(packet_id, dict(packet))

    def _retry(self) -> None:
        if not self.is_connected():
            return
        self._subscribe(self._subscriptions.refused_packets())
        if self._subscriptions.delivers_nothing:
            self._states.answer()

    # What comes in.

    def _after_connack(self) -> None:
        """Say and ask everything anew: the broker may know nothing of us."""
        self._is_up = True
        self._report.connected(self._outbox.size, self._outbox.take_dropped())
        self._states.note_connected()
        self._report.others(self._states.others.values())
        # Before subscribing: so what the broker has retained is ours.
        self._send_status(ONLINE)
        self._subscribe(self._subscriptions.all_packets())
        self._on_connected()

    def _on_suback(self, packet_id: int, reasons: list[ReasonCode]) -> None:
        is_refused = [reason.is_failure for reason in reasons]
        now = time.monotonic()
        self._subscriptions.note_suback(packet_id, is_refused, now)

    def _on_unsuback(self, packet_id: int) -> None:
        if self._probe is not None and self._probe[0] == packet_id:
            self._outbox.confirm(self._probe[1])
            self._probe = None

    def _on_status(self, message: MQTTMessage) -> None:
        self._subscriptions.note_own_message()
        self._states.take_status(message.payload, is_retained=message.retain)
        self._report.others(self._states.others.values())
