"""Raw messages of this and of the published connector become values."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bemcom.raw_messages import STATUS, parse_raw_message
from testbed.recordings import all_texts

REPORT_2 = '{\n"ID": "2",\n"State": 3,\n"E Pres   ": 7\n}\n'


def test_a_report_comes_out_under_its_station_and_its_number() -> None:
    parsed = parse_raw_message({"garage": {"report 2": REPORT_2}})
    assert parsed == {
        "garage": {"report 2": {"ID": "2", "State": 3, "E pres": 7}}
    }


def test_what_the_published_connector_has_stored_still_parses() -> None:
    """Versions 0.3.0 to 0.5.0 stored a poll of all stations at once."""
    stored = {
        "garage": {
            "report 1": '{\n"ID": "1",\n"Product": "KC-P30"\n}\n',
            "report 2": '{\n"ID": "2",\n"State": 1\n}\n',
            "report 3": '{\n"ID": "3",\n"P": 0\n}\n',
        },
        "yard": {"report 1": '{\n"ID": "1",\n"Product": "KC-P20"\n}\n'},
    }
    assert parse_raw_message(stored) == {
        "garage": {
            "report 1": {"ID": "1", "Product": "KC-P30"},
            "report 2": {"ID": "2", "State": 1},
            "report 3": {"ID": "3", "P": 0},
        },
        "yard": {"report 1": {"ID": "1", "Product": "KC-P20"}},
    }


def test_parsing_again_gives_the_same() -> None:
    raw = {"garage": {str(i): text for i, text in enumerate(all_texts())}}
    assert parse_raw_message(raw) == parse_raw_message(raw)


def test_a_raw_message_is_left_as_it_was() -> None:
    raw = {"garage": {"report 2": REPORT_2}}
    parse_raw_message(raw)
    assert raw == {"garage": {"report 2": REPORT_2}}


@pytest.mark.parametrize(
    ("text", "report", "fields"),
    [
        ('{"State": 3}', "report 2", {"State": 3}),
        ('{"Plug": 7}', "report 2", {"Plug": 7}),
        ('{"Input": 1}', "report 2", {"Input": 1}),
        ('{"Enable sys": 1}', "report 2", {"Enable sys": 1}),
        ('{"Max curr": 16000}', "report 2", {"Max curr": 16000}),
        ('{"E pres": 1945}', "report 3", {"E pres": 1945}),
    ],
)
def test_a_push_updates_the_datapoint_of_the_report_it_belongs_to(
    text: str, report: str, fields: dict[str, int]
) -> None:
    parsed = parse_raw_message({"garage": {STATUS: text}})
    assert parsed == {"garage": {report: fields}}


def test_a_push_of_several_fields_is_sorted_under_their_reports() -> None:
    parsed = parse_raw_message(
        {"garage": {STATUS: '{"State": 3, "E pres": 5, "New": 1}'}}
    )
    assert parsed == {
        "garage": {
            "report 2": {"State": 3},
            "report 3": {"E pres": 5},
            STATUS: {"New": 1},
        }
    }


def test_a_field_that_no_report_has_stands_under_status() -> None:
    parsed = parse_raw_message({"garage": {STATUS: '{"Temp": 21}'}})
    assert parsed == {"garage": {"status": {"Temp": 21}}}


def test_a_report_that_came_for_another_goes_where_it_belongs() -> None:
    """Versions 0.3.0 and 0.4.0 took any report for the one asked for."""
    parsed = parse_raw_message({"garage": {"report 3": REPORT_2}})
    assert list(parsed["garage"]) == ["report 2"]


def test_a_session_report_with_a_wrong_id_is_named_after_its_request() -> None:
    text = '{"ID": "6", "Session ID": 35, "E Pres    ": 100}'
    parsed = parse_raw_message({"garage": {"report 100": text}})
    assert parsed == {
        "garage": {"report 100": {"ID": "6", "Session ID": 35, "E pres": 100}}
    }


def test_reports_of_past_sessions_keep_their_number() -> None:
    text = '{"ID": "107", "Session ID": 35}'
    parsed = parse_raw_message({"garage": {"report 107": text}})
    assert list(parsed["garage"]) == ["report 107"]


@pytest.mark.parametrize(
    "text",
    [
        "TCH-OK :done\n",
        "TCH-ERR:nothing to stop",
        '"Firmware":"P30 v 3.10.27"',
        "started",
        "report 2",
        "",
        "{",
        "nonsense",
    ],
)
def test_what_holds_no_values_is_missing_and_takes_nothing_with_it(
    text: str,
) -> None:
    raw = {"garage": {"x": text, "report 2": REPORT_2}, "yard": {"x": text}}
    parsed = parse_raw_message(raw)
    assert parsed.keys() == {"garage"}
    assert parsed["garage"].keys() == {"report 2"}


@pytest.mark.parametrize(
    "raw",
    [None, 1, "text", [], {}, {"garage": None}, {"garage": {"report 2": None}}],
)
def test_what_is_no_raw_message_holds_nothing(raw: object) -> None:
    assert parse_raw_message(raw) == {}


_TEXTS = st.text(max_size=80) | st.sampled_from(all_texts())
_RAW = st.recursive(
    st.none() | st.integers() | st.floats() | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(_RAW)
def test_whatever_was_stored_parses_to_strict_json_or_to_nothing(
    raw: object,
) -> None:
    parsed = parse_raw_message(raw)
    text = json.dumps(parsed, allow_nan=False)
    assert json.loads(text) == parsed
