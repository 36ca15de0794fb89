"""The threads of a connector, and the main thread that watches them."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

from .dispatch import DispatchOnce

CHECK_INTERVAL_S = 0.5
"""Dispatchers that are not ours do not call us at their end: look at them."""


class Supervisor:
    """Starts threads and dispatchers, notices that one ended, ends them all.

    `wake` and `stop` may be called from any thread; everything else belongs to
    the main thread.
    """

    def __init__(self) -> None:
        self._dispatchers: dict[str, Any] = {}
        # A SimpleQueue, because signal handlers may put into it at any
        # moment; True asks to end, False to look at the threads.
        self._calls: SimpleQueue[bool] = SimpleQueue()

    def start(self, name: str, dispatcher: Any) -> None:
        """Start a dispatcher, which may be of a class that is not ours."""
        if isinstance(dispatcher, DispatchOnce):
            dispatcher.name = name
            dispatcher.end_listener = self.wake
        dispatcher.start()
        self._dispatchers[name] = dispatcher

    def wake(self) -> None:
        """End the current `wait`."""
        self._calls.put(False)

    def stop(self) -> None:
        """Let `wait` ask the main thread to end; fits into signal handlers."""
        self._calls.put(True)

    def wait(self, timeout_s: float) -> None:
        """Wait until something is to be looked at; SystemExit after `stop`."""
        dispatchers = self._dispatchers.values()
        if not all(isinstance(one, DispatchOnce) for one in dispatchers):
            timeout_s = min(timeout_s, CHECK_INTERVAL_S)
        try:
            is_over = self._calls.get(timeout=max(0.0, timeout_s))
        except Empty:
            return
        if is_over:
            raise SystemExit(0)

    def raise_if_one_ended(self) -> None:
        """Raise what ended a thread; RuntimeError if it just returned."""
        for name, dispatcher in self._dispatchers.items():
            if _has_ended(dispatcher):
                raise dispatcher.exception or RuntimeError(
                    f"The thread {name!r} has ended."
                )

    def end_all_but(
        self, spared: DispatchOnce | None, timeout_s: float
    ) -> None:
        """Ask all threads but one to end, and wait for them together."""
        ending = [one for one in self._dispatchers.values() if one != spared]
        for dispatcher in ending:
            if dispatcher.is_alive():
                dispatcher.terminate()
        until = time.monotonic() + timeout_s
        for dispatcher in ending:
            dispatcher.join(max(0.0, until - time.monotonic()))

    @contextmanager
    def signals_caught(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT call `stop` meanwhile."""
        # Only the main thread may set handlers, and only it gets signals.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, lambda *_: self.stop())
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _has_ended(dispatcher: Any) -> bool:
    # An end listener is called while the thread still lives.
    if isinstance(dispatcher, DispatchOnce) and dispatcher.has_ended:
        return True
    return not dispatcher.is_alive()
