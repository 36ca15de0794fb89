from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from simulator.actions import Answer, PlugIn, Silence
from simulator.replay import ReplayedStation, ReplayError, read_recording
from simulator.tests.talking import CLIENT

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.wire import Outgoing

REPORT = '{\n"ID": "2",\n"State": 5\n}\n'


def said(leaving: list[Outgoing]) -> list[str]:
    return [out.data.decode() for out in leaving]


def write(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def raw(station: str, request: str, text: str) -> dict[str, object]:
    message = {"raw_message": {station: {request: text}}, "timestamp": 1}
    return {"payload": message, "connector_version": "0.5.0"}


def test_a_capture_answers_what_was_recorded(tmp_path: Path) -> None:
    datagrams = {"report 2": REPORT, "push 1": '{"E pres": 1}'}
    path = write(tmp_path / "capture.json", {"datagrams": datagrams})
    garage = read_recording(path).station("garage")
    (out,) = garage.receive(b"report 2\n", 1.0, ("192.0.2.1", 5000))
    assert out.data.decode() == REPORT
    assert out.to == ("192.0.2.1", 7090)
    assert out.at > 1.0
    assert garage.receive(b"report 3", 2.0) == []
    assert garage.receive(b"push 1", 2.0) == []


ONE, TWO = raw("garage", "i", "one"), raw("garage", "i", "two")
PLAIN = {"raw_message": {"garage": {"i": "one"}}, "timestamp": 1}
AS_TEXT = {"raw_message": '{"garage": {"i": "two"}}', "timestamp": 1}
OTHERS = (raw("yard", "i", "other"), raw("garage", "status", '{"E pres": 1}'))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "\n".join(map(json.dumps, (ONE, *OTHERS, TWO))), id="lines"
        ),
        pytest.param(json.dumps([ONE, TWO]), id="a list"),
        pytest.param(json.dumps([ONE, TWO], indent=2), id="a list on lines"),
        pytest.param(
            json.dumps([PLAIN, {"payload": AS_TEXT}]), id="a text that holds it"
        ),
    ],
)
def test_raw_messages_follow_each_other(tmp_path: Path, text: str) -> None:
    path = tmp_path / "raw.json"
    path.write_text(text)
    garage = read_recording(path).station("garage")
    answers = [said(garage.receive(b"i", 0.0)) for _ in range(3)]
    assert answers == [["one"], ["two"], ["one"]]


def test_a_single_raw_message_may_be_spread_over_lines(tmp_path: Path) -> None:
    path = tmp_path / "raw.json"
    path.write_text(json.dumps(ONE, indent=2))
    garage = read_recording(path).station("garage")
    assert said(garage.receive(b"i", 0.0)) == ["one"]


def test_a_name_that_the_file_does_not_have_is_refused_with_those_it_has(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path / "raw.json", raw("garage", "i", "x"), raw("yard", "i", "y")
    )
    with pytest.raises(ReplayError, match="'demo' in it, only garage, yard"):
        read_recording(path).station("demo")


def test_what_is_no_recording_is_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "raw.json"
    lines = [
        json.dumps(raw("garage", "i", "one")),
        "no json",
        '{"payload": {"parsed_message": {}}}',
        '{"payload": null}',
        "[1]",
        '{"raw_message": "no json"}',
        '{"raw_message": {"garage": null}}',
        '{"raw_message": {"garage": {"i": null, "report 1": 5}}}',
        r'{"raw_message": {"garage": {"i": "\ud800"}}}',
        "[" * 100_000,
        "",
        json.dumps(raw("garage", "i", "two")),
    ]
    path.write_text("\n".join(lines))
    garage = read_recording(path).station("garage")
    answers = [said(garage.receive(b"i", 0.0)) for _ in range(3)]
    assert answers == [["one"], ["two"], ["one"]]
    assert garage.receive(b"report 1", 0.0) == []
    assert "raw.json: 10 parts of it are no recording" in caplog.text


def test_a_file_in_order_is_read_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "raw.json", raw("garage", "i", "x"))

    read_recording(path).station("garage")

    assert caplog.text == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        "no json",
        '{"datagrams": {"push 1": "x"}}',
        '{"datagrams": {"i": null}}',
        '{"datagrams": null}',
        "null",
        '{"raw_message": {}}',
    ],
)
def test_a_file_without_recording_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ReplayError, match=r"bad\.json: n(either|o recorded)"):
        read_recording(path).station("garage")


def test_a_replayed_station_can_be_silent() -> None:
    garage = ReplayedStation("garage", {"i": [b"x"], "report 1": [b"y"]})
    garage.perform(Silence(("i",)), 0.0)
    assert garage.receive(b"i", 0.0) == []
    assert said(garage.receive(b"report 1", 0.0)) == ["y"]
    garage.perform(Silence(), 0.0)
    assert garage.receive(b"report 1", 0.0) == []
    garage.perform(Answer(), 0.0)
    assert said(garage.receive(b"i", 0.0)) == ["x"]


def test_nothing_else_happens_to_a_replayed_station() -> None:
    garage = ReplayedStation("garage", {"i": [b"x"]})
    assert garage.perform(PlugIn(), 0.0) == []
    assert garage.advance(1e6) == []
    assert garage.next_moment() == math.inf
    assert garage.take_log_lines() == []


def test_bytes_that_were_no_text_are_sent_as_they_were(tmp_path: Path) -> None:
    datagrams = {"i": b"\xff\0".decode("utf-8", "surrogateescape")}
    path = write(tmp_path / "capture.json", {"datagrams": datagrams})
    (out,) = read_recording(path).station("garage").receive(b"i", 0.0, CLIENT)
    assert out.data == b"\xff\0"
