"""The process: memory, threads, files, and that it lives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from soak.invariants.breach import Invariant

MIB = 1024 * 1024

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


@dataclass(frozen=True, slots=True)
class Sample:
    """A process at a moment.

    Parameters
    ----------
    life
        Which process it is: 1 for the first, one more after each kill.
    rss
        Resident memory, in bytes.
    """

    at: float
    life: int
    age_s: float
    rss: int
    threads: int
    files: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Slope:
    """The growth in most intervals.

    Parameters
    ----------
    sigma
        How far chance may have moved it.
    """

    mib_per_hour: float
    sigma: float


def slope_of(samples: list[Sample]) -> Slope | None:
    """Tell how fast memory grows from calm to calm, whatever the process.

    It is the median: a process does not give back what it once needed, say
    for values that a broker did not read, and that comes in a few steps. What
    those come to is bounded by `gains_of`.

    Returns
    -------
    Slope or None
        None if there is too little to see a slope.
    """
    pairs = [
        (one, later)
        for one, later in pairwise(samples)
        if one.life == later.life and one.age_s >= SETTLED_AFTER_S
    ]
    if len(pairs) < FEWEST_INTERVALS:
        return None
    rates = [
        (later.rss - one.rss) / MIB / (later.at - one.at) * 3600
        for one, later in pairs
    ]
    middle = median(rates)
    deviation = median(abs(rate - middle) for rate in rates)
    sigma = DEVIATION_TO_SIGMA * deviation / math.sqrt(len(rates))
    return Slope(middle, sigma)


def gains_of(samples: list[Sample]) -> dict[int, float]:
    """Tell how much each process has gained since it was settled, at most.

    Returns
    -------
    dict
        MiB by life, for each that was seen settled more than once.
    """
    settled: dict[int, list[float]] = {}
    for one in samples:
        if one.age_s >= SETTLED_AFTER_S:
            settled.setdefault(one.life, []).append(one.rss / MIB)
    return {
        life: max(later) - first
        for life, (first, *later) in settled.items()
        if later
    }


class MemoryBound(Invariant):
    """Memory stays below what a connector has."""

    name = "Memory"
    limit = f"{MOST_MEMORY_MIB:g} MiB"

    def __init__(self) -> None:
        super().__init__()
        self._most = 0.0

    def judge(self, sample: Sample) -> None:
        mib = sample.rss / MIB
        self._most = max(self._most, mib)
        if mib > MOST_MEMORY_MIB:
            self.breach(sample.at, f"{mib:.1f} MiB resident")

    def measured(self) -> str:
        return f"at most {self._most:.1f} MiB"


class MemorySlope(Invariant):
    """Memory does not go on growing, beyond noise; judged at the end."""

    name = "Memory slope"
    limit = f"{MOST_SLOPE_MIB_H:g} MiB/h beyond two sigma"

    def __init__(self) -> None:
        super().__init__()
        self._slope: Slope | None = None

    def judge(self, samples: list[Sample], at: float) -> None:
        """Look at the samples of all calms, when the run is over."""
        self._slope = slope_of(samples)
        if self._slope is None:
            return
        least = self._slope.mib_per_hour - 2 * self._slope.sigma
        if least > MOST_SLOPE_MIB_H:
            self.breach(at, self.measured())

    @property
    def is_judged(self) -> bool:
        return self._slope is not None

    def measured(self) -> str:
        if self._slope is None:
            return "the run, or each process in it, was too short"
        return (
            f"{self._slope.mib_per_hour:+.2f} ± {self._slope.sigma:.2f} MiB/h "
            "in most intervals"
        )


class MemoryGain(Invariant):
    """Memory does not grow in steps, either; judged at the end."""

    name = "Memory gained"
    limit = (
        f"{MOST_GAIN_MIB:g} MiB in all for each process, after its first "
        f"{SETTLED_AFTER_S / 60:g} minutes"
    )

    def __init__(self) -> None:
        super().__init__()
        self._gains: dict[int, float] = {}

    def judge(self, samples: list[Sample], at: float) -> None:
        """Look at the samples of all calms, when the run is over."""
        self._gains = gains_of(samples)
        for life, gain in self._gains.items():
            if gain > MOST_GAIN_MIB:
                self.breach(at, f"process {life} has gained {gain:.1f} MiB")

    @property
    def is_judged(self) -> bool:
        return bool(self._gains)

    def measured(self) -> str:
        if not self._gains:
            return "the run, or each process in it, was too short"
        return f"at most {max(self._gains.values()):+.1f} MiB in all"


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

    def watch(self, sample: Sample) -> None:
        """Note how many there are, in calm or not."""
        self._most_threads = max(self._most_threads, sample.threads)
        self._most_files = max(self._most_files, sample.files)

    def is_kept(self, sample: Sample) -> bool:
        """Tell whether a calm process is back; set the baseline if new."""
        if self._baseline is None or self._baseline.life != sample.life:
            self._baseline = sample
        return (
            sample.threads <= self._baseline.threads
            and sample.files <= self._baseline.files
        )

    def complain(self, sample: Sample) -> None:
        """It did not come back in time."""
        self.breach(
            sample.at,
            f"{sample.threads} threads and {sample.files} files; "
            f"{self.measured()}",
        )

    @property
    def is_judged(self) -> bool:
        return self._baseline is not None

    def measured(self) -> str:
        if self._baseline is None:
            return "no calm was reached"
        return (
            f"{self._baseline.threads} threads and {self._baseline.files} "
            f"files in calm; at most {self._most_threads} and "
            f"{self._most_files}"
        )


class Alive(Invariant):
    """The process never ends by itself."""

    name = "The process never ends by itself"
    limit = "0 ends"

    def ended(self, at: float, code: int, output: str) -> None:
        """It has ended, and nobody had killed it."""
        self.breach(at, f"exit code {code}; its last words: {output}")

    def traceback(self, at: float, output: str) -> None:
        """It has written a traceback to its terminal."""
        self.breach(at, f"a traceback: {output}")

    def measured(self) -> str:
        return f"{self.broken} ends or tracebacks"
