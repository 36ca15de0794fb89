"""KEBA's failsafe mode watches over the connector."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.keba.protocol.commands import (
    Command,
    DeciWattHour,
    Milliampere,
    Seconds,
    SetCurrent,
    SetCurrentTimed,
    SetEnergyLimit,
    SetFailsafe,
    SetPhaseSource,
)
from connector.keba.station.events import (
    CommandFinished,
    ConnectionState,
    FailsafeFacts,
    FailsafeTookOver,
    Outcome,
    SettingChanged,
    SettingRestored,
)
from connector.keba.station.failsafe import LOOK_S, FailsafeKeepalive
from connector.tests.keba.commands import (
    FAILSAFE,
    NO_FAILSAFE,
    OFF,
    ON,
    STOP_SOON,
    TEN_AMPERES,
    TEN_AMPERES_SOON,
)
from connector.tests.keba.station.conversation import (
    TCH_OK,
    assert_pauses_hold,
    report,
)
from connector.tests.keba.station.obeying import ObeyingGarage

KEEPALIVE_S = 20.0
LATER_22_AMPERES = SetCurrentTimed(Milliampere(22_000), Seconds(1))
UNARMED = {"Tmo FS": 0, "Curr FS": 0}
ARMED = {"Tmo FS": 60, "Curr FS": 6000}
FREE = {"Curr user": 63_000, "Enable user": 1, "Enable sys": 1}
NOTHING: set[str] = set()


@pytest.fixture
def garage() -> ObeyingGarage:
    """A station that is armed and polled every 30 s."""
    return ObeyingGarage(failsafe=FAILSAFE)


def _take_control(garage: ObeyingGarage, *, is_controlled: bool = True) -> None:
    garage.station.set_controlled(is_controlled=is_controlled, now=garage.now)


def _leave_alone(garage: ObeyingGarage, seconds: float) -> None:
    """Let nobody control the station for so long."""
    _take_control(garage, is_controlled=False)
    garage.live(seconds)
    garage.forget()


def _kept_alive_at(garage: ObeyingGarage) -> list[float]:
    refreshing = ("ena", "curr")
    return [at for at, text in garage.sent if text.startswith(refreshing)]


def _gaps(garage: ObeyingGarage) -> list[float]:
    """Return for how long the station had to wait for us, each time."""
    return [after - at for at, after in pairwise(_kept_alive_at(garage))]


@pytest.fixture
def armed() -> FailsafeKeepalive:
    """We have armed the station, and it shows what nobody has changed."""
    failsafe = FailsafeKeepalive(FAILSAFE)
    failsafe.note_accepted(FAILSAFE, 0.0)
    failsafe.take_reading(ARMED | FREE, NOTHING)
    return failsafe


def _said(failsafe: FailsafeKeepalive, at: float) -> list[str]:
    return [str(one) for one in failsafe.keepalive(at)]


# --- arming --------------------------------------------------------------


def test_a_station_is_armed_at_start_and_not_for_ever() -> None:
    garage = ObeyingGarage(failsafe=FAILSAFE)

    assert garage.fields["Tmo FS"] == 60
    assert garage.fields["Curr FS"] == 6000
    garage.live(100.0)
    assert "failsafe" not in "".join(garage.settings_sent())


@pytest.mark.parametrize("stored", [False, True])
def test_nothing_is_stored_in_a_station_unasked_for(*, stored: bool) -> None:
    setting = SetFailsafe(Seconds(60), Milliampere(6000), stored=stored)
    failsafe = FailsafeKeepalive(setting)
    failsafe.take_reading(UNARMED, NOTHING)

    assert str(failsafe.arming()) == f"failsafe 60 6000 {stored:d}"


def test_a_station_is_armed_again_after_a_reboot(garage: ObeyingGarage) -> None:
    garage.reboot()
    garage.live(60.0)

    assert garage.fields["Tmo FS"] == 60
    assert len(_kept_alive_at(garage)) >= 2


def test_an_arming_that_is_restored_is_sent_once_and_reported() -> None:
    garage = ObeyingGarage(failsafe=FAILSAFE, restores=True)

    garage.restart()

    assert garage.settings_sent().count(str(FAILSAFE)) == 1
    assert SettingRestored("garage", FAILSAFE) in garage.happened(
        SettingRestored
    )


def test_a_station_that_was_armed_before_our_start_is_kept_alive() -> None:
    """The run before may have died; the station may have fallen back."""
    garage = ObeyingGarage(ARMED, failsafe=FAILSAFE)
    garage.live(60.0)

    assert "failsafe 60 6000 0" not in garage.settings_sent()
    assert len(_kept_alive_at(garage)) >= 2
    assert garage.happened(FailsafeTookOver) == []


def test_taking_over_an_armed_station_says_both_current_and_enable() -> None:
    failsafe = FailsafeKeepalive(FAILSAFE)
    failsafe.take_reading(ARMED | FREE, NOTHING)
    assert failsafe.arming() is None

    assert {*_said(failsafe, 5.0)} == {"ena 1", "curr 63000"}
    assert not failsafe.notices_trip()


def test_a_station_that_ignores_its_arming_is_not_pestered() -> None:
    garage = ObeyingGarage(failsafe=FAILSAFE, poll_interval_s=5.0)
    garage.obeys = False
    garage.reboot()
    garage.forget()
    garage.live(3600.0)

    assert 2 <= len(garage.settings_sent()) <= 12
    assert set(garage.settings_sent()) == {"failsafe 60 6000 0"}


def _find_armed(failsafe: FailsafeKeepalive) -> None:
    failsafe.take_reading(ARMED | FREE, NOTHING)
    assert failsafe.arming() is None


@pytest.mark.parametrize(
    "begin_anew", [_find_armed, FailsafeKeepalive.note_interruption]
)
def test_arming_is_tried_less_often_until_something_has_changed(
    begin_anew: Callable[[FailsafeKeepalive], None],
) -> None:
    failsafe = FailsafeKeepalive(FAILSAFE)

    def is_tried() -> bool:
        failsafe.take_reading(UNARMED, NOTHING)
        return failsafe.arming() is not None

    assert [is_tried() for _ in range(5)] == [True, True, False, True, False]
    begin_anew(failsafe)
    assert [is_tried() for _ in range(3)] == [True, True, False]


def test_a_failsafe_that_a_user_sets_takes_the_place_of_the_setting(
    garage: ObeyingGarage,
) -> None:
    garage.submit(SetFailsafe(Seconds(30), Milliampere(8000)))
    garage.live(5.0)
    garage.sent.clear()
    garage.live(60.0)

    assert garage.fields["Tmo FS"] == 30
    assert max(_gaps(garage)) <= 10.5


def test_a_failsafe_that_users_stop_stays_off(garage: ObeyingGarage) -> None:
    garage.submit(NO_FAILSAFE)
    garage.live(5.0)
    garage.sent.clear()
    garage.live(100.0)

    assert garage.settings_sent() == []
    assert garage.fields["Tmo FS"] == 0


# --- keepalives ------------------------------------------------------------


def test_the_limit_is_repeated_at_a_third_of_the_timeout_without_a_result(
    garage: ObeyingGarage,
) -> None:
    garage.live(200.0)

    assert set(garage.settings_sent()) == {"curr 63000"}
    gaps = _gaps(garage)
    assert len(gaps) >= 8
    assert max(gaps) < KEEPALIVE_S + 0.5
    assert min(gaps) > KEEPALIVE_S - LOOK_S - 0.5
    assert garage.outcomes() == []


def test_the_last_limit_of_a_user_is_repeated(garage: ObeyingGarage) -> None:
    garage.submit(TEN_AMPERES)
    garage.live(200.0)

    assert set(garage.settings_sent()) == {"curr 10000"}


@pytest.mark.parametrize("limit", [6_000, 63_000])
def test_the_smallest_and_the_largest_limit_are_repeated(
    armed: FailsafeKeepalive, limit: int
) -> None:
    armed.take_reading(ARMED | FREE | {"Curr user": limit}, NOTHING)

    assert _said(armed, 25.0) == [f"curr {limit}"]


def test_a_limit_of_a_user_is_repeated_before_any_report_shows_it(
    armed: FailsafeKeepalive,
) -> None:
    armed.note_accepted(TEN_AMPERES, 1.0)

    assert _said(armed, 25.0) == ["curr 10000"]


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
            OFF,
            {"Curr user": 22_000, "Enable user": 0},
            ["ena 0", "curr 22000"],
        ),
    ],
    ids=str,
)
def test_a_keepalive_never_says_what_a_newer_command_has_replaced(
    armed: FailsafeKeepalive,
    older: Command,
    newer: Command,
    shown: dict[str, int],
    keepalives: list[str],
) -> None:
    """Though the older one is still in question; after a trip, say."""
    armed.note_accepted(older, 1.0)
    armed.note_accepted(newer, 1.1)
    armed.take_reading(ARMED | FREE | shown, {older.word})

    assert _said(armed, 100.0) == keepalives


def test_a_users_command_counts_as_a_keepalive(garage: ObeyingGarage) -> None:
    garage.live_until_sent("curr 63000")
    garage.live(15.0)
    garage.submit(ON)
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
        (STOP_SOON, ["ena 0", "curr 63000"]),
        (OFF, ["ena 0", "curr 63000"]),
    ],
    ids=str,
)
def test_after_a_trip_what_was_confirmed_last_is_sent_though_no_report_shows_it(
    armed: FailsafeKeepalive, command: Command, keepalives: list[str]
) -> None:
    shown = {"Enable user": int(command == OFF)}
    armed.take_reading(ARMED | FREE | shown, NOTHING)
    armed.note_accepted(command, 1.0)

    assert _said(armed, 100.0) == keepalives


@pytest.mark.parametrize(
    ("command", "keepalives", "shown", "keepalives_after_a_look"),
    [
        (LATER_22_AMPERES, ["ena 1"], {"Curr user": 22_000}, ["curr 22000"]),
        (LATER_22_AMPERES, ["ena 1"], {}, ["curr 63000"]),
        (TEN_AMPERES, ["ena 1"], {"Curr user": 10_000}, ["curr 10000"]),
        (OFF, ["curr 63000"], {"Enable user": 0}, ["curr 63000"]),
        (
            SetCurrentTimed(Milliampere(10_000), Seconds(600)),
            ["ena 1"],
            {"Tmo CT": 600},
            ["ena 1"],
        ),
    ],
)
def test_a_keepalive_does_not_undo_a_command_whose_reply_was_lost(
    armed: FailsafeKeepalive,
    command: Command,
    keepalives: list[str],
    shown: dict[str, int],
    keepalives_after_a_look: list[str],
) -> None:
    """The station may have obeyed; only a report 2 tells."""
    armed.note_sent(command, 1.0)
    assert _said(armed, 25.0) == keepalives

    armed.take_reading(ARMED | FREE, {command.word})
    assert list(map(str, armed.waiting_keepalive())) == keepalives

    armed.take_reading(ARMED | FREE | shown, NOTHING)
    assert list(map(str, armed.waiting_keepalive())) == keepalives_after_a_look


def test_a_keepalive_spares_a_timer_that_no_report_shows_yet(
    armed: FailsafeKeepalive,
) -> None:
    later = SetCurrentTimed(Milliampere(10_000), Seconds(600))
    armed.note_accepted(later, 1.0)

    assert _said(armed, 25.0) == ["ena 1"]


@pytest.mark.parametrize("moment", range(30))
def test_a_keepalive_that_waits_goes_when_a_user_refreshes_the_station(
    garage: ObeyingGarage, moment: int
) -> None:
    """Else it would say, later, what somebody has replaced meanwhile."""
    garage.live(moment)
    garage.submit(TEN_AMPERES)
    garage.live(KEEPALIVE_S - LOOK_S + 0.5)
    garage.submit(ON)
    garage.live(0.2)
    garage.fields["Curr user"] = 16_000

    for _ in range(30):
        garage.live(1.0)
        assert garage.fields["Curr user"] == 16_000


@pytest.mark.parametrize(
    "said",
    [
        [OFF],
        [TEN_AMPERES_SOON, OFF],
        [TEN_AMPERES, OFF],
        [STOP_SOON],
        [OFF, TEN_AMPERES],
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


# `curr` was seen to ask for three phases where we may switch them.
@pytest.mark.parametrize(
    "command",
    [SetCurrentTimed(Milliampere(10_000), Seconds(3600)), SetPhaseSource(4)],
    ids=str,
)
def test_keepalives_do_not_undo_a_currtime_that_waits_nor_switch_phases(
    garage: ObeyingGarage, command: Command
) -> None:
    garage.submit(command)
    garage.live(40.0)
    garage.forget()

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
    _leave_alone(garage, KEEPALIVE_S)

    garage.live(200.0)

    assert garage.settings_sent() == []


def test_who_takes_control_again_looks_at_once_who_has_it_does_not(
    armed: FailsafeKeepalive,
) -> None:
    planned_at = armed.next_deadline()
    armed.set_controlled(is_controlled=True, now=1.0)
    assert armed.next_deadline() == planned_at

    armed.set_controlled(is_controlled=False, now=2.0)
    assert armed.next_deadline() == math.inf
    armed.set_controlled(is_controlled=True, now=3.0)
    assert armed.next_deadline() == 3.0


def test_after_a_short_absence_one_is_enough(garage: ObeyingGarage) -> None:
    garage.live(15.0)
    _leave_alone(garage, 30.0)

    _take_control(garage)
    garage.live(5.0)

    assert garage.settings_sent() == ["curr 63000"]
    assert garage.happened(FailsafeTookOver) == []


def test_after_a_trip_enable_and_current_are_sent_again_and_it_is_reported(
    garage: ObeyingGarage,
) -> None:
    garage.submit(TEN_AMPERES)
    garage.live(10.0)
    _leave_alone(garage, 100.0)

    _take_control(garage)
    garage.live(5.0)

    assert garage.settings_sent() == ["ena 1", "curr 10000"]
    assert garage.happened(FailsafeTookOver) == [FailsafeTookOver("garage")]
    assert garage.outcomes() == [Outcome.APPLIED] * 2


def test_after_a_trip_a_disabled_station_stays_disabled(
    garage: ObeyingGarage,
) -> None:
    garage.submit(OFF)
    garage.live(10.0)
    _leave_alone(garage, 100.0)

    _take_control(garage)
    garage.live(10.0)

    assert garage.settings_sent() == ["ena 0", "curr 63000"]


def test_a_trip_that_only_the_station_has_noticed_is_seen_in_report_2(
    garage: ObeyingGarage,
) -> None:
    garage.fields |= {"Enable sys": 0, "Max curr": 6000}
    garage.live(45.0)

    assert {"ena 1", "curr 63000"} <= set(garage.settings_sent())
    assert garage.happened(FailsafeTookOver)


def test_a_trip_is_noticed_once(armed: FailsafeKeepalive) -> None:
    assert armed.keepalive(100.0)

    assert armed.notices_trip()
    assert not armed.notices_trip()


def test_a_station_that_is_away_for_hours_is_reported_once(
    garage: ObeyingGarage,
) -> None:
    garage.fall_silent()
    garage.live(3600.0)
    sent = len(garage.settings_sent())
    garage.events.clear()
    garage.live(3600.0)

    assert len(garage.settings_sent()) == sent
    assert garage.happened(CommandFinished) == []
    garage.recover()
    garage.sent.clear()
    garage.live(60.0)
    assert garage.settings_sent()[:2] == ["ena 1", "curr 63000"]
    assert len(garage.happened(FailsafeTookOver)) == 1


def test_what_is_to_be_reapplied_is_sent_until_both_are_confirmed(
    armed: FailsafeKeepalive,
) -> None:
    limit = SetCurrent(Milliampere(63_000))

    assert {*_said(armed, 100.0)} == {"ena 1", "curr 63000"}
    armed.note_sent(ON, 100.0)
    armed.note_sent(limit, 100.1)
    armed.note_accepted(limit, 100.2)
    assert {*_said(armed, 121.0)} == {"ena 1", "curr 63000"}
    armed.note_sent(ON, 121.0)
    armed.note_accepted(ON, 121.1)
    assert _said(armed, 142.0) == ["curr 63000"]


# --- without the setting -----------------------------------------------------

ARMED_BY_OTHERS = {"Tmo FS": 30, "Curr FS": 16_000}


@pytest.fixture
def left_to_users() -> FailsafeKeepalive:
    """A station that this run does not arm."""
    return FailsafeKeepalive(None)


def _facts(failsafe: FailsafeKeepalive, at: float) -> FailsafeFacts:
    return failsafe.facts(at, is_armed_by_user=False)


def test_without_the_setting_nothing_is_kept_alive_or_sent_at_the_end(
    left_to_users: FailsafeKeepalive,
) -> None:
    for command in (FAILSAFE, TEN_AMPERES):
        left_to_users.note_sent(command, 1.0)
        left_to_users.note_accepted(command, 1.0)

    assert left_to_users.keepalive(1000.0) == []
    assert left_to_users.arming() is None
    assert left_to_users.disarming() is None


def test_a_user_who_arms_a_station_is_not_somebody_else() -> None:
    garage = ObeyingGarage()
    garage.submit(FAILSAFE)
    garage.live(30.0)

    state = garage.happened(ConnectionState)[-1]
    assert state.failsafe == FailsafeFacts(is_ours=True)


def test_commands_that_come_often_enough_feed_what_others_have_armed(
    left_to_users: FailsafeKeepalive,
) -> None:
    left_to_users.take_reading(ARMED_BY_OTHERS, NOTHING)
    for moment in (1.0, 11.0, 21.0):
        left_to_users.note_accepted(TEN_AMPERES, moment)

    assert _facts(left_to_users, 51.0) == FailsafeFacts(is_fed=True)
    assert not _facts(left_to_users, 52.0).is_fed


@pytest.mark.parametrize(
    "said",
    [[OFF], [SetEnergyLimit(DeciWattHour(10))] * 2],
    ids=["one command", "what does not refresh"],
)
def test_what_does_not_keep_a_failsafe_from_tripping_feeds_nothing(
    left_to_users: FailsafeKeepalive, said: list[Command]
) -> None:
    left_to_users.take_reading(ARMED_BY_OTHERS, NOTHING)
    for moment, command in enumerate(said):
        left_to_users.note_accepted(command, float(moment))

    assert not _facts(left_to_users, 2.0).is_fed


# --- the end ---------------------------------------------------------------


def test_a_station_whose_arming_is_on_its_way_is_disarmed_as_well() -> None:
    arming = FailsafeKeepalive(FAILSAFE)
    arming.take_reading(UNARMED, NOTHING)
    assert arming.arming() == FAILSAFE
    assert arming.disarming() is None

    arming.note_sent(FAILSAFE, 10.0)
    assert arming.disarming() == NO_FAILSAFE

    # The next report 2 shows that it was lost.
    arming.take_reading(UNARMED, NOTHING)
    arming.arming()
    assert arming.disarming() is None


@pytest.mark.parametrize("is_fed", [True, False])
def test_a_station_is_fed_by_who_controls_it(
    garage: ObeyingGarage, *, is_fed: bool
) -> None:
    """Else `ena 0` may end by the failsafe current, and is told so."""
    _take_control(garage, is_controlled=is_fed)
    garage.live(30.0)

    state = garage.happened(ConnectionState)[-1]
    assert state.failsafe.is_ours
    assert state.failsafe.is_fed is is_fed


def test_a_station_that_shows_to_be_unarmed_is_fed_by_nobody(
    armed: FailsafeKeepalive,
) -> None:
    assert _facts(armed, 2.0) == FailsafeFacts(is_ours=True, is_fed=True)

    armed.take_reading(UNARMED, NOTHING)
    armed.arming()

    assert _facts(armed, 2.0) == FailsafeFacts()


def test_a_current_above_the_hardware_has_tripped_at_the_hardwares() -> None:
    failsafe = FailsafeKeepalive(SetFailsafe(Seconds(60), Milliampere(32_000)))
    armed = {"Tmo FS": 60, "Curr FS": 32_000, "Curr HW": 16_000, **FREE}
    failsafe.take_reading(armed, NOTHING)
    failsafe.arming()
    failsafe.keepalive(0.0)
    failsafe.note_accepted(TEN_AMPERES, 1.0)
    failsafe.note_accepted(ON, 1.0)

    tripped = armed | {"Enable sys": 0, "Max curr": 16_000}
    failsafe.take_reading(tripped, NOTHING)

    assert failsafe.notices_trip()


def test_no_keepalive_follows_the_last_command(garage: ObeyingGarage) -> None:
    """The next one is due while the station takes its time to answer."""
    garage.live_until_sent("curr 63000")
    garage.live(KEEPALIVE_S - LOOK_S - 0.1)
    garage.delay_s = 1.0
    garage.sent.clear()

    garage.shut_down()
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

    garage.shut_down()
    garage.receive(report(2, **garage.fields))
    garage.live(60.0)

    assert garage.settings_sent() == ["failsafe 0 0 0"]


def test_the_end_does_not_wait_for_a_report(garage: ObeyingGarage) -> None:
    """There is half a second left; some stations take longer to answer."""
    garage.report_delay_s = 1.0
    garage.live_until_sent("report 1")
    garage.sent.clear()

    garage.shut_down()
    garage.live(0.5)

    assert garage.settings_sent() == ["failsafe 0 0 0"]


@pytest.mark.parametrize("stored", [False, True])
def test_an_armed_station_is_disarmed_at_a_clean_end(*, stored: bool) -> None:
    setting = SetFailsafe(Seconds(60), Milliampere(6000), stored=stored)
    garage = ObeyingGarage(failsafe=setting)

    garage.shut_down()
    garage.live(1.0)

    assert garage.settings_sent() == [f"failsafe 0 0 {stored:d}"]
    assert not garage.station.has_commands
    garage.live(200.0)
    assert len(garage.settings_sent()) == 1


def test_a_station_that_we_have_not_armed_is_left_alone_at_the_end() -> None:
    garage = ObeyingGarage()

    garage.shut_down()
    garage.live(1.0)

    assert garage.sent == []


# --- what must hold whatever happens -----------------------------------------

STEPS = st.one_of(
    st.sampled_from(
        [
            OFF,
            ON,
            TEN_AMPERES,
            STOP_SOON,
            SetFailsafe(Seconds(10), Milliampere(0)),
        ]
    ),
    st.sampled_from([TCH_OK, b"started", report(2, **UNARMED, Enable_user=1)]),
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
            _take_control(garage, is_controlled=step)
        else:
            garage.live(step)

    assert_pauses_hold(garage.sent)


@given(st.sampled_from([10, 20, 60]), st.floats(0.0, 100.0))
def test_an_armed_station_is_never_without_us_for_its_timeout(
    timeout: int, start_s: float
) -> None:
    failsafe = SetFailsafe(Seconds(timeout), Milliampere(6000))
    garage = ObeyingGarage(failsafe=failsafe, poll_interval_s=7.0)
    garage.live(start_s)
    garage.submit(TEN_AMPERES)
    garage.live(200.0)

    assert max(_gaps(garage)) < timeout * 0.75
