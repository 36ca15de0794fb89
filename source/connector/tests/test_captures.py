"""Recordings of real stations run through every reader.

A new recording is a new test: put the file into `captures` or a folder of its
own there, make its snapshot and read what it says.
"""

from pathlib import Path

import pytest

from connector.bemcom.raw_messages import parse_raw_message
from connector.keba.protocol.messages import (
    Blank,
    Report,
    StatusPush,
    Unreadable,
    parse_datagram,
    parse_text,
)
from connector.tests.make_snapshots import COMMAND, snapshot_of
from testbed.recordings import FOLDER, Recording, all_recordings

each_recording = pytest.mark.parametrize(
    "recording", all_recordings(), ids=lambda recording: recording.name
)


def test_there_are_recordings() -> None:
    assert len(all_recordings()) >= 11


@each_recording
def test_a_recording_reads_as_its_snapshot_says(recording: Recording) -> None:
    if not recording.snapshot_path.exists():
        pytest.fail(
            f"{recording.path.name} has no snapshot yet. Make it in the folder "
            f"'source' with `{COMMAND}`, read it, and commit it as well."
        )
    assert snapshot_of(recording) == recording.snapshot_path.read_text("utf-8")


def test_each_snapshot_belongs_to_a_recording() -> None:
    known = {recording.snapshot_path for recording in all_recordings()}
    assert set(FOLDER.rglob("*.parsed.json")) <= known


def test_a_new_folder_of_recordings_is_found(tmp_path: Path) -> None:
    content = all_recordings()[0].path.read_text("utf-8")
    folder = tmp_path / "car-park" / "level-2"
    folder.mkdir(parents=True)
    (folder / "idle.json").write_text(content, "utf-8")
    (folder / "idle.parsed.json").write_text("{}", "utf-8")

    (recording,) = all_recordings(tmp_path)

    assert recording.name == "car-park/level-2/idle"
    assert recording.snapshot_path == folder / "idle.parsed.json"


@each_recording
def test_every_recorded_datagram_has_a_name(recording: Recording) -> None:
    for request, text in recording.datagrams.items():
        message = parse_text(text)
        assert not isinstance(message, Unreadable | Blank), request
        assert parse_datagram(text.encode()) == message


@each_recording
def test_a_recorded_report_is_the_one_that_was_asked_for(
    recording: Recording,
) -> None:
    for request, text in recording.datagrams.items():
        if request.startswith("report "):
            message = parse_text(text)
            assert isinstance(message, Report)
            assert f"report {message.number}" == request
        if request.startswith("push "):
            message = parse_text(text)
            assert isinstance(message, StatusPush)
            assert len(message.fields) == 1


@each_recording
def test_no_value_of_a_recording_is_lost(recording: Recording) -> None:
    """Count against a plain reading, without any tolerance of ours."""
    parsed = parse_raw_message({"station": dict(recording.datagrams)})
    for request, text in recording.datagrams.items():
        if request.startswith("report "):
            lines = [line for line in text.split(",") if '":' in line]
            assert len(parsed["station"][request]) == len(lines)
