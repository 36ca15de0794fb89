"""What leaves is strict JSON; what comes in is an object or a ValueError."""

import base64
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyconnector_template.json_text import clean_text, json_object, to_json

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters()), inner, max_size=4)
    ),
    max_leaves=12,
)


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


@given(ANYTHING)
@example(b"\\u0000")
def test_whatever_goes_out_is_strict_json_without_nul_and_lone_surrogates(
    value: object,
) -> None:
    text = to_json(value)
    decoded = json.loads(text, parse_constant=refuse)
    flat = json.dumps(decoded, ensure_ascii=False)
    assert "\0" not in flat
    # A backslash is written as two, and then u0000 behind it is only text.
    assert "\\u0000" not in flat.replace(r"\\", "")
    flat.encode("utf-8")


def test_ordinary_values_look_as_json_dumps_makes_them() -> None:
    value = {"sensor": {"a": 0.122, "ü": "kW"}, "actuator": {"b": None}}
    assert to_json(value) == json.dumps(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_know_become_null(number: float) -> None:
    assert to_json({"value": number}) == '{"value": null}'


def test_bytes_become_their_text() -> None:
    assert to_json(b"TCH-OK :done") == '"TCH-OK :done"'


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\0b", bytes(range(256))])
def test_bytes_that_are_no_storable_text_lose_nothing(data: bytes) -> None:
    decoded = json.loads(to_json({"raw": [data]}))
    assert base64.b64decode(decoded["raw"][0]["base64"]) == data


def test_objects_that_json_does_not_know_become_text() -> None:
    assert to_json({"value": Decimal("1.5")}) == '{"value": "1.5"}'


def test_characters_beyond_the_first_plane_survive() -> None:
    assert json.loads(to_json("🔌")) == "🔌"


def test_cleaning_removes_what_the_database_refuses() -> None:
    assert clean_text("a\0b\ud800c") == "ab?c"


def test_an_object_comes_in() -> None:
    assert json_object(b'{"value": 1}') == {"value": 1}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        "",
        b"abc",
        b"[1]",
        b"null",
        b"\xff",
        b"\x80{}",
        "[" * 100_000,
        "9" * 10_000,
        b'{"a": ',
    ],
)
def test_all_that_is_no_object_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_object(text)


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_reading_raises_nothing_but_value_errors(text: str | bytes) -> None:
    try:
        assert isinstance(json_object(text), dict)
    except ValueError:
        return
