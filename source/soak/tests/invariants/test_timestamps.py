from soak.invariants.timestamps import LATE_S, OUTAGE_S, Timestamps

NOON = 1_700_000_000.0
LONG_AGO = 1_000.0


def judge(times: Timestamps, at: float, age_s: float) -> int:
    """Judge a value so old by the true clock; return all breaches so far."""
    stamp_ms = round((NOON + at - age_s) * 1000)
    times.judge(at, NOON + at, "s00__report 2__State", stamp_ms)
    return times.broken


def test_a_fresh_value_is_right() -> None:
    assert judge(Timestamps(), LONG_AGO, 0.1) == 0


def test_a_value_from_the_future_is_a_breach() -> None:
    assert judge(Timestamps(), LONG_AGO, -2.0) == 1


def test_an_old_value_is_a_breach_unless_the_broker_was_away() -> None:
    times = Timestamps()
    assert judge(times, LONG_AGO, LATE_S + 5.0) == 1

    times.broker_disturbed(LONG_AGO)
    assert judge(times, LONG_AGO + 1.0, LATE_S + 5.0) == 1
    assert judge(times, LONG_AGO + 1.0, OUTAGE_S + 1.0) == 2


def test_values_follow_the_stepped_clock() -> None:
    times = Timestamps()
    times.step(LONG_AGO, -3600.0)

    assert judge(times, LONG_AGO + 20.0, 3600.0) == 0
    assert judge(times, LONG_AGO + 20.0, 0.0) == 1


def test_just_after_a_step_both_times_are_right() -> None:
    times = Timestamps()
    times.step(LONG_AGO, 86_400.0)

    assert judge(times, LONG_AGO + 1.0, 0.5) == 0
    assert judge(times, LONG_AGO + 1.0, -86_400.0) == 0
    assert judge(times, LONG_AGO + 1.0, -3_600.0) == 1
