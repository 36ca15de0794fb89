"""Commands take effect in the order in which they were written.

A lost reply must not let an older command, said once more, undo a newer one:
`currtime` lifts `ena 0`, and `ena 0` stops what `currtime` has started.
"""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.keba.protocol.commands import (
    Command,
    Milliampere,
    Seconds,
    SetCurrentTimed,
    SetFailsafe,
)
from connector.keba.station.events import Outcome, SettingRestored
from connector.tests.keba.commands import (
    CANCEL,
    LIMIT_LATER,
    OFF,
    ON,
    SIX_AMPERES,
    SIX_AMPERES_SOON,
    STOP_LATER,
    STOP_SOON,
    TEN_AMPERES,
    TEN_AMPERES_SOON,
    amperes,
)
from connector.tests.keba.station.conversation import TCH_OK
from connector.tests.keba.station.obeying import ObeyingGarage, effect_of

DEAF_FOR_S = 3.0


def lose(
    garage: ObeyingGarage,
    older: Command,
    newer: Command,
    written_after_s: float,
) -> None:
    """Let two commands get lost at first, then a minute pass."""
    garage.deafen()
    garage.submit(older)
    garage.live(written_after_s)
    garage.submit(newer)
    garage.live(2.0)
    garage.recover()
    garage.live(60.0)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (TEN_AMPERES_SOON, OFF),
        (OFF, TEN_AMPERES_SOON),
        (ON, STOP_SOON),
        (STOP_SOON, ON),
        (TEN_AMPERES_SOON, SIX_AMPERES),
        (TEN_AMPERES, SIX_AMPERES_SOON),
    ],
    ids=str,
)
@pytest.mark.parametrize("written_after_s", [0.5, 2.5, 3.5])
def test_what_was_lost_is_not_said_again_after_what_it_would_undo(
    older: Command, newer: Command, written_after_s: float
) -> None:
    garage = ObeyingGarage({"Enable user": 0} if older == ON else {})
    lose(garage, older, newer, written_after_s)

    assert garage.settings_sent()[-1] == str(newer)
    assert garage.results(older) == [Outcome.SUPERSEDED]
    assert garage.results(newer) == [Outcome.APPLIED]


@pytest.mark.parametrize("timer", [TEN_AMPERES_SOON, STOP_SOON], ids=str)
def test_a_curr_waits_for_the_end_of_a_currtime_without_delay(
    timer: SetCurrentTimed,
) -> None:
    """It would be overwritten a moment later, though it is newer."""
    garage = ObeyingGarage()
    garage.submit(timer)
    garage.live(0.01)
    garage.submit(TEN_AMPERES)
    garage.live(12.0)

    assert garage.settings_sent() == [str(timer), str(TEN_AMPERES)]
    (said_at,) = garage.moments(str(timer))
    (waited_until,) = garage.moments(str(TEN_AMPERES))
    assert 1.0 < waited_until - said_at < 2.1
    assert garage.results(TEN_AMPERES) == [Outcome.APPLIED]


def test_a_curr_waits_also_if_another_command_came_in_between() -> None:
    garage = ObeyingGarage()
    commands = (TEN_AMPERES_SOON, ON, SIX_AMPERES)
    for command in commands:
        garage.submit(command)
    garage.live(12.0)

    assert garage.settings_sent() == [*map(str, commands)]
    (timed_at,) = garage.moments(str(TEN_AMPERES_SOON))
    (limited_at,) = garage.moments(str(SIX_AMPERES))
    assert limited_at - timed_at > 1.0


@pytest.mark.parametrize("timer", [CANCEL, LIMIT_LATER, STOP_LATER], ids=str)
def test_a_curr_waits_for_no_other_currtime(timer: SetCurrentTimed) -> None:
    garage = ObeyingGarage()
    garage.submit(timer)
    garage.live(0.01)
    garage.submit(TEN_AMPERES)
    garage.live(0.2)

    assert garage.settings_sent() == [str(timer), "curr 10000"]


def test_what_was_overruled_has_one_result_also_if_it_was_heard() -> None:
    garage = ObeyingGarage()
    garage.answer = None
    garage.mute = {2}
    garage.submit(TEN_AMPERES_SOON)
    garage.live(2.5)
    garage.submit(OFF)
    garage.mute = set()
    garage.answer = TCH_OK
    garage.live(40.0)

    assert garage.results(TEN_AMPERES_SOON) == [Outcome.SUPERSEDED]
    assert garage.results(OFF) == [Outcome.APPLIED]


@pytest.mark.parametrize(
    ("shown", "older", "newer", "wanted"),
    [
        ({}, OFF, LIMIT_LATER, {"Enable user": 0}),
        ({}, OFF, CANCEL, {"Enable user": 0}),
        ({"Enable user": 0}, ON, STOP_LATER, {"Enable user": 1}),
        ({"Enable user": 0}, STOP_LATER, ON, {"Tmo CT": 3600}),
        ({"Enable user": 0}, TEN_AMPERES_SOON, ON, {"Curr user": 10_000}),
        ({}, TEN_AMPERES, LIMIT_LATER, {"Curr user": 10_000}),
        ({"Tmo CT": 3600}, CANCEL, OFF, {"Tmo CT": 0}),
    ],
    ids=str,
)
def test_what_undoes_nothing_or_later_does_not_keep_a_lost_command_from_return(
    shown: dict[str, int],
    older: Command,
    newer: Command,
    wanted: dict[str, int],
) -> None:
    garage = ObeyingGarage(shown)
    lose(garage, older, newer, written_after_s=0.5)

    def result(command: Command) -> Outcome:
        is_late = command in (STOP_LATER, LIMIT_LATER)
        return Outcome.WAITING if is_late else Outcome.APPLIED

    assert garage.fields | wanted == garage.fields
    assert garage.results(older) == [result(older)]
    assert garage.results(newer) == [result(newer)]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (OFF, ON),
        (OFF, TEN_AMPERES_SOON),
        (amperes(32), SIX_AMPERES),
        (amperes(32), TEN_AMPERES_SOON),
    ],
    ids=str,
)
def test_what_is_restored_undoes_nothing_that_is_on_its_way(
    older: Command, newer: Command
) -> None:
    garage = ObeyingGarage(restores=True)
    garage.submit(older)
    garage.live(15.0)
    garage.reboot()
    garage.live_until_sent("report 1")
    garage.mute = {2}
    garage.live_until_sent("report 2")
    garage.submit(newer)
    garage.delay_s = 1.0
    garage.live_until_sent(str(newer))
    # The answer to the first report 2 comes late.
    garage.mute = set()
    garage._hear("report 2")
    garage.live(40.0)

    assert garage.settings_sent()[-1] == str(newer)
    assert garage.happened(SettingRestored) == []


def test_a_limit_counts_although_a_stop_was_written_after_it() -> None:
    garage = ObeyingGarage()
    garage.submit(TEN_AMPERES_SOON)
    garage.submit(OFF)
    garage.live(30.0)

    assert garage.results(TEN_AMPERES_SOON) == [Outcome.APPLIED]
    assert garage.results(OFF) == [Outcome.APPLIED]


def test_a_limit_that_did_not_lift_a_stop_was_not_applied() -> None:
    garage = ObeyingGarage({"Enable user": 0, "Curr user": 10_000})
    garage.obeys = False
    garage.submit(TEN_AMPERES_SOON)
    garage.live(30.0)

    assert garage.results(TEN_AMPERES_SOON) == [Outcome.NOT_APPLIED]


def test_a_word_written_again_leaves_after_what_came_in_between() -> None:
    garage = ObeyingGarage()
    garage.submit(TEN_AMPERES)
    garage.advance()
    for command in (ON, TEN_AMPERES_SOON, OFF):
        garage.submit(command)
    garage.receive(TCH_OK)
    garage.live(30.0)

    assert garage.settings_sent() == [
        str(TEN_AMPERES),
        str(TEN_AMPERES_SOON),
        str(OFF),
    ]
    assert garage.results(ON) == [Outcome.SUPERSEDED]


def test_a_keepalive_does_not_lift_a_stop_that_waits() -> None:
    garage = ObeyingGarage(
        failsafe=SetFailsafe(Seconds(20), Milliampere(6_000))
    )
    garage.submit(TEN_AMPERES_SOON)
    garage.live(20.0)
    garage.deafen()
    garage.submit(OFF)
    garage.live(4.0)
    garage.recover()
    garage.live(60.0)

    assert garage.fields["Enable user"] == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ON, OFF, TEN_AMPERES_SOON, STOP_SOON]),
            st.sampled_from([0.0, 0.05, 0.3, 1.0, 2.5]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 5),
    st.booleans(),
)
def test_the_last_word_on_charging_rules_whatever_was_lost(
    written: Sequence[tuple[Command, float]], deaf_from: int, is_heard: bool
) -> None:
    garage = ObeyingGarage()
    wanted = dict(garage.fields)
    cured_at = None
    for number, (command, pause_s) in enumerate(written):
        if number == deaf_from:
            garage.deafen()
            garage.obeys = is_heard
            cured_at = garage.now + DEAF_FOR_S
        garage.submit(command)
        wanted |= effect_of(str(command))
        garage.live(pause_s)
        if cured_at is not None and garage.now >= cured_at:
            garage.recover()
    if cured_at is not None:
        garage.live(max(0.0, cured_at - garage.now))
    garage.recover()
    garage.live(40.0)

    assert garage.fields["Enable user"] == wanted["Enable user"]
