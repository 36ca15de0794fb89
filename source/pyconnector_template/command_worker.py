"""A queue between the broker's thread and the devices."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

from .logs import logger_about, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logger_about("connector")

MAX_WAITING = 1_000

Command = tuple[str, str | bytes]
"""Topic and payload of an actuator value message."""


class CommandWorker:
    """Runs commands one after the other, away from the broker's thread.

    A device that answers slowly delays the next command, never the receiving
    of messages.
    """

    def __init__(self, run_command: Callable[[str, str | bytes], None]) -> None:
        self._run_command = run_command
        self._commands: queue.Queue[Command | None] = queue.Queue(MAX_WAITING)
        self._is_over = False

    def submit(self, topic: str, payload: str | bytes) -> None:
        """Queue a command; never waits. The oldest one makes room."""
        if self._is_over:
            logger.debug(
                "Ignored a command on %s: the connector ends.",
                shortened(topic),
            )
            return
        self._put((topic, payload))

    def stop(self) -> None:
        """End the thread after the command that runs now, and take no more."""
        self._is_over = True
        # Commands that still wait would reach the device after its end.
        while self._drop_oldest():
            pass
        self._put(None)

    def run(self) -> None:
        """Run commands until `stop` is called: the body of the thread."""
        while (command := self._commands.get()) is not None:
            self._run_command(*command)

    def _put(self, command: Command | None) -> None:
        while True:
            try:
                self._commands.put_nowait(command)
            except queue.Full:
                if self._drop_oldest():
                    logger.warning(
                        "Too many commands are waiting: the oldest is dropped."
                    )
            else:
                return

    def _drop_oldest(self) -> bool:
        try:
            self._commands.get_nowait()
        except queue.Empty:
            return False
        return True
