"""The process: memory, threads, files, and that it lives."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
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

TOO_SHORT = "the run, or each process in it, was too short"


class MemoryBound(Invariant):
    """Memory stays below what a connector has."""

    name = "Memory"
    limit = f"{MOST_MEMORY_MIB:g} MiB"

    def __init__(self) -> None:
        super().__init__()
        self._most = 0.0

    def see(self, event: Event) -> None:
        match event:
            case Sample(at=at, rss=rss):
                self.judged += 1
                self._most = max(self._most, rss / MIB)
                if rss / MIB > MOST_MEMORY_MIB:
                    self.breach(at, f"{rss / MIB:.1f} MiB resident")

    def measured(self) -> str:
        return f"at most {self._most:.1f} MiB"


class MemorySlope(Invariant):
    """Memory does not go on growing from calm to calm, beyond noise.

    The slope is the median: a process does not give back what it once needed,
    say for values that a broker did not read, and that comes in a few steps.
    What those come to is bounded by `MemoryGain`.
    """

    name = "Memory slope"
    limit = f"{MOST_SLOPE_MIB_H:g} MiB/h beyond two sigma"

    def __init__(self) -> None:
        super().__init__()
        self.mib_per_hour = 0.0
        self._sigma = 0.0

    def see(self, event: Event) -> None:
        match event:
            case RunOver(at=at, samples=samples):
                rates = [
                    (later.rss - one.rss) / MIB / (later.at - one.at) * 3600
                    for one, later in pairwise(samples)
                    if one.life == later.life and one.age_s >= SETTLED_AFTER_S
                ]
                if len(rates) >= FEWEST_INTERVALS:
                    self._judge(at, rates)

    def _judge(self, at: float, rates: list[float]) -> None:
        self.judged = len(rates)
        self.mib_per_hour = median(rates)
        deviation = median(abs(rate - self.mib_per_hour) for rate in rates)
        self._sigma = DEVIATION_TO_SIGMA * deviation / math.sqrt(len(rates))
        if self.mib_per_hour - 2 * self._sigma > MOST_SLOPE_MIB_H:
            self.breach(at, self.measured())

    def measured(self) -> str:
        if not self.judged:
            return TOO_SHORT
        return (
            f"{self.mib_per_hour:+.2f} ± {self._sigma:.2f} MiB/h "
            "in most intervals"
        )


class MemoryGain(Invariant):
    """Memory does not grow in steps, either."""

    name = "Memory gained"
    limit = (
        f"{MOST_GAIN_MIB:g} MiB in all for each process, after its first "
        f"{SETTLED_AFTER_S / 60:g} minutes"
    )

    def __init__(self) -> None:
        super().__init__()
        self._most = -math.inf

    def see(self, event: Event) -> None:
        match event:
            case RunOver(at=at, samples=samples):
                settled: defaultdict[int, list[float]] = defaultdict(list)
                for one in samples:
                    if one.age_s >= SETTLED_AFTER_S:
                        settled[one.life].append(one.rss / MIB)
                for life, (first, *later) in settled.items():
                    if later:
                        self._judge(at, life, max(later) - first)

    def _judge(self, at: float, life: int, gain: float) -> None:
        self.judged += 1
        self._most = max(self._most, gain)
        if gain > MOST_GAIN_MIB:
            self.breach(at, f"process {life} has gained {gain:.1f} MiB")

    def measured(self) -> str:
        if not self.judged:
            return TOO_SHORT
        return f"at most {self._most:+.1f} MiB in all"


class Baseline(Invariant):
    """Threads and open files come back to where they were.

    The first calm of each life is the baseline.
    """

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
