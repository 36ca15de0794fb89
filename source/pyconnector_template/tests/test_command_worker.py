"""Commands wait in a bounded queue and run one after the other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pyconnector_template import actuator_flow
from pyconnector_template.actuator_flow import CommandWorker
from testbed.mosquitto import DEADLINE_S

if TYPE_CHECKING:
    import pytest


def test_commands_run_in_order_and_the_thread_ends_on_request() -> None:
    done: list[str] = []
    all_done = threading.Event()

    def run(topic: str, payload: str | bytes) -> None:
        done.append(topic)
        if len(done) == 3:
            all_done.set()

    worker = CommandWorker(run)
    thread = threading.Thread(target=worker.run)
    thread.start()
    for topic in "abc":
        worker.submit(topic, b"")
    assert all_done.wait(DEADLINE_S)
    worker.stop()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert done == ["a", "b", "c"]


def test_when_too_many_wait_the_oldest_make_room_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(actuator_flow, "MAX_WAITING", 2)
    done: list[str] = []
    worker = CommandWorker(lambda topic, _payload: done.append(topic))
    for topic in "abcd":
        worker.submit(topic, b"")
    worker._commands.get_nowait()
    worker._put(None)
    worker.run()
    assert done == ["d"]
    assert len(caplog.records) == 2


def test_waiting_commands_are_not_sent_after_the_end() -> None:
    done: list[str] = []
    worker = CommandWorker(lambda topic, _payload: done.append(topic))
    worker.submit("late", b"")
    worker.stop()
    worker.run()
    assert done == []


def test_commands_that_come_after_the_end_are_ignored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    done: list[str] = []
    worker = CommandWorker(lambda topic, _payload: done.append(topic))
    worker.stop()
    for _ in range(3):
        worker.submit("late", b"")
    worker.run()
    assert done == []
    assert (
        caplog.messages
        == ["Ignored a command on 'late': the connector ends."] * 3
    )
