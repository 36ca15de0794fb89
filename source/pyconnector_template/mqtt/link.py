"""The link to the MQTT broker: one thread that owns paho's client.

Other threads only append to the outbox; nobody ever waits for the broker. The
thread drives paho through its interface for external event loops and writes
messages with QoS 0 itself, a batch at once, only while paho has nothing left to
write: so it is known at any moment what the connection took with it when it
broke.

MQTT does not acknowledge messages with QoS 0. But a broker handles the packets
of one client in order, and answers an UNSUBSCRIBE: asking to unsubscribe a
topic that nobody subscribed is an echo, and its answer proves that everything
before it has been read. What is not proven is sent again after a broken
connection.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from paho.mqtt.enums import CallbackAPIVersion

from pyconnector_template.clock import timestamp_utc_now
from pyconnector_template.logs import logger_about

from .greeting import (
    Login,
    Trouble,
    closed_without_answer,
    connect_trouble,
    lost_because,
    refused_login,
    tls_context,
)
from .outbox import Batch, Lane, Message, Outbox
from .packets import publish_packet
from .report import BrokerReport
from .status import OFFLINE, ONLINE, Status
from .subscriptions import Subscriptions

if TYPE_CHECKING:
    from paho.mqtt.client import (
        Client,
        ConnectFlags,
        DisconnectFlags,
        MQTTMessage,
        MQTTMessageInfo,
    )
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from pyconnector_template.findings import Findings

logger = logger_about("broker")

KEEPALIVE_S = 15
CONNECT_TIMEOUT_S = 5.0

# The first retry is quick, for a broker that merely restarts; the limit stays
# below BEMCom's heartbeat so that a broker that is back is found in time.
FIRST_RETRY_S = 0.1
SHORTEST_DELAY_S = 1.0
LONGEST_DELAY_S = 5.0
# A connection that breaks sooner does not count as a success.
STABLE_AFTER_S = 5.0

BATCH = 500
# In a burst values leave together: waking up for each of them would cost more
# than sending it.
BATCH_PAUSE_S = 0.002
RAW_IN_FLIGHT = 20
ECHO_INTERVAL_S = 3.0
# While the first poll of a large fleet comes in, nearly each report has new
# keys: announcements that take long to make must not take all the time.
ANNOUNCEMENT_INTERVAL_S = 0.1
ANNOUNCEMENT_DUTY = 0.05
LONGEST_WAIT_S = 1.0

GOODBYE_S = 0.1

# However many last wills and goodbyes come: each answer is a message for all.
STATUS_INTERVAL_S = 1.0

OnMessage = Callable[[Any, Any, Any], None]


@dataclass(frozen=True)
class Topics:
    """Topics that the link treats differently from a value's topic."""

    logs: str
    heartbeat: str
    status: str
    available_datapoints: str
    echo: str


@dataclass(frozen=True)
class Connected:
    """What happened to the messages while the broker was away.

    Parameters
    ----------
    is_first
        Whether this is the first connection.
    kept, dropped
        Sensor values that are sent now, and that there was no room for.
    """

    is_first: bool
    kept: int
    dropped: int


class BrokerLink:
    """Keeps the connection to the broker and sends what is published.

    `run` is the body of the link's thread. All other methods may be called
    from any thread and never wait: what only the link's thread may touch is
    handed in as a request. `publish`, `subscribe`, `unsubscribe`
    and `is_connected` are those of paho's client, as connectors know them.

    Parameters
    ----------
    client_class
        paho's Client or a subclass.
    host, port
        Where the broker is.
    login
        Login and encryption.
    findings
        Where the link notes what is wrong with the broker.
    topics
        Topics with a special treatment.
    version
        Of the connector, shown in the status.
    userdata
        Handed to `on_message` as paho does.
    on_message
        Called in the link's thread with (client, userdata, message).
    on_connected
        Called in the link's thread with a `Connected` on every CONNACK.
    announcement
        Makes the current available datapoints, as JSON.
    """

    def __init__(
        self,
        *,
        client_class: type[Client],
        host: str,
        port: int,
        login: Login,
        findings: Findings,
        topics: Topics,
        version: str,
        userdata: object,
        on_message: OnMessage,
        on_connected: Callable[[Connected], None],
        announcement: Callable[[], str],
    ) -> None:
        self._host = host
        self._port = port
        self._login = login
        self._report = BrokerReport(f"{host}:{port}", login, findings)
        self._topics = topics
        self._on_message = on_message
        self._on_connected = on_connected
        self._announcement = announcement
        self._outbox = Outbox()
        self._stopping = threading.Event()
        self._flush_until = 0.0
        self._is_up = False
        self._must_announce = False
        self._requests: SimpleQueue[Callable[[], None]] = SimpleQueue()
        # From here on: state that only the link's thread sees.
        self._connack: ReasonCode | None = None
        self._up_since: float | None = None
        self._trouble = Trouble("it closed the connection")
        self._socket: object = None
        self._was_connected = False
        self._echo: tuple[int, int] | None = None
        self._next_echo_at = 0.0
        self._next_batch_at = 0.0
        self._next_announcement_at = 0.0
        self._subscriptions = Subscriptions(echo_topic=topics.status)
        self._status = Status(version)
        self._must_send_status = False
        self._next_status_at = 0.0
        self._retained: dict[str, str] = {}
        self._unsent_retained: dict[str, None] = {}
        self._raw_in_flight: list[MQTTMessageInfo] = []
        self._unsent = bytearray()
        self._wake_reader, self._wake_writer = _wake_pair()
        self._client = self._make_client(client_class, userdata)

    # What any thread may call.

    def publish(
        self,
        topic: str,
        payload: str | bytes = "",
        qos: Literal[0, 1, 2] = 0,
        retain: bool = False,
    ) -> None:
        """Queue a message.

        While the broker is away values, logs and messages with a QoS above 0
        are kept, bounded; heartbeats are not.
        """
        if not payload:
            # An empty payload ends a writer thread of BEMCom's API.
            raise ValueError(f"empty payload for {topic}")
        lane = self._lane_of(topic, qos)
        if lane is Lane.MOMENTARY and not self._is_up:
            return
        if self._outbox.put(lane, Message(topic, payload, qos, retain)):
            self._wake()

    def publish_messages(self, messages: Iterable[tuple[str, str]]) -> None:
        """Queue retained messages with QoS 0 that leave in one piece.

        Parameters
        ----------
        messages
            As for `publish`, for a tenth of its cost.
        """
        packets = []
        for topic, payload in messages:
            try:
                packets.append(publish_packet(topic, payload, retain=True))
            except ValueError as error:
                _tell_unpublishable(topic, error)
        batch = Batch(b"".join(packets), len(packets))
        if packets and self._outbox.put(Lane.VALUE, batch):
            self._wake()

    def announce(self) -> None:
        """Publish the available datapoints soon, and many changes as one."""
        self._must_announce = True
        self._wake()

    def publish_retained(self, topic: str, payload: str) -> None:
        """Publish a state: the newest is kept, and sent after each CONNACK.

        Parameters
        ----------
        topic, payload
            While the broker is away a newer payload replaces the older one.
        """

        def keep() -> None:
            self._retained[topic] = payload
            self._unsent_retained[topic] = None

        self._hand_in(keep)

    def subscribe(self, topic: str, qos: int = 0) -> None:
        """Subscribe now and after each CONNACK."""
        self._hand_in(lambda: self._subscriptions.add(topic, qos))

    def unsubscribe(self, topic: str) -> None:
        """Unsubscribe."""

        def unsubscribe() -> None:
            self._subscriptions.remove(topic)
            self._client.unsubscribe(topic)

        self._hand_in(unsubscribe)

    def look_at(self, topic_filter: str) -> None:
        """Subscribe until `unsubscribe`; a refusal does not matter."""
        self._hand_in(lambda: _ignore(self._client.subscribe(topic_filter)))

    def retry(self) -> None:
        """Try once more what the broker refuses or does not deliver."""
        self._hand_in(self._retry)

    @property
    def client(self) -> BrokerLink:
        """The link itself: connectors publish on it as on paho's client."""
        return self

    def is_connected(self) -> bool:
        """Whether the broker has accepted us and the connection stands."""
        return self._is_up

    def stop(self, flush_s: float = 0.5) -> None:
        """Ask the thread to end: flush, say goodbye, disconnect.

        Parameters
        ----------
        flush_s
            How long the thread may try to deliver what is still waiting.
        """
        self._flush_until = time.monotonic() + flush_s
        self._stopping.set()
        self._wake()

    # What the link's thread does.

    def run(self) -> None:
        """Connect, talk, connect again, until `stop` is called."""
        delay = FIRST_RETRY_S
        try:
            while not self._stopping.is_set():
                if self._connect() and self._talk() >= STABLE_AFTER_S:
                    delay = FIRST_RETRY_S
                self._stopping.wait(delay)
                delay = min(max(SHORTEST_DELAY_S, 2 * delay), LONGEST_DELAY_S)
        finally:
            self._is_up = False
            self._wake_reader.close()
            self._wake_writer.close()

    def _connect(self) -> bool:
        self._connack = None
        self._socket = None
        self._client.will_set(
            self._topics.status,
            self._status.message(OFFLINE, timestamp_utc_now()),
            qos=1,
            retain=True,
        )
        try:
            self._client.connect(self._host, self._port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            self._report.cannot_connect(connect_trouble(error, self._login))
            return False
        return True

    def _talk(self) -> float:
        """Serve one connection; tell for how many seconds it was up."""
        self._up_since = None
        while self._client.socket() is not None and not self._is_done():
            self._send_what_waits()
            self._wait_and_read()
            self._client.loop_misc()
            self._run_requests()
            if self._connack is not None:
                self._take_connack(self._connack)
        if self._client.socket() is not None:
            self._say_goodbye()
        self._after_connection()
        if self._up_since is None:
            return 0.0
        return time.monotonic() - self._up_since

    def _send_what_waits(self) -> None:
        """Write one batch, or the rest of the one before."""
        if self._unsent:
            self._push()
        elif self._client.want_write():
            self._client.loop_write()
        elif self._is_up:
            now = time.monotonic()
            self._send_states(now)
            self._send_announcement(now)
            if now >= self._next_batch_at:
                self._send_batch(now)
            self._push()
            self._ask_for_echo(now)

    def _send_batch(self, now: float) -> None:
        for item in self._outbox.take(BATCH, self._raw_room()):
            self._send(item)
        if not self._can_take():
            self._next_batch_at = now + BATCH_PAUSE_S

    def _push(self) -> None:
        """Write as much of the batch as the socket takes."""
        sock = self._client.socket()
        if sock is None or not self._unsent:
            return
        try:
            written = sock.send(self._unsent)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            # A broken connection is found, and told, where it is read.
            return
        del self._unsent[:written]

    def _must_write(self) -> bool:
        return bool(self._unsent) or self._client.want_write()

    def _wait_and_read(self) -> None:
        sock = self._client.socket()
        if sock is None:
            return
        must_write = self._must_write()
        readable, _, _ = select.select(
            [sock, self._wake_reader],
            [sock] if must_write else [],
            [],
            self._longest_wait(must_write=must_write),
        )
        if self._wake_reader in readable:
            self._wake_reader.recv(4096)
        if sock in readable:
            self._read(sock)

    def _longest_wait(self, *, must_write: bool) -> float:
        if self._is_up and not must_write and self._unsent_retained:
            return 0.0
        if self._is_up and not must_write and self._can_take():
            return max(0.0, self._next_batch_at - time.monotonic())
        until = time.monotonic() + LONGEST_WAIT_S
        if self._stopping.is_set():
            until = min(until, self._flush_until)
        if self._is_up and self._must_announce:
            until = min(until, self._next_announcement_at)
        return max(0.0, until - time.monotonic())

    def _read(self, sock: Any) -> None:
        self._client.loop_read()
        # TLS may have decrypted more than one packet; select cannot see them.
        pending = getattr(sock, "pending", None)
        while pending and self._client.socket() is sock and pending():
            self._client.loop_read()

    def _run_requests(self) -> None:
        with suppress(Empty):
            while True:
                self._requests.get_nowait()()
        if self._is_up:
            for packet in self._subscriptions.new_packets():
                self._ask_for(packet)

    def _take_connack(self, reason: ReasonCode) -> None:
        self._connack = None
        if reason.is_failure:
            self._trouble = refused_login(reason, self._login)
            return
        connected = Connected(
            is_first=not self._was_connected,
            kept=self._outbox.waiting(Lane.VALUE),
            dropped=self._outbox.take_dropped(Lane.VALUE),
        )
        self._is_up = True
        self._up_since = time.monotonic()
        self._was_connected = True
        self._report.connected()
        self._must_announce = True
        self._next_announcement_at = 0.0
        self._unsent_retained.update(dict.fromkeys(self._retained))
        self._status.forget_others()
        # Before subscribing: so what the broker has retained is ours.
        self._send_status(ONLINE)
        for packet in self._subscriptions.all_packets():
            self._ask_for(packet)
        self._report.subscriptions(self._subscriptions.evidence)
        self._report.others(self._status.others)
        self._on_connected(connected)

    def _after_connection(self) -> None:
        was_up, self._is_up = self._is_up, False
        self._echo = None
        self._unsent.clear()
        self._outbox.give_back()
        if self._stopping.is_set():
            return
        if not was_up:
            self._report.cannot_connect(self._trouble)
        else:
            self._report.lost(self._trouble)

    def _ask_for(self, packet: list[tuple[str, int]]) -> None:
        _, packet_id = self._client.subscribe(packet)
        if packet_id is not None:
            self._subscriptions.note_asked(packet_id, dict(packet))

    def _retry(self) -> None:
        if not self._is_up:
            return
        for packet in self._subscriptions.refused_packets():
            self._ask_for(packet)
        self._must_send_status |= self._subscriptions.is_deaf

    def _send(self, item: Message | Batch) -> None:
        if isinstance(item, Batch):
            self._unsent += item.packets
            return
        topic, payload, qos, retain = item
        try:
            if qos == 0:
                self._unsent += publish_packet(topic, payload, retain=retain)
                return
            info = self._client.publish(topic, payload, qos, retain)
        except ValueError as error:
            _tell_unpublishable(topic, error)
            return
        self._raw_in_flight.append(info)

    def _send_status(self, state: str) -> None:
        payload = self._status.message(state, timestamp_utc_now())
        self._send(Message(self._topics.status, payload, retain=True))

    def _send_states(self, now: float) -> None:
        if self._must_send_status and now >= self._next_status_at:
            self._must_send_status = False
            self._next_status_at = now + STATUS_INTERVAL_S
            self._send_status(ONLINE)
        for topic in self._unsent_retained:
            self._send(Message(topic, self._retained[topic], retain=True))
        self._unsent_retained.clear()
        if self._subscriptions.is_echo_missing(now):
            self._report.subscriptions(self._subscriptions.evidence)
            self._report.not_delivered(self._topics.status)

    def _send_announcement(self, now: float) -> None:
        if not self._must_announce or now < self._next_announcement_at:
            return
        # Before it is made: what comes now may be missing in it.
        self._must_announce = False
        payload = self._announcement()
        took = time.monotonic() - now
        self._next_announcement_at = now + max(
            ANNOUNCEMENT_INTERVAL_S, took / ANNOUNCEMENT_DUTY
        )
        self._send(
            Message(self._topics.available_datapoints, payload, retain=True)
        )

    def _ask_for_echo(self, now: float) -> None:
        if self._echo is not None or self._outbox.is_proven:
            return
        if now < self._next_echo_at and not self._stopping.is_set():
            return
        _, packet_id = self._client.unsubscribe(self._topics.echo)
        if packet_id is not None:
            self._echo = (packet_id, self._outbox.last_number)
            self._next_echo_at = now + ECHO_INTERVAL_S

    def _raw_room(self) -> int:
        self._raw_in_flight = [
            info for info in self._raw_in_flight if not _is_through(info)
        ]
        return max(0, RAW_IN_FLIGHT - len(self._raw_in_flight))

    def _can_take(self) -> bool:
        others = (Lane.MOMENTARY, Lane.LOG, Lane.VALUE)
        if any(map(self._outbox.waiting, others)):
            return True
        # Raw messages may have to wait for acknowledgements of earlier ones.
        return self._outbox.waiting(Lane.RAW) > 0 and self._raw_room() > 0

    def _is_done(self) -> bool:
        if not self._stopping.is_set():
            return False
        if time.monotonic() >= self._flush_until:
            return True
        if not self._is_up:
            # The cause of an early end should still reach the broker.
            return self._outbox.is_empty
        return (
            self._outbox.is_empty
            and self._outbox.is_proven
            and not self._must_write()
        )

    def _say_goodbye(self) -> None:
        if self._is_up:
            self._must_send_status = False
            self._send_status(OFFLINE)
            self._wait_for_own_goodbye(time.monotonic() + GOODBYE_S)
        self._client.disconnect()
        # Once, without waiting: a broker that does not read any more will
        # notice the end of the connection, and publish the last will.
        self._client.loop_write()

    def _take_status(self, message: MQTTMessage) -> None:
        reaction = self._status.receive(
            bytes(message.payload), is_retained=message.retain
        )
        self._must_send_status |= reaction.must_answer
        self._must_announce |= reaction.must_announce
        self._report.others(self._status.others)

    def _wait_for_own_goodbye(self, until: float) -> None:
        """Read until our own goodbye has come back.

        Then the broker has it, and nothing is left unread: closing a socket
        with something unread resets the connection, and the broker would take
        us for dead.
        """
        self._push()
        # It asks for an answer, like any goodbye; this one gets none.
        while not self._must_send_status:
            sock = self._client.socket()
            patience_s = until - time.monotonic()
            if sock is None or patience_s <= 0:
                return
            writers = [sock] if self._unsent else []
            if sock in select.select([sock], writers, [], patience_s)[0]:
                self._read(sock)
            self._push()

    def _lane_of(self, topic: str, qos: int) -> Lane:
        if qos > 0:
            return Lane.RAW
        if topic == self._topics.logs:
            return Lane.LOG
        if topic == self._topics.heartbeat:
            return Lane.MOMENTARY
        return Lane.VALUE

    def _hand_in(self, request: Callable[[], None]) -> None:
        self._requests.put(request)
        self._wake()

    def _wake(self) -> None:
        try:
            self._wake_writer.send(b"\0")
        except OSError:
            # Full: the thread is about to wake anyway. Closed: it has ended.
            return

    # paho's callbacks; they only note what happened.

    def _make_client(
        self, client_class: type[Client], userdata: object
    ) -> Client:
        login = self._login
        client = client_class(CallbackAPIVersion.VERSION2, userdata=userdata)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_queued_messages_set(2 * RAW_IN_FLIGHT)
        if login.username is not None:
            client.username_pw_set(login.username, login.password)
        if login.tls:
            client.tls_set_context(tls_context(login))
        client.on_connect = self._note_connack
        client.on_disconnect = self._note_disconnect
        client.on_message = self._note_message
        client.on_subscribe = self._note_suback
        client.on_unsubscribe = self._note_unsuback
        client.on_socket_open = self._note_socket
        # Its mere presence keeps paho from writing in other threads.
        client.on_socket_register_write = self._note_wish_to_write
        return client

    def _note_socket(self, _client: Client, _userdata: Any, sock: Any) -> None:
        self._socket = sock
        # Nagle's algorithm would hold a value back until the one before it was
        # acknowledged: measured, the latency falls from 49 to 16 ms (p95).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _note_connack(
        self,
        _client: Client,
        _userdata: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._connack = reason

    def _note_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        error = getattr(self._socket, "error", None)
        if self._is_up:
            self._trouble = Trouble(lost_because(reason, error))
        elif self._connack is None:
            self._trouble = closed_without_answer(error, self._login)

    def _note_unsuback(
        self,
        _client: Client,
        _userdata: Any,
        packet_id: int,
        _reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if self._echo is None or self._echo[0] != packet_id:
            return
        self._outbox.confirm(self._echo[1])
        self._echo = None

    def _note_suback(
        self,
        _client: Client,
        _userdata: Any,
        packet_id: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = self._subscriptions.note_suback(
            packet_id,
            [reason.is_failure for reason in reasons],
            time.monotonic(),
        )
        self._report.subscriptions(self._subscriptions.evidence)
        if refused:
            self._report.refused(refused)

    def _note_message(
        self, client: Client, userdata: Any, message: MQTTMessage
    ) -> None:
        try:
            self._subscriptions.note_message(message.topic)
            if message.topic == self._topics.status:
                self._report.subscriptions(self._subscriptions.evidence)
                self._take_status(message)
                return
            self._on_message(client, userdata, message)
        except Exception:
            # Whatever it was: the link lives on.
            logger.exception("An incoming MQTT message caused an exception.")

    def _note_wish_to_write(
        self, _client: Client, _userdata: Any, _sock: object
    ) -> None:
        self._wake()


def _tell_unpublishable(topic: str, error: ValueError) -> None:
    logger.error("Cannot publish on %r: %s", topic[:80], error)


def _wake_pair() -> tuple[socket.socket, socket.socket]:
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    return reader, writer


def _is_through(info: MQTTMessageInfo) -> bool:
    try:
        return info.is_published()
    except (RuntimeError, ValueError):
        # paho refused it; there is nothing to wait for.
        return True


def _ignore(_result: object) -> None:
    """Take a result that does not matter."""
