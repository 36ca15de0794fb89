from random import Random

import pytest

from soak.invariants.process import (
    MOST_GAIN_MIB,
    Alive,
    Baseline,
    MemoryBound,
    MemoryGain,
    MemorySlope,
    Sample,
    gains_of,
    slope_of,
)
from soak.tests.seen import sample

MINUTE_S = 60.0


def growing(mib_per_hour: float, noise_mib: float = 0.0) -> MemorySlope:
    """Judge an hour of samples, one a minute."""
    chance = Random(1)
    invariant = MemorySlope()
    samples = [
        sample(
            number * MINUTE_S,
            40.0
            + mib_per_hour * number / 60
            + chance.uniform(-noise_mib, noise_mib),
        )
        for number in range(61)
    ]
    invariant.judge(samples, 3600.0)
    return invariant


def test_flat_memory_is_no_breach() -> None:
    assert growing(0.0, noise_mib=0.02).broken == 0


def test_memory_that_grows_by_3_mib_an_hour_is_a_breach() -> None:
    invariant = growing(3.0, noise_mib=0.005)

    assert invariant.broken == 1
    assert invariant.measured().startswith("+3.0")


def test_a_slope_within_the_noise_is_no_breach() -> None:
    assert growing(1.2, noise_mib=0.1).broken == 0


def test_a_leak_is_found_across_processes_with_levels_of_their_own() -> None:
    first = [sample(n * MINUTE_S, 50.0 + n / 10) for n in range(31)]
    second = [sample(n * MINUTE_S, 30.0 + n / 10, life=2) for n in range(6, 31)]

    slope = slope_of([*first, *second])

    assert slope is not None
    assert slope.mib_per_hour == pytest.approx(6.0, abs=0.01)


def test_a_buffer_that_was_needed_once_is_a_step_and_no_leak() -> None:
    samples = [
        sample(n * MINUTE_S, 40.0 if n < 20 else 43.0) for n in range(31)
    ]

    slope = slope_of(samples)

    assert slope is not None
    assert slope.mib_per_hour == pytest.approx(0.0, abs=1e-9)
    assert gained(samples).measured() == "at most +3.0 MiB in all"
    assert gained(samples).broken == 0


def gained(samples: list[Sample]) -> MemoryGain:
    """Judge what was gained."""
    invariant = MemoryGain()
    invariant.judge(samples, 3600.0)
    return invariant


def test_a_leak_that_comes_in_steps_is_a_breach() -> None:
    # 8 MiB with each fault of one kind, which comes now and then.
    samples = [sample(n * MINUTE_S, 40.0 + n // 10 * 8) for n in range(31)]
    slope = MemorySlope()
    slope.judge(samples, 1800.0)
    assert slope.broken == 0

    invariant = gained(samples)

    assert invariant.broken == 1
    assert invariant.breaches[0].evidence == "process 1 has gained 24.0 MiB"


def test_each_process_has_a_gain_of_its_own() -> None:
    more = MOST_GAIN_MIB - 1.0
    first = [sample(n * MINUTE_S, 40.0 + more * (n > 9)) for n in range(20)]
    second = [
        sample(n * MINUTE_S, 50.0 + more * (n > 9), life=2) for n in range(20)
    ]

    assert gained([*first, *second]).broken == 0


def test_what_was_given_back_was_gained_all_the_same() -> None:
    samples = [sample(n * MINUTE_S, 40.0 + 7.0 * (n == 10)) for n in range(20)]

    assert gained(samples).broken == 1


def test_a_leak_between_steps_is_found() -> None:
    samples = [
        sample(n * MINUTE_S, 40.0 + n / 20 + (n >= 20)) for n in range(31)
    ]
    invariant = MemorySlope()
    invariant.judge(samples, 1800.0)

    assert invariant.broken == 1


def test_the_first_five_minutes_of_a_process_do_not_count() -> None:
    samples = [sample(n * MINUTE_S, 20.0 if n < 5 else 40.0) for n in range(31)]

    slope = slope_of(samples)

    assert slope is not None
    assert slope.mib_per_hour == pytest.approx(0.0, abs=1e-9)
    assert gains_of(samples) == {1: pytest.approx(0.0, abs=1e-9)}


def test_a_process_that_was_seen_settled_once_has_no_gain() -> None:
    samples = [sample(n * MINUTE_S, 40.0 + n) for n in range(6)]

    assert gained(samples).verdict == "not judged"


def test_a_short_run_has_no_slope() -> None:
    samples = [sample(n * MINUTE_S, 40.0 + n) for n in range(14)]
    invariant = MemorySlope()
    invariant.judge(samples, 900.0)

    assert invariant.broken == 0
    assert invariant.verdict == "not judged"


def test_more_than_128_mib_is_a_breach() -> None:
    invariant = MemoryBound()
    invariant.judge(sample(1.0, 127.9))
    assert invariant.broken == 0

    invariant.judge(sample(2.0, 128.1))

    assert invariant.broken == 1
    assert invariant.measured() == "at most 128.1 MiB"


def test_threads_and_files_may_grow_in_trouble_but_not_in_calm() -> None:
    baseline = Baseline()
    assert baseline.is_kept(sample(1.0))
    baseline.watch(sample(2.0, threads=9, files=20))

    assert baseline.is_kept(sample(3.0, threads=5, files=10))
    more = sample(4.0, threads=6)
    assert not baseline.is_kept(more)
    assert not baseline.is_kept(sample(5.0, files=12))
    baseline.complain(more)

    (breach,) = baseline.breaches
    assert "6 threads and 11 files" in breach.evidence
    assert "at most 9 and 20" in baseline.measured()


def test_a_new_process_has_a_new_baseline() -> None:
    baseline = Baseline()
    baseline.is_kept(sample(1.0, threads=4))

    assert baseline.is_kept(sample(2.0, threads=5, life=2))
    assert not baseline.is_kept(sample(3.0, threads=6, life=2))


def test_an_end_and_a_traceback_are_breaches() -> None:
    alive = Alive()
    alive.ended(1.0, 1, "the last line")
    alive.traceback(2.0, "ValueError")

    assert alive.broken == 2
    assert "exit code 1" in alive.breaches[0].evidence
