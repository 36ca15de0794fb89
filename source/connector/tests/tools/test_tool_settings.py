"""Whom the tools take for the user's stations."""

from pathlib import Path

import pytest
from dotenv import dotenv_values

from connector.settings import Station
from connector.tools.problems import UsageProblem
from connector.tools.tool_settings import (
    ToolSettings,
    chosen_stations,
    complete_station,
)
from pyconnector_template.settings import read_settings

SHIPPED = Path(__file__).parents[4] / ".env"


@pytest.fixture
def shipped() -> ToolSettings:
    return read_settings(ToolSettings, dotenv_values(SHIPPED))


def test_the_stations_of_the_shipped_env_are_nobodys_own(
    shipped: ToolSettings,
) -> None:
    assert shipped.keba_p30_charge_stations
    assert shipped.own_stations == {}


def test_without_own_stations_a_next_step_is_named(
    shipped: ToolSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEBA_P30_CHARGE_STATIONS", raising=False)
    with pytest.raises(UsageProblem, match="no station") as problem:
        chosen_stations(shipped, [])
    assert "`keba discover`" in problem.value.advice
    assert "`keba doctor 192.168.0.99` needs none" in problem.value.advice
    assert "are the demo's" in problem.value.advice


def test_in_the_demo_its_stations_are_there(
    shipped: ToolSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEBA_P30_CHARGE_STATIONS", "as in .env")
    assert {*chosen_stations(shipped, [])} == {"garage", "yard"}


def test_a_configured_station_has_its_name_by_its_address_as_well() -> None:
    garage = Station(host="192.0.2.1")
    settings = ToolSettings(keba_p30_charge_stations={"garage": garage})
    assert chosen_stations(settings, ["192.0.2.1"]) == {"garage": garage}
    assert {*chosen_stations(settings, ["192.0.2.2"])} == {"192.0.2.2"}


def test_the_shell_completes_names_of_stations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stations = '{"garage": "192.0.2.1", "gate": "192.0.2.2"}'
    monkeypatch.setenv("KEBA_P30_CHARGE_STATIONS", stations)
    assert complete_station("ga") == ["garage", "gate"]
    assert complete_station("gar") == ["garage"]
    # Wrong settings are told by the command, not by the shell.
    monkeypatch.setenv("KEBA_P30_CHARGE_STATIONS", "nonsense")
    assert complete_station("") == []
