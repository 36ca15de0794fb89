"""Which reports are due."""

import pytest

from connector.keba.station.poll_schedule import Polls


@pytest.fixture
def polls() -> Polls:
    return Polls((1, 2, 3), interval_s=30.0, first_round_at=0.0)


def _numbers(polls: Polls) -> list[int]:
    return [ask.request.number for ask in polls]


def test_a_round_is_over_when_its_last_report_is_struck_off(
    polls: Polls,
) -> None:
    polls.begin_round(0.0)
    assert _numbers(polls) == [1, 2, 3]

    assert [polls.close(number) for number in (3, 1, 2)] == [False, False, True]


def test_a_report_out_of_the_rounds_ends_none(polls: Polls) -> None:
    polls.add(100, 0.0)
    assert not polls.close(100)

    polls.begin_round(0.0)
    assert not polls.close(100)
    assert [polls.close(number) for number in (1, 2, 3)] == [False, False, True]
    assert not polls.close(3)


def test_rounds_that_were_missed_are_not_made_up_for(polls: Polls) -> None:
    polls.plan_next_round(0.1)
    assert polls.next_round_at == 30.0

    polls.plan_next_round(100.0)
    assert polls.next_round_at == 130.0


def test_equal_requests_are_merged_into_the_later_one(polls: Polls) -> None:
    polls.add(2, 0.0)
    polls.add(2, 1.0, delay_s=1.5)

    (ask,) = polls
    assert (ask.wanted_at, ask.not_before) == (0.0, 2.5)


def test_a_report_that_has_waited_long_is_put_off_no_more(
    polls: Polls,
) -> None:
    polls.add(2, 0.0)
    polls.add(2, 3.5, delay_s=1.5)

    (ask,) = polls
    assert ask.not_before == 0.0
