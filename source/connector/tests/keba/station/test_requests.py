"""What waits: commands in their order, and reports that are due."""

import pytest

from connector.keba.protocol.commands import Command, Enable
from connector.keba.station.pacing import MARGIN_S, REPEAT_PAUSE_S
from connector.keba.station.requests import (
    CATCH_UP_S,
    CommandQueue,
    CommandRequest,
    PollSchedule,
)
from connector.tests.keba.commands import (
    HELLO,
    OFF,
    ON,
    TEN_AMPERES,
    TEN_AMPERES_SOON,
)


def first(command: Command) -> CommandRequest:
    return CommandRequest(command, 0.0, 0.0)


def again(command: Command) -> CommandRequest:
    return CommandRequest(command, 0.0, 0.0, first_sent_at=0.0)


def keepalive(command: Command) -> CommandRequest:
    return CommandRequest(command, 0.0, 0.0, is_keepalive=True)


def queue_of(*requests: CommandRequest) -> CommandQueue:
    queue = CommandQueue()
    for request in requests:
        queue.append(request)
    return queue


def waiting(queue: CommandQueue) -> list[Command]:
    return [request.content for request in queue]


def test_a_command_that_is_written_again_goes_to_the_end() -> None:
    queue = queue_of(first(ON), first(TEN_AMPERES), first(OFF))
    assert waiting(queue) == [TEN_AMPERES, OFF]


def test_only_what_leaves_late_makes_way_for_what_it_would_undo() -> None:
    for late in (again(TEN_AMPERES_SOON), keepalive(TEN_AMPERES_SOON)):
        queue = queue_of(late)
        assert queue.drop_for(OFF) == [late]
        assert len(queue) == 0
    queue = queue_of(first(TEN_AMPERES_SOON))
    assert queue.drop_for(OFF) == []
    assert waiting(queue) == [TEN_AMPERES_SOON]


def test_a_repetition_that_undoes_nothing_stays() -> None:
    queue = queue_of(again(TEN_AMPERES))
    assert queue.drop_for(OFF) == []


def test_the_older_command_of_a_word_makes_way_in_any_case() -> None:
    queue = queue_of(first(ON))
    assert queue.drop_for(OFF) == [first(ON)]


def test_what_nobody_asked_for_does_not_stand_in_the_way() -> None:
    queue = queue_of(first(OFF))
    queue.append_if_free(keepalive(TEN_AMPERES_SOON))
    queue.append_if_free(keepalive(ON))
    assert waiting(queue) == [OFF]
    queue.append_if_free(keepalive(TEN_AMPERES))
    assert waiting(queue) == [OFF, TEN_AMPERES]


def test_keepalives_overrule_nothing_and_nobody_waits_for_them() -> None:
    queue = queue_of(keepalive(OFF))
    assert not queue.outdates(TEN_AMPERES_SOON)
    assert queue.words == set()
    assert queue.take_all() == []
    assert len(queue) == 0


def test_keepalives_can_be_taken_out_alone() -> None:
    queue = queue_of(keepalive(OFF), first(TEN_AMPERES))
    queue.remove_keepalives()
    assert waiting(queue) == [TEN_AMPERES]


def test_only_the_very_command_is_taken_out() -> None:
    queue = queue_of(first(OFF))
    queue.remove_command(Enable(on=False))
    assert waiting(queue) == [OFF]
    queue.remove_command(OFF)
    assert waiting(queue) == []


def test_only_a_repetition_becomes_needless() -> None:
    queue = queue_of(first(OFF), again(TEN_AMPERES))
    queue.remove_repetition("ena")
    queue.remove_repetition("curr")
    queue.remove_repetition("display")
    assert waiting(queue) == [OFF]


def test_polls_keepalives_and_repetitions_are_our_own_schedule() -> None:
    assert not first(ON).is_scheduled
    assert again(ON).is_scheduled
    assert keepalive(ON).is_scheduled


def test_whether_a_command_was_appended_is_answered() -> None:
    queue = queue_of(first(OFF), keepalive(TEN_AMPERES))

    assert queue.append_if_free(first(HELLO))
    # It would undo, or replace, what waits.
    assert not queue.append_if_free(first(TEN_AMPERES_SOON))
    assert not queue.append_if_free(first(TEN_AMPERES))
    assert list(queue) == [first(OFF), keepalive(TEN_AMPERES), first(HELLO)]


# --- reports -----------------------------------------------------------------


@pytest.fixture
def polls() -> PollSchedule:
    return PollSchedule(
        (1, 2, 3), interval_s=30.0, first_round_at=0.0, phase_at=0.0
    )


def _numbers(polls: PollSchedule) -> list[int]:
    return [request.content.number for request in polls]


def test_a_round_is_over_when_its_last_report_is_struck_off(
    polls: PollSchedule,
) -> None:
    polls.begin_round(0.0)
    assert _numbers(polls) == [1, 2, 3]

    assert [polls.strike_off(number) for number in (3, 1, 2)] == [
        False,
        False,
        True,
    ]


def test_a_report_out_of_the_rounds_ends_none(polls: PollSchedule) -> None:
    polls.add(100, 0.0)
    assert not polls.strike_off(100)

    polls.begin_round(0.0)
    assert not polls.strike_off(100)
    assert [polls.strike_off(number) for number in (1, 2, 3)] == [
        False,
        False,
        True,
    ]
    assert not polls.strike_off(3)


@pytest.mark.parametrize(
    ("planned_at", "next_round_at"),
    # Those that were missed are not made up for, and two are never closer
    # than half an interval.
    [(0.1, 30.0), (100.0, 120.0), (16.0, 60.0)],
)
def test_rounds_keep_their_interval(
    polls: PollSchedule, planned_at: float, next_round_at: float
) -> None:
    polls.plan_next_round(planned_at)
    assert polls.next_round_at == next_round_at


def test_rounds_keep_their_phase_after_the_first_one() -> None:
    polls = PollSchedule(
        (1, 2, 3), interval_s=30.0, first_round_at=7.0, phase_at=9.0
    )
    assert polls.next_round_at == 7.0

    for moment, following in [(7.0, 39.0), (39.0, 69.0), (70.5, 99.0)]:
        polls.plan_next_round(moment)
        assert polls.next_round_at == following


def test_after_the_first_round_a_phase_is_taken_that_kebas_pause_allows() -> (
    None
):
    polls = PollSchedule((1,), interval_s=6.0, first_round_at=0.0, phase_at=4)
    polls.plan_next_round(0.0)
    assert polls.next_round_at == 10.0


def test_a_late_round_costs_none_where_kebas_pause_fills_the_interval() -> None:
    polls = PollSchedule((1,), interval_s=5.0, first_round_at=0.0, phase_at=0.0)
    interval_s = REPEAT_PAUSE_S + MARGIN_S + CATCH_UP_S

    for rounds, late_s in enumerate([0.1, 1.0, 2.0], start=1):
        polls.plan_next_round((rounds - 1) * interval_s + late_s)
        assert polls.next_round_at == pytest.approx(rounds * interval_s)


@pytest.mark.parametrize(("added_at", "not_before"), [(1.0, 2.5), (3.5, 0.0)])
def test_equal_requests_are_merged_into_the_later_one_unless_it_waits_long(
    polls: PollSchedule, added_at: float, not_before: float
) -> None:
    polls.add(2, 0.0)
    polls.add(2, added_at, delay_s=1.5)

    (request,) = polls
    assert (request.wanted_at, request.not_before) == (0.0, not_before)


def test_no_round_comes_within_kebas_pause_between_equal_requests() -> None:
    polls = PollSchedule((1,), interval_s=1.0, first_round_at=0.0, phase_at=0.0)
    polls.plan_next_round(0.0)
    assert polls.next_round_at > REPEAT_PAUSE_S + MARGIN_S
