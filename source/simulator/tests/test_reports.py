"""The layouts, compared with published captures of the same firmware."""

from __future__ import annotations

import json
import re

import pytest

from simulator.actions import Unplug
from simulator.profiles import PROFILES
from simulator.station import SimulatedStation
from simulator.tests.talking import (
    ask,
    charging,
    look,
    shown,
    start_charging,
)
from testbed.recordings import all_recordings

CAPTURED = {
    "p30-c": "p30-ec240422-fw3.10.57-interrupted",
    "p30-de": "p30-ec220112-de-idle",
    "p30-3.9": "p30-es240022-fw3.9.10-idle",
    "p30-3.08": "p30x-ec2201c2-fw3.08-idle",
    "p20": "p20-ec240130-fw2.5a3-interrupted",
}
RECORDED = {one.name: one.datagrams for one in all_recordings()}


def keys(text: str | None) -> list[str]:
    assert text is not None
    return re.findall(r'"([^"]+)":', text)


def shape(text: str | None) -> str:
    """Return a text whose values are masked, but for product and firmware."""
    assert text is not None
    text = re.sub(r"\d{4}-\d\d-\d\d[^\"]*", "date", text)
    return re.sub(r"(: ?\"?)(?!KC-|KEBA|P30)[\w.]+", r"\1…", text)


@pytest.mark.parametrize(
    ("profile", "asked"),
    [
        (profile, request)
        for profile, name in CAPTURED.items()
        for request in ("report 1", "report 2", "report 3")
        if request in RECORDED[name]
    ],
)
def test_a_report_is_printed_as_captured(profile: str, asked: str) -> None:
    garage = SimulatedStation("garage", PROFILES[profile])
    captured = RECORDED[CAPTURED[profile]][asked]
    assert shape(ask(garage, asked, now=0.0)) == shape(captured)


def test_the_report_of_a_running_session_is_printed_as_captured() -> None:
    garage = charging()
    text = ask(garage, "report 100", now=60.0)
    captured = RECORDED["p30-report100-running-2021"]["report 100"]
    assert shape(text) == shape(captured)
    assert '"started": "2023-11-14 22:13:20.000",\n"ended": "0",\n' in str(text)


def test_reports_101_to_130_call_themselves_by_their_number() -> None:
    garage = charging()
    garage.perform(Unplug(), 3_600.0)
    ended = look(garage, 101, now=4_000.0)
    assert ended["ID"] == "101"
    assert ended["reason"] == 1
    assert ended["ended"] == "2023-11-14 23:13:20.000"
    assert ended["E pres"] == look(garage, 3, now=4_000.0)["E pres"]
    assert look(garage, 130, now=4_000.0)["Session ID"] == 0


def test_old_firmware_pads_keys_and_ends_with_a_comma() -> None:
    garage = SimulatedStation("garage", PROFILES["p30-padded-keys"])
    assert keys(ask(garage, "report 100", now=0.0)) == [
        "ID",
        "Session ID",
        "Curr HW   ",
        "E Start   ",
        "E Pres    ",
        "started[s]",
        "ended[s]  ",
        "reason    ",
        "RFID tag  ",
        "RFID class",
        "Serial",
        "Sec",
    ]
    printed = RECORDED["manual-v2.00-p30-examples"]["report 2"]
    assert shape(ask(garage, "report 2", now=1.0)) == shape(printed)


def test_a_p20_knows_no_sessions_and_more_about_itself() -> None:
    garage = SimulatedStation("garage", PROFILES["p20"])
    assert ask(garage, "report 100", now=9.0) is None
    info = '"Firmware":"KEBA P20 v 2.5a3 (160613-061001):29309:143.0"\n'
    assert ask(garage, "i", now=12.0) == info


def test_the_oldest_p20_has_no_sec_in_report_1() -> None:
    garage = SimulatedStation("garage", PROFILES["p20-2.01"])
    assert "Sec" not in keys(ask(garage, "report 1", now=0.0))
    assert "Sec" in keys(ask(garage, "report 2", now=5.0))


def test_a_bmw_has_one_field_for_its_dip_switches() -> None:
    garage = SimulatedStation("garage", PROFILES["bmw"])
    fields = look(garage, 1, now=0.0)
    assert fields["DIP-Sw"] == "0x2600"
    assert not {"DIP-Sw1", "DIP-Sw2"} & fields.keys()
    assert look(garage, 2, now=1.0)["Output"] == 20


def test_an_x_series_reports_its_com_module_some_time_after_the_start() -> None:
    garage = SimulatedStation("garage", PROFILES["p30-x"])
    assert look(garage, 1, now=0.0)["COM-module"] == 1
    garage.point.restart()
    assert look(garage, 1, now=100.0)["COM-module"] == 0
    assert look(garage, 1, now=301.0)["COM-module"] == 1


def test_a_station_without_meter_answers_with_zeros() -> None:
    garage = charging("p30-de")
    fields = look(garage, 3, now=1_000.0)
    del fields["ID"], fields["Serial"], fields["Sec"]
    assert set(fields.values()) == {0}
    assert look(garage, 2, now=1_000.0)["State"] == 3
    assert shown(garage, 100, 1_000.0, "E start", "E pres") == (0, 0)


def test_one_firmware_gives_report_100_a_wrong_number() -> None:
    garage = SimulatedStation("garage", PROFILES["p30-wrong-id"])
    assert '"ID": "6"' in str(ask(garage, "report 100", now=0.0))


def test_one_firmware_prints_the_id_as_a_number() -> None:
    garage = SimulatedStation("garage", PROFILES["p30-numeric-id"])
    assert look(garage, 3, now=0.0)["ID"] == 3


def test_garbage_may_follow_a_report() -> None:
    garage = SimulatedStation("garage", PROFILES["p30-garbage-tail"])
    text = str(ask(garage, "report 3", now=0.0))
    assert text.endswith("}\n\0\0}\n\0")
    json.loads(text[: text.index("}") + 1])


@pytest.mark.parametrize(("profile", "grows"), [("p30-c", 1), ("p20", 0)])
def test_e_total_contains_the_running_session_or_not(
    profile: str, grows: int
) -> None:
    garage = SimulatedStation("garage", PROFILES[profile])
    before = int(look(garage, 3, now=0.0)["E total"])
    start_charging(garage, 1.0)
    session = int(look(garage, 3, now=600.0)["E pres"])
    total = int(look(garage, 3, now=600.0)["E total"])
    assert abs(total - before - grows * session) <= 1
    garage.perform(Unplug(), 601.0)
    assert int(look(garage, 3, now=700.0)["E total"]) >= before + session
