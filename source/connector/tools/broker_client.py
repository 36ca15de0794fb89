"""A client of the broker that looks at one connector and writes values."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from connector.diagnosis.causes import CAUSES, Code
from connector.tools.connector_view import (
    ConnectorView,
    RawTexts,
    Reading,
    ignore,
)
from connector.tools.figures import now_ms
from connector.tools.problems import Problem, UsageProblem
from connector.tools.stations import PortTaken
from connector.tools.tool_settings import ToolSettings
from pyconnector_template.mqtt.greeting import (
    Trouble,
    closed_without_answer,
    connect_trouble,
    prepare,
    refused_login,
)

T = TypeVar("T")

TIMEOUT_S = 5.0

QUIET_S = 0.3
"""Retained messages come right after the answer to the subscription, so
after that and so long a silence they are all in."""

KEEPALIVE_S = 15
"""After a silence twice as long the connection is made anew."""

RECONNECT_S = 1
"""Pause before a lost connection is tried again."""

_BROKER_ADVICE = (
    "See that the broker runs, and that MQTT_BROKER_HOST and "
    "MQTT_BROKER_PORT are right; inside a container localhost is the "
    "container itself, and outside nobody knows names of services such as "
    "`broker`."
)

_CODES: Mapping[type[Exception], str] = {
    socket.gaierror: "broker_unresolved",
    ConnectionRefusedError: "broker_down",
    TimeoutError: "broker_silent",
}
"""For machines, where the connector has no word of its own."""

LATE_S = 2.0
"""So much later they may come from a busy machine."""


class BrokerClient:
    """A connection to the broker, and what it tells of our connector.

    Entering it raises a `Problem` if the broker cannot be reached or refuses
    the login. While messages come, look at the `view` through `read` and
    `wait_for`. What `ConnectorView` calls is called in another thread.
    """

    def __init__(
        self,
        settings: ToolSettings,
        on_reading: Callable[[str, Reading], object] = ignore,
        on_raw: Callable[[RawTexts], object] | None = None,
    ) -> None:
        self.view = ConnectorView(settings.connector_name, on_reading, on_raw)
        self._host = settings.mqtt_broker_host
        self._port = settings.mqtt_broker_port
        self.where = f"{self._host}:{self._port}"
        self._changed = threading.Condition()
        self._connack: ReasonCode | None = None
        self._is_subscribed = False
        self._is_closed = False
        self._settings = settings
        self._quiet_at = 0.0
        self._asked_at: float | None = None
        self._client = self._make_client()

    def __enter__(self) -> Self:
        if not self._host:
            raise UsageProblem(
                "MQTT_BROKER_HOST is not set; put it into .env.local or the "
                "environment, for instance MQTT_BROKER_HOST=192.168.0.10"
            )
        try:
            self._client.connect(self._host, self._port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            trouble = connect_trouble(error, self._settings)
            code = _CODES.get(type(error), "broker_unreachable")
            raise _problem(self.where, trouble, code) from None
        self._client.loop_start()
        try:
            self._wait_for_connack()
        except Problem:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # Without this circle paho closes its sockets at once, not when the
        # garbage collector comes by.
        self._client.on_connect = None
        self._client.on_disconnect = None
        self._client.on_subscribe = None
        self._client.on_unsubscribe = None
        self._client.on_message = None

    def wait_for(
        self, condition: Callable[[ConnectorView], object], timeout_s: float
    ) -> bool:
        """Wait until something is true of the view; tell whether it is."""
        with self._changed:
            return bool(
                self._changed.wait_for(lambda: condition(self.view), timeout_s)
            )

    def read(self, look: Callable[[ConnectorView], T]) -> T:
        """Look at the view while no message changes it."""
        with self._changed:
            return look(self.view)

    def look_around(self) -> ConnectorView:
        """Wait until the retained messages are in; return what they tell."""
        ends_at = time.monotonic() + TIMEOUT_S
        with self._changed:
            self._changed.wait_for(lambda: self._is_subscribed, TIMEOUT_S)
            while (now := time.monotonic()) < min(ends_at, self._quiet_at):
                self._changed.wait(self._quiet_at - now)
        return self.view

    def silence_s(self) -> float:
        """Return for how many seconds the broker has not answered.

        It is asked here, so call this often. MQTT's keepalive would notice a
        silent broker too late, or with a short one the broker would hang up.
        A lost broker comes back by itself, and then answers.
        """
        now = time.monotonic()
        # paho's thread may forget it at any moment.
        asked_at = self._asked_at
        if asked_at is None:
            asked_at = self._asked_at = now
            # Of all that it must answer this changes nothing.
            self._client.unsubscribe(f"{self.view.name}/nothing")
        return now - asked_at

    def trouble(self) -> str:
        """Return why nothing new comes in; empty while it does."""
        return self.view.trouble(self.where, self.silence_s())

    def look_for_connector(self) -> ConnectorView:
        """Look around, and longer where somebody has the port already."""
        self.look_around()
        self.wait_for(lambda view: view.tells, LATE_S)
        return self.view

    def write(self, topic: str, value: Any) -> None:
        """Publish a value as BEMCom's API does: QoS 0, not retained."""
        message = {"value": value, "timestamp": now_ms()}
        info = self._client.publish(topic, json.dumps(message))
        info.wait_for_publish(TIMEOUT_S)

    # --- inside ------------------------------------------------------------

    def _make_client(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect_timeout = TIMEOUT_S
        client.reconnect_delay_set(RECONNECT_S, RECONNECT_S)
        prepare(client, self._settings)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_answer
        client.on_message = self._on_message
        return client

    def _wait_for_connack(self) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._connack or self._is_closed, TIMEOUT_S
            )
        if self._connack is not None:
            if not self._connack.is_failure:
                return
            trouble = refused_login(self._connack, self._settings)
        elif self._is_closed:
            trouble = closed_without_answer(None, self._settings)
        else:
            trouble = Trouble(
                "it accepts connections, but is no MQTT broker that answers"
            )
        raise _problem(self.where, trouble, "broker_silent")

    # paho's callbacks, in its thread.

    def _on_connect(
        self,
        client: Client,
        _data: Any,
        _flags: Any,
        reason: ReasonCode,
        *_: Any,
    ) -> None:
        if not reason.is_failure:
            client.subscribe([(topic, 0) for topic in self.view.topics])
            self._asked_at = None
        with self._changed:
            self.view.note_new_connection()
            self._connack = reason
            self._changed.notify_all()

    def _on_subscribe(self, *_: object) -> None:
        with self._changed:
            self._quiet_at = time.monotonic() + QUIET_S
            self._is_subscribed = True
            self._changed.notify_all()

    def _on_answer(self, *_: object) -> None:
        self._asked_at = None

    def _on_disconnect(self, *_: object) -> None:
        with self._changed:
            self._is_closed = True
            if self._asked_at is None:
                self._asked_at = time.monotonic()
            self._changed.notify_all()

    def _on_message(self, _client: Any, _data: Any, msg: MQTTMessage) -> None:
        with self._changed:
            self._quiet_at = time.monotonic() + QUIET_S
            # paho cannot decode topics that are no UTF-8.
            with contextlib.suppress(UnicodeDecodeError):
                payload = bytes(msg.payload)
                self.view.take(msg.topic, payload, is_retained=msg.retain)
            self._changed.notify_all()


def _problem(where: str, trouble: Trouble, code: str) -> Problem:
    """Say what is wrong in the connector's words for it."""
    advice = _BROKER_ADVICE
    if trouble.cause is not None:
        code = str(trouble.cause)
        advice = CAUSES[Code(code)].advice
    return Problem(f"broker {where}: {trouble.text}", advice, code)


@contextlib.contextmanager
def instead_of_port(
    settings: ToolSettings,
    taken: PortTaken,
    on_raw: Callable[[RawTexts], object] | None = None,
) -> Iterator[BrokerClient]:
    """Turn to the running connector, since another program has the port."""
    if not settings.mqtt_broker_host:
        raise taken
    with contextlib.ExitStack() as stack:
        client = BrokerClient(settings, on_raw=on_raw)
        try:
            stack.enter_context(client)
        except Problem as problem:
            raise PortTaken(
                f"{taken.text}\nThe running connector cannot be asked either: "
                f"{problem.text}",
                f"{taken.advice} {problem.advice}",
                taken.code,
            ) from None
        yield client
