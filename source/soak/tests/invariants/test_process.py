from random import Random

import pytest

from soak.events import RunOver, Sample
from soak.invariants.process import (
    MOST_GAIN_MIB,
    Baseline,
    MemoryBound,
    MemoryGain,
    MemorySlope,
)
from soak.tests.seen import fed, sample

MINUTE_S = 60.0

STEPS = [sample(n * MINUTE_S, 40.0 if n < 20 else 43.0) for n in range(31)]
"""A buffer that was needed once."""

YOUNG = [sample(n * MINUTE_S, 20.0 if n < 5 else 40.0) for n in range(31)]
"""Grown in the first five minutes only."""


def slope_of(samples: list[Sample]) -> MemorySlope:
    return fed(MemorySlope(), RunOver(3600.0, samples))


def gain_of(samples: list[Sample]) -> MemoryGain:
    return fed(MemoryGain(), RunOver(3600.0, samples))


@pytest.mark.parametrize(
    ("mib_per_hour", "noise_mib", "broken"),
    [
        pytest.param(0.0, 0.02, 0, id="flat"),
        pytest.param(3.0, 0.005, 1, id="growing"),
        pytest.param(1.2, 0.1, 0, id="within the noise"),
    ],
)
def test_memory_that_grows_beyond_the_noise_of_an_hour_is_a_breach(
    mib_per_hour: float, noise_mib: float, broken: int
) -> None:
    chance = Random(1)
    samples = [
        sample(
            number * MINUTE_S,
            40.0
            + mib_per_hour * number / 60
            + chance.uniform(-noise_mib, noise_mib),
        )
        for number in range(61)
    ]

    slope = slope_of(samples)

    assert slope.broken == broken
    assert slope.measured().startswith(f"{slope.mib_per_hour:+.2f} ±")
    assert slope.mib_per_hour == pytest.approx(mib_per_hour, abs=0.5)


def test_a_leak_is_found_across_processes_with_levels_of_their_own() -> None:
    first = [sample(n * MINUTE_S, 50.0 + n / 10) for n in range(31)]
    second = [sample(n * MINUTE_S, 30.0 + n / 10, life=2) for n in range(6, 31)]

    slope = slope_of([*first, *second])

    assert slope.mib_per_hour == pytest.approx(6.0, abs=0.01)


@pytest.mark.parametrize(
    ("samples", "gained"), [(STEPS, "+3.0"), (YOUNG, "+0.0")]
)
def test_what_was_needed_once_is_a_step_and_no_leak(
    samples: list[Sample], gained: str
) -> None:
    slope, gain = slope_of(samples), gain_of(samples)

    assert slope.mib_per_hour == pytest.approx(0.0, abs=1e-9)
    assert gain.measured() == f"at most {gained} MiB in all"
    assert slope.verdict == gain.verdict == "kept"


def test_a_leak_that_comes_in_steps_is_a_breach() -> None:
    # 8 MiB with each fault of one kind, which comes now and then.
    samples = [sample(n * MINUTE_S, 40.0 + n // 10 * 8) for n in range(31)]
    assert slope_of(samples).broken == 0

    (breach,) = gain_of(samples).breaches
    assert breach.evidence == "process 1 has gained 24.0 MiB"


def test_each_process_has_a_gain_of_its_own() -> None:
    more = MOST_GAIN_MIB - 1.0
    first = [sample(n * MINUTE_S, 40.0 + more * (n > 9)) for n in range(20)]
    second = [
        sample(n * MINUTE_S, 50.0 + more * (n > 9), life=2) for n in range(20)
    ]

    assert gain_of([*first, *second]).broken == 0


def test_what_was_given_back_was_gained_all_the_same() -> None:
    samples = [sample(n * MINUTE_S, 40.0 + 7.0 * (n == 10)) for n in range(20)]

    assert gain_of(samples).broken == 1


def test_a_leak_between_steps_is_found() -> None:
    samples = [
        sample(n * MINUTE_S, 40.0 + n / 20 + (n >= 20)) for n in range(31)
    ]

    assert slope_of(samples).broken == 1


def test_a_run_may_be_too_short_to_judge() -> None:
    samples = [sample(n * MINUTE_S, 40.0 + n) for n in range(14)]

    assert slope_of(samples).verdict == "not judged"
    assert gain_of(samples[:6]).verdict == "not judged"


def test_more_than_128_mib_is_a_breach() -> None:
    bound = fed(MemoryBound(), sample(1.0, 127.9))
    assert bound.broken == 0

    fed(bound, sample(2.0, 128.1))

    assert bound.broken == 1
    assert bound.measured() == "at most 128.1 MiB"


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
