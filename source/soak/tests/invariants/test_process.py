from collections.abc import Callable
from random import Random

import pytest

from soak.events import RunOver, Sample
from soak.invariants.process import MOST_GAIN_MIB, Baseline, Memory
from soak.tests.seen import fed, sample

MINUTE_S = 60.0


def half_an_hour(mib: Callable[[int], float], life: int = 1) -> list[Sample]:
    """Look at a process once a minute; `mib` tells its size."""
    return [sample(n * MINUTE_S, mib(n), life=life) for n in range(31)]


def judged(samples: list[Sample]) -> Memory:
    return fed(Memory(), RunOver(3600.0, samples))


def noisy(mib_per_hour: float, noise_mib: float) -> list[Sample]:
    chance = Random(1)
    return half_an_hour(
        lambda n: (
            40.0 + mib_per_hour * n / 60 + chance.uniform(-noise_mib, noise_mib)
        )
    )


GOOD = {
    "flat": (noisy(0.0, 0.02), "MiB/h in most"),
    "within the noise": (noisy(1.2, 0.1), "MiB/h in most"),
    "a buffer that was needed once": (
        half_an_hour(lambda n: 40.0 if n < 20 else 43.0),
        "+0.00 ± 0.00 MiB/h in most intervals, at most +3.0 MiB in all",
    ),
    "grown in the first five minutes only": (
        half_an_hour(lambda n: 20.0 if n < 5 else 40.0),
        "+0.00 ± 0.00 MiB/h in most intervals, at most +0.0 MiB in all",
    ),
    "each process has a gain of its own": (
        half_an_hour(lambda n: 40.0 + (MOST_GAIN_MIB - 1) * (n > 9))
        + half_an_hour(lambda n: 50.0 + (MOST_GAIN_MIB - 1) * (n > 9), life=2),
        "at most +5.0 MiB in all",
    ),
    "too short": (
        half_an_hour(lambda n: 40.0 + n)[:12],
        "too short for a slope, at most +6.0 MiB in all",
    ),
}


@pytest.mark.parametrize(("samples", "measured"), GOOD.values(), ids=GOOD)
def test_memory_that_does_not_go_on_growing_is_right(
    samples: list[Sample], measured: str
) -> None:
    memory = judged(samples)

    assert memory.broken == 0
    assert measured in memory.measured()


LEAKS = {
    "growing": (noisy(3.0, 0.005), "+3.0"),
    "across processes with levels of their own": (
        half_an_hour(lambda n: 50.0 + n / 15)
        + half_an_hour(lambda n: 30.0 + n / 15, life=2)[6:],
        "+4.00 ±",
    ),
    "between steps": (
        half_an_hour(lambda n: 40.0 + n / 20 + (n >= 20)),
        "+3.00 ±",
    ),
    # 8 MiB with each fault of one kind, which comes now and then.
    "in steps": (
        half_an_hour(lambda n: 40.0 + n // 10 * 8),
        "process 1 has gained 24.0 MiB",
    ),
    "given back, and gained all the same": (
        half_an_hour(lambda n: 40.0 + 7.0 * (n == 10)),
        "process 1 has gained 7.0 MiB",
    ),
}


@pytest.mark.parametrize(("samples", "evidence"), LEAKS.values(), ids=LEAKS)
def test_a_leak_is_a_breach(samples: list[Sample], evidence: str) -> None:
    (breach,) = judged(samples).breaches

    assert breach.evidence.startswith(evidence)


def test_more_than_128_mib_is_a_breach() -> None:
    memory = fed(Memory(), sample(1.0, 127.9))
    assert memory.verdict == "kept"

    fed(memory, sample(2.0, 128.1))

    assert memory.broken == 1
    assert memory.measured().startswith("at most 128.1 MiB; ")


def test_threads_and_files_may_grow_in_trouble_but_not_in_calm() -> None:
    baseline = Baseline()
    assert baseline.is_kept(sample(1.0))
    fed(baseline, sample(2.0, threads=9, files=20))

    assert baseline.is_kept(sample(3.0, threads=5, files=10))
    assert not baseline.is_kept(sample(5.0, files=12))
    baseline.settle(sample(3.0))
    assert baseline.broken == 0
    baseline.settle(sample(4.0, threads=6))

    (breach,) = baseline.breaches
    assert "6 threads and 11 files" in breach.evidence
    assert "at most 9 and 20" in baseline.measured()


def test_a_new_process_has_a_new_baseline() -> None:
    baseline = Baseline()
    baseline.is_kept(sample(1.0, threads=4))

    assert baseline.is_kept(sample(2.0, threads=5, life=2))
    assert not baseline.is_kept(sample(3.0, threads=6, life=2))
