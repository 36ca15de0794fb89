"""What this run has set is kept; what others have changed is respected."""

from collections.abc import Callable

import pytest

from connector.keba.protocol.commands import (
    Command,
    DeciWattHour,
    SetEnergyLimit,
)
from connector.keba.station.desired_state import DesiredState
from connector.keba.station.events import (
    Outcome,
    SettingChanged,
    SettingRestored,
    StationRestarted,
)
from connector.tests.keba.commands import (
    FAILSAFE,
    LIMIT_LATER,
    OFF,
    SIX_AMPERES,
    SIX_AMPERES_SOON,
    STOP_SOON,
    TEN_AMPERES,
    TEN_AMPERES_SOON,
)
from connector.tests.keba.station.conversation import TCH_OK, report
from connector.tests.keba.station.obeying import BOOT_S, ObeyingGarage

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
    garage.forget()


# --- what is restored ------------------------------------------------------


def test_what_a_restart_has_undone_is_sent_again_and_read_back(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, OFF, TEN_AMPERES, FAILSAFE)

    garage.restart()

    restored = (OFF, TEN_AMPERES, FAILSAFE)
    assert garage.settings_sent() == [*map(str, restored)]
    assert garage.happened(SettingRestored) == [
        SettingRestored("garage", command) for command in restored
    ]
    assert garage.outcomes() == [Outcome.APPLIED] * 3
    assert garage.fields["Curr user"] == 10_000


def test_nothing_is_restored_unless_asked_for() -> None:
    garage = ObeyingGarage()
    _settle(garage, OFF, TEN_AMPERES, FAILSAFE)

    garage.restart()

    assert garage.happened(StationRestarted)
    assert garage.settings_sent() == []
    assert garage.happened(SettingChanged) == []


def test_what_a_station_kept_is_not_sent_again(garage: ObeyingGarage) -> None:
    _settle(garage, TEN_AMPERES)

    garage.reboot()
    garage.fields["Curr user"] = 10_000
    garage.live(60.0)

    assert garage.settings_sent() == []


@pytest.mark.parametrize(
    ("settled", "restored"),
    [
        ([SIX_AMPERES, TEN_AMPERES], ["curr 10000"]),
        # It is for one session.
        ([SetEnergyLimit(DeciWattHour(100_000))], []),
        # It lifts an `ena 0`; bringing that back would stop the vehicle.
        ([OFF, TEN_AMPERES, SIX_AMPERES_SOON], []),
        # A restart ends it, and the limit that ruled meanwhile comes back.
        ([TEN_AMPERES, LIMIT_LATER], ["curr 10000"]),
    ],
    ids=["the last value", "setenergy", "currtime", "a timer for later"],
)
def test_only_what_still_counts_is_sent_again(
    garage: ObeyingGarage, settled: list[Command], restored: list[str]
) -> None:
    _settle(garage, *settled)

    garage.restart()

    assert garage.settings_sent() == restored
    assert garage.happened(SettingChanged) == []


def test_a_timer_takes_the_place_of_the_current_once_it_rules(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, TEN_AMPERES, LIMIT_LATER)

    garage.live(3600.0)
    garage.fields |= {"Curr user": 16_000, "Tmo CT": 0}
    garage.live(60.0)
    garage.restart()

    assert garage.settings_sent() == []
    assert garage.happened(SettingChanged) == []


def test_a_restored_command_is_sent_though_its_first_saying_had_no_effect(
    garage: ObeyingGarage,
) -> None:
    """The station restarts before it can show it, and misses another one."""
    _settle(garage, OFF)
    garage.submit(TEN_AMPERES)
    garage.live(0.05)
    garage.reboot()
    garage.deafen()
    garage.live_until_sent("ena 0")
    garage.live(1.0)
    garage.recover()
    garage.live(60.0)

    assert garage.fields["Curr user"] == 10_000
    assert garage.fields["Enable user"] == 0


@pytest.mark.parametrize(
    ("answer", "restored"), [(TCH_OK, []), (b"TCH-ERR:no\n", ["curr 10000"])]
)
def test_a_command_that_was_ignored_or_refused_is_not_restored(
    garage: ObeyingGarage, answer: bytes, restored: list[str]
) -> None:
    _settle(garage, TEN_AMPERES)
    garage.answer, garage.obeys = answer, False
    _settle(garage, SIX_AMPERES)
    garage.recover()

    garage.restart()

    assert garage.settings_sent() == restored


def test_a_command_whose_answer_was_lost_is_restored_if_it_has_worked(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, SIX_AMPERES)
    garage.answer = None
    _settle(garage, TEN_AMPERES)
    garage.recover()

    garage.restart()

    assert garage.settings_sent() == ["curr 10000"]
    assert garage.happened(SettingChanged) == []


def test_a_command_into_the_silence_does_not_keep_the_last_one_from_returning(
    garage: ObeyingGarage,
) -> None:
    _settle(garage, TEN_AMPERES)
    garage.fall_silent()
    garage.live(40.0)
    garage.submit(SIX_AMPERES)
    garage.live(40.0)
    garage.recover()
    garage.forget()

    garage.restart()

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
    garage.submit(OFF)
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

    garage.restart()

    assert garage.settings_sent() == []


def test_a_command_in_question_is_no_change_by_somebody_else(
    desired: DesiredState,
) -> None:
    desired.note_applied(TEN_AMPERES)

    assert desired.reconcile({"Curr user": 63_000}, {"curr"}) == []
    assert desired.reconcile({"Curr user": 63_000}, NOTHING) == [
        SettingChanged("garage", TEN_AMPERES, "Curr user 63000")
    ]


@pytest.mark.parametrize(("ignored", "changes"), [("ena", 1), ("currtime", 0)])
def test_only_the_command_that_had_no_effect_is_forgotten(
    desired: DesiredState, ignored: str, changes: int
) -> None:
    desired.note_applied(TEN_AMPERES_SOON)
    desired.note_not_applied(ignored)

    assert len(desired.reconcile({"Curr user": 16_000}, NOTHING)) == changes


def test_an_ignoring_station_is_nobody_else(garage: ObeyingGarage) -> None:
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


def test_a_field_that_is_missing_says_nothing(desired: DesiredState) -> None:
    desired.note_applied(TEN_AMPERES)
    desired.note_interruption()

    assert desired.reconcile({"State": 2}, NOTHING) == []


# --- currtime, as long as the vehicle is plugged in ---------------------------


@pytest.mark.parametrize(
    ("ours", "change", "seen"),
    [
        (TEN_AMPERES_SOON, {"Curr user": 16_000}, "Curr user 16000"),
        (STOP_SOON, {"Enable user": 1}, "Curr user 63000"),
    ],
    ids=["limit", "stop"],
)
def test_who_overrides_a_currtime_is_reported(
    garage: ObeyingGarage, ours: Command, change: dict[str, int], seen: str
) -> None:
    _settle(garage, ours)

    garage.fields |= change
    garage.live(60.0)

    (changed,) = garage.happened(SettingChanged)
    assert changed.command == ours
    assert seen in changed.seen


def unplug(garage: ObeyingGarage) -> None:
    garage.fields |= {"Plug": 3, "Curr user": 63_000}
    garage.live(60.0)
    garage.fields["Plug"] = 7


def reach_the_energy_limit(garage: ObeyingGarage) -> None:
    garage.fields |= {"Enable user": 0, "Enable sys": 0}


@pytest.mark.parametrize(
    "end", [unplug, ObeyingGarage.restart, reach_the_energy_limit]
)
def test_what_ends_a_currtime_is_no_change_by_somebody_else(
    garage: ObeyingGarage, end: Callable[[ObeyingGarage], None]
) -> None:
    _settle(garage, TEN_AMPERES_SOON)

    end(garage)
    garage.live(60.0)

    assert garage.happened(SettingChanged) == []


@pytest.mark.parametrize("newer", [SIX_AMPERES, OFF], ids=str)
def test_a_newer_command_of_ours_is_not_somebody_else(
    garage: ObeyingGarage, newer: Command
) -> None:
    _settle(garage, TEN_AMPERES_SOON, newer)

    garage.live(60.0)

    assert garage.happened(SettingChanged) == []
