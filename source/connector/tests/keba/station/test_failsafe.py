"""KEBA's failsafe mode watches over the connector."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.keba.protocol.commands import (
    Command,
    Enable,
    Milliampere,
    Seconds,
    SetCurrent,
    SetCurrentTimed,
    SetFailsafe,
    SetPhaseSource,
)
from connector.keba.station.events import (
    CommandFinished,
    ConnectionState,
    FailsafeTookOver,
    Outcome,
    SettingChanged,
)
from connector.keba.station.failsafe import LOOK_S, FailsafeKeepalive
from connector.tests.keba.station.conversation import TCH_OK, report
from connector.tests.keba.station.obeying import ObeyingGarage

ARMED = SetFailsafe(Seconds(60), Milliampere(6000))
KEEPALIVE_S = 20.0
TEN_AMPERES = SetCurrent(Milliampere(10_000))
LATER_22_AMPERES = SetCurrentTimed(Milliampere(22_000), Seconds(1))
DISABLE = Enable(on=False)
OFF = {"Tmo FS": 0, "Curr FS": 0}
ON = {"Tmo FS": 60, "Curr FS": 6000}
FREE = {"Curr user": 63_000, "Enable user": 1, "Enable sys": 1}
NOTHING: set[str] = set()


@pytest.fixture
def garage() -> ObeyingGarage:
    """A station that is armed and polled every 30 s."""
    return ObeyingGarage(failsafe=ARMED)


def _set_controlled(garage: ObeyingGarage, *, is_controlled: bool) -> None:
    garage.station.set_controlled(is_controlled=is_controlled, now=garage.now)


def _kept_alive_at(garage: ObeyingGarage) -> list[float]:
    refreshing = ("ena", "curr")
    return [at for at, text in garage.sent if text.startswith(refreshing)]


# --- arming --------------------------------------------------------------


def test_a_station_is_armed_at_start_and_not_for_ever() -> None:
    garage = ObeyingGarage(failsafe=ARMED)

    assert garage.fields["Tmo FS"] == 60
    assert garage.fields["Curr FS"] == 6000
    garage.live(100.0)
    assert "failsafe" not in "".join(garage.settings_sent())


def test_nothing_is_stored_in_the_station_unless_asked_for() -> None:
    failsafe = FailsafeKeepalive(ARMED)
    failsafe.take_reading(OFF, NOTHING)
    assert str(failsafe.arming()) == "failsafe 60 6000 0"

    stored = SetFailsafe(Seconds(60), Milliampere(6000), stored=True)
    failsafe = FailsafeKeepalive(stored)
    failsafe.take_reading(OFF, NOTHING)
    assert str(failsafe.arming()) == "failsafe 60 6000 1"


def test_a_station_is_armed_again_after_a_reboot(garage: ObeyingGarage) -> None:
    garage.reboot()
    garage.live(60.0)

    assert garage.fields["Tmo FS"] == 60
    assert len(_kept_alive_at(garage)) >= 2


def test_a_station_that_was_armed_before_our_start_is_kept_alive() -> None:
    """The run before may have died; the station may have fallen back."""
    garage = ObeyingGarage(ON, failsafe=ARMED)
    garage.live(60.0)

    assert "failsafe 60 6000 0" not in garage.settings_sent()
    assert len(_kept_alive_at(garage)) >= 2
    assert garage.happened(FailsafeTookOver) == []


def test_taking_over_an_armed_station_says_both_current_and_enable() -> None:
    failsafe = FailsafeKeepalive(ARMED)
    failsafe.take_reading({**ON, **FREE}, NOTHING)
    assert failsafe.arming() is None

    assert {str(c) for c in failsafe.keepalive(5.0)} == {"ena 1", "curr 63000"}


def test_a_station_that_ignores_its_arming_is_not_pestered() -> None:
    garage = ObeyingGarage(failsafe=ARMED, poll_interval_s=5.0)
    garage.obeys = False
    garage.reboot()
    garage.sent.clear()
    garage.events.clear()
    garage.live(3600.0)

    assert 2 <= len(garage.settings_sent()) <= 12
    assert set(garage.settings_sent()) == {"failsafe 60 6000 0"}


def test_a_failsafe_that_a_user_sets_takes_the_place_of_the_setting(
    garage: ObeyingGarage,
) -> None:
    garage.submit(SetFailsafe(Seconds(30), Milliampere(8000)))
    garage.live(5.0)
    garage.sent.clear()
    garage.live(60.0)

    assert garage.fields["Tmo FS"] == 30
    gaps = [
        after - before for before, after in pairwise(_kept_alive_at(garage))
    ]
    assert max(gaps) <= 10.5


def test_a_failsafe_that_a_user_switches_off_stays_off(
    garage: ObeyingGarage,
) -> None:
    garage.submit(SetFailsafe(Seconds(0), Milliampere(0)))
    garage.live(5.0)
    garage.sent.clear()
    garage.live(100.0)

    assert garage.settings_sent() == []
    assert garage.fields["Tmo FS"] == 0


# --- keepalives ------------------------------------------------------------


def test_the_limit_is_repeated_at_a_third_of_the_timeout(
    garage: ObeyingGarage,
) -> None:
    garage.live(200.0)

    assert set(garage.settings_sent()) == {"curr 63000"}
    gaps = [
        after - before for before, after in pairwise(_kept_alive_at(garage))
    ]
    assert len(gaps) >= 8
    assert max(gaps) < KEEPALIVE_S + 0.5
    assert min(gaps) > KEEPALIVE_S - LOOK_S - 0.5


def test_keepalives_have_no_result(garage: ObeyingGarage) -> None:
    garage.events.clear()
    garage.live(200.0)

    assert garage.happened(CommandFinished) == []


def test_the_last_limit_of_a_user_is_what_is_repeated(
    garage: ObeyingGarage,
) -> None:
    garage.submit(TEN_AMPERES)
    garage.live(200.0)

    assert set(garage.settings_sent()) == {"curr 10000"}


def test_a_limit_of_a_user_is_repeated_before_any_report_shows_it() -> None:
    failsafe = FailsafeKeepalive(ARMED)
    failsafe.note_accepted(ARMED, 0.0)
    failsafe.take_reading({**ON, **FREE}, NOTHING)
    failsafe.note_accepted(TEN_AMPERES, 1.0)

    assert [str(one) for one in failsafe.keepalive(25.0)] == ["curr 10000"]


@pytest.mark.parametrize(
    ("older", "newer", "shown", "keepalives"),
    [
        (
            TEN_AMPERES,
            LATER_22_AMPERES,
            {"Curr user": 22_000},
            ["ena 1", "curr 22000"],
        ),
        (
            LATER_22_AMPERES,
            TEN_AMPERES,
            {"Curr user": 10_000},
            ["ena 1", "curr 10000"],
        ),
        (
            LATER_22_AMPERES,
            DISABLE,
            {"Curr user": 22_000, "Enable user": 0},
            ["ena 0", "curr 22000"],
        ),
    ],
    ids=["curr, currtime", "currtime, curr", "currtime, ena 0"],
)
def test_a_keepalive_never_says_what_a_newer_command_has_replaced(
    older: Command, newer: Command, shown: dict[str, int], keepalives: list[str]
) -> None:
    """Though the older one is still in question; after a trip, say."""
    failsafe = FailsafeKeepalive(ARMED)
    failsafe.note_accepted(ARMED, 0.0)
    failsafe.take_reading({**ON, **FREE}, NOTHING)
    failsafe.note_accepted(older, 1.0)
    failsafe.note_accepted(newer, 1.1)
    failsafe.take_reading({**ON, **FREE, **shown}, {older.word})

    assert [str(one) for one in failsafe.keepalive(100.0)] == keepalives


def test_a_users_command_counts_as_a_keepalive(
    garage: ObeyingGarage,
) -> None:
    garage.live_until_sent("curr 63000")
    garage.live(15.0)
    garage.submit(Enable(on=True))
    garage.live(2.0)
    said_at = garage.now
    garage.live_until_sent("curr 63000")

    assert garage.now > said_at + KEEPALIVE_S - LOOK_S - 2.5


def test_a_keepalive_does_not_supersede_a_command_in_flight() -> None:
    """With a timeout of 10 s a keepalive is due before the timeout."""
    failsafe = SetFailsafe(Seconds(10), Milliampere(6000))
    garage = ObeyingGarage(failsafe=failsafe)
    garage.answer = None

    garage.submit(TEN_AMPERES)
    garage.live(8.0)

    assert garage.results(TEN_AMPERES) == [Outcome.APPLIED]


@pytest.mark.parametrize(
    "change",
    [{"Curr user": 16_000}, {"Curr user": 16_000, "Enable user": 0}],
    ids=["limit", "limit and enable"],
)
def test_a_change_by_somebody_else_is_not_fought_by_keepalives(
    garage: ObeyingGarage, change: dict[str, int]
) -> None:
    """Not even one between two polls."""
    garage.submit(TEN_AMPERES)
    garage.live(31.0)
    for later_s in range(12):
        garage.fields |= change
        garage.live(later_s * 2.1)
        assert garage.fields | change == garage.fields

    assert garage.happened(SettingChanged) == [
        SettingChanged("garage", TEN_AMPERES, "Curr user 16000")
    ]


@pytest.mark.parametrize(
    ("command", "keepalives"),
    [
        (LATER_22_AMPERES, ["ena 1", "curr 22000"]),
        (SetCurrentTimed(Milliampere(0), Seconds(1)), ["ena 0", "curr 63000"]),
        (DISABLE, ["ena 0", "curr 63000"]),
    ],
    ids=str,
)
def test_after_a_trip_what_was_confirmed_last_is_sent_though_no_report_shows_it(
    command: Command, keepalives: list[str]
) -> None:
    failsafe = FailsafeKeepalive(ARMED)
    failsafe.note_accepted(ARMED, 0.0)
    failsafe.take_reading(
        {**ON, **FREE, "Enable user": command == DISABLE}, NOTHING
    )
    failsafe.note_accepted(command, 1.0)

    assert [str(one) for one in failsafe.keepalive(100.0)] == keepalives


def test_a_keepalive_spares_a_timer_that_no_report_shows_yet() -> None:
    failsafe = FailsafeKeepalive(ARMED)
    failsafe.note_accepted(ARMED, 0.0)
    failsafe.take_reading({**ON, **FREE}, NOTHING)
    failsafe.note_accepted(
        SetCurrentTimed(Milliampere(10_000), Seconds(600)), 1.0
    )

    assert [str(one) for one in failsafe.keepalive(25.0)] == ["ena 1"]


@pytest.mark.parametrize("moment", range(30))
def test_a_keepalive_that_waits_goes_when_a_user_refreshes_the_station(
    garage: ObeyingGarage, moment: int
) -> None:
    """Else it would say, later, what somebody has replaced meanwhile."""
    garage.live(moment)
    garage.submit(TEN_AMPERES)
    garage.live(KEEPALIVE_S - LOOK_S + 0.5)
    garage.submit(Enable(on=True))
    garage.live(0.2)
    garage.fields["Curr user"] = 16_000

    for _ in range(30):
        garage.live(1.0)
        assert garage.fields["Curr user"] == 16_000


@pytest.mark.parametrize(
    "said",
    [
        [DISABLE],
        [SetCurrentTimed(Milliampere(10_000), Seconds(1)), DISABLE],
        [TEN_AMPERES, DISABLE],
        [SetCurrentTimed(Milliampere(0), Seconds(1))],
        [DISABLE, TEN_AMPERES],
    ],
    ids=lambda said: ", ".join(map(str, said)),
)
def test_keepalives_never_start_charging_that_a_user_has_stopped(
    garage: ObeyingGarage, said: list[Command]
) -> None:
    for command in said:
        garage.submit(command)
        garage.live(3.0)
    assert garage.fields["Enable user"] == 0

    for _ in range(100):
        garage.live(1.0)
        assert garage.fields["Enable user"] == 0
    assert len(_kept_alive_at(garage)) >= 4


def test_keepalives_do_not_undo_a_currtime_that_waits(
    garage: ObeyingGarage,
) -> None:
    garage.submit(SetCurrentTimed(Milliampere(10_000), Seconds(3600)))
    garage.live(40.0)
    garage.sent.clear()

    garage.live(60.0)

    assert set(garage.settings_sent()) == {"ena 1"}


def test_keepalives_do_not_switch_phases(garage: ObeyingGarage) -> None:
    """`curr` was seen to ask for three where we may switch them."""
    garage.submit(SetPhaseSource(4))
    garage.live(10.0)
    garage.sent.clear()

    garage.live(60.0)

    assert set(garage.settings_sent()) == {"ena 1"}


def test_nobody_keeps_alive_a_station_that_is_not_armed() -> None:
    garage = ObeyingGarage()
    garage.live(200.0)

    assert garage.settings_sent() == []


# --- who is in charge -------------------------------------------------------


def test_a_station_is_kept_alive_only_while_somebody_controls_it(
    garage: ObeyingGarage,
) -> None:
    _set_controlled(garage, is_controlled=False)
    garage.live(KEEPALIVE_S)
    garage.sent.clear()

    garage.live(200.0)

    assert garage.settings_sent() == []


def test_after_a_short_absence_one_keepalive_is_enough(
    garage: ObeyingGarage,
) -> None:
    garage.live(15.0)
    _set_controlled(garage, is_controlled=False)
    garage.live(30.0)
    garage.sent.clear()

    _set_controlled(garage, is_controlled=True)
    garage.live(5.0)

    assert garage.settings_sent() == ["curr 63000"]
    assert garage.happened(FailsafeTookOver) == []


def test_after_a_trip_enable_and_current_are_sent_again_and_it_is_reported(
    garage: ObeyingGarage,
) -> None:
    garage.submit(TEN_AMPERES)
    garage.live(10.0)
    _set_controlled(garage, is_controlled=False)
    garage.live(100.0)
    garage.sent.clear()
    garage.events.clear()

    _set_controlled(garage, is_controlled=True)
    garage.live(5.0)

    assert garage.settings_sent() == ["ena 1", "curr 10000"]
    assert garage.happened(FailsafeTookOver) == [FailsafeTookOver("garage")]
    results = [str(one.outcome) for one in garage.happened(CommandFinished)]
    assert results == ["applied", "applied"]


def test_after_a_trip_a_disabled_station_stays_disabled(
    garage: ObeyingGarage,
) -> None:
    garage.submit(DISABLE)
    garage.live(10.0)
    _set_controlled(garage, is_controlled=False)
    garage.live(100.0)
    garage.sent.clear()

    _set_controlled(garage, is_controlled=True)
    garage.live(10.0)

    assert garage.settings_sent() == ["ena 0", "curr 63000"]


def test_a_trip_that_only_the_station_has_noticed_is_seen_in_report_2(
    garage: ObeyingGarage,
) -> None:
    garage.fields |= {"Enable sys": 0, "Max curr": 6000}
    garage.live(45.0)

    assert {"ena 1", "curr 63000"} <= set(garage.settings_sent())
    assert garage.happened(FailsafeTookOver)


def test_a_station_that_is_away_for_hours_is_reported_once(
    garage: ObeyingGarage,
) -> None:
    garage.mute, garage.answer, garage.obeys = {1, 2, 3}, None, False
    garage.live(3600.0)
    sent = len(garage.settings_sent())
    garage.events.clear()
    garage.live(3600.0)

    assert len(garage.settings_sent()) == sent
    assert garage.happened(CommandFinished) == []
    garage.mute, garage.answer, garage.obeys = set(), TCH_OK, True
    garage.sent.clear()
    garage.live(60.0)
    assert garage.settings_sent()[:2] == ["ena 1", "curr 63000"]
    assert len(garage.happened(FailsafeTookOver)) == 1


def test_what_is_to_be_reapplied_is_sent_until_both_are_confirmed() -> None:
    failsafe = FailsafeKeepalive(ARMED)
    failsafe.note_accepted(ARMED, 0.0)
    failsafe.take_reading({**ON, **FREE}, NOTHING)
    both = {"ena 1", "curr 63000"}

    assert {str(one) for one in failsafe.keepalive(100.0)} == both
    failsafe.note_sent(Enable(on=True), 100.0)
    failsafe.note_sent(SetCurrent(Milliampere(63_000)), 100.1)
    failsafe.note_accepted(SetCurrent(Milliampere(63_000)), 100.2)
    assert {str(one) for one in failsafe.keepalive(121.0)} == both
    failsafe.note_sent(Enable(on=True), 121.0)
    failsafe.note_accepted(Enable(on=True), 121.1)
    assert {str(one) for one in failsafe.keepalive(142.0)} == {"curr 63000"}


# --- the end ---------------------------------------------------------------


def test_a_station_whose_arming_is_on_its_way_is_disarmed_as_well() -> None:
    garage = ObeyingGarage()
    arming = FailsafeKeepalive(ARMED)
    arming.take_reading(OFF, NOTHING)
    assert arming.arming() == ARMED
    assert arming.disarming() is None

    arming.note_sent(ARMED, garage.now)
    assert arming.disarming() == SetFailsafe(Seconds(0), Milliampere(0))

    # The next report 2 shows that it was lost.
    arming.take_reading(OFF, NOTHING)
    arming.arming()
    assert arming.disarming() is None


def test_who_has_stopped_feeding_does_not_feed(
    garage: ObeyingGarage,
) -> None:
    """Then `ena 0` may end by the failsafe current, and is told so."""
    _set_controlled(garage, is_controlled=False)
    garage.live(30.0)

    state = garage.happened(ConnectionState)[-1]
    assert state.failsafe.is_ours
    assert not state.failsafe.is_fed


def test_a_current_above_the_hardware_has_tripped_at_the_hardwares() -> None:
    failsafe = FailsafeKeepalive(SetFailsafe(Seconds(60), Milliampere(32_000)))
    armed = {"Tmo FS": 60, "Curr FS": 32_000, "Curr HW": 16_000, **FREE}
    failsafe.take_reading(armed, NOTHING)
    failsafe.arming()
    failsafe.keepalive(0.0)
    failsafe.note_accepted(TEN_AMPERES, 1.0)
    failsafe.note_accepted(Enable(on=True), 1.0)

    tripped = armed | {"Enable sys": 0, "Max curr": 16_000}
    failsafe.take_reading(tripped, NOTHING)

    assert failsafe.notices_trip()


def test_an_armed_station_is_disarmed_at_a_clean_end(
    garage: ObeyingGarage,
) -> None:
    garage.station.shutdown(garage.now)
    garage.live(1.0)

    assert garage.settings_sent() == ["failsafe 0 0 0"]
    assert not garage.station.has_commands
    garage.live(200.0)
    assert garage.settings_sent() == ["failsafe 0 0 0"]


def test_no_keepalive_leaves_after_the_last_command(
    garage: ObeyingGarage,
) -> None:
    """The next one is due while the station takes its time to answer."""
    garage.live_until_sent("curr 63000")
    garage.live(KEEPALIVE_S - LOOK_S - 0.1)
    garage.delay_s = 1.0
    garage.sent.clear()

    garage.station.shutdown(garage.now)
    garage.live(60.0)

    assert garage.texts()[0] == "failsafe 0 0 0"
    assert garage.settings_sent() == ["failsafe 0 0 0"]


def test_a_keepalive_that_waits_does_not_leave_after_the_last_command(
    garage: ObeyingGarage,
) -> None:
    garage.live_until_sent("curr 63000")
    # Its look at report 2 is on its way.
    garage.live_until_sent("report 2")
    garage.sent.clear()

    garage.station.shutdown(garage.now)
    garage.receive(report(2, **garage.fields))
    garage.live(60.0)

    assert garage.settings_sent() == ["failsafe 0 0 0"]


def test_the_end_does_not_wait_for_a_report(garage: ObeyingGarage) -> None:
    """There is half a second left; some stations take longer to answer."""
    garage.report_delay_s = 1.0
    garage.live_until_sent("report 1")
    garage.sent.clear()

    garage.station.shutdown(garage.now)
    garage.live(0.5)

    assert garage.settings_sent() == ["failsafe 0 0 0"]


def test_what_was_stored_is_unstored_at_a_clean_end() -> None:
    stored = SetFailsafe(Seconds(60), Milliampere(6000), stored=True)
    garage = ObeyingGarage(failsafe=stored)

    garage.station.shutdown(garage.now)
    garage.live(1.0)

    assert garage.settings_sent() == ["failsafe 0 0 1"]


def test_a_station_that_we_have_not_armed_is_left_alone_at_the_end() -> None:
    garage = ObeyingGarage()

    garage.station.shutdown(garage.now)
    garage.live(1.0)

    assert garage.sent == []


# --- what must hold whatever happens -----------------------------------------

STEPS = st.one_of(
    st.sampled_from(
        [
            DISABLE,
            Enable(on=True),
            TEN_AMPERES,
            SetCurrentTimed(Milliampere(0), Seconds(1)),
            SetFailsafe(Seconds(10), Milliampere(0)),
        ]
    ),
    st.sampled_from([TCH_OK, b"started", report(2, **OFF, Enable_user=1)]),
    st.booleans(),
    st.floats(min_value=0.01, max_value=20.0),
)


@given(st.sampled_from([10, 15, 30, 60]), st.lists(STEPS, max_size=40))
def test_kebas_pauses_hold_with_keepalives(
    timeout: int, steps: list[Command | bytes | bool | float]
) -> None:
    failsafe = SetFailsafe(Seconds(timeout), Milliampere(6000))
    garage = ObeyingGarage(failsafe=failsafe, poll_interval_s=5.0)
    for step in steps:
        if isinstance(step, Command):
            garage.submit(step)
        elif isinstance(step, bytes):
            garage.receive(step)
        elif isinstance(step, bool):
            _set_controlled(garage, is_controlled=step)
        else:
            garage.live(step)

    quiet_until = -math.inf
    asked: dict[str, float] = {}
    for sent_at, text in garage.sent:
        assert sent_at >= quiet_until
        stops = text in ("ena 0", "currtime 0 1")
        quiet_until = sent_at + (2.0 if stops else 0.1)
        if text.startswith("report"):
            assert sent_at >= asked.get(text, -5.0) + 5.0
            asked[text] = sent_at


@given(st.sampled_from([10, 20, 60]), st.floats(0.0, 100.0))
def test_an_armed_station_is_never_without_us_for_its_timeout(
    timeout: int, start_s: float
) -> None:
    failsafe = SetFailsafe(Seconds(timeout), Milliampere(6000))
    garage = ObeyingGarage(failsafe=failsafe, poll_interval_s=7.0)
    garage.live(start_s)
    garage.submit(TEN_AMPERES)
    garage.live(200.0)

    gaps = [
        after - before for before, after in pairwise(_kept_alive_at(garage))
    ]
    assert max(gaps) < timeout * 0.75
