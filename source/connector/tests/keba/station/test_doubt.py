"""A late answer belongs to the command whose silence is the latest."""

import pytest

from connector.keba.protocol.commands import (
    Command,
    Display,
    Milliampere,
    SetCurrent,
)
from connector.keba.station.ask import Answered, Ask
from connector.keba.station.doubt import REST_S, Doubt

TEN_AMPERES = SetCurrent(Milliampere(10_000))
HELLO = Display("Hello")


@pytest.fixture
def doubt() -> Doubt:
    """Ten amperes were met with silence."""
    one = Doubt()
    one.begin(TEN_AMPERES, 0.0, is_told=False)
    return one


def _ask(command: Command, first_sent_at: float | None = None) -> Ask[Command]:
    return Ask(command, 0.0, 0.0, first_sent_at=first_sent_at)


def test_others_rest_and_its_repetition_does_not(doubt: Doubt) -> None:
    assert doubt.free_at(_ask(HELLO)) == REST_S
    assert doubt.free_at(_ask(TEN_AMPERES)) == REST_S
    assert doubt.free_at(_ask(TEN_AMPERES, first_sent_at=-2.0)) < 0.0


def test_its_answer_ends_the_rest_and_comes_once(doubt: Doubt) -> None:
    answered = doubt.claim_answer(1.0)

    assert answered == Answered(TEN_AMPERES, is_told=False)
    assert doubt.free_at(_ask(HELLO)) == 1.0
    assert doubt.claim_answer(1.0) is None


def test_an_answer_after_the_rest_is_nobodys(doubt: Doubt) -> None:
    assert doubt.claim_answer(REST_S) is None


def test_a_result_that_is_told_stays_told(doubt: Doubt) -> None:
    doubt.settle(HELLO)
    doubt.settle(TEN_AMPERES)
    doubt.settle(HELLO)

    assert doubt.claim_answer(1.0) == Answered(TEN_AMPERES, is_told=True)


def test_without_a_doubt_nobody_rests_and_no_answer_is_claimed() -> None:
    doubt = Doubt()

    assert doubt.free_at(_ask(HELLO)) < 0.0
    assert doubt.claim_answer(0.0) is None
