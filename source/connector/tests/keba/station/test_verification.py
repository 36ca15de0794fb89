import math

import pytest

from connector.keba.protocol.commands import (
    Command,
    DeciWattHour,
    Milliampere,
    Seconds,
    SetCurrentTimed,
    SetEnergyLimit,
    Unlock,
)
from connector.keba.station.events import CommandFinished, Outcome
from connector.keba.station.verification import Verification
from connector.tests.keba.commands import (
    HELLO,
    ON,
    SIX_AMPERES,
    SIX_AMPERES_SOON,
    TEN_AMPERES,
)


class Garage(Verification):
    """A verification to which a test shows report 2."""

    def confirm(self, command: Command, now: float = 1.0) -> None:
        """Let the station confirm a command that a reading can prove."""
        assert self.watch(command, now, is_answered=True) == []

    def give_up(self, command: Command) -> None:
        """Let a command have no answer."""
        assert self.watch(command, 3.0, is_answered=False) == []

    def look(self, asked_at: float, **fields: int) -> list[CommandFinished]:
        """Show a reading; `_` in names stands for a blank."""
        named = {key.replace("_", " "): value for key, value in fields.items()}
        return self.check(named, asked_at, now=asked_at)


@pytest.fixture
def garage() -> Garage:
    return Garage("garage")


def finished(
    command: Command, outcome: Outcome, detail: str = ""
) -> CommandFinished:
    return CommandFinished("garage", command, outcome, detail)


TEN_APPLIED = finished(TEN_AMPERES, Outcome.APPLIED)
ON_APPLIED = finished(ON, Outcome.APPLIED)


def test_a_reading_that_shows_the_effect_proves_it_once(garage: Garage) -> None:
    garage.confirm(TEN_AMPERES)

    assert garage.look(1.1, Curr_user=10_000) == [TEN_APPLIED]
    assert garage.look(2.0, Curr_user=10_000) == []


def test_a_reading_from_before_the_answer_is_no_proof(garage: Garage) -> None:
    garage.confirm(TEN_AMPERES)

    assert garage.look(0.9, Curr_user=10_000) == []
    assert garage.needs_reading


def test_a_station_gets_the_time_that_the_command_needs(garage: Garage) -> None:
    garage.confirm(ON)

    assert garage.look(1.9, Enable_user=1) == []
    assert garage.look(2.0, Enable_user=1) == [ON_APPLIED]


def test_only_the_second_contradicting_reading_counts(garage: Garage) -> None:
    garage.confirm(TEN_AMPERES)

    assert garage.look(1.1, Curr_user=6000) == []
    assert garage.needs_reading
    detail = "wanted Curr user 10000, seen Curr user 6000"
    assert garage.look(6.2, Curr_user=6000) == [
        finished(TEN_AMPERES, Outcome.NOT_APPLIED, detail)
    ]
    assert not garage.needs_reading


def test_the_second_reading_may_still_prove_it(garage: Garage) -> None:
    garage.confirm(TEN_AMPERES)
    garage.look(1.1, Curr_user=6000)

    assert garage.look(6.2, Curr_user=10_000) == [TEN_APPLIED]


def test_a_command_that_nothing_can_prove_is_received(garage: Garage) -> None:
    assert garage.watch(HELLO, 1.0, is_answered=True) == [
        finished(HELLO, Outcome.RECEIVED)
    ]
    assert not garage.needs_reading


def test_without_the_field_a_command_was_received(garage: Garage) -> None:
    garage.confirm(TEN_AMPERES)

    assert garage.look(1.1, State=3) == [
        finished(TEN_AMPERES, Outcome.RECEIVED, "no field of report 2 shows it")
    ]


@pytest.mark.parametrize(
    ("plug", "told"), [(5, [finished(Unlock(), Outcome.APPLIED)]), (7, [])]
)
def test_unlock_is_proven_by_a_bit_of_plug(
    garage: Garage, plug: int, told: list[CommandFinished]
) -> None:
    garage.confirm(Unlock())

    assert garage.look(2.0, Plug=plug) == told


def test_one_reading_proves_all_commands_that_it_shows(garage: Garage) -> None:
    limit = SetEnergyLimit(DeciWattHour(100_000))
    garage.confirm(TEN_AMPERES)
    garage.confirm(limit, 1.2)

    assert garage.look(1.3, Curr_user=10_000, Setenergy=100_000) == [
        TEN_APPLIED,
        finished(limit, Outcome.APPLIED),
    ]


def test_a_contradiction_of_one_command_does_not_touch_another(
    garage: Garage,
) -> None:
    garage.confirm(TEN_AMPERES)
    garage.confirm(ON)

    assert garage.look(2.0, Curr_user=6000, Enable_user=1) == [ON_APPLIED]
    assert garage.needs_reading


# --- commands without an answer --------------------------------------------


def test_an_unanswered_command_may_prove_applied(garage: Garage) -> None:
    garage.give_up(TEN_AMPERES)

    assert garage.look(3.1, Curr_user=10_000) == [TEN_APPLIED]


def test_an_unanswered_command_is_never_not_applied(garage: Garage) -> None:
    garage.give_up(TEN_AMPERES)

    for asked_at in (3.1, 8.2, 13.3):
        assert garage.look(asked_at, Curr_user=6000) == []


def test_nothing_is_read_for_unanswered_commands(garage: Garage) -> None:
    garage.give_up(TEN_AMPERES)

    assert not garage.needs_reading


def test_an_unanswered_command_that_nothing_can_prove_has_no_verdict(
    garage: Garage,
) -> None:
    assert garage.watch(HELLO, 3.0, is_answered=False) == []


# --- the end of waiting -------------------------------------------------------


def test_a_newer_command_of_the_word_ends_the_waiting_for_the_older(
    garage: Garage,
) -> None:
    garage.confirm(TEN_AMPERES)

    assert garage.supersede("curr") == [
        finished(TEN_AMPERES, Outcome.SUPERSEDED)
    ]
    assert garage.look(2.0, Curr_user=10_000) == []


def test_a_command_of_another_word_is_not_superseded(garage: Garage) -> None:
    garage.confirm(TEN_AMPERES)

    assert garage.supersede("ena") == []
    assert garage.needs_reading


def test_an_unanswered_command_had_its_verdict_before_it_is_superseded(
    garage: Garage,
) -> None:
    garage.give_up(TEN_AMPERES)

    assert garage.supersede("curr") == []
    assert garage.look(4.0, Curr_user=10_000) == []


def test_the_newest_command_of_a_word_is_to_be_proven(garage: Garage) -> None:
    garage.confirm(TEN_AMPERES)
    garage.confirm(SIX_AMPERES, 2.0)

    assert garage.look(2.1, Curr_user=6000) == [
        finished(SIX_AMPERES, Outcome.APPLIED)
    ]


def test_commands_are_received_when_report_2_goes_on_staying_away(
    garage: Garage,
) -> None:
    garage.confirm(TEN_AMPERES)
    garage.give_up(ON)

    assert garage.note_missing_reading() == []
    assert garage.note_missing_reading() == []
    assert garage.note_missing_reading() == [
        finished(TEN_AMPERES, Outcome.RECEIVED, "report 2 does not come")
    ]
    assert not garage.needs_reading


def test_a_report_2_that_stays_away_once_is_waited_for(garage: Garage) -> None:
    garage.confirm(TEN_AMPERES)
    for _ in range(5):
        assert garage.note_missing_reading() == []
        assert garage.look(0.5, Curr_user=10_000) == []

    assert garage.look(8.0, Curr_user=10_000) == [TEN_APPLIED]


def test_what_a_newer_one_has_replaced_was_not_ignored(garage: Garage) -> None:
    """`currtime` writes the field that proves `curr`."""
    garage.confirm(TEN_AMPERES)
    garage.confirm(SIX_AMPERES_SOON, 1.2)
    garage.look(3.0, Curr_user=6000)

    assert garage.look(8.1, Curr_user=6000) == [
        finished(TEN_AMPERES, Outcome.SUPERSEDED)
    ]


def test_two_commands_of_which_neither_undoes_the_other_are_both_applied(
    garage: Garage,
) -> None:
    garage.confirm(SIX_AMPERES_SOON)
    garage.confirm(ON, 1.2)

    assert garage.look(3.0, Curr_user=6000, Enable_user=1) == [
        finished(SIX_AMPERES_SOON, Outcome.APPLIED),
        ON_APPLIED,
    ]


def test_an_unanswered_command_is_in_question_for_two_readings(
    garage: Garage,
) -> None:
    garage.give_up(TEN_AMPERES)
    garage.look(3.1, Curr_user=6000)
    assert garage.words == {"curr"}

    garage.look(8.2, Curr_user=6000)
    assert garage.words == set()


# --- what counts down -------------------------------------------------------


LATER = SetCurrentTimed(Milliampere(10_000), Seconds(3600))
COUNTING = {"Curr_user": 63_000, "Curr_timer": 10_000, "Tmo_CT": 3590}
RESET = {"Curr_user": 63_000, "Curr_timer": 63_000, "Tmo_CT": 0}


@pytest.fixture
def counting(garage: Garage) -> Garage:
    """A delay counts down, as was told."""
    garage.confirm(LATER)
    assert garage.look(2.0, **COUNTING) == [finished(LATER, Outcome.WAITING)]
    return garage


def test_a_delay_that_counts_down_is_told_once_and_not_waited_for(
    counting: Garage,
) -> None:
    assert counting.look(32.0, **COUNTING) == []
    assert not counting.needs_reading
    assert counting.words == set()


def test_at_the_end_of_its_delay_a_limit_is_applied(counting: Garage) -> None:
    ended = COUNTING | {"Curr_user": 10_000, "Tmo_CT": 0}

    assert counting.look(3610.0, **ended) == [finished(LATER, Outcome.APPLIED)]


def test_a_delay_that_somebody_has_reset_ends_as_not_applied(
    counting: Garage,
) -> None:
    assert counting.look(32.0, **RESET) == []
    (verdict,) = counting.look(38.0, **RESET)

    assert verdict.outcome is Outcome.NOT_APPLIED
    assert "seen Curr user 63000" in verdict.detail


def test_a_delay_goes_on_while_no_report_comes(counting: Garage) -> None:
    for _ in range(10):
        assert counting.note_missing_reading() == []

    assert counting.look(400.0, **COUNTING) == []


def test_a_newer_currtime_supersedes_an_older_one(counting: Garage) -> None:
    assert counting.supersede("currtime") == [
        finished(LATER, Outcome.SUPERSEDED)
    ]


def test_the_end_of_a_delay_is_worth_one_look(counting: Garage) -> None:
    ends_at = counting.next_look_at

    assert not counting.is_worth_a_look(ends_at - 0.1)
    assert counting.is_worth_a_look(ends_at)
    assert not counting.is_worth_a_look(ends_at + 1.0)
    assert counting.next_look_at == math.inf
