"""A real Mosquitto for tests, and an observer of what goes through it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from testbed.bemcom_api import Received, received

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from paho.mqtt.client import MQTTMessage

DEADLINE_S = 30.0
"""For what is sure to happen: only a failing test waits so long."""

SYSTEM_PATHS = "/usr/sbin:/usr/local/sbin"


def find_mosquitto() -> str | None:
    """Find the broker on PATH or where Debian puts it."""
    return shutil.which("mosquitto") or shutil.which(
        "mosquitto", path=SYSTEM_PATHS
    )


def free_port() -> int:
    """Find a TCP port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(is_true: Callable[[], object], what: str = "it") -> None:
    """Wait for a condition that no event tells; fail after a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {DEADLINE_S:g} s")
        time.sleep(0.005)


class MosquittoMissingError(OSError):
    """There is no Mosquitto; tests are skipped then, programs end."""

    def __init__(self) -> None:
        super().__init__("Mosquitto is not installed on this machine")


class Observer:
    """Notes what a broker on 127.0.0.1 sends, publishes what it is told."""

    def __init__(self, port: int, *topics: str) -> None:
        self.messages: list[Received] = []
        self._topics = topics
        self._news = threading.Condition()
        self._is_ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda *_: self._subscribe()
        self._client.on_subscribe = lambda *_: self._is_ready.set()
        self._client.on_message = self._note
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._is_ready.wait(DEADLINE_S), "the observer got no SUBACK"

    def publish(
        self, topic: str, payload: object, *, retain: bool = False
    ) -> None:
        """Publish bytes as they are, anything else as JSON; wait for it."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload)
        info = self._client.publish(topic, data, 1, retain)
        info.wait_for_publish(DEADLINE_S)

    def on(self, topic: str) -> list[Received]:
        return [one for one in list(self.messages) if one.topic == topic]

    def wait_for(
        self, topic: str, is_it: Callable[[Received], object] = bool
    ) -> Received:
        """Wait for a message on a topic and return it; earlier ones count."""
        deadline = time.monotonic() + DEADLINE_S
        seen = 0
        with self._news:
            while time.monotonic() < deadline:
                for message in self.messages[seen:]:
                    if message.topic == topic and is_it(message):
                        return message
                seen = len(self.messages)
                self._news.wait(deadline - time.monotonic())
        raise AssertionError(
            f"nothing fitting on {topic}; the last messages were "
            f"{self.messages[-20:]}"
        )

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # Without this circle paho closes its sockets at once, not when the
        # garbage collector comes by.
        self._client.on_connect = None
        self._client.on_subscribe = None
        self._client.on_message = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _subscribe(self) -> None:
        # "$SYS/never" makes an observer without topics get a SUBACK, too.
        for topic in (*self._topics, "$SYS/never"):
            self._client.subscribe(topic, 2)

    def _note(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        with self._news:
            self.messages.append(received(message))
            self._news.notify_all()


class Mosquitto:
    """A Mosquitto process of one's own on a free port of 127.0.0.1."""

    def __init__(
        self, folder: Path, config: str = "allow_anonymous true"
    ) -> None:
        binary = find_mosquitto()
        if binary is None:
            raise MosquittoMissingError
        self._binary = binary
        self._folder = folder
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self._observers: list[Observer] = []
        self.port = free_port()

    def start(self) -> None:
        """Start the process and wait until it listens."""
        path = self._folder / "mosquitto.conf"
        path.write_text(self._configuration(), "utf-8")
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary, "-c", str(path)], stdout=log, stderr=log
            )
        wait_until(self._listens, "the start of Mosquitto")

    def stop(self) -> None:
        """End all observers and the process, also a frozen one."""
        for observer in self._observers:
            observer.close()
        self._observers.clear()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process without a chance to say goodbye."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill the process and start another one on the same port."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop it from reading and answering; connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def observe(self, *topics: str) -> Observer:
        """Make an observer; it is closed with the broker."""
        observer = Observer(self.port, *topics)
        self._observers.append(observer)
        return observer

    def wait_for_subscription(self, topic: str) -> None:
        """Wait until a client has subscribed to a topic."""
        wait_until(
            lambda: f"\t{topic} (QoS " in self.log(),
            f"the subscription to {topic}",
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        return (self._folder / "mosquitto.log").read_text("utf-8")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _configuration(self) -> str:
        lines = [f"listener {self.port} 127.0.0.1", self._config]
        lines += ["log_type all", "max_queued_messages 100000"]
        if os.geteuid() == 0:
            # It would change to a user that may not read our folder.
            lines.append("user root")
        return "\n".join([*lines, ""])

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(DEADLINE_S)
        finally:
            process.kill()
            process.wait()
