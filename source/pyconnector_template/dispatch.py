"""Threads that run a connector's functions: once, or again and again.

Names, arguments and attributes are those of the upstream template. Unlike
there nothing is thrown into a running thread: a thread is asked to end with
its ``termination_event`` and, being a daemon, never holds up the process.
"""

import inspect
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class DispatchOnce(threading.Thread):
    """Runs a function once in a thread that can be asked to end.

    If the target has a parameter ``termination_event`` it gets the event that
    asks it to return. The cleanup follows, however the target ended.

    Attributes
    ----------
    exception
        What ended the thread, SystemExit and KeyboardInterrupt included.
    has_ended
        Whether the work is over; the thread may live a moment longer.
    end_listener
        Called in the thread as its last act; may be set before the start.
    """

    def __init__(
        self,
        target_func: Callable[..., object] | None = None,
        target_args: Sequence[Any] | None = None,
        target_kwargs: Mapping[str, Any] | None = None,
        cleanup_func: Callable[..., object] | None = None,
        cleanup_args: Sequence[Any] | None = None,
        cleanup_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(daemon=True)
        self.termination_event = threading.Event()
        self.exception: BaseException | None = None
        self.has_ended = False
        self.end_listener: Callable[[], object] | None = None
        self.target_func = target_func
        self.target_args = () if target_args is None else target_args
        self.target_kwargs = {} if target_kwargs is None else target_kwargs
        self.cleanup_func = cleanup_func
        self.cleanup_args = () if cleanup_args is None else cleanup_args
        self.cleanup_kwargs = {} if cleanup_kwargs is None else cleanup_kwargs
        if _wants_termination_event(target_func):
            self.target_kwargs = {
                **self.target_kwargs,
                "termination_event": self.termination_event,
            }

    def run(self) -> None:
        try:
            try:
                self._run_target()
            finally:
                if self.cleanup_func is not None:
                    self.cleanup_func(*self.cleanup_args, **self.cleanup_kwargs)
        except BaseException as error:  # noqa: BLE001 - seen by the supervisor
            self.exception = error
        finally:
            self.has_ended = True
            if self.end_listener is not None:
                self.end_listener()

    def terminate(self) -> None:
        """Ask the thread to end; it does so when its target returns."""
        self.termination_event.set()

    def _run_target(self) -> None:
        if self.target_func is not None:
            self.target_func(*self.target_args, **self.target_kwargs)


class DispatchInInterval(DispatchOnce):
    """Runs a function in a thread in regular intervals, never overlapping.

    `call_interval` is in seconds from start to start. A call that takes longer
    is followed by the next one at once.
    """

    def __init__(
        self,
        target_func: Callable[..., object] | None = None,
        target_args: Sequence[Any] | None = None,
        target_kwargs: Mapping[str, Any] | None = None,
        cleanup_func: Callable[..., object] | None = None,
        cleanup_args: Sequence[Any] | None = None,
        cleanup_kwargs: Mapping[str, Any] | None = None,
        call_interval: float = 0,
    ) -> None:
        super().__init__(
            target_func=target_func,
            target_args=target_args,
            target_kwargs=target_kwargs,
            cleanup_func=cleanup_func,
            cleanup_args=cleanup_args,
            cleanup_kwargs=cleanup_kwargs,
        )
        self.call_interval = call_interval

    def _run_target(self) -> None:
        if self.target_func is None:
            return
        while not self.termination_event.is_set():
            next_at = time.monotonic() + self.call_interval
            super()._run_target()
            self.termination_event.wait(max(0.0, next_at - time.monotonic()))


def _wants_termination_event(function: Callable[..., object] | None) -> bool:
    if function is None:
        return False
    try:
        return "termination_event" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        # Some functions written in C do not show their parameters.
        return False
