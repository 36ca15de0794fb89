"""A station that says what a test tells it to, right or wrong."""

import socket
import threading
from collections.abc import Mapping
from typing import Self

TCH_OK = b"TCH-OK :done\n"

THREAD_END_S = 5.0
LARGEST_DATAGRAM = 65_507


def free_udp_port() -> int:
    """Find a UDP port that is free on all addresses at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))
        port: int = probe.getsockname()[1]
        return port


def report(number: int, fields: str) -> bytes:
    """Make a report in KEBA's layout; `fields` is written as it is."""
    return f'{{\n"ID": "{number}",\n{fields}\n}}\n'.encode()


class PlainStation:
    """A socket with an address of its own, and a thread that answers.

    Parameters
    ----------
    address, port
        Where it listens; it speaks to the same port of `client`.
    client
        Address of the connector.
    answers
        What it answers to each request. Other commands are confirmed, other
        reports are answered with their ID alone; an empty answer is silence.
    """

    def __init__(
        self,
        address: str,
        port: int,
        client: str,
        answers: Mapping[str, bytes] | None = None,
    ) -> None:
        self.requests: list[str] = []
        self._answers = answers or {}
        self._client = (client, port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._thread = threading.Thread(
            target=self._serve, name=f"plain station {address}"
        )

    def say(self, data: bytes) -> None:
        """Send a datagram that nobody has asked for."""
        self._socket.sendto(data, self._client)

    def _serve(self) -> None:
        while request := self._socket.recv(LARGEST_DATAGRAM).decode():
            self.requests.append(request)
            answer = self._answers.get(request, _usual_answer(request))
            if answer:
                self.say(answer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # No client sends an empty datagram.
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join(THREAD_END_S)
        self._socket.close()
        assert not self._thread.is_alive()


def _usual_answer(request: str) -> bytes:
    word, _, number = request.partition(" ")
    return report(int(number), '"Sec": 1') if word == "report" else TCH_OK
