import math

import pytest

from simulator.limits import Failsafe, FailsafeSetting, Limits


@pytest.fixture
def limits() -> Limits:
    return Limits(invalid_curr_becomes=6_000)


def test_zero_after_zero_seconds_cancels_the_timer(limits: Limits) -> None:
    limits.set_current_later(10_000, 60, now=0.0)
    limits.set_current_later(0, 0, now=1.0)
    limits.advance(100.0)
    assert (limits.curr_user, limits.curr_timer) == (63_000, 0)


def test_a_current_with_a_delay_of_zero_acts_at_once(limits: Limits) -> None:
    limits.set_current_later(6_000, 60, now=0.0)
    limits.set_current_later(10_000, 0, now=1.0)
    assert limits.timer_left_s(1.0) == 0
    limits.advance(1.0)
    assert (limits.curr_user, limits.curr_timer) == (10_000, 10_000)
    assert limits.next_moment() == math.inf


def test_currtime_zero_stops_and_keeps_the_current(limits: Limits) -> None:
    limits.set_current(10_000, now=0.0)
    limits.set_current_later(0, 1, now=0.0)
    assert limits.enable_user
    limits.advance(1.0)
    assert (limits.enable_user, limits.curr_user) == (False, 10_000)


def test_currtime_lifts_an_earlier_ena_0(limits: Limits) -> None:
    limits.enable(wish=False, now=0.0)
    limits.advance(1.0)
    limits.set_current_later(6_000, 1, now=2.0)
    limits.advance(3.0)
    assert limits.enable_user


def test_unplugging_undoes_currtime(limits: Limits) -> None:
    limits.set_current_later(10_000, 1, now=0.0)
    limits.advance(1.0)
    limits.set_current_later(0, 1, now=2.0)
    limits.advance(3.0)
    limits.end_session()
    assert (limits.curr_user, limits.enable_user) == (63_000, True)
    assert limits.curr_timer == 0


def test_unplugging_undoes_neither_curr_nor_ena(limits: Limits) -> None:
    limits.set_current(10_000, now=0.0)
    limits.enable(wish=False, now=0.0)
    limits.advance(1.0)
    limits.end_session()
    assert (limits.curr_user, limits.enable_user) == (10_000, False)


def test_currtime_zero_after_ena_0_does_not_free_the_next_session(
    limits: Limits,
) -> None:
    limits.enable(wish=False, now=0.0)
    limits.advance(1.0)
    limits.set_current_later(0, 1, now=2.0)
    limits.advance(3.0)
    limits.end_session()
    assert not limits.enable_user


def test_a_spent_energy_limit_stops_until_ena_1_lifts_it(
    limits: Limits,
) -> None:
    limits.limit_energy(1_000)
    assert limits.energy_limit == 1_000
    limits.spend_energy()
    assert (limits.enable_user, limits.energy_limit) == (False, math.inf)
    limits.enable(wish=True, now=0.0)
    limits.advance(1.0)
    assert (limits.enable_user, limits.setenergy) == (True, 0)


def test_unplugging_undoes_the_energy_limit_and_its_stop(
    limits: Limits,
) -> None:
    limits.limit_energy(1_000)
    limits.spend_energy()
    limits.end_session()
    assert (limits.enable_user, limits.setenergy) == (True, 0)


# Failsafe -------------------------------------------------------------------


@pytest.fixture
def failsafe() -> Failsafe:
    failsafe = Failsafe()
    failsafe.configure(FailsafeSetting(30, 6_000), now=0.0, store=False)
    return failsafe


def test_it_trips_when_its_time_is_over(
    failsafe: Failsafe,
) -> None:
    failsafe.advance(29.9)
    assert not failsafe.is_tripped
    failsafe.advance(30.0)
    assert failsafe.is_tripped


def test_a_command_begins_the_time_anew(failsafe: Failsafe) -> None:
    failsafe.feed(20.0, "current")
    failsafe.advance(49.9)
    assert not failsafe.is_tripped


def test_current_alone_does_not_last(
    failsafe: Failsafe,
) -> None:
    failsafe.advance(30.0)
    failsafe.feed(31.0, "current")
    assert failsafe.next_moment() == 61.0
    failsafe.advance(61.0)
    failsafe.feed(62.0, "enable")
    assert failsafe.is_tripped
    assert failsafe.next_moment() == 92.0


def test_another_setting_does_not_end_it(failsafe: Failsafe) -> None:
    failsafe.advance(30.0)
    failsafe.configure(FailsafeSetting(60, 8_000), now=40.0, store=False)
    assert failsafe.is_tripped
