"""Dispatchers run, end on request, and show what ended them."""

import threading
import time
from itertools import pairwise
from typing import Any
from unittest.mock import MagicMock

import pytest

from pyconnector_template.dispatch import DispatchInInterval, DispatchOnce
from testbed.load import seconds_here
from testbed.mosquitto import DEADLINE_S

both = pytest.mark.parametrize("kind", [DispatchOnce, DispatchInInterval])


@both
def test_arguments_are_found_under_their_names(kind: type[Any]) -> None:
    arguments = {
        name: MagicMock()
        for name in (
            "target_func",
            "target_args",
            "target_kwargs",
            "cleanup_func",
            "cleanup_args",
            "cleanup_kwargs",
        )
    }
    dispatcher = kind(**arguments)
    for name, value in arguments.items():
        assert getattr(dispatcher, name) == value
    assert dispatcher.exception is None
    assert dispatcher.daemon


@both
def test_nothing_has_to_be_given(kind: type[Any]) -> None:
    dispatcher = kind()
    assert dispatcher.target_args == ()
    assert dispatcher.target_kwargs == {}
    dispatcher.start()
    dispatcher.join(DEADLINE_S)
    assert not dispatcher.is_alive()


@both
def test_a_target_that_wants_the_event_gets_it(kind: type[Any]) -> None:
    given: dict[str, Any] = {}

    def target(termination_event: threading.Event) -> None:
        pass

    dispatcher = kind(target_func=target, target_kwargs=given)
    event = dispatcher.target_kwargs["termination_event"]
    assert event is dispatcher.termination_event
    assert given == {}


@both
def test_a_target_that_does_not_want_the_event_does_not_get_it(
    kind: type[Any],
) -> None:
    assert kind(target_func=time.sleep).target_kwargs == {}


@both
@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_what_ends_the_thread_is_kept(
    kind: type[Any], error: type[BaseException]
) -> None:
    dispatcher = kind(target_func=MagicMock(side_effect=error("why")))
    dispatcher.start()
    dispatcher.join(DEADLINE_S)
    assert isinstance(dispatcher.exception, error)


@both
def test_cleanup_and_the_listener_come_after_a_failure(
    kind: type[Any],
) -> None:
    order: list[str] = []
    dispatcher = kind(
        target_func=MagicMock(side_effect=ValueError),
        cleanup_func=order.append,
        cleanup_args=("cleanup",),
    )
    dispatcher.end_listener = lambda: order.append(
        f"listener, has ended: {dispatcher.has_ended}"
    )
    dispatcher.start()
    dispatcher.join(DEADLINE_S)
    assert order == ["cleanup", "listener, has ended: True"]


def test_terminate_ends_a_target_that_waits_for_the_event() -> None:
    dispatcher = DispatchOnce(
        target_func=lambda termination_event: termination_event.wait(DEADLINE_S)
    )
    dispatcher.start()
    started_at = time.monotonic()
    dispatcher.terminate()
    dispatcher.join(DEADLINE_S)
    assert time.monotonic() - started_at < DEADLINE_S / 2


def test_terminate_ends_the_wait_for_the_next_call() -> None:
    called = threading.Event()
    dispatcher = DispatchInInterval(target_func=called.set, call_interval=60)
    dispatcher.start()
    assert called.wait(DEADLINE_S)
    dispatcher.terminate()
    dispatcher.join(DEADLINE_S)
    assert not dispatcher.is_alive()


def times_of_calls(duration_s: float, interval_s: float) -> list[float]:
    times: list[float] = []

    def target(termination_event: threading.Event) -> None:
        times.append(time.monotonic())
        if len(times) == 3:
            termination_event.set()
        time.sleep(duration_s)

    dispatcher = DispatchInInterval(
        target_func=target, call_interval=interval_s
    )
    dispatcher.start()
    dispatcher.join(DEADLINE_S)
    return [later - earlier for earlier, later in pairwise(times)]


def test_the_interval_counts_from_start_to_start() -> None:
    for gap in times_of_calls(duration_s=0.08, interval_s=0.1):
        assert 0.099 <= gap < seconds_here(0.17)


def test_a_long_call_is_followed_by_the_next_one_at_once() -> None:
    for gap in times_of_calls(duration_s=0.1, interval_s=0.09):
        assert 0.099 <= gap < seconds_here(0.18)
