"""The table of fields against KEBA's guides and against recordings."""

import pytest

from connector.keba.protocol.fields import (
    REPORTS,
    Field,
    Plug,
    State,
    documented_key,
    is_known_report,
    report_of_field,
)
from connector.keba.protocol.messages import Report, Value, parse_text
from testbed.recordings import all_recordings


def _field(report: int, key: str) -> Field:
    return next(field for field in REPORTS[report] if field.key == key)


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_names_each_field_once_and_says_what_it_means(
    report: int,
) -> None:
    keys = [field.key for field in REPORTS[report]]
    assert len(keys) == len(set(keys))
    # Its number, its station and its age are always told.
    assert {*keys} >= {"ID", "Serial", "Sec"}
    assert all(field.meaning for field in REPORTS[report])


@pytest.mark.parametrize(
    ("printed", "documented"),
    [
        # Guide V2.00, page 12, pads to ten characters.
        ("Curr HW   ", "Curr HW"),
        ("E Start   ", "E start"),
        ("E Pres    ", "E pres"),
        ("started[s]", "started[s]"),
        ("ended[s]  ", "ended[s]"),
        ("reason    ", "reason"),
        ("RFID tag  ", "RFID tag"),
        (" state", "State"),
        ("ENABLE SYS", "Enable sys"),
        ("Max  curr %", "Max curr %"),
        ("E\tpres", "E pres"),
        # An unknown one of new firmware.
        ("  New Field 7 ", "New Field 7"),
    ],
)
def test_padded_keys_and_other_capitals_fold_onto_the_documented_spelling(
    printed: str, documented: str
) -> None:
    assert documented_key(printed) == documented


def test_documented_keys_stay_as_they_are() -> None:
    for fields in REPORTS.values():
        for field in fields:
            assert documented_key(field.key) == field.key


def test_keys_that_differ_by_more_than_blanks_and_capitals_stay_apart() -> None:
    assert documented_key("Max curr") == "Max curr"
    assert documented_key("Max curr %") == "Max curr %"
    assert documented_key("started") != documented_key("started[s]")
    assert documented_key("X2 phaseSwitch") == "X2 phaseSwitch"


@pytest.mark.parametrize(
    ("field", "report"),
    [
        # The six status messages of guide V2.01, page 35.
        ("State", 2),
        ("Plug", 2),
        ("Input", 2),
        ("Enable sys", 2),
        ("Max curr", 2),
        ("E pres", 3),
        # The session report has it as well.
        ("Curr HW", 2),
        ("Temperature", None),
    ],
)
def test_a_status_message_updates_the_report_that_polls_its_field(
    field: str, report: int | None
) -> None:
    assert report_of_field(field) == report


def test_keba_has_reports_1_to_3_and_100_to_130() -> None:
    known = {number for number in range(-5, 200) if is_known_report(number)}
    assert known == {1, 2, 3, *range(100, 131)}


def test_the_names_of_states_and_plugs_cover_the_documented_values() -> None:
    assert tuple(State) == _field(2, "State").allowed
    assert tuple(Plug) == _field(2, "Plug").allowed


@pytest.mark.parametrize(
    ("report", "key", "unit"),
    [
        (3, "E pres", "0.1 Wh"),
        (3, "E total", "0.1 Wh"),
        (3, "P", "mW"),
        (3, "PF", "0.1 %"),
        (3, "I1", "mA"),
        (3, "U1", "V"),
        (2, "Max curr %", "0.1 %"),
    ],
)
def test_measurements_carry_kebas_units(
    report: int, key: str, unit: str
) -> None:
    assert _field(report, key).unit == unit


def _recorded_values() -> list[tuple[str, Field, Value]]:
    """Values of real stations; printed examples exceed KEBA's own ranges."""
    values = []
    for recording in all_recordings():
        if recording.fidelity == "manual example":
            continue
        for text in recording.datagrams.values():
            message = parse_text(text)
            if isinstance(message, Report):
                values += [
                    (recording.name, _field(message.number, key), value)
                    for key, value in message.fields.items()
                ]
    return values


def test_every_recorded_field_stands_in_the_table_with_its_type() -> None:
    recorded = _recorded_values()
    assert len(recorded) > 200
    for name, field, value in recorded:
        assert isinstance(value, str if field.is_text else int), (name, field)


def test_every_recorded_number_is_within_its_documented_range() -> None:
    for name, field, value in _recorded_values():
        if not isinstance(value, int):
            continue
        assert not field.allowed or value in field.allowed, (name, field)
        assert field.low is None or value >= field.low, (name, field)
        assert field.high is None or value <= field.high, (name, field)
