"""`show`: all that one station tells."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.tools.calling import CommandLine
from simulator import Simulator
from simulator.actions import ShowCard
from simulator.profiles import GUIDES_TAG

ADDRESSES = {
    "garage": "127.0.3.10",
    "cards": "127.0.3.11",
    "off": "127.0.3.12",
    "old": "127.0.3.13",
    "dead": "127.0.3.14",
}
PROFILES = {
    "garage": "p30-c",
    "cards": "p30-rfid",
    "off": "p30-dsw-off",
    "old": "p20",
    "dead": "p30-c",
}
SCENARIOS = dict.fromkeys(ADDRESSES, "idle") | {
    "garage": "always-charging",
    "cards": "always-charging",
}
REPLY_TIMEOUT_S = 0.3


@pytest.fixture
def stations() -> Iterator[Simulator]:
    with Simulator(
        ADDRESSES, profile=PROFILES, scenario=SCENARIOS, speed=20.0
    ) as simulator:
        simulator.silence("dead")
        yield simulator
        assert simulator.violations == []


@pytest.fixture
def command_line(stations: Simulator, tmp_path: Path) -> CommandLine:
    return CommandLine(
        tmp_path, ADDRESSES, KEBA_P30_REPLY_TIMEOUT=REPLY_TIMEOUT_S
    )


def test_a_station_that_charges_is_shown_with_units_limits_and_session(
    stations: Simulator, command_line: CommandLine
) -> None:
    point = stations.stations["garage"].point
    assert stations.wait_until(lambda: point.mains.power > 1_000_000)
    call = command_line.in_a_process("show", "garage")
    assert call.exit_code == 0
    for part in (
        "garage (127.0.3.10) asked by this tool",
        "wanted 63 A, offered 32 A, hardware 32 A",
        "limited by",
        "3 (charging)",
        "32 A",
        " V ",
        " kW ",
        "session, the latest",
        "reason        running",
    ):
        assert part in call.out
    # One question each.
    asked = [one.text for one in stations.requests]
    assert asked == ["report 1", "report 2", "report 3", "report 100"]


def test_machines_get_all_fields_as_keba_sends_them(
    stations: Simulator, command_line: CommandLine
) -> None:
    content = command_line("show", "garage", "--json").json
    assert content["link"] == "ok"
    assert content["reports"]["report 2"]["Curr HW"] == 32000
    assert content["readings"]["plug"] == "vehicle_locked"
    assert content["session"]["reason"] == "running"
    assert "raw" not in content


def test_the_card_is_hashed_also_where_everything_is_shown(
    stations: Simulator, command_line: CommandLine
) -> None:
    cards = stations.stations["cards"].point
    stations.act("cards", ShowCard(GUIDES_TAG))
    assert stations.wait_until(lambda: cards.mains.power > 0)
    call = command_line("show", "cards", "--raw")
    assert "report 100, as it came" in call.out
    assert '"RFID tag": "' in call.out
    assert '"RFID tag": "0000' not in call.out
    assert GUIDES_TAG not in call.out


@pytest.mark.parametrize(
    ("station", "part"),
    [
        ("off", "Switch DIP switch DSW1.3 (UDP) to ON"),
        ("dead", "does not answer"),
    ],
)
def test_a_station_that_does_not_tell_has_a_cause_and_an_advice(
    command_line: CommandLine, station: str, part: str
) -> None:
    call = command_line("show", station)
    assert call.exit_code == 1
    assert part in " ".join(call.out.split())


def test_a_model_without_sessions_is_not_asked_for_them(
    stations: Simulator, command_line: CommandLine
) -> None:
    call = command_line("show", "old")
    assert call.exit_code == 0
    assert "session, the latest" not in call.out
    assert "report 100" not in [one.text for one in stations.requests]
