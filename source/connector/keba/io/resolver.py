"""Names of stations become addresses, aside: a lookup may take long."""

import logging
import socket
import threading
from collections import deque
from collections.abc import Callable

LOOKUPS_AT_ONCE = 16


class NameLookup:
    """Looks names up in a few short-lived threads.

    `found` is told, in one of these threads, a station and its address; None
    where the name does not resolve.
    """

    def __init__(
        self, found: Callable[[str, str | None], None], log: logging.Logger
    ) -> None:
        self._found = found
        self._log = log
        self._lock = threading.Lock()
        self._asked: set[str] = set()
        self._waiting: deque[tuple[str, str]] = deque()
        self._threads = 0

    def ask(self, station: str, host: str) -> None:
        """Look for a station soon, unless that is being done already."""
        with self._lock:
            if station in self._asked:
                return
            self._asked.add(station)
            self._waiting.append((station, host))
            if self._threads == LOOKUPS_AT_ONCE:
                return
            self._threads += 1
        threading.Thread(
            target=self._work, name=f"resolve-{station}", daemon=True
        ).start()

    def _work(self) -> None:
        while (wanted := self._next()) is not None:
            station, host = wanted
            address = self._resolve(station, host)
            with self._lock:
                self._asked.discard(station)
            self._found(station, address)

    def _next(self) -> tuple[str, str] | None:
        """Return what to look up; None ends the thread that has asked."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._threads -= 1
            return None

    def _resolve(self, station: str, host: str) -> str | None:
        try:
            found = socket.getaddrinfo(
                host, None, socket.AF_INET, socket.SOCK_DGRAM
            )
        except (OSError, UnicodeError) as error:
            self._log.debug("%s: %s: %s", station, host, error)
            return None
        return str(found[0][4][0])
