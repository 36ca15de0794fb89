"""What commands do to each other: the newest one rules."""

import pytest

from connector.keba.protocol.commands import (
    Command,
    Milliampere,
    Seconds,
    SetCurrentTimed,
    SetPhases,
    Start,
    Stop,
)
from connector.keba.protocol.ordering import (
    is_outdated,
    is_overtaken,
    is_replaced,
    must_wait,
    undoes,
)
from connector.tests.keba.commands import (
    CANCEL,
    HELLO,
    LIMIT_LATER,
    OFF,
    ON,
    STOP_SOON,
    TEN_AMPERES,
    TEN_AMPERES_SOON,
)


@pytest.mark.parametrize(
    ("older", "newer", "replaced"),
    [
        (ON, OFF, True),
        (TEN_AMPERES_SOON, LIMIT_LATER, True),
        (TEN_AMPERES, TEN_AMPERES_SOON, True),
        (TEN_AMPERES, STOP_SOON, True),
        (TEN_AMPERES, LIMIT_LATER, False),
        (TEN_AMPERES, CANCEL, False),
        # It also lifts an `ena 0`.
        (TEN_AMPERES_SOON, TEN_AMPERES, False),
        (OFF, TEN_AMPERES_SOON, False),
        (HELLO, ON, False),
    ],
    ids=str,
)
def test_what_still_waits_is_replaced(
    older: Command, newer: Command, replaced: bool
) -> None:
    assert is_replaced(older, newer) is replaced


@pytest.mark.parametrize(
    ("older", "newer", "overtaken"),
    [
        (TEN_AMPERES_SOON, OFF, True),
        (TEN_AMPERES_SOON, TEN_AMPERES, True),
        (OFF, TEN_AMPERES_SOON, True),
        (TEN_AMPERES, TEN_AMPERES_SOON, True),
        (Start(), ON, True),
        (Start(), Stop(), True),
        (Stop(), Start(), True),
        (ON, Start(), False),
        (Stop(), ON, False),
        (TEN_AMPERES, OFF, False),
        (ON, OFF, False),
        # It touches neither knob.
        (OFF, CANCEL, False),
        (TEN_AMPERES, CANCEL, False),
        (CANCEL, OFF, False),
    ],
    ids=str,
)
def test_whose_fields_a_newer_command_may_have_changed(
    older: Command, newer: Command, overtaken: bool
) -> None:
    assert is_overtaken(older, newer) is overtaken


@pytest.mark.parametrize(
    ("older", "newer", "is_undone"),
    [
        (ON, STOP_SOON, True),
        (ON, TEN_AMPERES_SOON, False),
        (ON, CANCEL, False),
        (OFF, TEN_AMPERES_SOON, True),
        (OFF, STOP_SOON, False),
        (OFF, Start(), True),
        (ON, Start(), False),
        (OFF, TEN_AMPERES, False),
        (TEN_AMPERES, TEN_AMPERES_SOON, True),
        (TEN_AMPERES, SetPhases(three=False), True),
        (TEN_AMPERES, OFF, False),
        (TEN_AMPERES_SOON, OFF, True),
        (TEN_AMPERES_SOON, ON, False),
        (TEN_AMPERES_SOON, TEN_AMPERES, True),
        (STOP_SOON, ON, True),
        (STOP_SOON, OFF, False),
        (STOP_SOON, TEN_AMPERES, True),
        (CANCEL, TEN_AMPERES, False),
        (CANCEL, OFF, False),
        (OFF, CANCEL, False),
        (SetPhases(three=True), TEN_AMPERES, False),
    ],
    ids=str,
)
def test_what_would_undo_what(
    older: Command, newer: Command, is_undone: bool
) -> None:
    assert undoes(older, newer) is is_undone


def test_what_is_late_gives_way_to_its_word_and_what_it_would_undo() -> None:
    assert is_outdated(ON, OFF)
    assert is_outdated(TEN_AMPERES_SOON, OFF)
    assert not is_outdated(TEN_AMPERES, OFF)


@pytest.mark.parametrize("limit", [0, 10_000])
@pytest.mark.parametrize(
    ("delay", "waits"), [(1, True), (2, False), (3600, False)]
)
def test_a_curr_waits_for_the_shortest_timer_alone(
    limit: int, delay: int, waits: bool
) -> None:
    timed = SetCurrentTimed(Milliampere(limit), Seconds(delay))
    assert must_wait(timed, TEN_AMPERES) is waits


def test_nothing_else_waits() -> None:
    assert must_wait(CANCEL, TEN_AMPERES) is False
    assert must_wait(TEN_AMPERES_SOON, OFF) is False
    assert must_wait(TEN_AMPERES, TEN_AMPERES_SOON) is False
