"""The commissioning test with a station that answers, and a signal."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from connector.tools import terminal
from end_to_end.tools.calling import CommandLine
from simulator import Simulator
from simulator.actions import PlugIn
from simulator.vehicle import Vehicle

ADDRESSES = {"garage": "127.0.3.95", "yard": "127.0.3.96"}
IN_A_HURRY = 30.0
"""Vehicles follow within a second. Stations keep KEBA's pauses all the same."""


@pytest.fixture
def stations() -> Iterator[Simulator]:
    """The garage with a vehicle that charges with two phases, an empty yard."""
    with Simulator(ADDRESSES, speed=IN_A_HURRY) as simulator:
        vehicle = Vehicle(phases=2, needs_wh=1e9)
        simulator.act("garage", PlugIn(vehicle))
        yield simulator
        assert simulator.violations == []


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, ADDRESSES)


def commands(stations: Simulator) -> list[str]:
    texts = [one.text for one in stations.requests]
    return [text for text in texts if not text.startswith("report")]


def test_a_station_is_stepped_stopped_and_set_back(
    stations: Simulator, command_line: CommandLine
) -> None:
    call = command_line("ramp", "garage", "--steps", "10", "--yes", "--json")
    assert call.exit_code == 0, call.err
    (step,) = call.json["steps"]
    assert step["drawn_ma"] == [10_000, 10_000, 0]
    assert (step["offered_ma"], step["phases"]) == (10_000, 2)
    assert (step["verdict"], call.json["result"]) == ("as_offered", "passed")
    assert call.json["serial"] == stations.stations["garage"].serial
    assert commands(stations) == [
        "currtime 10000 1",
        "currtime 0 1",
        "curr 63000",
        "ena 1",
    ]
    limits = stations.stations["garage"].point.limits
    assert (limits.curr_user, limits.enable_user) == (63_000, True)


def test_ctrl_c_ends_it_and_the_limit_is_set_back(
    stations: Simulator, command_line: CommandLine
) -> None:
    def interrupt() -> None:
        stations.wait_until(lambda: "currtime 6000 1" in commands(stations))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    call = command_line("ramp", "garage", "--yes")
    thread.join()
    assert call.exit_code == 1
    assert "Ended before its time: Ctrl-C." in call.out
    assert "Result: incomplete" in call.out
    assert commands(stations) == ["currtime 6000 1", "curr 63000"]
    assert stations.stations["garage"].point.limits.curr_user == 63_000


def test_an_error_of_the_program_is_no_reason_to_leave_a_limit_behind(
    stations: Simulator,
    command_line: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class LostConsole(Console):
        def print(self, *texts: object, **_: object) -> None:
            if str(texts[0]).startswith(">>"):
                raise OSError("the terminal is gone")

    monkeypatch.setattr(terminal, "console", LostConsole)
    with pytest.raises(OSError, match="terminal is gone") as failure:
        command_line("ramp", "garage", "--yes")
    assert failure.value.__notes__ == ["garage was set back"]
    assert commands(stations)[-1:] == ["curr 63000"]


def test_without_a_vehicle_nothing_is_changed(
    stations: Simulator, command_line: CommandLine
) -> None:
    call = command_line("ramp", "yard", "--yes")
    assert call.exit_code == 1
    assert "no vehicle is plugged in" in call.err
    assert commands(stations) == []


def test_it_says_what_it_would_do(
    stations: Simulator, command_line: CommandLine
) -> None:
    call = command_line.in_a_process("ramp", "garage", "--steps", "6,13.5")
    assert call.exit_code == 2
    assert "limit to 6, 13.5 A in turn" in call.err
    assert "--yes" in call.err
    assert stations.requests == []
