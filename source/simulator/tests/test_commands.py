from __future__ import annotations

import pytest

from simulator.actions import PlugIn, Reboot
from simulator.profiles import PROFILES
from simulator.station import SimulatedStation
from simulator.tests.talking import (
    BRISK,
    ask,
    charging,
    look,
    shown,
    start_charging,
)
from simulator.vehicle import Vehicle

DONE = "TCH-OK :done\n"
NOTHING_TO_STOP = "TCH-ERR:nothing to stop\n"
NOT_NOW = "TCH-ERR:X2 : not allowed now\n"
TAG = "e3f76b8d00000000"
OTHER_TAG = "f" * 16


@pytest.mark.parametrize(
    "command",
    [
        "ena 1",
        "curr 16000",
        "currtime 16000 1",
        "setenergy 100000",
        "output 1",
        "setdatetime 1700000000",
        "display 1 2 10 0 hello",
        "unlock",
        "failsafe 60 6000 0",
        "x2src 4",
        f"start {TAG} 01010400000000000000",
    ],
)
def test_every_command_is_acknowledged(
    garage: SimulatedStation, command: str
) -> None:
    assert ask(garage, command, now=0.0) == DONE


@pytest.mark.parametrize(
    "command",
    [
        "currtime 5000 1",
        "currtime 64000 1",
        "currtime 6000 860401",
        "setenergy 1000000000",
        "failsafe 9 6000 0",
        "failsafe 30 5000 0",
        "failsafe 30 6000 2",
    ],
)
def test_a_number_out_of_range_is_acknowledged_and_discarded(
    garage: SimulatedStation, command: str
) -> None:
    before = look(garage, 2, now=0.0)
    assert ask(garage, command, now=1.0) == DONE
    assert look(garage, 2, now=5.0) | {"Sec": before["Sec"]} == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ena",
        "ena x",
        "ena -1",
        "ena 1 1",
        "currtime 6000",
        "display 1 2",
        "display a b c d text",
        "start short",
        "stop short",
        "report",
        "report 4",
        "report 131",
        "report x",
        "xswitchphase 1",
        "ENA 1",
        # Reserved.
        *(f"output {value}" for value in range(2, 10)),
        # What stations say.
        DONE,
        NOTHING_TO_STOP,
        '{"E pres": 1945}',
        '"Firmware":"P30 v 3.10.57 (240521-093236)"\n',
        '{\n"ID": "3",\n"U1": 0\n}\n',
        "started ...",
        '"RFID tag": "e3f76b8d00000000",\n',
    ],
)
def test_what_is_no_proper_command_is_not_answered_and_changes_nothing(
    garage: SimulatedStation, text: str
) -> None:
    before = look(garage, 2, now=0.0)
    assert ask(garage, text, now=1.0) is None
    assert look(garage, 2, now=5.0) | {"Sec": before["Sec"]} == before


@pytest.mark.parametrize("wrong", [0, 5_999, 63_001])
@pytest.mark.parametrize(
    ("profile", "becomes"), [("p30-c", 6_000), ("p20-2.01", 63_000)]
)
def test_an_invalid_curr_is_acknowledged_and_sets_a_fallback(
    profile: str, becomes: int, wrong: int
) -> None:
    garage = SimulatedStation("garage", PROFILES[profile])
    ask(garage, "curr 10000", now=0.0)
    assert ask(garage, f"curr {wrong}", now=1.0) == DONE
    assert look(garage, 2, now=10.0)["Curr user"] == becomes


def test_currtime_is_shown_while_it_counts_down(
    garage: SimulatedStation,
) -> None:
    names = ("Curr user", "Curr timer", "Tmo CT")
    ask(garage, "curr 16000", now=0.0)
    ask(garage, "currtime 13000 100", now=0.0)
    assert shown(garage, 2, 0.5, *names) == (16_000, 13_000, 100)
    assert shown(garage, 2, 40.0, *names) == (16_000, 13_000, 60)
    assert shown(garage, 2, 101.0, *names) == (13_000, 13_000, 0)


def test_a_currtime_without_delay_acts_at_once(
    garage: SimulatedStation,
) -> None:
    ask(garage, "currtime 6000 60", now=0.0)
    ask(garage, "currtime 10000 0", now=1.0)
    names = ("Curr user", "Curr timer", "Tmo CT")
    assert shown(garage, 2, 1.0, *names) == (10_000, 10_000, 0)


def test_currtime_0_1_stops_without_the_wait_of_other_currents() -> None:
    garage = charging()
    ask(garage, "currtime 0 1", now=10.0)
    assert look(garage, 2, now=10.9)["Enable user"] == 1
    assert look(garage, 2, now=11.1)["Max curr"] == 0


def test_setdatetime_gives_weak_time_to_the_next_session_until_a_restart() -> (
    None
):
    garage = SimulatedStation("garage", PROFILES["p30-3.9"])
    assert look(garage, 1, now=0.0)["timeQ"] == 0
    ask(garage, "setdatetime 1552000081", now=1.0)
    assert look(garage, 1, now=6.0)["timeQ"] == 2
    garage.perform(PlugIn(BRISK), 11.0)
    session = look(garage, 100, now=12.0)
    assert session["started[s]"] == 1_552_000_091
    assert session["started"] == "2019-03-07 23:08:11.000"
    garage.perform(Reboot(), 20.0)
    assert look(garage, 1, now=30.0)["timeQ"] == 0


def test_stop_without_session_is_refused(
    garage: SimulatedStation, locked: SimulatedStation
) -> None:
    start_charging(garage, 0.0)
    assert ask(garage, f"stop {TAG}", now=10.0) == NOTHING_TO_STOP
    assert ask(locked, "stop", now=10.0) == NOTHING_TO_STOP


def test_start_and_stop_work_like_the_card(locked: SimulatedStation) -> None:
    locked.perform(PlugIn(BRISK), 0.0)
    assert ask(locked, f"start {TAG} 01010400000000000000", now=1.0) == DONE
    assert look(locked, 2, now=10.0)["State"] == 3
    assert look(locked, 100, now=10.0)["RFID tag"] == TAG
    assert ask(locked, f"stop {OTHER_TAG}", now=11.0) == NOTHING_TO_STOP
    assert ask(locked, f"stop {TAG}", now=12.0) == DONE
    assert look(locked, 101, now=13.0)["reason"] == 10


def test_old_firmware_answers_start_with_the_tag() -> None:
    garage = SimulatedStation("garage", PROFILES["p30-padded-keys"])
    assert ask(garage, f"start {TAG} 01010400000000000000", now=0.0) == (
        f'"RFID tag": "{TAG}",\n"RFID class": "01010400000000000000",\n'
    )


def test_x2_needs_x2src_4_and_300_s_between_two_switchings(
    garage: SimulatedStation,
) -> None:
    assert ask(garage, "x2 1", now=0.0) == NOT_NOW
    ask(garage, "x2src 4", now=1.0)
    assert ask(garage, "x2 1", now=10.0) == DONE
    assert ask(garage, "x2 0", now=310.0) == NOT_NOW
    assert look(garage, 2, now=310.0)["X2 phaseSwitch"] == 1
    assert ask(garage, "x2 0", now=310.5) == DONE
    names = ("X2 phaseSwitch source", "X2 phaseSwitch")
    assert shown(garage, 2, 315.5, *names) == (4, 0)


def test_a_station_with_phase_switch_charges_with_one_phase_until_told() -> (
    None
):
    station = charging("p30-x2")
    assert look(station, 3, now=10.0)["I2"] == 0
    assert ask(station, "x2 1", now=11.0) == DONE
    assert shown(station, 3, 15.0, "I2", "I3") == (16_000, 16_000)
    assert ask(station, "x2 0", now=320.0) == DONE
    assert shown(station, 3, 321.0, "I1", "I2", "I3") == (16_000, 0, 0)


def test_without_a_phase_switch_x2_is_shown_and_changes_no_phase() -> None:
    garage = charging()
    ask(garage, "x2src 4", now=10.0)
    assert look(garage, 3, now=11.0)["I3"] == 16_000
    assert ask(garage, "x2 0", now=12.0) == DONE
    assert look(garage, 2, now=17.0)["X2 phaseSwitch"] == 0
    assert look(garage, 3, now=17.0)["I3"] == 16_000


def test_with_three_phases_the_current_climbs_as_after_a_start() -> None:
    station = SimulatedStation("garage", PROFILES["p30-x2"])
    station.perform(PlugIn(Vehicle()), 0.0)
    assert look(station, 3, now=60.0)["I1"] == 16_000
    ask(station, "x2 1", now=60.0)
    assert shown(station, 3, 75.0, "I1", "I3") == (8_000, 8_000)
    assert look(station, 3, now=90.0)["I3"] == 16_000


@pytest.mark.parametrize(
    ("profile", "commands"),
    [
        ("p20", ("currtime 6000 1", "setenergy 0", "stop", "display 0 0 0 0")),
        ("p30-3.9", ("x2src 4", "x2 1")),
        ("bmw", ("output 1", "display 0 0 0 0 x")),
    ],
)
def test_what_a_model_does_not_know_it_does_not_answer(
    profile: str, commands: tuple[str, ...]
) -> None:
    garage = SimulatedStation("garage", PROFILES[profile])
    for command in commands:
        assert ask(garage, command, now=0.0) is None


@pytest.mark.parametrize(
    ("profile", "answer"),
    [("p30-confirms-only", DONE), ("p30-refuses", "TCH-ERR:not allowed now\n")],
)
def test_a_station_that_only_confirms_or_refuses_does_nothing(
    profile: str, answer: str
) -> None:
    garage = SimulatedStation("garage", PROFILES[profile])
    assert ask(garage, "curr 10000", now=0.0) == answer
    assert look(garage, 2, now=10.0)["Curr user"] == 63_000
