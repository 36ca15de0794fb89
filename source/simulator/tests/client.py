"""A client on a real socket, for the few tests that need one."""

from __future__ import annotations

import socket
from typing import Self

# Long enough for a busy machine; nobody waits for it when all is well.
ANSWER_TIMEOUT_S = 10.0

# Not KEBA's, so that the tests do not disturb others on this machine.
PORT = 17090


class Client:
    """A socket bound to an address and the tests' port."""

    def __init__(self, address: str = "127.0.1.1") -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._socket.settimeout(ANSWER_TIMEOUT_S)
        self._socket.bind((address, PORT))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, text: str, address: str) -> None:
        """Send a datagram."""
        self._socket.sendto(text.encode("ascii"), (address, PORT))

    def hear(self) -> tuple[str, str]:
        """Return the next datagram and the address it came from."""
        data, sender = self._socket.recvfrom(65_535)
        return data.decode("ascii"), sender[0]

    def ask(self, text: str, address: str) -> str:
        """Send a request and return the next datagram."""
        self.send(text, address)
        return self.hear()[0]
