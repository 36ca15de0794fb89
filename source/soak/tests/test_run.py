"""The loop of a run, on fake time, with a testbed of puppets."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

from soak import run
from soak.events import Event, Settings, Started
from soak.run import Run
from soak.stations import make_stations
from soak.tests.seen import (
    NOON,
    Controller,
    heard,
    published_value,
    said,
    sample,
)
from soak.timeline import Cycle, Kind, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from soak.events import Sample
    from soak.faults import FaultContext

FAULT = Kind("test", "clock")


class FakeTime:
    """Sleeping takes no time; the testbed goes on meanwhile."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.on_sleep: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now + NOON

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()


class Puppets(Controller):
    """A testbed in which a connector does all that is asked of it."""

    is_connected = True

    def __init__(self, time: FakeTime) -> None:
        self.time = time
        self.queue: SimpleQueue[Event] = SimpleQueue()
        self.stations = {one.name: one for one in make_stations(1)}
        self.serials = {"s00": "20000000"}
        self.is_armed = False
        self.life = 0
        self.is_connector_down = False
        self.simulator = Mock(failure=None)
        self.broker = Mock()
        self.connector = Mock(output="")
        self.controller = self
        self.in_force = Settings(63_000, enable_user=True)
        self.obeys = True
        self.lines: list[str] = []
        time.on_sleep = self.go_on
        self.start_connector()

    def settings(self) -> dict[str, Settings]:
        return {"s00": self.in_force}

    def select(self, *_: str, **__: object) -> None:
        """All is published anyway."""

    def publish(self, key: str, value: object) -> None:
        self.queue.put(published_value(f"s00__{key}", value, self.time.now))

    def write(self, key: str, value: int, **_: object) -> None:
        if not self.obeys:
            return
        word = key.removeprefix("s00__")
        if word == "ena":
            self.in_force = self.in_force._replace(enable_user=bool(value))
        else:
            self.in_force = self.in_force._replace(curr_user=value)
        text = f"{word} {value}"
        self.queue.put(heard(text, self.time.now, settings=self.in_force))
        self.publish(f"results__{word}", "applied")

    def go_on(self) -> None:
        data = b'{"ID": "2", "State": 3}'
        self.queue.put(said(data, self.time.now, settings=self.in_force))
        self.publish("report 2__State", 3)
        self.publish("connection__online", True)

    def start_connector(self) -> None:
        self.connector.is_running.return_value = True
        self.life += 1
        self.queue.put(Started(self.time.now, self.time.time()))

    def sample(self) -> Sample:
        return sample(self.time.now, life=self.life)


@pytest.fixture
def fake_time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(run, "time", fake)
    monkeypatch.setattr(run, "TICK_S", 0.1)
    return fake


@pytest.fixture
def testbed(fake_time: FakeTime) -> Puppets:
    return Puppets(fake_time)


def a_run(testbed: Any) -> Run:
    return Run(testbed, seconds=25.0, seed=1, tell=testbed.lines.append)


def played(testbed: Any) -> Run:
    one = a_run(testbed)
    one.play()
    one.close()
    return one


class Script:
    """A fault that notes when it was played, and two phases of it."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, fake_time: FakeTime
    ) -> None:
        self.notes: list[tuple[str, float]] = []
        self.on_begin: Callable[[], None] = lambda: None

        def fault(_stage: FaultContext) -> Generator[None]:
            self.notes.append(("begin", round(fake_time.now - 1_000.0)))
            self.on_begin()
            try:
                while True:
                    yield
            finally:
                self.notes.append(("end", round(fake_time.now - 1_000.0)))

        monkeypatch.setattr(run, "FAULTS", {FAULT.name: fault})
        phases = (Phase(12.0, 5.0, FAULT), Phase(15.0, 6.0, FAULT))
        cycle = Cycle(phases, end_s=30.0)
        monkeypatch.setattr(run, "plan", lambda *_: [cycle])


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, fake_time: FakeTime) -> Script:
    return Script(monkeypatch, fake_time)


def broken(one: Run) -> list[str]:
    return [breach.invariant for breach in one.judge.breaches]


def test_faults_come_when_the_timeline_says_and_calms_are_judged(
    testbed: Puppets, script: Script
) -> None:
    one = played(testbed)

    assert script.notes == [
        ("begin", 12),
        ("begin", 15),
        ("end", 17),
        ("end", 21),
    ]
    assert broken(one) == []
    assert one.judge.settled.judged == 4
    assert [round(s.at - one.began_at) for s in one.samples] == [0, 21]
    assert round(one.elapsed_s) == 30
    lasted_s = one.judge.recovery.lasted_s
    assert lasted_s == {FAULT.name: pytest.approx([5.0, 6.0], abs=0.2)}


def test_progress_is_told_every_ten_seconds_and_faults_at_once(
    testbed: Puppets, script: Script
) -> None:
    played(testbed)

    assert [line.split()[0] for line in testbed.lines] == [
        "0:00:10",
        "0:00:12",
        "0:00:15",
        "0:00:20",
    ]
    assert testbed.lines[0].endswith("; calm")
    assert testbed.lines[1].endswith("test for 5.0 s")
    assert testbed.lines[3].endswith(
        " 0 broken; 40.0 MiB, 5 threads, 11 files; test"
    )


def test_progress_is_told_without_a_process_and_with_two_faults(
    testbed: Puppets, script: Script
) -> None:
    one = a_run(testbed)
    assert "; no process; calm" in one.progress()

    for start_s in (1.0, 2.0):
        one._begin(Phase(start_s, 5.0, FAULT, ("s01",)))
    assert one.progress().endswith("; no process; test (s01) + test (s01)")


def disobey(testbed: Puppets) -> None:
    testbed.obeys = False


def end(testbed: Puppets) -> None:
    testbed.connector.is_running.return_value = False


def kill(testbed: Puppets) -> None:
    testbed.is_connector_down = True
    end(testbed)


def write_a_traceback(testbed: Puppets) -> None:
    testbed.connector.output = "Traceback (most recent call last): oh"


ENDED = "The process never ends by itself"


@pytest.mark.parametrize(
    ("trouble", "found"),
    [
        (disobey, ["Newest setpoint in force in each calm"] * 2),
        (end, [ENDED, ENDED]),
        # That is a fault of the timeline, and no breach.
        (kill, []),
        (write_a_traceback, [ENDED]),
    ],
)
def test_what_goes_wrong_is_found_and_told(
    testbed: Puppets,
    script: Script,
    trouble: Callable[[Puppets], None],
    found: list[str],
) -> None:
    script.on_begin = lambda: trouble(testbed)
    one = played(testbed)

    assert broken(one) == found
    assert sum("BROKEN" in line for line in testbed.lines) == len(found)
    assert testbed.connector.is_running() == (trouble is not kill)


def test_an_interrupted_run_ends_its_faults(
    testbed: Puppets, script: Script, fake_time: FakeTime
) -> None:
    go_on = fake_time.on_sleep

    def go_on_or_end() -> None:
        go_on()
        if fake_time.now > 1_016.0:
            raise KeyboardInterrupt

    fake_time.on_sleep = go_on_or_end
    one = a_run(testbed)
    with pytest.raises(KeyboardInterrupt):
        one.play()
    one.close()

    assert script.notes[-2:] == [("end", 16), ("end", 16)]
    assert round(one.elapsed_s) == 16


def test_a_failure_of_the_stations_thread_ends_the_run_and_not_the_judging(
    testbed: Puppets, script: Script
) -> None:
    testbed.simulator.failure = OSError("no more")
    one = a_run(testbed)

    with pytest.raises(OSError, match="no more"):
        one.play()
    one.close()
