"""Everything that goes through the broker, noted at little cost.

The recorder's process only reads bytes and notes when, and now and then the
connector's CPU time. What they mean is found out afterwards, so that its work
does not compete with what is measured. paho connects and subscribes; then its
socket is read without it.
"""

from __future__ import annotations

import ctypes
import selectors
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from bench.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

PUBLISH = 3
HOUR_S = 3600
CHUNK_BYTES = 1 << 20

CPU_SAMPLE_S = 0.02

Chunks = list[tuple[float, bytes]]
CpuSamples = list[tuple[float, float]]
"""Unix seconds, and the CPU time so far in seconds."""


class Arrival(NamedTuple):
    """A message with QoS 0, and when it arrived in Unix seconds."""

    at: float
    topic: str
    payload: bytes


class Recorder(Worker):
    """Notes all messages of a topic filter, for the time of a `with` block."""

    def __init__(self, port: int, topic: str) -> None:
        super().__init__(_record, port, topic)
        self._rest = b""
        self.cpu_samples: CpuSamples = []
        """Those between the last two calls of `take`."""

    def watch_cpu(self, pid: int) -> None:
        """Note the CPU time of a process from now on."""
        self._tell(pid)

    def take(self) -> list[Arrival]:
        """Return what has arrived since the last call."""
        chunks, self.cpu_samples = self._ask()
        arrivals, self._rest = split(chunks, self._rest)
        return arrivals


def cpu_clock(pid: int) -> int:
    """Return the clock of a process's CPU time, for `time.clock_gettime`.

    Raises
    ------
    ProcessLookupError
        If there is no such process.
    """
    clock = ctypes.c_int()
    # POSIX has it, Python does not.
    if ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)) != 0:
        raise ProcessLookupError(pid)
    return clock.value


def split(chunks: Chunks, rest: bytes = b"") -> tuple[list[Arrival], bytes]:
    """Return the messages in pieces of the stream, and what is left.

    That is the beginning of a message; it goes before the next pieces.
    """
    arrivals: list[Arrival] = []
    for at, chunk in chunks:
        stream = rest + chunk
        end = 0
        for begin, body, end in _packets(stream):
            if stream[begin] >> 4 == PUBLISH:
                arrivals.append(_read_publish(at, stream[body:end]))
        rest = stream[end:]
    return arrivals, rest


def _packets(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield begin, begin of the body and end of each complete packet."""
    begin = 0
    while begin + 1 < len(stream):
        length, shift, body = 0, 0, begin + 1
        while body < len(stream):
            byte = stream[body]
            length |= (byte & 0x7F) << shift
            shift += 7
            body += 1
            if not byte & 0x80:
                break
        else:
            return
        if body + length > len(stream):
            return
        yield begin, body, body + length
        begin = body + length


def _read_publish(at: float, body: bytes) -> Arrival:
    name_end = 2 + int.from_bytes(body[:2], "big")
    return Arrival(at, body[2:name_end].decode(), body[name_end:])


def _record(line: Connection, port: int, topic: str) -> None:
    """Read until the end: the body of the recorder's process."""
    # Held: paho closes its socket when its client is gone.
    client = _subscribe(port, topic)
    sock = client.socket()
    if sock is None:
        raise ConnectionError("the broker has hung up")
    chunks: Chunks = []
    samples: CpuSamples = []
    clock: int | None = None
    line.send(None)
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        selector.register(line, selectors.EVENT_READ)
        while True:
            wait_s = None
            if clock is not None:
                now = time.time()
                if not samples or now - samples[-1][0] >= CPU_SAMPLE_S:
                    try:
                        samples.append((now, time.clock_gettime(clock)))
                    except OSError:
                        # The process has ended.
                        clock = None
                        continue
                wait_s = samples[-1][0] + CPU_SAMPLE_S - now
            ready = [key.fileobj for key, _ in selector.select(wait_s)]
            if sock in ready:
                data = sock.recv(CHUNK_BYTES)
                if not data:
                    return
                chunks.append((time.time(), data))
            if line in ready:
                pid = line.recv()
                if pid is None:
                    line.send((chunks, samples))
                    chunks, samples = [], []
                else:
                    clock = cpu_clock(pid)


def _subscribe(port: int, topic: str) -> Client:
    client = Client(CallbackAPIVersion.VERSION2)
    is_subscribed = threading.Event()
    client.on_subscribe = lambda *_: is_subscribed.set()
    client.connect("127.0.0.1", port, HOUR_S)
    while not client.is_connected():
        client.loop()
    client.subscribe(topic)
    while not is_subscribed.is_set():
        client.loop()
    return client
