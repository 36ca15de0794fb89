"""What this run has set is kept; what others have changed is respected."""

import pytest

from connector.keba.protocol.commands import (
    Command,
    DeciWattHour,
    Enable,
    Milliampere,
    Seconds,
    SetCurrent,
    SetCurrentTimed,
    SetEnergyLimit,
    SetFailsafe,
)
from connector.keba.station.desired_state import DesiredState
from connector.keba.station.events import (
    Outcome,
    SettingChanged,
    SettingRestored,
    StationRestarted,
)
from connector.tests.keba.station.conversation import report
from connector.tests.keba.station.obeying import BOOT_S, ObeyingGarage

TEN_AMPERES = SetCurrent(Milliampere(10_000))
SIX_AMPERES = SetCurrent(Milliampere(6_000))
DISABLE = Enable(on=False)
FAILSAFE = SetFailsafe(Seconds(60), Milliampere(6000))
NOTHING: set[str] = set()


@pytest.fixture
def desired() -> DesiredState:
    return DesiredState("garage", restores=True)


@pytest.fixture
def garage() -> ObeyingGarage:
    """A station whose settings are kept."""
    return ObeyingGarage(restores=True)


def _settle(garage: ObeyingGarage, *commands: Command) -> None:
    for command in commands:
        garage.submit(command)
        garage.live(7.0)
    garage.sent.clear()
    garage.events.clear()


# --- what is restored ------------------------------------------------------


def test_what_a_restart_has_undone_is_sent_again(garage: ObeyingGarage) -> None:
    _settle(garage, DISABLE, TEN_AMPERES, FAILSAFE)

    garage.reboot()
    garage.live(60.0)

    assert garage.settings_sent() == [
        "ena 0",
        "curr 10000",
        "failsafe 60 6000 0",
    ]
    assert garage.happened(SettingRestored) == [
        SettingRestored("garage", command)
        for command in (DISABLE, TEN_AMPERES, FAILSAFE)
    ]
    assert garage.fields["Curr user"] == 10_000


def test_only_the_last_value_of_a_command_is_sent_again(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, SIX_AMPERES, TEN_AMPERES)

    garage.reboot()
    garage.live(60.0)

    assert garage.settings_sent() == ["curr 10000"]


def test_what_is_restored_is_read_back(garage: ObeyingGarage) -> None:
    _settle(garage, TEN_AMPERES)

    garage.reboot()
    garage.live(60.0)

    assert [str(one) for one in garage.results(TEN_AMPERES)] == ["applied"]


def test_nothing_is_restored_unless_asked_for() -> None:
    garage = ObeyingGarage()
    _settle(garage, DISABLE, TEN_AMPERES, FAILSAFE)

    garage.reboot()
    garage.live(60.0)

    assert garage.happened(StationRestarted)
    assert garage.settings_sent() == []
    assert garage.happened(SettingChanged) == []


def test_what_the_station_has_kept_is_not_sent_again(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, TEN_AMPERES)

    garage.reboot()
    garage.fields["Curr user"] = 10_000
    garage.live(60.0)

    assert garage.settings_sent() == []


def test_commands_for_one_session_are_not_restored(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, SetEnergyLimit(DeciWattHour(100_000)))

    garage.reboot()
    garage.live(60.0)

    assert garage.settings_sent() == []


def test_a_currtime_takes_the_place_of_enable_and_current(
    garage: ObeyingGarage,
) -> None:
    """It lifts an `ena 0`; bringing that back would stop the vehicle."""
    now_six = SetCurrentTimed(Milliampere(6000), Seconds(1))
    _settle(garage, DISABLE, TEN_AMPERES, now_six)

    garage.reboot()
    garage.live(60.0)

    assert garage.settings_sent() == []
    assert garage.happened(SettingChanged) == []


LATER_SIX = SetCurrentTimed(Milliampere(6000), Seconds(600))


def test_a_timer_for_later_takes_the_place_of_nothing_yet(
    garage: ObeyingGarage,
) -> None:
    """A restart ends it, and the limit that ruled meanwhile comes back."""
    _settle(garage, TEN_AMPERES, LATER_SIX)

    garage.reboot()
    garage.live(60.0)

    assert garage.settings_sent() == ["curr 10000"]


def test_a_timer_takes_the_place_of_the_current_once_it_rules(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, TEN_AMPERES, LATER_SIX)

    garage.live(600.0)
    garage.fields |= {"Curr user": 6000, "Tmo CT": 0}
    garage.live(60.0)
    garage.reboot()
    garage.live(60.0)

    assert garage.settings_sent() == []
    assert garage.happened(SettingChanged) == []


def test_a_restored_command_is_sent_though_its_first_saying_had_no_effect(
    garage: ObeyingGarage,
) -> None:
    """The station restarts before it can show it, and misses another one."""
    _settle(garage, DISABLE)
    garage.submit(TEN_AMPERES)
    garage.live(0.05)
    garage.reboot()
    garage.answer, garage.obeys = None, False
    garage.live_until_sent("ena 0")
    garage.live(1.0)
    garage.answer, garage.obeys = b"TCH-OK :done\n", True
    garage.live(60.0)

    assert garage.fields["Curr user"] == 10_000
    assert garage.fields["Enable user"] == 0


def test_a_refused_command_is_not_restored(garage: ObeyingGarage) -> None:
    _settle(garage, TEN_AMPERES)
    garage.answer = b"TCH-ERR:no\n"
    garage.obeys = False
    garage.submit(SIX_AMPERES)
    garage.live(10.0)
    garage.answer = b"TCH-OK :done\n"
    garage.obeys = True
    garage.sent.clear()

    garage.reboot()
    garage.live(60.0)

    assert garage.settings_sent() == ["curr 10000"]


def test_an_ignored_command_is_not_restored(garage: ObeyingGarage) -> None:
    garage.obeys = False
    _settle(garage, TEN_AMPERES)

    garage.reboot()
    garage.live(60.0)

    assert garage.settings_sent() == []


def test_a_command_whose_answer_was_lost_is_restored_if_it_has_worked(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, SIX_AMPERES)
    garage.answer = None
    garage.submit(TEN_AMPERES)
    garage.live(10.0)
    garage.answer = b"TCH-OK :done\n"
    garage.sent.clear()

    garage.reboot()
    garage.live(60.0)

    assert garage.settings_sent() == ["curr 10000"]
    assert garage.happened(SettingChanged) == []


def test_a_command_into_the_silence_does_not_keep_the_last_one_from_returning(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, TEN_AMPERES)
    garage.mute, garage.answer, garage.obeys = {1, 2, 3}, None, False
    garage.live(40.0)
    garage.submit(SIX_AMPERES)
    garage.live(40.0)
    garage.mute, garage.answer, garage.obeys = set(), b"TCH-OK :done\n", True
    garage.sent.clear()

    garage.reboot()
    garage.live(60.0)

    assert garage.settings_sent() == ["curr 10000"]


def test_a_newer_command_of_a_user_goes_before_what_is_restored(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, TEN_AMPERES)

    garage.reboot()
    garage.live(BOOT_S)
    garage.submit(SIX_AMPERES)
    garage.live(60.0)

    assert set(garage.settings_sent()) == {"curr 6000"}


def test_a_station_that_returns_from_silence_gets_its_settings_back(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, TEN_AMPERES)
    garage.mute = {1, 2, 3}
    garage.live(60.0)
    garage.fields["Curr user"] = 63_000

    garage.mute = set()
    garage.live(35.0)

    assert garage.happened(StationRestarted) == []
    assert garage.settings_sent() == ["curr 10000"]


def test_a_return_from_silence_with_the_answer_to_a_command_counts(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, TEN_AMPERES)
    garage.mute = {1, 2, 3}
    garage.live(60.0)
    garage.fields["Curr user"] = 63_000
    garage.mute = set()
    garage.submit(DISABLE)
    garage.live(35.0)

    assert "curr 10000" in garage.settings_sent()
    assert garage.happened(SettingChanged) == []


# --- what is respected --------------------------------------------------------


def test_a_change_by_somebody_else_is_reported_once_and_not_fought(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, TEN_AMPERES)

    garage.fields["Curr user"] = 16_000
    garage.live(200.0)

    assert garage.settings_sent() == []
    assert garage.happened(SettingChanged) == [
        SettingChanged("garage", TEN_AMPERES, "Curr user 16000")
    ]


def test_what_somebody_else_has_changed_is_not_restored(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, TEN_AMPERES)
    garage.fields["Curr user"] = 16_000
    garage.live(60.0)

    garage.reboot()
    garage.live(60.0)

    assert garage.settings_sent() == []


def test_a_command_in_question_is_no_change_by_somebody_else(
    desired: DesiredState,
) -> None:
    desired.note_accepted(TEN_AMPERES, 1.0)

    actions = desired.reconcile({"Curr user": 63_000}, {"curr"})

    assert (actions.commands, actions.events) == ([], [])
    actions = desired.reconcile({"Curr user": 63_000}, NOTHING)
    assert actions.events == [
        SettingChanged("garage", TEN_AMPERES, "Curr user 63000")
    ]


def test_a_slow_or_ignoring_station_is_nobody_else(
    garage: ObeyingGarage,
) -> None:
    garage.obeys = False
    garage.submit(TEN_AMPERES)
    garage.live(60.0)

    assert garage.results(TEN_AMPERES) == [Outcome.NOT_APPLIED]
    assert garage.happened(SettingChanged) == []


def test_a_setting_that_a_waiting_command_replaces_is_not_missed(
    garage: ObeyingGarage,
) -> None:
    """Whoever has changed it: the user does not want it any more."""
    _settle(garage, TEN_AMPERES)
    garage.live_until_sent("report 1")
    garage.fields["Curr user"] = 16_000
    assert garage.next_datagram() == "report 2"
    garage.submit(SIX_AMPERES)
    garage.receive(report(2, **garage.fields))
    garage.live(10.0)

    assert garage.settings_sent() == ["curr 6000"]
    assert garage.happened(SettingChanged) == []


def test_a_field_that_the_station_lacks_says_nothing(
    desired: DesiredState,
) -> None:
    desired.note_accepted(TEN_AMPERES, 1.0)
    desired.note_interruption()

    actions = desired.reconcile({"State": 2}, NOTHING)

    assert (actions.commands, actions.events) == ([], [])


def test_without_failsafe_nothing_is_kept_alive_or_sent_at_the_end(
    desired: DesiredState,
) -> None:
    desired.note_accepted(TEN_AMPERES, 1.0)

    assert desired.keepalive(1000.0).keepalives == []
    assert desired.shutdown_commands() == []


# --- currtime, as long as the vehicle is plugged in ---------------------------


NOW_TEN = SetCurrentTimed(Milliampere(10_000), Seconds(1))
NOW_STOP = SetCurrentTimed(Milliampere(0), Seconds(1))


def test_who_overrides_a_currtime_is_reported(garage: ObeyingGarage) -> None:
    _settle(garage, NOW_TEN)

    garage.fields["Curr user"] = 16_000
    garage.live(60.0)

    (changed,) = garage.happened(SettingChanged)
    assert changed.command == NOW_TEN
    assert "Curr user 16000" in changed.seen


def test_who_lifts_a_currtime_0_is_reported(garage: ObeyingGarage) -> None:
    _settle(garage, NOW_STOP)

    garage.fields["Enable user"] = 1
    garage.live(60.0)

    assert [one.command for one in garage.happened(SettingChanged)] == [
        NOW_STOP
    ]


def test_unplugging_ends_a_currtime_and_nobody_has_changed_it(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, NOW_TEN)

    garage.fields |= {"Plug": 3, "Curr user": 63_000}
    garage.live(60.0)
    garage.fields["Plug"] = 7
    garage.live(60.0)

    assert garage.happened(SettingChanged) == []


def test_a_restart_ends_a_currtime_and_nobody_has_changed_it(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, NOW_TEN)

    garage.reboot()
    garage.live(90.0)

    assert garage.happened(SettingChanged) == []


@pytest.mark.parametrize("newer", [SIX_AMPERES, DISABLE], ids=str)
def test_a_newer_command_of_ours_is_not_somebody_else(
    garage: ObeyingGarage, newer: Command
) -> None:
    _settle(garage, NOW_TEN, newer)

    garage.live(60.0)

    assert garage.happened(SettingChanged) == []


def test_a_reached_energy_limit_has_changed_no_currtime(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, NOW_TEN)

    garage.fields |= {"Enable user": 0, "Enable sys": 0}
    garage.live(60.0)

    assert garage.happened(SettingChanged) == []


# --- who feeds the failsafe mode ----------------------------------------------


ARMED_BY_OTHERS = {"Tmo FS": 30, "Curr FS": 16_000}


def test_a_user_who_arms_a_station_is_not_somebody_else(
    desired: DesiredState,
) -> None:
    desired.note_accepted(FAILSAFE, 1.0)

    assert desired.failsafe_facts(2.0).is_ours
    assert not desired.failsafe_facts(2.0).is_fed


def test_commands_that_come_often_enough_feed_what_others_have_armed(
    desired: DesiredState,
) -> None:
    desired.reconcile(ARMED_BY_OTHERS, NOTHING)
    for moment in (1.0, 11.0, 21.0):
        desired.note_accepted(TEN_AMPERES, moment)

    assert desired.failsafe_facts(51.0).is_fed
    assert not desired.failsafe_facts(51.0).is_ours
    assert not desired.failsafe_facts(52.0).is_fed


def test_one_command_alone_feeds_nothing(desired: DesiredState) -> None:
    desired.reconcile(ARMED_BY_OTHERS, NOTHING)
    desired.note_accepted(DISABLE, 1.0)

    assert not desired.failsafe_facts(2.0).is_fed


def test_what_does_not_refresh_feeds_nothing(desired: DesiredState) -> None:
    desired.reconcile(ARMED_BY_OTHERS, NOTHING)
    for moment in (1.0, 11.0):
        desired.note_accepted(SetEnergyLimit(DeciWattHour(10)), moment)

    assert not desired.failsafe_facts(12.0).is_fed
