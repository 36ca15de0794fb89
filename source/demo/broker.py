"""A small MQTT broker inside this process, for people who have none."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Iterator

from amqtt.broker import Broker

HOST = "127.0.0.1"
USUAL_PORT = 18830
START_TIMEOUT_S = 15.0


@contextlib.contextmanager
def running_broker() -> Iterator[int]:
    """Run a broker on the loopback interface; gives its port."""
    port = _free_port()
    broker = _BrokerThread(port)
    broker.start()
    try:
        broker.wait_until_ready()
        yield port
    finally:
        broker.stop()


def _free_port() -> int:
    """Return the usual port, or another one if somebody has it."""
    for port in (USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return int(probe.getsockname()[1])
    raise OSError(f"no free TCP port on {HOST}")


class _BrokerThread(threading.Thread):
    """The broker and its event loop."""

    def __init__(self, port: int) -> None:
        super().__init__(name="mqtt-broker", daemon=True)
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._is_ready = threading.Event()
        self._failure: Exception | None = None

    def wait_until_ready(self) -> None:
        """Wait until clients can connect; raise what went wrong."""
        is_ready = self._is_ready.wait(START_TIMEOUT_S)
        if self._failure is not None:
            raise self._failure
        if not is_ready:
            raise TimeoutError("the broker does not start")

    def stop(self) -> None:
        """End the broker and its thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self.join(timeout=5)

    def run(self) -> None:
        """Serve until stopped."""
        # What the broker thinks of its clients is not part of the show.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        asyncio.set_event_loop(self._loop)
        try:
            # Made inside of the loop that it serves in.
            broker = self._loop.run_until_complete(self._start())
            self._is_ready.set()
            self._loop.run_forever()
            self._loop.run_until_complete(broker.shutdown())
        except Exception as error:  # noqa: BLE001 - raised where it is waited
            self._failure = error
            self._is_ready.set()
        finally:
            self._loop.close()

    async def _start(self) -> Broker:
        broker = Broker(
            {
                "listeners": {
                    "default": {"type": "tcp", "bind": f"{HOST}:{self._port}"}
                },
                "plugins": {
                    "amqtt.plugins.authentication.AnonymousAuthPlugin": {
                        "allow_anonymous": True
                    }
                },
            }
        )
        await broker.start()
        return broker
