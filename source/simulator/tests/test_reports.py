"""The layouts, compared with published captures of the same firmware."""

from __future__ import annotations

import json
import re

import pytest

from simulator.actions import PlugIn, Unplug
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

REPORT_1 = """{
"ID": "1",
"Product": "KC-P30-EC240422-E00",
"Serial": "%s",
"Firmware":"P30 v 3.10.57 (240521-093236)",
"COM-module": 0,
"Backend": 0,
"timeQ": 3,
"setBoot": 0,
"DIP-Sw1": "0x25",
"DIP-Sw2": "0x02",
"Sec": %d
}
"""

REPORT_2 = """{
"ID": "2",
"State": 1,
"Error1": 0,
"Error2": 0,
"Plug": 3,
"AuthON": 0,
"Authreq": 0,
"Enable sys": 1,
"Enable user": 1,
"Max curr": 0,
"Max curr %%": 1000,
"Curr HW": 32000,
"Curr user": 63000,
"Curr FS": 0,
"Tmo FS": 0,
"Curr timer": 0,
"Tmo CT": 0,
"Setenergy": 0,
"Output": 0,
"Input": 0,
"X2 phaseSwitch source": 0,
"X2 phaseSwitch": 0,
"Serial": "%s",
"Sec": %d
}
"""

REPORT_3 = """{
"ID": "3",
"U1": 0,
"U2": 0,
"U3": 0,
"I1": 0,
"I2": 0,
"I3": 0,
"P": 0,
"PF": 0,
"E pres": 0,
"E total": %d,
"Serial": "%s",
"Sec": %d
}
"""


def keys(text: str | None) -> list[str]:
    assert text is not None
    return re.findall(r'"([^"]+)":', text)


def test_firmware_3_10_57_prints_as_captured() -> None:
    garage = SimulatedStation("garage")
    serial = garage.serial
    uptime = int(look(garage, 1, now=0.0)["Sec"])
    total = int(look(garage, 3, now=0.0)["E total"])
    assert ask(garage, "report 1", now=5.0) == REPORT_1 % (serial, uptime + 5)
    assert ask(garage, "report 2", now=6.0) == REPORT_2 % (serial, uptime + 6)
    report_3 = REPORT_3 % (total, serial, uptime + 7)
    assert ask(garage, "report 3", now=7.0) == report_3


def test_report_100_prints_as_captured() -> None:
    garage = SimulatedStation("garage")
    garage.perform(PlugIn(BRISK), 10.0)
    text = ask(garage, "report 100", now=60.0)
    assert text is not None
    assert keys(text) == [
        "ID",
        "Session ID",
        "Curr HW",
        "E start",
        "E pres",
        "started[s]",
        "ended[s]",
        "started",
        "ended",
        "reason",
        "timeQ",
        "RFID tag",
        "RFID class",
        "Serial",
        "Sec",
    ]
    assert '"started": "2023-11-14 22:13:30.000",\n"ended": "0",\n' in text
    assert '"ended[s]": 0,\n' in text


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
    text = ask(garage, "report 2", now=1.0)
    assert text is not None
    assert re.search(r'"Sec": \d+,\n}\n$', text)
    assert "AuthON" not in text


def test_a_p20_prints_few_fields_in_one_line() -> None:
    garage = SimulatedStation("garage", PROFILES["p20"])
    report_1 = ask(garage, "report 1", now=0.0)
    assert keys(report_1) == ["ID", "Product", "Serial", "Firmware", "Sec"]
    assert '"Product": "KC-P20-EC240130-000            "' in str(report_1)
    report_2 = ask(garage, "report 2", now=5.0)
    assert report_2 is not None
    assert report_2.startswith('{ "ID": "2", "State": 1, ')
    assert report_2.endswith(" }")
    assert "Curr timer" not in report_2
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
