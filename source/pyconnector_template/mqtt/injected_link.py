"""The link over an MQTT client that was handed in, as tests do.

Such a client has the interface of paho 1.5 and runs its own loop; messages are
published on it directly.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pyconnector_template.json_text import value_message
from pyconnector_template.logs import error_line, logger_about

logger = logger_about("broker")

RETRY_S = 1.0


class InjectedLink:
    """Runs a client's own loop; has the methods of `BrokerLink`."""

    def __init__(
        self,
        *,
        client: Any,
        host: str,
        port: int,
        on_connected: Callable[[], None],
        announcement_topic: str,
        announcement: Callable[[], str],
    ) -> None:
        self.client = client
        self._host = host
        self._port = port
        self._on_connected = on_connected
        self._announcement_topic = announcement_topic
        self._announcement = announcement
        self._stopping = threading.Event()
        self._is_up = False

    def run(self) -> None:
        """Connect, however often it takes, and run the client's loop."""
        while not self._connect():
            if self._stopping.wait(RETRY_S):
                return
        self._is_up = True
        try:
            self._on_connected()
            self.client.loop_forever()
        finally:
            self._is_up = False

    def is_connected(self) -> bool:
        return self._is_up

    def publish_values(
        self, values: Iterable[tuple[str, object]], timestamp: object
    ) -> None:
        for topic, value in values:
            self.publish_retained(topic, value_message(value, timestamp))

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def announce(self) -> None:
        self.publish_retained(self._announcement_topic, self._announcement())

    def publish_retained(self, topic: str, payload: str) -> None:
        self.client.publish(topic=topic, payload=payload, retain=True)

    def subscribe_temporarily(self, topic_filter: str) -> None:
        self.client.subscribe(topic=topic_filter)

    def unsubscribe(self, topic: str) -> None:
        self.client.unsubscribe(topic=topic)

    def retry(self) -> None:
        """Nothing: what the client subscribes is its own affair."""

    def stop(self, flush_s: float = 0.0) -> None:  # noqa: ARG002
        self._stopping.set()
        self.client.disconnect()

    def _connect(self) -> bool:
        try:
            self.client.connect(host=self._host, port=self._port)
        except OSError as error:
            logger.warning(
                "Cannot connect to the MQTT broker: %s", error_line(error)
            )
            return False
        return True
