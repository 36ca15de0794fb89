"""Lines from the terminal, and from a socket of this machine."""

from __future__ import annotations

import os
import socket
import socketserver
import sys
import threading
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    # Does what a line says; returns what became of it.
    Obey = Callable[[str], str]

LOOK_S = 0.1


def control(
    obey: Obey, tell: Callable[[str], None], path: Path | None = None
) -> AbstractContextManager[None]:
    """Hand on each line that is typed or sent, and answer it.

    Whoever has neither a terminal nor a pipe as standard input, or closes it,
    is served all the same.

    Parameters
    ----------
    tell
        Shows an answer to whoever types.
    path
        Where to listen, if anywhere. An OSError says why that is impossible.
    """
    threading.Thread(
        target=_read_from_terminal,
        args=(obey, tell),
        name="terminal",
        # It waits for a line that may never come.
        daemon=True,
    ).start()
    return nullcontext() if path is None else _listening(path, obey)


def _read_from_terminal(obey: Obey, tell: Callable[[str], None]) -> None:
    # A copy of `sys.stdin`: the interpreter cannot end in order while a thread
    # reads from that one itself.
    with (
        suppress(OSError, ValueError, AttributeError),
        os.fdopen(os.dup(sys.stdin.fileno()), errors="replace") as terminal,
    ):
        for line in filter(None, map(str.strip, terminal)):
            tell(obey(line))


@contextmanager
def _listening(path: Path, obey: Obey) -> Iterator[None]:
    try:
        if path.is_socket() and not _is_served(path):
            # A program that is gone has left its socket behind.
            path.unlink()
        server = _Server(path, obey)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(error.errno, f"--control {path}: {reason}") from error
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(LOOK_S,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            path.unlink(missing_ok=True)


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as visitor:
        try:
            visitor.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, obey: Obey) -> None:
        self.obey = obey
        super().__init__(str(path), _Conversation)


class _Conversation(socketserver.StreamRequestHandler):
    """One who sends lines, until that one hangs up."""

    server: _Server

    def handle(self) -> None:
        # Who has sent something may be gone before the answer.
        with suppress(OSError):
            for data in self.rfile:
                line = data.decode("utf-8", "replace").strip()
                if line:
                    answer = f"{self.server.obey(line)}\n"
                    self.wfile.write(answer.encode("utf-8", "replace"))
