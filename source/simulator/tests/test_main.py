from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from simulator import Simulator, __version__
from simulator.__main__ import _obey, _read_options, main
from simulator.tell import main as tell
from simulator.tests.client import PORT, Client

pytestmark = pytest.mark.io

GARAGE, YARD = "127.0.1.2", "127.0.1.3"
ONE = ("--station", f"garage={GARAGE}")
SOURCE = Path(__file__).parents[2]


class Running:
    """The program in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "simulator", "--port", str(PORT)]
        self.process = subprocess.Popen(
            [*command, *arguments],
            cwd=SOURCE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        self.introduction = ""
        while "listening" not in self.introduction:
            line = self.process.stdout.readline()
            assert line, "it ended"
            self.introduction += line

    def type(self, line: str) -> None:
        """Type a line into its terminal."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def read_until(self, part: str) -> str:
        """Return the next line of its log that holds this."""
        assert self.process.stdout is not None
        while part not in (line := self.process.stdout.readline()):
            assert line, "it ended"
        return line

    def end(self) -> tuple[int, str]:
        """Ask it to end; return its exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        # `communicate` would read past what `readline` has buffered.
        with self.process:
            said = self.process.stdout.read()
        return self.process.returncode, said


def test_the_log_says_what_stations_were_told_and_did() -> None:
    running = Running(
        "--station", f"garage={GARAGE}", "--station", f"yard={YARD},p20,idle"
    )
    with Client() as client:
        client.ask("report 1", GARAGE)
        assert "P20" in client.ask("i", YARD)
        client.ask("curr 10000", GARAGE)
    code, said = running.end()
    assert code == 0
    told = [re.sub(r"^\S+ ", "", line) for line in said.splitlines()]
    assert f"garage << report 1 (from 127.0.1.1:{PORT})" in told
    assert f"garage >> TCH-OK :done (to 127.0.1.1:{PORT})" in told
    assert any(line.startswith("garage >> report 1 (2") for line in told)
    assert "garage -- Curr user 10000 mA" in told
    assert f"garage -- {GARAGE}:{PORT}, p30-c, idle\n" in running.introduction
    assert f"yard -- {YARD}:{PORT}, p20, idle\n" in running.introduction


def test_what_is_typed_happens_and_it_goes_on_when_nobody_types() -> None:
    running = Running(*ONE)
    running.type("plug phases=1")
    assert "garage -- a vehicle is plugged in: phases=1" in running.read_until(
        "plugged in"
    )
    running.type("fly")
    assert "not done: 'fly' is none of plug," in running.read_until("fly")
    running.type("help")
    running.read_until("Stations: garage")
    assert running.process.stdin is not None
    running.process.stdin.write("unplug")
    running.process.stdin.close()
    running.process.stdin = None
    running.read_until("the vehicle is unplugged")
    with Client() as client:
        assert "P30" in client.ask("i", GARAGE)
    assert running.end()[0] == 0


def test_a_quiet_simulator_answers_all_the_same() -> None:
    running = Running(*ONE, "--quiet")
    running.type("reboot garage")
    line = running.read_until("garage")
    assert line == "garage: the power goes off and on\n"
    assert running.end()[0] == 0


def test_stations_that_are_too_busy_for_a_line_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy = Mock(side_effect=TimeoutError)
    monkeypatch.setattr(Simulator, "act", busy)
    answer = _obey("plug", Simulator({"garage": GARAGE}))
    assert answer == "not done: the stations have too much to do"


def test_a_control_socket_takes_the_same_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "control"
    left_behind = socket.socket(socket.AF_UNIX)
    left_behind.bind(str(path))
    left_behind.close()
    running = Running(*ONE, "--control", str(path))
    assert tell([str(path), "plug", "garage", "phases=1"]) == 0
    assert "garage: a vehicle is plugged in" in capsys.readouterr().out
    assert tell([str(path), "plug", "attic"]) == 1
    assert "not done: plug: 'attic' is no station" in capsys.readouterr().out
    assert main([*ONE, "--control", str(path)]) == 1
    assert f"--control {path}: Address already in use" in (
        capsys.readouterr().err
    )
    assert running.end()[0] == 0
    assert tell([str(path), "unplug"]) == 1
    assert "No such file" in capsys.readouterr().err


def test_strict_mode_ends_with_1_after_a_broken_pause() -> None:
    running = Running("--station", f"garage={GARAGE}", "--strict")
    with Client() as client:
        client.ask("report 1", GARAGE)
        client.ask("report 1", GARAGE)
    code, said = running.end()
    assert code == 1
    assert "garage !! pause broken: 'report 1'" in said
    assert re.search(r"^[12] pauses broken$", said, re.MULTILINE)


def test_it_ends_after_its_seconds_and_leaves_everything_as_it_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    handlers = list(logging.getLogger("simulator").handlers)
    arguments = ["--fleet", f"3@{GARAGE}", "--port", str(PORT)]
    assert main([*arguments, "--seconds", "0.01"]) == 0
    said = capsys.readouterr().out
    assert "0 datagrams heard" in said
    assert "pauses" not in said
    assert signal.getsignal(signal.SIGTERM) == before
    assert logging.getLogger("simulator").handlers == handlers


def test_several_fleets_add_up() -> None:
    options = _read_options(
        ["--fleet", f"2@{GARAGE}", "--fleet", "1@127.0.2.1"]
    )
    assert [(place.name, place.address) for place in options.places] == [
        ("station-0001", GARAGE),
        ("station-0002", YARD),
        ("station-0003", "127.0.2.1"),
    ]


def test_outages_are_counted_from_the_start() -> None:
    options = _read_options(
        [*ONE, "--outage", "5", "10", "--outage", "20", "30"]
    )
    assert options.faults.outages == ((5.0, 10.0), (20.0, 30.0))


def test_the_help_names_profiles_and_scenarios(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        _read_options(["--help"])
    said = capsys.readouterr().out
    assert "e3f76b8d00000000" in said
    assert "scenarios: idle, commuter, always-charging, error" in said


def test_a_recording_is_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "capture.json"
    path.write_text(json.dumps({"datagrams": {"i": "x"}}))
    arguments = ["--station", f"garage={GARAGE}", "--port", str(PORT)]
    replayed = ["--replay", str(path), "--seconds", "0.01"]
    assert main(arguments + replayed) == 0
    path.write_text("{}")
    assert main(arguments + replayed) == 1
    assert "neither a capture nor raw messages" in capsys.readouterr().err
    path.unlink()
    assert main(arguments + replayed) == 1
    assert f"{path}: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "no station"),
        (["--station", "garage"], "is not NAME=ADDRESS"),
        (["--station", "garage=nowhere"], "nowhere"),
        (["--station", f"garage={GARAGE},p99"], "profile 'p99' is none of"),
        (["--station", f"garage={GARAGE},p20,x"], "scenario 'x' is none of"),
        (["--fleet", "many@127.0.0.1"], "'many' is not a whole number"),
        ([*ONE, "--profile", "p99"], "invalid choice: 'p99'"),
        ([*ONE, "--scenario", "x"], "invalid choice: 'x'"),
        ([*ONE, "--station", f"garage={YARD}"], "name garage is given 2"),
        ([*ONE, "--station", f"yard={GARAGE}"], f"address {GARAGE} is given"),
        ([*ONE, "--fleet", f"2@{GARAGE}"], f"address {GARAGE} is given 2"),
        (["--fleet", f"2@{GARAGE}", "--fleet", f"1@{YARD}"], "address"),
        (
            ["--station", f"station-0001={YARD}", "--fleet", f"1@{GARAGE}"],
            "name station-0001 is given 2 times",
        ),
        ([*ONE, "--broadcast", GARAGE], f"address {GARAGE} is given 2"),
        ([*ONE, "--broadcast", "everywhere"], "everywhere"),
        ([*ONE, "--speed", "0"], "'0' is not a number from 0.001 to 3600"),
        ([*ONE, "--seconds", "inf"], "'inf' is not a number of at least 0"),
        ([*ONE, "--port", "0"], "'0' is not a whole number from 1"),
        ([*ONE, "--loss", "2"], "'2' is not a number from 0 to 1"),
        ([*ONE, "--delay", "0.2", "0.1"], "a span is 0.2 to 0.1 s"),
        ([*ONE, "--outage", "9", "5"], "a span is 9.0 to 5.0 s"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_reason(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"simulator {__version__}\n"


def test_an_address_that_is_taken_is_told_with_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Simulator({"garage": GARAGE}, port=PORT):
        assert main([*ONE, "--port", str(PORT), "--seconds", "1"]) == 1
    told = capsys.readouterr().err
    assert f"UDP port {PORT} of {GARAGE} is used by another program" in told
    assert "another address" in told


def test_an_address_of_another_machine_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--station", "garage=192.0.2.1", "--seconds", "1"]) == 1
    assert "192.0.2.1:7090" in capsys.readouterr().err
