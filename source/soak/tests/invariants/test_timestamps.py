import pytest

from soak.events import BrokerAway, ClockStepped, Started
from soak.invariants.timestamps import (
    LATE_S,
    OUTAGE_S,
    REPORT_LATE_S,
    Timestamps,
)
from soak.tests.seen import fed, value

LONG_AGO = 1_000.0

STATE = "s00__report 2__State"
ONLINE = "s00__connection__online"


@pytest.fixture
def times() -> Timestamps:
    return Timestamps()


def judge(times: Timestamps, at: float, age_s: float, key: str = STATE) -> int:
    """Judge a value so old by the true clock; return all breaches so far."""
    return fed(times, value(key, 1, at, age_s)).broken


def test_a_fresh_value_is_right_and_one_from_the_future_is_not(
    times: Timestamps,
) -> None:
    assert judge(times, LONG_AGO, 0.1) == 0
    assert judge(times, LONG_AGO, -2.0) == 1


@pytest.mark.parametrize(
    ("key", "most_s"), [(STATE, REPORT_LATE_S), (ONLINE, LATE_S)]
)
def test_an_old_value_is_a_breach_unless_the_broker_was_away(
    times: Timestamps, key: str, most_s: float
) -> None:
    assert judge(times, LONG_AGO, most_s - 0.1, key) == 0
    assert judge(times, LONG_AGO + 1.0, most_s + 0.9, key) == 1

    fed(times, BrokerAway(LONG_AGO))
    assert judge(times, LONG_AGO + 1.0, most_s + 0.5, key) == 1
    assert judge(times, LONG_AGO + 1.0, OUTAGE_S + 1.0) == 2


def test_the_oldest_field_of_a_report_is_told(times: Timestamps) -> None:
    judge(times, LONG_AGO, 1.5)
    judge(times, LONG_AGO + 1.0, 0.5)
    judge(times, LONG_AGO + 1.0, 9.0, ONLINE)

    assert times.measured().startswith("3 timestamps")
    assert times.measured().endswith("at most 1.5 s old")


def test_a_value_older_than_the_one_before_is_a_breach(
    times: Timestamps,
) -> None:
    judge(times, LONG_AGO, 0.0)
    assert judge(times, LONG_AGO + 0.5, 0.5) == 0
    assert judge(times, LONG_AGO + 0.5, 0.8, ONLINE) == 0

    assert judge(times, LONG_AGO + 0.5, 0.501) == 1
    assert "goes 0.001 s backwards" in times.breaches[0].evidence


def test_after_an_outage_a_topic_may_go_back_once_and_not_twice(
    times: Timestamps,
) -> None:
    judge(times, LONG_AGO, 0.0)
    fed(times, BrokerAway(LONG_AGO + 1.0))
    back = LONG_AGO + 5.0
    assert judge(times, back, 9.0) == 0
    assert judge(times, back, 8.0) == 0
    assert judge(times, back, 8.5, ONLINE) == 0

    assert judge(times, back, 8.5) == 1


def test_each_outage_lets_a_topic_go_back_again(times: Timestamps) -> None:
    for at in (LONG_AGO, LONG_AGO + 20.0):
        judge(times, at, 0.0)
        fed(times, BrokerAway(at + 1.0))
        assert judge(times, at + 5.0, 9.0) == 0


def test_long_after_an_outage_no_topic_may_go_back(times: Timestamps) -> None:
    fed(times, BrokerAway(LONG_AGO))
    late = LONG_AGO + OUTAGE_S + 1.0
    judge(times, late, 0.0)

    assert judge(times, late, 0.1) == 1


def test_a_new_process_may_go_back(times: Timestamps) -> None:
    judge(times, LONG_AGO, 0.0)
    fed(times, Started(LONG_AGO + 1.0, 0.0))
    # The old process's last word may come between those of the new one.
    for age_s in (2.0, 0.5, 0.9):
        assert judge(times, LONG_AGO + 2.0, age_s) == 0

    settled = LONG_AGO + 2.0 + LATE_S
    assert judge(times, settled, 0.0) == 0
    assert judge(times, settled, 0.5) == 1


def test_a_step_back_of_the_clock_may_go_back(times: Timestamps) -> None:
    judge(times, LONG_AGO, 0.0)
    fed(times, ClockStepped(LONG_AGO + 1.0, -3600.0))
    assert judge(times, LONG_AGO + 1.5, 3600.0) == 0
    # What was stamped before it, and came later.
    assert judge(times, LONG_AGO + 1.6, 0.6) == 0

    settled = LONG_AGO + 1.5 + LATE_S
    assert judge(times, settled, 3600.0) == 0
    assert judge(times, settled, 3600.5) == 1


def test_values_follow_the_stepped_clock(times: Timestamps) -> None:
    fed(times, ClockStepped(LONG_AGO, -3600.0))

    assert judge(times, LONG_AGO + 20.0, 3600.0) == 0
    assert judge(times, LONG_AGO + 20.0, 0.0) == 1


def test_just_after_a_step_both_times_are_right(times: Timestamps) -> None:
    fed(times, ClockStepped(LONG_AGO, 86_400.0))

    assert judge(times, LONG_AGO + 1.0, 0.5) == 0
    assert judge(times, LONG_AGO + 1.0, -86_400.0) == 0
    assert judge(times, LONG_AGO + 1.0, -3_600.0) == 1
