"""`doctor --modbus` at a simulated station."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.tools import modbus_probe
from end_to_end.tools.calling import CommandLine
from simulator.modbus import ModbusServer, ModbusStation
from simulator.station import SimulatedStation

ADDRESS = "127.0.3.95"


PORT = 1502


@pytest.fixture
def station(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedStation]:
    """A station that speaks Modbus; its pauses are the tool's own."""
    station = SimulatedStation("garage")
    with ModbusServer((ADDRESS, PORT), ModbusStation(station)) as server:
        monkeypatch.setattr(modbus_probe, "PAUSE_S", 0.01)
        thread = threading.Thread(target=server.serve_forever, name="modbus")
        thread.start()
        yield station
        server.shutdown()
        thread.join()


def test_one_probe_tells_who_answers(
    station: SimulatedStation, tmp_path: Path
) -> None:
    call = CommandLine(tmp_path)(
        "doctor", ADDRESS, "--modbus", "--modbus-port", PORT, "--json"
    )
    (finding,) = call.json["stations"][ADDRESS]["findings"]
    assert call.exit_code == 0
    assert f"serial {station.serial}" in finding["text"]
    assert "firmware 3.10.57" in finding["text"]


def test_a_station_without_modbus_is_a_finding(tmp_path: Path) -> None:
    call = CommandLine(tmp_path)("doctor", ADDRESS, "--modbus", "--json")
    assert call.verdict(ADDRESS) == "no_modbus"
    (finding,) = call.json["stations"][ADDRESS]["findings"]
    assert "--modbus-port 1502" in finding["advice"]
    assert call.exit_code == 1


def test_one_station_is_asked_at_a_time(tmp_path: Path) -> None:
    call = CommandLine(tmp_path)("doctor", ADDRESS, "127.0.3.96", "--modbus")
    assert call.exit_code == 2
    assert "one station" in call.err
