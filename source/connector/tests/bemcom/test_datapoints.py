from collections import Counter

import pytest

from connector.bemcom.actuators import ACTUATORS
from connector.bemcom.datapoints import SELECTIONS, Datapoint, all_datapoints
from connector.bemcom.raw_messages import parse_raw_message
from connector.bemcom.unknown_keys import MAX_UNKNOWN_KEYS
from connector.keba.station.events import Outcome
from connector.tests.diagnosis.links import LINKS
from connector.tests.documents import DOCS
from testbed.recordings import Recording, all_recordings

BEMCOMS_FORMATS = {
    "generic_numeric",
    "continuous_numeric",
    "discrete_numeric",
    "generic_text",
    "discrete_text",
    "bool",
    "unknown",
}
"""What BEMCom's API offers (django-api 0.8)."""

TABLE = tuple(all_datapoints())
PAGE = (DOCS / "datapoints.md").read_text("utf-8")


def row(key: str) -> Datapoint:
    (found,) = (one for one in TABLE if one.key == key and one.kind == "sensor")
    return found


def test_every_datapoint_is_there_once() -> None:
    counts = Counter((one.kind, one.key) for one in TABLE)

    assert [entry for entry, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("datapoint", TABLE, ids=lambda one: one.key)
def test_every_row_is_complete(datapoint: Datapoint) -> None:
    assert datapoint.kind in ("sensor", "actuator")
    assert datapoint.meaning
    assert datapoint.data_format in BEMCOMS_FORMATS


@pytest.mark.parametrize("word", ACTUATORS)
def test_every_actuator_has_a_result_beside_it(word: str) -> None:
    actuators = [one.key for one in TABLE if one.kind == "actuator"]

    assert word in actuators
    for outcome in Outcome:
        assert str(outcome) in row(f"results__{word}").values


def test_every_reason_is_named() -> None:
    for reason in LINKS:
        assert str(reason) in row("connection__reason").values


@pytest.mark.parametrize(
    "recording", all_recordings(), ids=lambda one: one.name
)
def test_what_real_stations_send_is_in_the_table(recording: Recording) -> None:
    known = {one.key for one in TABLE}
    for request, text in recording.datagrams.items():
        name = "status" if request.startswith("push") else request
        parsed = parse_raw_message({"station": {name: text}})
        for report, fields in parsed.get("station", {}).items():
            unknown = {f"{report}__{key}" for key in fields} - known
            assert unknown == set()


def test_the_document_has_a_row_for_each_datapoint_under_its_heading() -> None:
    for datapoint in TABLE:
        assert f"| `{datapoint.key}` |" in PAGE
    headings = [line for line in PAGE.splitlines() if line.startswith("## ")]
    assert headings[:2] == ["## What to select", "## Sensors: report 1"]
    assert headings[-1] == "## Actuators"
    assert len(set(headings)) == len(headings)
    assert f"at most {MAX_UNKNOWN_KEYS} of each station" in PAGE


def test_the_tables_of_the_document_are_well_formed() -> None:
    _, selections, *sections = PAGE.split("\n## ")

    for section, bars in [(selections, 4), *((one, 6) for one in sections)]:
        rows = [line for line in section.splitlines() if line.startswith("|")]
        assert {line.replace("\\|", "").count("|") for line in rows} == {bars}


@pytest.mark.parametrize(
    ("term", "keys"),
    [
        ("energy_total", ["readings__energy_total"]),
        ("actuator ena", ["ena"]),
        ("actuator curr", ["curr", "currtime"]),
    ],
)
def test_the_search_finds_the_recommended_datapoints_and_no_others(
    term: str, keys: list[str]
) -> None:
    [selection] = [one for one in SELECTIONS if one.term == term]

    found = [
        one.key
        for one in TABLE
        if selection.finds(f"garage__{one.key}", one.kind)
    ]

    assert found == keys


@pytest.mark.parametrize(
    "group", ["readings", "connection", "results", "session"]
)
def test_the_search_finds_whole_groups(group: str) -> None:
    [selection] = [one for one in SELECTIONS if one.term == f"{group}__"]

    found = {one.key for one in TABLE if selection.finds(one.key, one.kind)}

    assert found == {
        one.key for one in TABLE if one.key.startswith(f"{group}_")
    }


def test_report_numbers_repeated_serials_and_uptimes_are_unimportant() -> None:
    unimportant = {one.key for one in TABLE if one.is_unimportant}

    assert unimportant == {
        f"report {number}__{field}"
        for number in (1, 2, 3, 100)
        for field in ("ID", "Serial", "Sec")
    } - {"report 1__Serial"}
