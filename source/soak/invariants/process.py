"""The process: memory, threads, files, and that it lives."""

from __future__ import annotations

import math
from itertools import groupby, pairwise
from statistics import median

from soak.events import MIB, Event, RunOver, Sample
from soak.invariants.breach import Invariant

MOST_MEMORY_MIB = 128.0
"""What a connector has to live in (BEMCom's Helm chart)."""

MOST_SLOPE_MIB_H = 1.0
"""24 MiB a day: far above what a year would allow, and the least that shows
beyond the noise of an hour."""

MOST_GAIN_MIB = 6.0
"""What a process may gain once it is settled: twice what an hour has shown."""

SETTLED_AFTER_S = 300.0
"""Caches and queues of a young process have not had their size once."""

FEWEST_INTERVALS = 12

DEVIATION_TO_SIGMA = 1.86
"""Of a median's uncertainty: 1.48 from the median deviation to sigma, 1.25 from
the sigma of a mean to that of a median."""


class Memory(Invariant):
    """Memory stays below what a connector has, and does not go on growing.

    The slope from calm to calm is the median: a process does not give back what
    it once needed, say for values that a broker did not read, and that comes in
    a few steps. What those come to in all is bounded as well.
    """

    sees = (Sample, RunOver)
    name = "Memory"
    limit = (
        f"{MOST_MEMORY_MIB:g} MiB; when a process is "
        f"{SETTLED_AFTER_S / 60:g} minutes old, "
        f"{MOST_SLOPE_MIB_H:g} MiB/h beyond two sigma, and "
        f"{MOST_GAIN_MIB:g} MiB in all"
    )

    def __init__(self) -> None:
        super().__init__()
        self._most = 0.0
        self.most_gained = 0.0
        self._slope = "too short for a slope"

    def see(self, event: Event) -> None:
        match event:
            case Sample(at=at, rss=rss):
                self.judged += 1
                self._most = max(self._most, rss / MIB)
                if rss / MIB > MOST_MEMORY_MIB:
                    self.breach(at, f"{rss / MIB:.1f} MiB resident")
            case RunOver(at=at, samples=samples):
                settled = [
                    one for one in samples if one.age_s >= SETTLED_AFTER_S
                ]
                self._judge_slope(at, settled)
                self._judge_gains(at, settled)

    def _judge_slope(self, at: float, samples: list[Sample]) -> None:
        rates = [
            (later.rss - one.rss) / MIB / (later.at - one.at) * 3600
            for one, later in pairwise(samples)
            if one.life == later.life
        ]
        if len(rates) < FEWEST_INTERVALS:
            return
        slope = median(rates)
        deviation = median(abs(rate - slope) for rate in rates)
        sigma = DEVIATION_TO_SIGMA * deviation / math.sqrt(len(rates))
        self._slope = f"{slope:+.2f} ± {sigma:.2f} MiB/h in most intervals"
        if slope - 2 * sigma > MOST_SLOPE_MIB_H:
            self.breach(at, self._slope)

    def _judge_gains(self, at: float, samples: list[Sample]) -> None:
        for life, later in groupby(samples, key=lambda one: one.life):
            first, *others = (one.rss / MIB for one in later)
            gain = max(others, default=first) - first
            self.most_gained = max(self.most_gained, gain)
            if gain > MOST_GAIN_MIB:
                self.breach(at, f"process {life} has gained {gain:.1f} MiB")

    def measured(self) -> str:
        return (
            f"at most {self._most:.1f} MiB; {self._slope}, at most "
            f"{self.most_gained:+.1f} MiB in all"
        )


class Baseline(Invariant):
    """Threads and open files come back to where they were.

    The first calm of each life is the baseline.
    """

    sees = (Sample,)
    name = "Threads and open files"
    limit = "in each calm no more than in the first"

    def __init__(self) -> None:
        super().__init__()
        self._baseline: Sample | None = None
        self._most_threads = 0
        self._most_files = 0

    def see(self, event: Event) -> None:
        match event:
            case Sample(threads=threads, files=files):
                self._most_threads = max(self._most_threads, threads)
                self._most_files = max(self._most_files, files)

    def is_kept(self, sample: Sample) -> bool:
        """Tell whether a calm process is back; set the baseline if new."""
        if self._baseline is None or self._baseline.life != sample.life:
            self._baseline = sample
        return (
            sample.threads <= self._baseline.threads
            and sample.files <= self._baseline.files
        )

    def settle(self, sample: Sample) -> None:
        """No more patience: this is how the process came back."""
        self.judged += 1
        if not self.is_kept(sample):
            self.breach(
                sample.at,
                f"{sample.threads} threads and {sample.files} files; "
                f"{self.measured()}",
            )

    def measured(self) -> str:
        if self._baseline is None:
            return "no calm was reached"
        return (
            f"{self._baseline.threads} threads and {self._baseline.files} "
            f"files in calm; at most {self._most_threads} and "
            f"{self._most_files}"
        )


class Alive(Invariant):
    """The process never ends by itself, and writes no traceback."""

    name = "The process never ends by itself"
    limit = "0 ends"

    def __init__(self) -> None:
        super().__init__()
        self.judged = 1

    def measured(self) -> str:
        return f"{self.broken} ends or tracebacks"
