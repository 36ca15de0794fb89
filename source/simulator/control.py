"""Lines from the terminal, and from a socket of this machine."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from simulator.typed_lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

READ_BYTES = 65_536


class Control:
    """Hands on each line that is typed or sent, and answers it.

    Whoever has neither a terminal nor a pipe as standard input, or closes it,
    is served all the same.

    Parameters
    ----------
    obey
        Does what a line says; returns what became of it.
    tell
        Shows that to whoever types.
    path
        Where to listen, if anywhere.

    Raises
    ------
    OSError
        On entering, if the path cannot be used.
    """

    def __init__(
        self,
        obey: Callable[[str], str],
        tell: Callable[[str], None],
        path: Path | None = None,
    ) -> None:
        self._obey = obey
        self._tell = tell
        self._path = path
        # What a shell redirects may be a file, which epoll refuses.
        kind = getattr(selectors, "PollSelector", selectors.SelectSelector)
        self._selector: selectors.BaseSelector = kind()
        self._has_socket = False

    def __enter__(self) -> Self:
        if self._path is not None:
            self._listen(self._path)
        with suppress(OSError, ValueError, AttributeError):
            self._read_from_terminal(sys.stdin.fileno())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        if self._path is not None and self._has_socket:
            self._path.unlink(missing_ok=True)

    def wait(self, seconds: float) -> None:
        """Work off what comes within some seconds."""
        for key, _ in self._selector.select(seconds):
            key.data()

    # --- the terminal --------------------------------------------------------

    def _read_from_terminal(self, descriptor: int) -> None:
        lines = Lines()

        def read() -> None:
            data = b""
            with suppress(OSError):
                data = os.read(descriptor, READ_BYTES)
            for line in lines.feed(data):
                answer = self._obey(line)
                if answer:
                    self._tell(answer)
            if not data:
                self._selector.unregister(descriptor)

        self._selector.register(descriptor, selectors.EVENT_READ, read)

    # --- the socket ----------------------------------------------------------

    def _listen(self, path: Path) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("there are no Unix sockets on this system")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _bind(listener, path)
        except OSError as error:
            listener.close()
            reason = error.strerror or error
            raise OSError(error.errno, f"--control {path}: {reason}") from error
        self._has_socket = True
        listener.listen()
        listener.setblocking(False)

        def accept() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                self._read_from(connection)

        self._selector.register(listener, selectors.EVENT_READ, accept)

    def _read_from(self, connection: socket.socket) -> None:
        lines = Lines()

        def read() -> None:
            data = b""
            with suppress(OSError):
                data = connection.recv(READ_BYTES)
                for line in lines.feed(data):
                    answer = f"{self._obey(line)}\n"
                    connection.sendall(answer.encode("utf-8", "replace"))
            if not data:
                self._selector.unregister(connection)
                connection.close()

        self._selector.register(connection, selectors.EVENT_READ, read)


def _bind(listener: socket.socket, path: Path) -> None:
    """Bind, also where a program that is gone has left its socket behind."""
    try:
        listener.bind(str(path))
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not _is_left_behind(path):
            raise
        path.unlink()
        listener.bind(str(path))


def _is_left_behind(path: Path) -> bool:
    if not path.is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
        try:
            visitor.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False
