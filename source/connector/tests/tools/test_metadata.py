"""Every datapoint has metadata that BEMCom's API takes."""

import json
from typing import Any

import pytest

from connector.bemcom.actuators import ACTUATORS, command_from_value
from connector.bemcom.datapoints import all_datapoints
from connector.tools.metadata import (
    SHORT_NAME_LENGTH,
    api_accepts,
    compare,
    rows_for,
)

ROWS = rows_for("keba", ["garage", "yard"])


def test_every_datapoint_of_every_station_has_a_row() -> None:
    keys = {row["key_in_connector"] for row in ROWS}
    for datapoint in all_datapoints():
        assert f"garage__{datapoint.key}" in keys
        assert f"yard__{datapoint.key}" in keys


def test_short_names_are_unique_and_short_enough() -> None:
    names = [row["short_name"] for row in ROWS]
    assert None not in names
    assert len(names) == len(set(names))
    assert max(map(len, names)) <= SHORT_NAME_LENGTH


def test_a_short_name_that_would_be_too_long_is_left_out() -> None:
    rows = rows_for("keba", ["station-at-the-northern-entrance"])
    own = [row for row in rows if row["key_in_connector"][:3] != "all"]
    assert {row["short_name"] for row in own} == {None}


def test_data_formats_come_with_the_limits_that_belong_to_them() -> None:
    for row in ROWS:
        is_discrete = row["data_format"].startswith("discrete")
        assert bool(row["allowed_values"]) == is_discrete
        is_continuous = row["data_format"] == "continuous_numeric"
        assert (row["min_value"] is not None) == is_continuous
        assert json.loads(json.dumps(row)) == row


ACTUATOR_ROWS = {
    row["key_in_connector"].removeprefix("garage__"): row
    for row in ROWS
    if row["type"] == "actuator"
    and row["key_in_connector"].startswith("garage__")
}


@pytest.mark.parametrize("word", ACTUATORS)
def test_each_promised_value_can_be_sent_and_passes_the_api(word: str) -> None:
    for value in ACTUATORS[word].promised:
        assert command_from_value(word, value)
        assert api_accepts(ACTUATOR_ROWS[word], value), value


@pytest.mark.parametrize(
    ("word", "value"),
    [("ena", 2), ("ena", True), ("curr", 5999), ("display", 1)],
)
def test_what_nobody_promises_is_refused_where_the_format_can_tell(
    word: str, value: object
) -> None:
    assert not api_accepts(ACTUATOR_ROWS[word], value)


@pytest.mark.parametrize("word", ACTUATORS)
def test_a_description_promises_nothing_that_the_api_refuses(word: str) -> None:
    said = ACTUATORS[word].accepts
    promised = ACTUATORS[word].promised
    assert "true" not in said
    assert ("null is" in said and "null is refused" not in said) == (
        None in promised
    )
    takes_texts = any(isinstance(value, str) for value in promised)
    assert ("text" in said) == takes_texts


@pytest.mark.parametrize(
    ("fields", "accepted", "refused"),
    [
        ({"data_format": "unknown"}, [0, "x", True, None, [1]], []),
        ({"data_format": "generic_numeric"}, [0, 1.5, None], ["1", True]),
        (
            {"data_format": "continuous_numeric", "min_value": 1},
            [1, 9, None],
            [0, "1", False],
        ),
        (
            {"data_format": "continuous_numeric", "max_value": 5},
            [-1, 5, None],
            [6],
        ),
        ({"data_format": "discrete_numeric"}, [], [0, None]),
        (
            {"data_format": "discrete_numeric", "allowed_values": [0, 1]},
            [0, 1],
            [2, None, True],
        ),
        ({"data_format": "generic_text"}, ["", "x", None], [1, True]),
        (
            {"data_format": "discrete_text", "allowed_values": ["a"]},
            ["a"],
            ["b", None],
        ),
        ({"data_format": "bool"}, [True, False], [0, None, "true"]),
    ],
)
def test_the_api_checks_values_by_data_format(
    fields: dict[str, Any], accepted: list[Any], refused: list[Any]
) -> None:
    row = existing("garage__ena", **fields)
    assert [one for one in accepted if not api_accepts(row, one)] == []
    assert [one for one in refused if api_accepts(row, one)] == []


def test_every_allowed_value_and_the_ends_of_each_range_can_be_sent() -> None:
    for word, row in ACTUATOR_ROWS.items():
        for value in row["allowed_values"] or ():
            assert command_from_value(word, value)
        if row["min_value"] is not None:
            assert command_from_value(word, row["min_value"])
            assert command_from_value(word, row["max_value"])


def test_descriptions_name_the_station_and_what_actuators_accept() -> None:
    by_key = {row["key_in_connector"]: row for row in ROWS}
    curr = by_key["yard__curr"]
    assert "yard" in curr["description"]
    assert ACTUATORS["curr"].accepts in curr["description"]
    assert "All charge stations" in by_key["all__ena"]["description"]


def test_descriptions_say_first_what_is_unimportant() -> None:
    by_key = {row["key_in_connector"]: row["description"] for row in ROWS}
    for key in ("report 2__ID", "report 3__Serial", "report 1__Sec"):
        assert by_key[f"yard__{key}"].startswith("Unimportant. Charge station")
    assert not by_key["yard__report 1__Serial"].startswith("Unimportant")


def existing(key: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "connector": {"name": "keba"},
        "key_in_connector": key,
        "type": "sensor",
        "data_format": "unknown",
        "short_name": None,
        "description": "",
        "min_value": None,
        "max_value": None,
        "allowed_values": None,
        "unit": "",
        **fields,
    }


def test_a_field_that_stays_is_sent_as_it_is() -> None:
    # Django REST framework may take a missing field for its default.
    row = existing("garage__report 3__U1", description="Mains")
    [change] = compare(ROWS, [row], is_overwriting=False)
    assert change.row["description"] == "Mains"
    assert change.row["unit"] == "V"
    assert change.kept == ("description",)
