"""Modbus TCP, and the configuration that docs/modbus.md gives to users."""

import json
import re
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import ModbusTcpClient

from simulator.modbus import (
    REGISTERS,
    UNIT,
    WRITABLE,
    ModbusServer,
    ModbusStation,
)
from simulator.profiles import find_profile
from simulator.reports import measurements, settings
from simulator.scenario import find_scenario
from simulator.station import SimulatedStation

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "modbus.md").read_text("utf-8")
CONFIGURATIONS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((DOCS / "modbus").glob("*.json"))
}
AN_HOUR_S = 3600.0


def charging(profile: str = "p30-c") -> SimulatedStation:
    return SimulatedStation(
        "garage",
        find_profile(profile),
        scenario=find_scenario("always-charging", "garage"),
    )


def frame(function: int, register: int, value: int) -> bytes:
    return struct.pack(">HHHBBHH", 7, 0, 6, UNIT, function, register, value)


def read(station: ModbusStation, register: int, words: int = 2) -> bytes:
    answer = station.answer(frame(3, register, words), AN_HOUR_S)
    assert answer is not None
    return answer


# --- the station ------------------------------------------------------------


def test_a_value_is_four_bytes_with_the_transaction_of_the_request() -> None:
    station = SimulatedStation("garage", find_profile("p30-c"))

    answer = read(ModbusStation(station), 1018)

    assert answer == bytes.fromhex("0007 0000 0007 ff 03 04 030a3900")


@pytest.mark.parametrize("words", [1, 2, 6])
def test_the_quantity_that_is_asked_for_does_not_matter(words: int) -> None:
    # evcc#10201, evcc#13592
    assert len(read(ModbusStation(charging()), 1000, words)) == 13


@pytest.mark.parametrize("register", [999, 1001, 5004])
def test_a_register_that_is_not_there_is_an_exception(register: int) -> None:
    answer = read(ModbusStation(charging()), register)
    assert answer == bytes.fromhex("0007 0000 0003 ff 83 02")


def test_function_16_is_not_answered() -> None:
    # evcc#22262
    station = ModbusStation(charging())
    assert station.answer(frame(16, 1602, 2), 0.0) is None


def test_another_function_is_refused() -> None:
    answer = ModbusStation(charging()).answer(frame(4, 1000, 2), 0.0)
    assert answer == bytes.fromhex("0007 0000 0003 ff 84 01")


@pytest.mark.parametrize(
    ("register", "value", "field", "becomes"),
    [
        (5004, 10_000, "Curr user", 10_000),
        (5010, 1_000, "Setenergy", 100_000),
        (5014, 0, "Enable user", 0),
        (5018, 60, "Tmo FS", 60),
    ],
)
def test_a_write_does_what_the_udp_command_does(
    register: int, value: int, field: str, becomes: int
) -> None:
    garage = charging()
    station = ModbusStation(garage)
    request = frame(6, register, value)

    assert station.answer(request, AN_HOUR_S) == request
    garage.advance(AN_HOUR_S + 5.0)

    assert settings(garage.point)[field] == becomes


def test_the_failsafe_needs_its_current_before_its_timeout() -> None:
    garage = charging()
    station = ModbusStation(garage)

    station.answer(frame(6, 5016, 6_000), AN_HOUR_S)
    assert settings(garage.point)["Curr FS"] == 0
    station.answer(frame(6, 5018, 60), AN_HOUR_S)

    assert settings(garage.point)["Curr FS"] == 6_000
    assert settings(garage.point)["Tmo FS"] == 60


def test_a_p40_codes_product_firmware_and_phases_in_its_own_way() -> None:
    p30, p40 = (
        ModbusStation(charging(), is_p40=is_p40) for is_p40 in (False, True)
    )

    def value(station: ModbusStation, register: int) -> int:
        return int.from_bytes(read(station, register)[-4:], "big")

    assert str(value(p30, 1016)).startswith("3")
    assert str(value(p40, 1016)).startswith("4")
    assert value(p30, 1018) == 0x030A3900
    assert value(p40, 1018) == 31057
    assert value(p30, 1552) in (0, 1)
    assert value(p40, 1552) in (1, 3)


# --- the configuration for BEMCom's modbus-tcp-connector --------------------


@pytest.fixture(params=CONFIGURATIONS)
def configuration(request: pytest.FixtureRequest) -> dict[str, Any]:
    config: dict[str, Any] = CONFIGURATIONS[request.param]
    return config


def test_it_reads_known_registers_one_value_at_a_time(
    configuration: dict[str, Any],
) -> None:
    entries = configuration["read_holding_registers"]
    assert entries[0]["address"] == 1018, "the first read may be lost"
    for entry in entries:
        assert entry["address"] in REGISTERS
        assert entry["address"] != 1500, "tags of cards are left alone"
        assert entry["unit"] == UNIT
        assert struct.calcsize(entry["datatypes"]) == 2 * entry["count"] == 4


def test_it_writes_known_registers_of_one_word(
    configuration: dict[str, Any],
) -> None:
    for entry in configuration["write_register"]:
        assert entry["address"] in WRITABLE
        assert entry["unit"] == UNIT
        assert struct.calcsize(entry["datatypes"]) == 2
        struct.pack(entry["datatypes"], entry["example_value"])


def rows_of(section: str) -> dict[int, list[str]]:
    text = PAGE.split(f"## {section}")[1].split("\n## ")[0]
    return {
        int(number): [cell.strip() for cell in cells.split("|")]
        for number, cells in re.findall(r"(?m)^\| (\d{4}) \| (.*) \|$", text)
    }


def test_the_page_names_what_is_read_with_its_unit(
    configuration: dict[str, Any],
) -> None:
    addresses = [
        entry["address"] for entry in configuration["read_holding_registers"]
    ]
    assert rows_of("What is read") == {
        number: [*REGISTERS[number]] for number in sorted(addresses)
    }


def test_the_page_names_what_is_written_with_its_unit(
    configuration: dict[str, Any],
) -> None:
    rows = rows_of("What is written")
    assert {number: row[:2] for number, row in rows.items()} == {
        entry["address"]: [*WRITABLE[entry["address"]][:2]]
        for entry in configuration["write_register"]
    }


@pytest.fixture
def served() -> Iterator[tuple[SimulatedStation, int]]:
    garage = charging()
    with ModbusServer(("127.0.0.1", 0), ModbusStation(garage)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield garage, server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.io
def test_what_bemcoms_connector_reads_and_writes_is_the_station(
    served: tuple[SimulatedStation, int],
) -> None:
    """Another implementation of Modbus reads, as BEMCom's connector does."""
    garage, port = served
    values: dict[int, int] = {}
    with ModbusTcpClient("127.0.0.1", port=port) as client:
        for entry in CONFIGURATIONS["p30"]["read_holding_registers"]:
            response = client.read_holding_registers(
                entry["address"], count=entry["count"], device_id=entry["unit"]
            )
            words = b"".join(struct.pack("!H", x) for x in response.registers)
            (values[entry["address"]],) = struct.unpack(
                entry["datatypes"], words
            )
        response = client.write_register(5004, 10_000, device_id=UNIT)

    fields = settings(garage.point) | measurements(garage.point)
    assert values[1014] == int(garage.serial)
    for number, register in REGISTERS.items():
        if number in values and register.field in ("State", "Plug", "Curr HW"):
            assert values[number] == fields[register.field], register.name
    assert values[1000] == 3
    assert values[1020] > 0
    assert not response.isError()
    assert fields["Curr user"] == 10_000
