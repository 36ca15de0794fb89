"""The story of a charging session, told through reports and pushes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.actions import (
    PlugIn,
    Reboot,
    ShowCard,
    Unplug,
)
from simulator.charge_point import (
    CHARGING,
    INTERRUPTED,
    NOT_READY,
    READY,
    STARTING,
)
from simulator.profiles import PROFILES
from simulator.station import SimulatedStation
from simulator.tests.talking import (
    BRISK,
    ask,
    charging,
    look,
    pushes,
    shown,
    start_charging,
)
from simulator.vehicle import Vehicle

TAG = "e3f76b8d00000000"


def test_an_idle_station_with_cable_says_so(garage: SimulatedStation) -> None:
    settings = look(garage, 2, now=1.0)
    assert settings == dict.fromkeys(settings, 0) | {
        "ID": "2",
        "State": NOT_READY,
        "Plug": 3,
        "Enable sys": 1,
        "Enable user": 1,
        "Max curr %": 1000,
        "Curr HW": 32_000,
        "Curr user": 63_000,
        "Serial": garage.serial,
        "Sec": settings["Sec"],
    }
    assert shown(garage, 3, 2.0, "U1", "I1", "P", "PF", "E pres") == (0,) * 5
    assert shown(garage, 1, 3.0, "timeQ", "DIP-Sw1") == (3, "0x25")


def test_a_meter_can_be_given_its_first_total() -> None:
    profile = replace(PROFILES["p30-c"], first_total=1_234_567)
    garage = SimulatedStation("garage", profile)
    assert look(garage, 3, now=1.0)["E total"] == 1_234_567


def test_a_socket_locks_the_plug_after_a_moment() -> None:
    garage = SimulatedStation("garage", PROFILES["p30-3.9"])
    assert shown(garage, 2, 0.0, "Plug", "Curr HW") == (0, 0)
    garage.perform(PlugIn(BRISK), 0.0)
    assert look(garage, 2, now=1.0)["Plug"] == 5
    assert shown(garage, 2, 2.5, "Plug", "State") == (7, READY)


def test_a_vehicle_waits_then_ramps_up_then_charges_fully(
    garage: SimulatedStation,
) -> None:
    garage.perform(PlugIn(Vehicle()), 0.0)
    waiting = look(garage, 2, now=4.0)
    assert (waiting["State"], waiting["Plug"]) == (READY, 7)
    assert (waiting["Max curr"], waiting["Max curr %"]) == (32_000, 533)
    ramping = look(garage, 3, now=20.0)
    assert look(garage, 2, now=20.0)["State"] == CHARGING
    assert ramping["I1"] == 8_000
    assert shown(garage, 3, 40.0, "I1", "I2", "I3") == (16_000,) * 3


def test_power_is_voltage_times_current_times_power_factor() -> None:
    garage = charging()
    report = look(garage, 3, now=100.0)
    apparent = sum(
        int(report[f"U{phase}"]) * int(report[f"I{phase}"])
        for phase in (1, 2, 3)
    )
    assert report["P"] == apparent * int(report["PF"]) // 1000


def test_energy_is_power_times_time(garage: SimulatedStation) -> None:
    garage.perform(PlugIn(BRISK), 0.0)
    first, second = look(garage, 3, now=101.0), look(garage, 3, now=109.0)
    grown = int(second["E pres"]) - int(first["E pres"])
    # 8 s, in 0.1 Wh; the mains change their voltage a little meanwhile.
    assert grown == pytest.approx(int(first["P"]) * 8 / 360_000, rel=0.05)
    total = int(second["E total"]) - int(first["E total"])
    assert abs(total - grown) <= 1


@pytest.mark.parametrize("phases", [1, 2, 3])
def test_a_vehicle_loads_as_many_phases_as_it_has(phases: int) -> None:
    garage = SimulatedStation("garage")
    garage.perform(PlugIn(replace(BRISK, phases=phases)), 0.0)
    report = look(garage, 3, now=10.0)
    loaded = [phase for phase in (1, 2, 3) if report[f"I{phase}"]]
    assert loaded == [1, 2, 3][:phases]


def test_a_full_vehicle_waits_in_state_2_with_voltage_without_current(
    garage: SimulatedStation,
) -> None:
    garage.perform(PlugIn(replace(BRISK, needs_wh=100.0)), 0.0)
    garage.advance(3_600.0)
    assert look(garage, 2, now=3_600.0)["State"] == READY
    report = look(garage, 3, now=3_600.0)
    assert (report["I1"], report["P"], report["E pres"]) == (0, 0, 1_000)
    assert int(report["U1"]) > 0


def test_unplugging_keeps_the_energy_until_the_next_session() -> None:
    garage = charging()
    garage.perform(Unplug(), 100.0)
    kept = look(garage, 3, now=200.0)["E pres"]
    assert int(kept) > 2_000
    assert look(garage, 2, now=200.0)["Plug"] == 3
    garage.perform(PlugIn(BRISK), 300.0)
    assert look(garage, 3, now=300.0)["E pres"] == 0


def test_ena_0_interrupts_after_about_a_second_until_ena_1() -> None:
    garage = charging()
    ask(garage, "ena 0", now=10.0)
    assert look(garage, 2, now=10.9)["State"] == CHARGING
    report = look(garage, 2, now=11.1)
    assert report["State"] == INTERRUPTED
    assert (report["Enable sys"], report["Enable user"]) == (0, 0)
    assert (report["Max curr"], report["Max curr %"]) == (0, 1000)
    assert look(garage, 3, now=11.1)["P"] == 0
    ask(garage, "ena 1", now=15.0)
    assert look(garage, 2, now=20.0)["State"] == CHARGING


def test_while_charging_the_latest_current_is_offered_6_to_7_s_later() -> None:
    garage = charging()
    ask(garage, "curr 10000", now=10.0)
    ask(garage, "curr 13000", now=14.0)
    assert shown(garage, 2, 15.9, "Curr user", "Max curr") == (13_000, 32_000)
    assert shown(garage, 2, 17.1, "Max curr", "Max curr %") == (13_000, 216)


def test_before_charging_a_current_is_offered_at_once(
    garage: SimulatedStation,
) -> None:
    garage.perform(PlugIn(Vehicle(hesitation_s=100.0)), 0.0)
    ask(garage, "curr 8000", now=1.0)
    assert look(garage, 2, now=1.1)["Max curr"] == 8_000


def test_setenergy_stops_when_the_session_has_taken_so_much() -> None:
    garage = charging()
    ask(garage, "setenergy 5000", now=10.0)
    garage.advance(600.0)
    assert shown(garage, 2, 600.0, "State", "Setenergy") == (INTERRUPTED, 5_000)
    assert look(garage, 3, now=600.0)["E pres"] == 5_000


def test_failsafe_takes_over_when_only_reports_are_read() -> None:
    garage = charging()
    ask(garage, "failsafe 30 6000 0", now=10.0)
    for now in range(15, 40, 5):
        look(garage, 2, now=float(now))
    assert look(garage, 2, now=39.9)["Enable sys"] == 1
    assert look(garage, 2, now=40.1)["Enable sys"] == 0
    report = look(garage, 2, now=50.0)
    assert (report["Enable sys"], report["Max curr"]) == (0, 6_000)
    assert (report["Tmo FS"], report["Curr FS"]) == (30, 6_000)


def test_a_command_begins_the_time_of_failsafe_anew() -> None:
    garage = charging()
    ask(garage, "failsafe 30 6000 0", now=10.0)
    ask(garage, "curr 16000", now=30.0)
    assert look(garage, 2, now=59.9)["Enable sys"] == 1
    assert look(garage, 2, now=60.1)["Enable sys"] == 0


def test_current_alone_ends_failsafe_for_its_time_only() -> None:
    garage = charging()
    ask(garage, "failsafe 10 0 0", now=10.0)
    ask(garage, "curr 16000", now=21.0)
    # Now both are missing again.
    ask(garage, "ena 1", now=32.0)
    assert look(garage, 2, now=35.0)["State"] == INTERRUPTED


def test_failsafe_with_zero_stops_until_current_and_enable_are_sent() -> None:
    garage = charging()
    ask(garage, "failsafe 10 0 0", now=10.0)
    assert look(garage, 2, now=21.0)["State"] == INTERRUPTED
    ask(garage, "curr 16000", now=22.0)
    assert look(garage, 2, now=25.0)["State"] == INTERRUPTED
    ask(garage, "ena 1", now=26.0)
    assert look(garage, 2, now=30.0)["State"] == CHARGING


@pytest.mark.parametrize("limit", [0, 6_000])
def test_currtime_without_delay_ends_failsafe_with_its_own_current(
    garage: SimulatedStation, limit: int
) -> None:
    start_charging(garage, 0.0)
    ask(garage, "curr 16000", now=1.0)
    ask(garage, f"failsafe 10 {limit} 0", now=10.0)
    garage.advance(30.0)
    told = pushes(garage.receive(b"currtime 8000 0", 31.0))
    told += pushes(garage.advance(40.0))
    assert '{"Max curr": 8000}' in told
    assert '{"Max curr": 16000}' not in told
    assert look(garage, 2, now=40.0)["Max curr"] == 8_000


# Authorisation -------------------------------------------------------------


def authorisation(garage: SimulatedStation, now: float) -> tuple[object, ...]:
    return shown(garage, 2, now, "State", "Plug", "AuthON", "Authreq")


@pytest.mark.parametrize("card_first", [True, False])
def test_a_session_has_the_card_that_began_and_ended_it(
    locked: SimulatedStation, *, card_first: bool
) -> None:
    card = ShowCard(TAG, "0101040000" * 2)
    first, second = (card, PlugIn()) if card_first else (PlugIn(), card)
    locked.perform(first, 0.0)
    assert (look(locked, 100, now=0.0)["Session ID"] == 0) is card_first
    locked.perform(second, 1.0)
    names = ("RFID tag", "RFID class", "reason")
    assert shown(locked, 100, 10.0, *names) == (TAG, "0101040000" * 2, 0)
    locked.perform(card, 100.0)
    assert shown(locked, 101, 101.0, *names) == (TAG, "0101040000" * 2, 10)


def test_ena_0_drops_the_authorisation_after_about_a_second(
    locked: SimulatedStation,
) -> None:
    locked.perform(ShowCard(TAG), 0.0)
    start_charging(locked, 1.0)
    ask(locked, "ena 0", now=20.0)
    assert authorisation(locked, 20.9) == (3, 7, 1, 0)
    assert authorisation(locked, 21.1) == (1, 7, 1, 1)


def test_ena_1_within_that_second_leaves_the_authorisation(
    locked: SimulatedStation,
) -> None:
    locked.perform(ShowCard(TAG), 0.0)
    start_charging(locked, 1.0)
    ask(locked, "ena 0", now=20.0)
    ask(locked, "ena 1", now=20.5)
    assert authorisation(locked, 30.0) == (3, 7, 1, 0)


def test_a_vehicle_needs_its_energy_once_however_many_sessions_it_takes(
    locked: SimulatedStation,
) -> None:
    locked.perform(PlugIn(replace(BRISK, needs_wh=200.0)), 0.0)
    ask(locked, f"start {TAG}", now=1.0)
    ask(locked, f"stop {TAG}", now=40.0)
    first = int(look(locked, 3, now=41.0)["E pres"])
    assert 0 < first < 2_000
    ask(locked, f"start {TAG}", now=45.0)
    second = int(look(locked, 3, now=600.0)["E pres"])
    assert first + second == pytest.approx(2_000, abs=1)


# Restart -------------------------------------------------------------------


def test_after_a_restart_the_station_starts_up_for_a_while(
    garage: SimulatedStation,
) -> None:
    garage.perform(Reboot(), 10.0)
    assert shown(garage, 2, 13.0, "State", "Sec") == (STARTING, 3)
    assert look(garage, 2, now=25.0)["State"] == NOT_READY


def test_no_energy_flows_while_the_power_is_off() -> None:
    garage = charging()
    before = look(garage, 3, now=100.0)["E total"]
    garage.perform(Reboot(), 100.0)
    assert look(garage, 3, now=109.0)["E total"] == before


def test_a_vehicle_that_stayed_goes_on_with_its_session() -> None:
    garage = charging()
    number = look(garage, 100, now=50.0)["Session ID"]
    garage.perform(Reboot(), 60.0)
    assert look(garage, 2, now=90.0)["State"] == CHARGING
    assert shown(garage, 100, 90.0, "Session ID", "reason") == (number, 0)


def test_without_a_vehicle_report_100_is_empty_after_a_restart() -> None:
    garage = charging()
    garage.perform(Unplug(), 100.0)
    garage.perform(Reboot(), 200.0)
    assert look(garage, 100, now=250.0)["Session ID"] == 0
    assert int(look(garage, 101, now=250.0)["Session ID"]) > 0


# Time ----------------------------------------------------------------------


@given(st.lists(st.floats(0.0, 400.0), max_size=30))
def test_a_day_is_the_same_however_often_somebody_looks(
    looks: list[float],
) -> None:
    watched, alone = SimulatedStation("garage"), SimulatedStation("garage")
    for station in (watched, alone):
        station.receive(b"i", 0.0)
        station.perform(PlugIn(Vehicle(needs_wh=800.0)), 1.0)
        station.receive(b"setenergy 3000", 2.0)
    seen = []
    for moment in sorted(looks):
        if moment > 2.0:
            seen += pushes(watched.advance(moment))
    seen += pushes(watched.advance(400.0))
    assert seen == pushes(alone.advance(400.0))
    assert look(watched, 3, 400.0) == look(alone, 3, 400.0)


def test_two_stations_with_the_same_seed_are_the_same() -> None:
    one, two, other = (
        SimulatedStation("garage", seed=seed) for seed in (5, 5, 6)
    )
    for station in (one, two, other):
        start_charging(station, 0.0)
    assert look(one, 3, 60.0) == look(two, 3, 60.0)
    assert look(one, 3, 70.0) != look(other, 3, 70.0)


def test_two_stations_of_one_fleet_have_different_serials() -> None:
    garage, yard = SimulatedStation("garage"), SimulatedStation("yard")
    assert garage.serial != yard.serial
    assert len(garage.serial) == len(yard.serial) == 8


def test_the_clock_of_the_caller_may_be_unix_time() -> None:
    start = 1_795_343_457.0
    garage = SimulatedStation("garage", now=start)
    start_charging(garage, start)
    garage.advance(start + 3_600)
    assert int(look(garage, 3, start + 3_600)["E pres"]) > 100_000
