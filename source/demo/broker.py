"""A small MQTT broker inside this process, for people who have none."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Coroutine, Iterator
from typing import Any

from amqtt.broker import Broker

HOST = "127.0.0.1"
USUAL_PORT = 18830
START_OR_END_S = 15.0


@contextlib.contextmanager
def running_broker() -> Iterator[int]:
    """Run a broker on the loopback interface; gives its port."""
    # What the broker thinks of its clients is not part of the show.
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mqtt-broker")

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        return future.result(START_OR_END_S)

    thread.start()
    try:
        port = _free_port()
        broker = run(_started_broker(port))
        try:
            yield port
        finally:
            run(broker.shutdown())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _started_broker(port: int) -> Broker:
    anonymous = "amqtt.plugins.authentication.AnonymousAuthPlugin"
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
            "plugins": {anonymous: {"allow_anonymous": True}},
        }
    )
    await broker.start()
    return broker


def _free_port() -> int:
    """Return the usual port, or another one if somebody has it."""
    for port in (USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return int(probe.getsockname()[1])
    raise OSError(f"no free TCP port on {HOST}")
