"""Plays the timeline and lets the judge see everything."""

from __future__ import annotations

import json
import time
from collections import deque
from contextlib import suppress
from queue import Empty
from random import Random
from typing import TYPE_CHECKING

from soak.events import (
    MIB,
    FaultBegan,
    FaultEnded,
    Published,
    RunOver,
    Tick,
)
from soak.faults import FAULTS, FaultContext
from soak.invariants.calm import RECOVERY_S
from soak.judge import Judge
from soak.report import clock
from soak.timeline import WARM_UP_S, plan
from soak.writer import Writer
from testbed.connector_process import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from soak.events import Sample
    from soak.testbed import Testbed
    from soak.timeline import Cycle, Phase

TICK_S = 0.02
PROGRESS_EVERY_S = 10.0
SAMPLE_EVERY_S = 2.0

WRITE_EVERY_S = 0.5
WRITE_EACH_STATION_EVERY_S = 10.0

FIELDS = ("report 1__Serial", "report 2__State", "connection__online")


class Run:
    """One endurance run.

    Parameters
    ----------
    seconds
        How long it should last; it ends with the calm that is due then.

    Attributes
    ----------
    samples
        The process in each calm.
    """

    def __init__(
        self,
        testbed: Testbed,
        *,
        seconds: float,
        seed: int,
        tell: Callable[[str], None],
    ) -> None:
        self._testbed = testbed
        self._seconds = seconds
        self._tell = tell
        self._chance = Random(f"{seed} faults")  # noqa: S311 (no secret)
        self.began_at = time.monotonic()
        self.judge = Judge(
            testbed.stations,
            testbed.serials,
            testbed.controller,
            unix_ahead_s=time.time() - self.began_at,
            is_armed=testbed.is_armed,
        )
        self._writer = Writer(
            testbed,
            Random(f"{seed} setpoints"),  # noqa: S311
        )
        self._write_every_s = max(
            WRITE_EVERY_S, WRITE_EACH_STATION_EVERY_S / len(testbed.stations)
        )
        self._is_writing = False
        self._next_write_at = 0.0
        self._next_sample_at = 0.0
        self._next_progress_at = self.began_at + PROGRESS_EVERY_S
        self._active: dict[Phase, Generator[None]] = {}
        self._announced: set[str] = set()
        self._output_read = 0
        self._latest: Sample | None = None
        self.samples: list[Sample] = []

    # The timeline ----------------------------------------------------------

    def play(self) -> None:
        self._select()
        self._calm(until=self.began_at + WARM_UP_S)
        # As an admin would, before anybody invents datapoints.
        self._select()
        names = [*self._testbed.stations]
        for cycle in plan(self._seconds, names, self._chance):
            if self.elapsed_s >= self._seconds:
                break
            self._trouble(cycle)
            self._calm(until=self.began_at + cycle.end_s)

    def close(self) -> None:
        """End what is still wrong, and judge what is judged at the end."""
        for phase in [*self._active]:
            self._end(phase)
        self._see_all()
        self.judge.see(RunOver(time.monotonic(), self.samples))
        self._tell_breaches()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began_at

    def _trouble(self, cycle: Cycle) -> None:
        """Let the faults of a cycle happen."""
        late_s = max(0.0, self.elapsed_s - cycle.phases[0].start_s)
        waiting = deque(cycle.phases)
        while waiting or self._active:
            now_s = self.elapsed_s - late_s
            for phase, fault in [*self._active.items()]:
                if now_s >= phase.end_s:
                    self._end(phase)
                else:
                    next(fault)
            while waiting and now_s >= waiting[0].start_s:
                self._begin(waiting.popleft())
            self._step()

    def _begin(self, phase: Phase) -> None:
        context = FaultContext(self._testbed, self._writer, phase, self._chance)
        fault = self._active[phase] = FAULTS[phase.kind.name](context)
        self._tell(
            f"{clock(self.elapsed_s)}  {phase} for {phase.duration_s:.1f} s"
        )
        self._testbed.queue.put(FaultBegan(time.monotonic(), phase))
        next(fault)

    def _end(self, phase: Phase) -> None:
        self._active.pop(phase).close()
        self._testbed.queue.put(FaultEnded(time.monotonic(), phase))

    def _calm(self, until: float) -> None:
        """See that all is well again; then go on writing till the end."""
        judge = self.judge
        judge.recovery.calm_begins(time.monotonic())
        while not judge.recovery.look(time.monotonic()):
            self._step()
        self._is_writing = False
        self._writer.write_all()
        judge.settled.write(time.monotonic(), self._writer.newest)
        while not judge.settled.look(
            time.monotonic(), self._testbed.settings()
        ):
            self._step()
        self._look_at_process()
        self._is_writing = True
        while time.monotonic() < until:
            self._step()

    def _look_at_process(self) -> None:
        """Threads and files are back; the sample of this calm is taken."""
        until = time.monotonic() + RECOVERY_S
        while (latest := self._testbed.sample()) is None or (
            not self.judge.baseline.is_kept(latest)
        ):
            if time.monotonic() > until:
                break
            self._step()
        if latest is not None:
            self.judge.baseline.settle(latest)
            self.samples.append(latest)
        output = self._testbed.connector.output
        fresh, self._output_read = output[self._output_read :], len(output)
        _, found, what = fresh.partition("Traceback (most recent")
        if found:
            told = f"a traceback: {what[:2000]}"
            self.judge.alive.breach(time.monotonic(), told)

    # One step --------------------------------------------------------------

    def _step(self) -> None:
        """Wait a moment; see what came; do what is due."""
        time.sleep(TICK_S)
        self._see_all()
        if self._testbed.simulator.failure is not None:
            raise self._testbed.simulator.failure
        now = time.monotonic()
        self.judge.see(Tick(now))
        self._keep_alive(now)
        if self._is_writing and now >= self._next_write_at:
            self._next_write_at = now + self._write_every_s
            if self._testbed.controller.is_connected:
                self._writer.write_any()
        if now >= self._next_sample_at:
            self._next_sample_at = now + SAMPLE_EVERY_S
            self._latest = self._testbed.sample()
            if self._latest is not None and not self._testbed.is_connector_down:
                self.judge.see(self._latest)
        self._tell_breaches()
        if now >= self._next_progress_at:
            self._next_progress_at = now + PROGRESS_EVERY_S
            self._tell(self.progress())

    def _see_all(self) -> None:
        announcement = f"{NAME}/available_datapoints"
        with suppress(Empty):
            while True:
                event = self._testbed.queue.get_nowait()
                self.judge.see(event)
                if isinstance(event, Published) and event.topic == announcement:
                    self._announced = set(json.loads(event.payload)["sensor"])

    def _keep_alive(self, now: float) -> None:
        testbed = self._testbed
        if testbed.is_connector_down or testbed.connector.is_running():
            return
        code = testbed.connector.process.returncode
        words = testbed.connector.output[-1000:]
        self.judge.alive.breach(now, f"exit code {code}; last words: {words}")
        # As Docker would.
        testbed.start_connector()

    def _tell_breaches(self) -> None:
        for breach in self.judge.new_breaches():
            self._tell(
                f"{clock(breach.at - self.began_at)}  BROKEN "
                f"{breach.invariant}: {breach.evidence}"
            )

    def _select(self) -> None:
        """Choose datapoints: those that are needed here, and all announced."""
        sensors = {*self._announced}
        actuators = []
        for one in self._testbed.stations.values():
            sensors |= {f"{one.name}__{field}" for field in FIELDS}
            sensors |= {f"{one.name}__results__{word}" for word in one.words}
            actuators += [f"{one.name}__{word}" for word in one.words]
        self._testbed.controller.select(*sorted(sensors), actuators=actuators)

    # What there is to tell -------------------------------------------------

    def progress(self) -> str:
        """Tell what is on at the moment and what was counted so far."""
        active = " + ".join(map(str, self._active)) or "calm"
        process = "no process"
        if (sample := self._latest) is not None:
            process = (
                f"{sample.rss / MIB:.1f} MiB, {sample.threads} threads, "
                f"{sample.files} files"
            )
        return (
            f"{clock(self.elapsed_s)}  {self.judge.pauses.judged} datagrams, "
            f"{self.judge.values} values, {self.judge.broken} broken; "
            f"{process}; {active}"
        )
