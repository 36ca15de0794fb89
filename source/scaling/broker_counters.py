"""What Mosquitto counts itself, below $SYS/broker."""

import threading
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

CONFIG = "sys_interval 1"
"""For the broker: its usual ten seconds are longer than a round."""

PACKETS = "messages/received"
BYTES = "bytes/received"
RETAINED = "retained messages/count"
HEAP = "heap/current"
NAMES = (PACKETS, BYTES, RETAINED, HEAP)

_PREFIX = "$SYS/broker/"
FIRST_COUNT_S = 5.0


class BrokerCounters:
    """The newest value of some counters.

    Parameters
    ----------
    port
        Of a Mosquitto on 127.0.0.1 that runs with `CONFIG`.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._newest: dict[str, int] = {}
        self._has_all = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._has_all.wait(FIRST_COUNT_S):
            missing = set(NAMES) - self._newest.keys()
            raise TimeoutError(f"the broker does not count {missing}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def read(self) -> dict[str, int]:
        """Return the counters as of two seconds ago at most."""
        return dict(self._newest)

    def _on_connect(self, client: Client, *_: object) -> None:
        for name in NAMES:
            client.subscribe(f"{_PREFIX}{name}")

    def _on_message(
        self, _client: Client, _data: object, message: MQTTMessage
    ) -> None:
        name = message.topic.removeprefix(_PREFIX)
        self._newest[name] = int(message.payload)
        if len(self._newest) == len(NAMES):
            self._has_all.set()
