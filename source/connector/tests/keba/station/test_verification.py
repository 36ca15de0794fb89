import math

import pytest

from connector.keba.protocol.commands import (
    Command,
    DeciWattHour,
    Display,
    Enable,
    Milliampere,
    Seconds,
    SetCurrent,
    SetCurrentTimed,
    SetEnergyLimit,
    Unlock,
)
from connector.keba.station.events import CommandFinished, Outcome
from connector.keba.station.verification import Verification

TEN_AMPERES = SetCurrent(Milliampere(10_000))
SIX_AMPERES = SetCurrent(Milliampere(6_000))
ENABLE = Enable(on=True)


@pytest.fixture
def garage() -> Verification:
    return Verification("garage")


def finished(
    command: Command, outcome: Outcome, detail: str = ""
) -> CommandFinished:
    return CommandFinished("garage", command, outcome, detail)


def test_a_reading_that_shows_the_effect_proves_it(
    garage: Verification,
) -> None:
    assert garage.watch(TEN_AMPERES, 1.0, is_answered=True) == []

    assert garage.check({"Curr user": 10_000}, asked_at=1.1, now=1.1) == [
        finished(TEN_AMPERES, Outcome.APPLIED)
    ]


def test_a_reading_asked_for_before_the_answer_proves_nothing(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)

    assert garage.check({"Curr user": 10_000}, asked_at=0.9, now=0.9) == []
    assert garage.needs_reading


def test_a_station_gets_the_time_that_the_command_needs(
    garage: Verification,
) -> None:
    garage.watch(ENABLE, 1.0, is_answered=True)

    assert garage.check({"Enable user": 1}, asked_at=1.9, now=1.9) == []
    assert garage.check({"Enable user": 1}, asked_at=2.0, now=2.0) == [
        finished(ENABLE, Outcome.APPLIED)
    ]


def test_only_the_second_contradicting_reading_counts(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)

    assert garage.check({"Curr user": 6000}, asked_at=1.1, now=1.1) == []
    assert garage.needs_reading
    assert garage.check({"Curr user": 6000}, asked_at=6.2, now=6.2) == [
        finished(
            TEN_AMPERES,
            Outcome.NOT_APPLIED,
            "wanted Curr user 10000, seen Curr user 6000",
        )
    ]
    assert not garage.needs_reading


def test_the_second_reading_may_still_prove_it(garage: Verification) -> None:
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)
    garage.check({"Curr user": 6000}, asked_at=1.1, now=1.1)

    assert garage.check({"Curr user": 10_000}, asked_at=6.2, now=6.2) == [
        finished(TEN_AMPERES, Outcome.APPLIED)
    ]


def test_a_verdict_is_given_once(garage: Verification) -> None:
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)
    garage.check({"Curr user": 10_000}, asked_at=1.1, now=1.1)

    assert garage.check({"Curr user": 10_000}, asked_at=2.0, now=2.0) == []


def test_a_command_that_nothing_can_prove_is_received(
    garage: Verification,
) -> None:
    hello = Display("hello")

    assert garage.watch(hello, 1.0, is_answered=True) == [
        finished(hello, Outcome.RECEIVED)
    ]
    assert not garage.needs_reading


def test_a_station_without_the_field_has_received_the_command(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)

    assert garage.check({"State": 3}, asked_at=1.1, now=1.1) == [
        finished(TEN_AMPERES, Outcome.RECEIVED, "no field of report 2 shows it")
    ]


@pytest.mark.parametrize(
    ("plug", "outcomes"), [(5, [Outcome.APPLIED]), (7, [])]
)
def test_unlock_is_proven_by_a_bit_of_plug(
    garage: Verification, plug: int, outcomes: list[Outcome]
) -> None:
    garage.watch(Unlock(), 1.0, is_answered=True)

    verdicts = garage.check({"Plug": plug}, asked_at=2.0, now=2.0)

    assert [verdict.outcome for verdict in verdicts] == outcomes


def test_one_reading_proves_all_commands_that_it_shows(
    garage: Verification,
) -> None:
    limit = SetEnergyLimit(DeciWattHour(100_000))
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)
    garage.watch(limit, 1.2, is_answered=True)
    fields = {"Curr user": 10_000, "Setenergy": 100_000}

    assert garage.check(fields, asked_at=1.3, now=1.3) == [
        finished(TEN_AMPERES, Outcome.APPLIED),
        finished(limit, Outcome.APPLIED),
    ]


def test_a_contradiction_of_one_command_does_not_touch_another(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)
    garage.watch(ENABLE, 1.0, is_answered=True)
    fields = {"Curr user": 6000, "Enable user": 1}

    assert garage.check(fields, asked_at=2.0, now=2.0) == [
        finished(ENABLE, Outcome.APPLIED)
    ]
    assert garage.needs_reading


# --- commands without an answer --------------------------------------------


def test_an_unanswered_command_may_turn_out_to_be_applied(
    garage: Verification,
) -> None:
    assert garage.watch(TEN_AMPERES, 3.0, is_answered=False) == []

    assert garage.check({"Curr user": 10_000}, asked_at=3.1, now=3.1) == [
        finished(TEN_AMPERES, Outcome.APPLIED)
    ]


def test_an_unanswered_command_is_never_called_not_applied(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 3.0, is_answered=False)

    for asked_at in (3.1, 8.2, 13.3):
        assert garage.check({"Curr user": 6000}, asked_at, asked_at) == []


def test_nothing_is_read_for_an_unanswered_command_alone(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 3.0, is_answered=False)

    assert not garage.needs_reading


def test_an_unanswered_command_that_nothing_can_prove_has_no_verdict(
    garage: Verification,
) -> None:
    assert garage.watch(Display("hello"), 3.0, is_answered=False) == []


# --- the end of waiting -------------------------------------------------------


def test_a_newer_command_of_the_word_ends_the_waiting_for_the_older(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)

    assert garage.supersede("curr") == [
        finished(TEN_AMPERES, Outcome.SUPERSEDED)
    ]
    assert garage.check({"Curr user": 10_000}, asked_at=2.0, now=2.0) == []


def test_a_command_of_another_word_is_not_superseded(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)

    assert garage.supersede("ena") == []
    assert garage.needs_reading


def test_an_unanswered_command_had_its_verdict_before_it_is_superseded(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 3.0, is_answered=False)

    assert garage.supersede("curr") == []
    assert garage.check({"Curr user": 10_000}, asked_at=4.0, now=4.0) == []


def test_the_newest_command_of_a_word_is_the_one_to_be_proven(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)
    garage.watch(SIX_AMPERES, 2.0, is_answered=True)

    assert garage.check({"Curr user": 6000}, asked_at=2.1, now=2.1) == [
        finished(SIX_AMPERES, Outcome.APPLIED)
    ]


def test_commands_are_received_when_report_2_goes_on_staying_away(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)
    garage.watch(ENABLE, 1.0, is_answered=False)

    assert garage.note_missing_reading() == []
    assert garage.note_missing_reading() == []
    assert garage.note_missing_reading() == [
        finished(TEN_AMPERES, Outcome.RECEIVED, "report 2 does not come")
    ]
    assert not garage.needs_reading


def test_a_report_2_that_stays_away_once_is_waited_for(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)
    for _ in range(5):
        assert garage.note_missing_reading() == []
        assert garage.check({"Curr user": 10_000}, asked_at=0.5, now=0.5) == []

    assert [
        v.outcome for v in garage.check({"Curr user": 10_000}, 8.0, 8.0)
    ] == [Outcome.APPLIED]


def test_what_a_newer_command_has_replaced_was_not_ignored(
    garage: Verification,
) -> None:
    """`currtime` writes the field that proves `curr`."""
    now_six = SetCurrentTimed(Milliampere(6000), Seconds(1))
    garage.watch(TEN_AMPERES, 1.0, is_answered=True)
    garage.watch(now_six, 1.2, is_answered=True)
    garage.check({"Curr user": 6000}, asked_at=3.0, now=3.0)

    assert garage.check({"Curr user": 6000}, asked_at=8.1, now=8.1) == [
        finished(TEN_AMPERES, Outcome.SUPERSEDED)
    ]


def test_two_commands_of_which_neither_undoes_the_other_are_both_applied(
    garage: Verification,
) -> None:
    now_six = SetCurrentTimed(Milliampere(6000), Seconds(1))
    garage.watch(now_six, 1.0, is_answered=True)
    garage.watch(ENABLE, 1.2, is_answered=True)
    fields = {"Curr user": 6000, "Enable user": 1}

    assert [verdict.outcome for verdict in garage.check(fields, 3.0, 3.0)] == [
        Outcome.APPLIED,
        Outcome.APPLIED,
    ]


def test_an_unanswered_command_is_in_question_for_two_readings(
    garage: Verification,
) -> None:
    garage.watch(TEN_AMPERES, 3.0, is_answered=False)
    garage.check({"Curr user": 6000}, asked_at=3.1, now=3.1)
    assert garage.words == {"curr"}

    garage.check({"Curr user": 6000}, asked_at=8.2, now=8.2)
    assert garage.words == set()


# --- what counts down -------------------------------------------------------


LATER = SetCurrentTimed(Milliampere(10_000), Seconds(3600))
COUNTING = {"Curr user": 63_000, "Curr timer": 10_000, "Tmo CT": 3590}
RESET = {"Curr user": 63_000, "Curr timer": 63_000, "Tmo CT": 0}


def _counting(garage: Verification) -> None:
    garage.watch(LATER, 1.0, is_answered=True)
    assert garage.check(COUNTING, asked_at=2.0, now=2.0) == [
        finished(LATER, Outcome.WAITING)
    ]


def test_a_delay_that_counts_down_is_told_once_and_not_waited_for(
    garage: Verification,
) -> None:
    _counting(garage)

    assert garage.check(COUNTING, asked_at=32.0, now=32.0) == []
    assert not garage.needs_reading
    assert garage.words == set()


def test_at_the_end_of_its_delay_a_limit_is_applied(
    garage: Verification,
) -> None:
    _counting(garage)
    ended = {"Curr user": 10_000, "Curr timer": 10_000, "Tmo CT": 0}

    assert garage.check(ended, asked_at=3610.0, now=3610.0) == [
        finished(LATER, Outcome.APPLIED)
    ]


def test_a_delay_that_somebody_has_reset_ends_as_not_applied(
    garage: Verification,
) -> None:
    _counting(garage)

    assert garage.check(RESET, asked_at=32.0, now=32.0) == []
    (verdict,) = garage.check(RESET, asked_at=38.0, now=38.0)

    assert verdict.outcome is Outcome.NOT_APPLIED
    assert "seen Curr user 63000" in verdict.detail


def test_a_delay_goes_on_while_no_report_comes(garage: Verification) -> None:
    _counting(garage)

    for _ in range(10):
        assert garage.note_missing_reading() == []

    assert garage.check(COUNTING, asked_at=400.0, now=400.0) == []


def test_a_newer_currtime_supersedes_one_that_counts_down(
    garage: Verification,
) -> None:
    _counting(garage)

    assert garage.supersede("currtime") == [finished(LATER, Outcome.SUPERSEDED)]


def test_the_end_of_a_delay_is_worth_one_look(garage: Verification) -> None:
    _counting(garage)
    ends_at = garage.next_look_at

    assert not garage.is_worth_a_look(ends_at - 0.1)
    assert garage.is_worth_a_look(ends_at)
    assert not garage.is_worth_a_look(ends_at + 1.0)
    assert garage.next_look_at == math.inf
