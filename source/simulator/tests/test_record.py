from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest

from simulator.fleet import Simulator
from simulator.profiles import PROFILES
from simulator.record import REQUESTS, Recorder, capture, main, mask
from simulator.station import SimulatedStation
from simulator.tests.client import PORT
from simulator.tests.talking import CLIENT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.io

GARAGE = "127.0.1.2"


def recorded(station: SimulatedStation) -> tuple[dict[str, str], list[float]]:
    """Record a station on fake time; return also when it was asked."""
    recorder, now, asked_at = Recorder(REQUESTS, listen_s=0.0), 0.0, []
    while not recorder.is_over:
        request = recorder.due(now)
        if request is not None:
            asked_at.append(now)
            for out in station.receive(request, now, CLIENT):
                recorder.hear(out.data, out.at)
        now = max(now, recorder.next_moment)
    return recorder.datagrams, asked_at


@pytest.mark.parametrize("profile", ["p30-c", "p20", "p30-wrong-id"])
def test_each_answer_is_filed_under_its_request(profile: str) -> None:
    datagrams, _ = recorded(SimulatedStation("garage", PROFILES[profile]))
    has_sessions = PROFILES[profile].has_sessions
    assert tuple(datagrams) == REQUESTS[: 5 if has_sessions else 4]
    assert "Max curr" in datagrams["report 2"]


def test_kebas_pause_is_kept_between_requests() -> None:
    _, asked_at = recorded(SimulatedStation("garage"))
    gaps = [b - a for a, b in itertools.pairwise(asked_at)]
    assert min(gaps) > 0.1


def test_a_request_without_answer_costs_three_seconds_and_no_more() -> None:
    recorder = Recorder(("i", "report 1"), listen_s=0.0)
    assert recorder.due(0.0) == b"i"
    assert recorder.due(2.9) is None
    assert recorder.due(3.0) == b"report 1"


def test_what_comes_by_itself_is_filed_as_push() -> None:
    recorder = Recorder((), listen_s=10.0)
    assert recorder.due(0.0) is None
    recorder.hear(b'{"E pres": 1945}', 1.0)
    recorder.hear(b'{"E pres": 2045}', 2.0)
    recorder.due(9.9)
    assert not recorder.is_over
    recorder.due(10.0)
    assert recorder.is_over
    assert recorder.datagrams == {
        "push 1": '{"E pres": 1945}',
        "push 2": '{"E pres": 2045}',
    }


def test_bytes_that_are_no_text_survive() -> None:
    recorder = Recorder((), listen_s=1.0)
    recorder.hear(b"\xff\0", 0.0)
    text = json.loads(json.dumps(recorder.datagrams))["push 1"]
    assert text.encode("utf-8", "surrogateescape") == b"\xff\0"


def test_masking_replaces_serials_and_tags_and_nothing_else() -> None:
    masked = mask(
        {
            "report 100": '"RFID tag  ": "e3f76b8d00000000",\n'
            '"RFID class": "00000000000000000000",\n'
            '"Serial": "17643683",\n"Sec": 17643683'
        }
    )
    assert masked["report 100"] == (
        '"RFID tag  ": "0123456789abcdef",\n'
        '"RFID class": "00000000000000000000",\n'
        '"Serial": "12345678",\n"Sec": 17643683'
    )


def test_masking_finds_serials_without_quotes_and_old_device_numbers() -> None:
    masked = mask(
        {
            "report 1": '"Serial": 17643683,\n',
            "i": '"Firmware":"KEBA P20 v 2.5a3 (160613-061001):29309:143.0"\n',
        }
    )
    assert masked == {
        "report 1": '"Serial": 12345678,\n',
        "i": '"Firmware":"KEBA P20 v 2.5a3 (160613-061001):12345:143.0"\n',
    }


def test_a_capture_names_the_station_and_what_is_missing() -> None:
    datagrams, _ = recorded(SimulatedStation("garage", PROFILES["p20"]))
    content = capture(datagrams, is_masked=True)
    assert content["model"] == "KC-P20-EC240130-000"
    assert content["firmware"] == "KEBA P20 v 2.5a3 (160613-061001)"
    assert "Not answered: report 100." in str(content["note"])
    assert "12345678" in str(content["note"])


def test_a_station_is_recorded_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "garage.json"
    arguments = ["--host", GARAGE, "--bind", "127.0.1.1", "--mask"]
    arguments += ["--port", str(PORT), "--out", str(path)]
    with Simulator({"garage": GARAGE}, port=PORT) as sim:
        assert main(arguments) == 0
        assert sim.violations == []
    content = json.loads(path.read_text())
    assert tuple(content["datagrams"]) == REQUESTS
    assert '"Serial": "12345678"' in content["datagrams"]["report 1"]


def test_an_address_that_is_not_ours_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--host", GARAGE, "--bind", "192.0.2.1"]
    assert main([*arguments, "--out", str(tmp_path / "x.json")]) == 1
    assert "record:" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--host", GARAGE, "--bind", "127.0.1.1", "--port", str(PORT)]
    with Simulator({"garage": GARAGE}, port=PORT) as sim:
        for out in (tmp_path, tmp_path / "nowhere" / "x.json"):
            assert main([*arguments, "--out", str(out)]) == 1
            assert str(out) in capsys.readouterr().err
        assert sim.requests == []


def test_a_recording_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path,
) -> None:
    new, old = tmp_path / "new.json", tmp_path / "old.json"
    old.write_text("kept")
    for out in (new, old):
        arguments = ["--host", GARAGE, "--bind", "192.0.2.1"]
        assert main([*arguments, "--out", str(out)]) == 1
    assert not new.exists()
    assert old.read_text() == "kept"


@pytest.mark.parametrize(
    "wrong", [("--listen", "nan"), ("--listen", "-1"), ("--port", "0")]
)
def test_an_impossible_number_is_refused(
    wrong: tuple[str, str], tmp_path: Path
) -> None:
    out = str(tmp_path / "x.json")
    with pytest.raises(SystemExit) as ended:
        main(["--host", GARAGE, "--out", out, *wrong])
    assert ended.value.code == 2
