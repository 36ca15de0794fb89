"""The link over an MQTT client that was handed in, as tests do.

Such a client has the interface of paho 1.5 and runs its own loop; messages are
published on it directly.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pyconnector_template.json_text import value_message


class InjectedLink:
    """Runs a client's own loop; has the methods of `BrokerLink`."""

    def __init__(
        self,
        client: Any,
        announcement_topic: str,
        announcement: Callable[[], str],
        on_connected: Callable[[], None],
    ) -> None:
        self.client = client
        self._announcement_topic = announcement_topic
        self._announcement = announcement
        self._on_connected = on_connected
        self._is_up = False

    def run(self) -> None:
        self._is_up = True
        self._on_connected()
        try:
            self.client.loop_forever()
        finally:
            self._is_up = False

    def is_connected(self) -> bool:
        return self._is_up

    def publish_values(
        self, values: Iterable[tuple[str, object]], timestamp: object
    ) -> None:
        publish_one_by_one(self.client, values, timestamp)

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
        self.client.disconnect()


def publish_one_by_one(
    client: Any, values: Iterable[tuple[str, object]], timestamp: object
) -> None:
    """Publish values of one moment, each on its topic."""
    for topic, value in values:
        # The API subscribes after it has sent the map: values that are not
        # retained would be missed.
        client.publish(
            topic=topic, payload=value_message(value, timestamp), retain=True
        )
