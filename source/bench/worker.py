"""A process at the other end of a pipe, for the time of a `with` block."""

from __future__ import annotations

import multiprocessing
import signal
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER_TIMEOUT_S = 60.0


class Worker:
    """Base of what works in a process of its own.

    Parameters
    ----------
    body
        Runs in the process; its first argument is its end of the pipe. It
        sends an object when it is ready, and one for each `None` it gets.
    arguments
        Its further arguments.
    """

    def __init__(self, body: Callable[..., None], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, its_end = context.Pipe()
        self._process = context.Process(
            target=body, args=(its_end, *arguments), daemon=True
        )

    def _tell(self, order: object) -> None:
        self._line.send(order)

    def _ask(self) -> Any:
        self._tell(None)
        return self._answer()

    def _answer(self) -> Any:
        if not self._line.poll(ANSWER_TIMEOUT_S):
            raise TimeoutError(f"{type(self).__name__} does not answer")
        return self._line.recv()

    def __enter__(self) -> Self:
        # Ctrl-C is for who has started it, and ends it then. It inherits this.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()
