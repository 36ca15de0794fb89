"""`record` and `replay`: what was said once can be read again."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from end_to_end.tools.calling import CommandLine
from simulator import Simulator

ADDRESS = "127.0.3.90"
REPORT_2 = '{\n"ID": "2",\n"State": 3,\n"Max curr": 16000\n}\n'
REPORT_3 = '{\n"ID": "3",\n"P": 11000000,\n"E total": 250000\n}\n'


def test_a_recording_holds_every_answer_and_no_serial_number(
    tmp_path: Path,
) -> None:
    with Simulator({"garage": ADDRESS}, profile="p30-rfid") as simulator:
        serial = simulator.stations["garage"].serial
        out = tmp_path / "garage.json"
        call = CommandLine(tmp_path, {"garage": ADDRESS}).in_a_process(
            "record", "garage", "--out", out, "--note", "in the test"
        )
        assert simulator.violations == []
    assert call.exit_code == 0
    capture = json.loads(out.read_text())
    assert list(capture["datagrams"]) == [
        "report 1",
        "i",
        "report 2",
        "report 3",
        "report 100",
    ]
    assert capture["model"] == "KC-P30-EC240122-E0R"
    assert capture["note"].startswith("in the test; ")
    assert serial not in out.read_text()


def test_status_messages_are_recorded_while_it_listens(tmp_path: Path) -> None:
    with Simulator({"garage": ADDRESS}, scenario="always-charging", speed=60.0):
        call = CommandLine(tmp_path)("record", ADDRESS, "--listen", 1)
    assert "push 1" in call.json["datagrams"]


def test_a_recording_can_be_replayed(tmp_path: Path) -> None:
    out = tmp_path / "garage.json"
    command_line = CommandLine(tmp_path)
    with Simulator({"garage": ADDRESS}):
        command_line("record", ADDRESS, "--out", out)
    values = [
        json.loads(line)
        for line in command_line("replay", out).out.splitlines()
    ]
    by_key = {one["key"]: one["value"] for one in values}
    assert by_key["garage__report 1__Product"] == "KC-P30-EC240422-E00"
    assert by_key["garage__report 2__State"] == 1
    assert by_key["garage__readings__state"] == "not_ready"
    assert all(isinstance(one["timestamp"], int) for one in values)


def test_a_silent_station_gives_no_recording(tmp_path: Path) -> None:
    out = tmp_path / "nobody.json"
    with Simulator({"garage": ADDRESS}) as simulator:
        simulator.silence("garage")
        call = CommandLine(tmp_path, KEBA_P30_REPLY_TIMEOUT=0.3)(
            "record", ADDRESS, "--out", out
        )
    assert call.exit_code == 1
    assert "does not answer" in call.err
    assert not out.exists()


@pytest.mark.parametrize("path", [".", "nowhere/garage.json"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_asked(
    tmp_path: Path, path: str
) -> None:
    out = tmp_path / path
    with Simulator({"garage": ADDRESS}) as simulator:
        call = CommandLine(tmp_path)("record", ADDRESS, "--out", out)
        assert simulator.requests == []
    assert call.exit_code == 1
    assert str(out) in "".join(call.err.split())
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_answered_is_noted(tmp_path: Path) -> None:
    with Simulator({"garage": ADDRESS}, profile="p20"):
        call = CommandLine(tmp_path, KEBA_P30_REPLY_TIMEOUT=0.3)(
            "record", ADDRESS
        )
    assert "not answered: report 100" in call.json["note"]


PAYLOADS: list[dict[str, Any]] = [
    {"raw_message": {"garage": {request: text}}, "timestamp": at_ms}
    for request, text, at_ms in (
        ("report 2", REPORT_2, 1_795_343_457_492),
        ("report 3", REPORT_3, 1_795_343_457_600),
    )
]
PUBLISHED = [
    {"payload": payload, "connector_version": "0.5.0"} for payload in PAYLOADS
]


def in_lines(entries: Iterable[object]) -> str:
    return "\n".join(map(json.dumps, entries))


EXPORTS = {
    "lines": in_lines(PUBLISHED),
    "list": json.dumps(PUBLISHED, indent=2),
    "mongoexport": in_lines(
        {
            "_id": {"$oid": "65f000000000000000000001"},
            "payload": payload
            | {"timestamp": {"$numberLong": str(payload["timestamp"])}},
            "connector_version": "0.3.0",
        }
        for payload in PAYLOADS
    ),
    "flat": in_lines(
        payload | {"raw_message": json.dumps(payload["raw_message"])}
        for payload in PAYLOADS
    ),
}


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_raw_messages_of_every_origin_give_the_same_values(
    tmp_path: Path, export: str
) -> None:
    call = CommandLine(tmp_path)("replay", "-", "--csv", stdin=export)
    rows = list(csv.reader(io.StringIO(call.out)))
    assert call.exit_code == 0
    assert rows[0] == ["timestamp", "key", "value"]
    assert ["1795343457492", "garage__report 2__State", "3"] in rows
    assert ["1795343457600", "garage__readings__power", "11000.0"] in rows


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path)
    first = command_line("replay", "-", stdin=EXPORTS["lines"])
    # Another process has another hash seed.
    second = command_line.in_a_process("replay", "-", stdin=EXPORTS["lines"])
    assert first.out == second.out != ""


@pytest.mark.parametrize("text", ["nonsense", '{"a": 1}', "[1, 2]", '{"a": '])
def test_what_is_no_raw_message_is_named_by_its_file_and_line(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "garage.json").write_text(text)
    call = CommandLine(tmp_path)("replay", "garage.json")
    assert call.exit_code == 2
    assert "garage, line 1: " in call.err


def test_a_missing_file_is_a_mistake_of_the_call(tmp_path: Path) -> None:
    assert CommandLine(tmp_path)("replay", "nowhere.json").exit_code == 2


def test_a_day_of_values_becomes_a_page(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path)
    values = command_line("replay", "-", stdin=EXPORTS["lines"]).out
    page = tmp_path / "day.html"
    call = command_line("page", "--from", "-", "--out", page, stdin=values)
    assert call.exit_code == 0
    assert "garage" in page.read_text()
    broken = command_line("page", "--from", "-", "--out", page, stdin="{}")
    assert broken.exit_code == 2
    assert "line 1" in broken.err
