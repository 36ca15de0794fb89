"""What to do after a command that did not do what it should."""

import pytest

from connector.bemcom.actuators import ACTUATORS, command_from_value
from connector.diagnosis.remedies import what_next
from connector.keba.station.events import GOOD_OUTCOMES, Outcome


@pytest.mark.parametrize("word", ACTUATORS)
def test_a_command_that_can_fail_has_an_advice_of_its_own(word: str) -> None:
    actuator = ACTUATORS[word]
    command = command_from_value(word, actuator.promised[-1])
    advice = what_next(word, Outcome.NOT_APPLIED, "garage")
    assert "`keba show garage`" in advice
    is_provable = bool(command.expected_fields())
    assert is_provable == (not advice.startswith("`keba show"))


@pytest.mark.parametrize(
    "outcome", sorted([*GOOD_OUTCOMES, Outcome.SUPERSEDED])
)
def test_where_nothing_is_wrong_nothing_is_advised(outcome: str) -> None:
    assert what_next("curr", outcome, "garage") == ""


@pytest.mark.parametrize("outcome", ["no_reply", "rejected", "read_only"])
def test_other_results_have_a_next_step_as_well(outcome: str) -> None:
    assert what_next("curr", outcome, "garage").endswith(".")
