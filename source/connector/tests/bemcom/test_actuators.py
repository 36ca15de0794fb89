"""What BEMCom's users may write to an actuator, and what becomes of it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bemcom.actuators import ACTUATORS, command_from_value
from connector.keba.protocol.commands import InvalidCommandError
from connector.tests.nesting import DEPTHS, low_stack

TAG = "e3f76b8d00000000"
CARD_CLASS = "01010400000000000000"
WITHOUT_ARGUMENT = ("unlock",)

each_actuator = pytest.mark.parametrize("word", ACTUATORS)


def _datagram(word: str, value: object, max_curr: int | None = None) -> str:
    return command_from_value(word, value, max_curr).encode().decode()


def _refusal(word: str, value: object, max_curr: int | None = None) -> str:
    with pytest.raises(InvalidCommandError) as refused:
        command_from_value(word, value, max_curr)
    return str(refused.value)


def test_the_actuators_are_those_of_the_published_connector() -> None:
    assert {"ena", "curr", "setenergy", "display"} <= ACTUATORS.keys()


MEANT: dict[str, list[object]] = {
    "ena 1": [1, 1.0, "1", "1.0", True, "true"],
    "ena 0": [0, "0", False, "False", None],
    "curr 16000": [16000, 16000.0, "16000", "16000.0", " 16000 ", "1.6e4"],
    "curr 6000": [6000],
    "curr 63000": [63000, None],
    "setenergy 100000": [100000],
    "setenergy 0": [0, -0.0, None],
    "setenergy 999999999": ["999999999"],
    "display 0 0 0 0 Hello": ["Hello", "0 5 20 0 Hello"],
    "display 0 0 0 0 Hello$KEBA": ["Hello KEBA", "0 0 0 0 Hello$KEBA"],
    "display 1 5 20 0 Hello$you": ["1 5 20 0 Hello you"],
    "display 0 0 0 0 42": [42],
    "display 0 0 0 0 3.5": [3.5],
    "currtime 16000 1": [16000, "16000"],
    "currtime 10000 7200": ["10000 7200"],
    "currtime 0 1": [0],
    "currtime 0 0": ["0 0"],
    "currtime 63000 1": [None],
    "output 0": [0],
    "output 1": [True],
    "output 150": ["150"],
    "start": [""],
    f"start {TAG}": [TAG],
    f"start {TAG} {CARD_CLASS}": [f"{TAG} {CARD_CLASS}"],
    "stop": [""],
    f"stop {TAG}": [TAG],
    "unlock": [1, True, "1"],
    "failsafe 60 6000 0": ["60 6000", "60 6000 0"],
    "failsafe 600 0 1": ["600 0 1"],
    "failsafe 0 0 0": [0, None],
    "setdatetime 1800000000": [1_800_000_000],
    "x2src 4": [4, "4"],
    "x2 0": [0, "false"],
    "x2 1": [True],
}


@pytest.mark.parametrize(
    ("value", "datagram"),
    [(value, text) for text, values in MEANT.items() for value in values],
)
def test_what_was_meant_is_what_is_sent(value: object, datagram: str) -> None:
    assert _datagram(datagram.split(" ")[0], value) == datagram


def _nested(depth: int) -> object:
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


# What no actuator takes, with what BEMCom lets through.
ALWAYS_REFUSED = [
    *(math.nan, math.inf, -math.inf, 10**400, -(10**400)),
    *([], [1, 2], {}, {"a": 1}, {"value": 1}, _nested(20)),
    *("1\nena 0", "16000\n", "\n1", "0\r", "1\0", "ena 1\x1b"),
    *("x" * 1_000_000, "9" * 1_000_000, " " * 1_000_000),
]


@each_actuator
@pytest.mark.parametrize(
    "value", ALWAYS_REFUSED, ids=lambda value: f"{value!r:.20}"
)
def test_what_is_no_value_for_any_actuator_is_refused(
    word: str, value: object
) -> None:
    assert _refusal(word, value).startswith(f"{word}: ")


NOT_TAKEN: dict[str, list[object]] = {
    "ena": [-1, 0.5, "2", "yes"],
    "curr": [
        *(False, -6000, 63001, 16000.5, 1e308, "16000.5", "16 A", "16,000"),
        *("16_000", "0x3e80", "nan", "inf", "1e999"),
        "\u0661\u0666\u0660\u0660\u0660",
    ],
    "setenergy": [True, 1_000_000_000, 0.1],
    "display": [
        *(None, True, "Grüezi", "a text of more than 23 characters"),
        "0 0 0 0 a text of more than 23 characters",
        *("1 99999 5 0 Hello", "1 100000 5 0 Hello"),
    ],
    "currtime": [True, "16000 -1", "16000 1 1"],
    "output": [None, 2, 9, 151],
    "start": [
        *(None, True, 1234567890123456, f"{TAG} {TAG}"),
        f"{TAG} {CARD_CLASS} 1",
    ],
    "stop": [0, f"{TAG} {CARD_CLASS}"],
    "unlock": [None, False, ""],
    "failsafe": [
        *(True, False, 60, "60", "9 6000", "601 6000", "60 5999", "60 6000 2")
    ],
    "setdatetime": [None, True, 2**32],
    "x2src": [None, True],
    "x2": [None],
}


@pytest.mark.parametrize(
    ("word", "value"),
    [(word, value) for word, values in NOT_TAKEN.items() for value in values],
)
def test_what_this_actuator_does_not_take_is_refused(
    word: str, value: object
) -> None:
    assert _refusal(word, value).startswith(f"{word}: ")


@pytest.mark.parametrize(
    ("word", "value", "possible"),
    [
        ("ena", 2, "neither 0 nor 1"),
        ("ena", "on", "0 or 1"),
        ("ena", [], "0 or 1"),
        ("curr", 0, "use ena 0 or currtime 0"),
        ("curr", 5999, "6000…63000 mA"),
        ("curr", "sixteen", "6000…63000 mA"),
        ("curr", True, "6000…63000 mA"),
        ("curr", math.nan, "6000…63000 mA"),
        ("curr", {}, "6000…63000 mA"),
        ("setenergy", -1, "0…999999999 in 0.1 Wh"),
        ("setenergy", "much", "0…999999999 in 0.1 Wh"),
        ("display", "x" * 24, "1 to 23 characters"),
        ("display", "ü", "printable ASCII"),
        ("currtime", 5000, "0 (stop) or within 6000…63000 mA"),
        ("currtime", "16000 860401", "0…860400 s"),
        ("output", 5, "10…150"),
        ("start", "e3f7", "16 hexadecimal digits"),
        ("start", f"{TAG} 01", "20 hexadecimal digits"),
        ("stop", None, "an empty text"),
        ("unlock", 0, "only 1 unlocks"),
        ("failsafe", "5 6000", "10…600 s"),
        ("setdatetime", 0, "1…4294967295 s"),
        ("x2src", 5, "0…4"),
        ("x2", 2, "neither 0 nor 1"),
    ],
)
def test_a_refusal_names_what_would_be_possible(
    word: str, value: object, possible: str
) -> None:
    refusal = _refusal(word, value)

    assert refusal.startswith(f"{word}: ")
    assert possible in refusal


def test_a_refusal_shows_the_value_that_was_given() -> None:
    assert "'sixteen'" in _refusal("curr", "sixteen")
    assert "5999" in _refusal("curr", 5999)


@each_actuator
@pytest.mark.parametrize(
    "value",
    ["x" * 1_000_000, 10**4000, [0] * 10_000, {"a": "b" * 10_000}],
    ids=["text", "integer", "list", "object"],
)
def test_a_refusal_stays_short_whatever_was_given(
    word: str, value: object
) -> None:
    """It becomes a row of BEMCom's database, for ever."""
    assert len(_refusal(word, value)) <= 200


@pytest.mark.parametrize("word", ["ena", "curr", "setenergy"])
def test_a_number_of_300_digits_is_not_written_out(word: str) -> None:
    assert len(_refusal(word, 1e308)) <= 200


@each_actuator
def test_no_depth_of_nesting_makes_another_error(word: str) -> None:
    """Try them all: what can just be read may be too deep to be shown."""
    with low_stack():
        for depth in DEPTHS:
            try:
                value = json.loads("[" * depth + "]" * depth)
            except RecursionError:
                return
            _refusal(word, value)


def test_max_curr_concerns_currents_only() -> None:
    assert _datagram("setenergy", 99999, max_curr=16000) == "setenergy 99999"


@pytest.mark.parametrize("word", ["currtime", "curr"])
def test_max_curr_holds_for_every_way_to_set_a_current(word: str) -> None:
    refusal = _refusal(word, 16001, max_curr=16000)
    assert "16001 mA" in refusal
    assert "max_curr of 16000 mA" in refusal
    for value in (16000, None):
        datagram = _datagram(word, value, max_curr=16000)
        assert datagram.split(" ")[:2] == [word, "16000"]


@pytest.mark.parametrize("word", sorted(ACTUATORS.keys() - {"start", "stop"}))
def test_an_empty_text_is_no_value(word: str) -> None:
    _refusal(word, "")


@each_actuator
def test_the_example_of_an_actuator_is_accepted_by_it(word: str) -> None:
    example = ACTUATORS[word].example
    assert _datagram(word, example).split(" ")[0] == word


@each_actuator
def test_the_limits_that_an_actuator_names_are_its_limits(word: str) -> None:
    actuator = ACTUATORS[word]
    for number in (*actuator.allowed, actuator.low, actuator.high):
        if number is not None:
            argument = "" if word in WITHOUT_ARGUMENT else f" {number}"
            assert _datagram(word, number) == f"{word}{argument}"
    for number in (actuator.low, actuator.high):
        if number is not None:
            outside = number - 1 if number == actuator.low else number + 1
            _refusal(word, outside)


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.from_regex(r"[01] \d{1,6} \d{1,6} \d .{0,25}")
    | st.from_regex(r"\s?[+-]?\d{1,10}(\.\d{0,2})?(e\d{1,3})?\s?")
)
_ANY_JSON = _SCALARS | st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.sampled_from(sorted(ACTUATORS)), _ANY_JSON)
def test_any_value_becomes_one_printable_line_or_a_refusal(
    word: str, value: object
) -> None:
    try:
        command = command_from_value(word, value)
    except InvalidCommandError:
        return
    line = command.encode().decode("ascii")
    assert line.isprintable()
    assert line.split(" ")[0] == word


@given(st.integers(6000, 63000))
def test_a_number_and_its_text_mean_the_same(limit: int) -> None:
    for value in (limit, float(limit), str(limit), f"{limit}.0"):
        assert _datagram("curr", value) == f"curr {limit}"


@pytest.mark.parametrize("word", ["start", "stop"])
def test_a_hashed_tag_is_refused_with_the_reason(word: str) -> None:
    hashed, card = "a1b2c3d4e5f60718", "e3f76b8d00000000"

    with pytest.raises(InvalidCommandError, match=r"hash .* RFID_PLAIN"):
        command_from_value(word, hashed, is_hash=hashed.__eq__)

    command = command_from_value(word, card, is_hash=hashed.__eq__)
    assert command.encode() == f"{word} {card}".encode()
