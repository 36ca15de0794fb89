import pytest

from simulator.actions import (
    Action,
    Answer,
    AnswerLate,
    Fail,
    PlugIn,
    Reboot,
    Recover,
    SetInput,
    ShowCard,
    Silence,
    Unplug,
)
from simulator.vehicle import Vehicle

GUEST = Vehicle(phases=1, needs_wh=5_000)


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (PlugIn(GUEST), "phases=1, max_current=16000, needs_wh=5000"),
        (ShowCard("e3f76b8d00000000"), "card e3f76b8d00000000 is shown"),
        (SetInput(0), "X1 is opened"),
        (Silence(), "it does not answer anything any more"),
        (Silence(("report 2", "report 3")), "answer report 2, report 3 any"),
        (AnswerLate(2.0), "it answers 2.0 s later from now on"),
        (Fail(), "it fails: Error1 6, Error2 32769"),
    ],
)
def test_an_action_says_what_happens(action: Action, text: str) -> None:
    assert text in str(action)


def test_the_others_have_words_of_their_own() -> None:
    bare = (Unplug(), Recover(), Reboot(), Answer())
    assert len({str(action) for action in bare}) == len(bare)
