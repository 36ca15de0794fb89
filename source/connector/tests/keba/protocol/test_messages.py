"""Every datagram becomes exactly one named message, whatever its bytes."""

import json
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.keba.protocol.messages import (
    MAX_DATAGRAM_BYTES,
    Acceptance,
    Blank,
    BootMessage,
    FirmwareReply,
    ForeignRequest,
    Message,
    Refusal,
    Report,
    StartReply,
    StatusPush,
    Unreadable,
    Value,
    decode_datagram,
    is_session_report,
    parse_datagram,
    parse_text,
)
from connector.tests.nesting import DEPTHS, low_stack
from testbed.recordings import all_texts

STATE_3 = b'{\n"ID": "2",\n"State": 3,\n"Max curr": 16000\n}\n'
AS_REPORT_2 = Report(2, {"ID": "2", "State": 3, "Max curr": 16000})


def _value_of(number: str) -> Value:
    """Read one value out of a report."""
    message = parse_text(f'{{"ID": "3", "P": {number}}}')
    assert isinstance(message, Report)
    return message.fields["P"]


# --- what stations say ------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        STATE_3,
        STATE_3.replace(b"\n", b"\r\n"),
        b'{ "ID": "2", "State": 3, "Max curr": 16000 }',
        b'{"ID":"2","State":3,"Max curr":16000}',
        b'{"ID  ": " 2 ", "State": 3, "Max curr": 16000}',
    ],
    ids=["lines", "Windows", "one line", "no blanks", "padded"],
)
def test_a_report_is_named_by_its_id_whatever_its_layout(data: bytes) -> None:
    assert parse_datagram(data) == AS_REPORT_2


def test_an_id_may_be_a_number() -> None:
    message = parse_datagram(b'{"ID": 2, "State": 3}')
    assert message == Report(2, {"ID": 2, "State": 3})


P30_FIRMWARE = "P30 v 3.10.27 (210105-174852)"
P20_FIRMWARE = "KEBA P20 v 2.5a3 (160613-061001):29309:143.0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TCH-OK :done\n", Acceptance("done")),
        ("TCH-OK: done", Acceptance("done")),
        ("TCH-OK:done\r\n", Acceptance("done")),
        ("TCH-OK", Acceptance("")),
        ("\0TCH-OK :done\n\0\0", Acceptance("done")),
        ("\ufeffTCH-OK :done", Acceptance("done")),
        ("TCH-ERR:nothing to stop\n", Refusal("nothing to stop")),
        ("TCH-ERR:X2 : not allowed now\n", Refusal("X2 : not allowed now")),
        ('{"E pres": 1945}', StatusPush({"E pres": 1945})),
        ("started P30 v 3.10.57\n", BootMessage("started P30 v 3.10.57")),
        (f'"Firmware":"{P30_FIRMWARE}"\n', FirmwareReply(P30_FIRMWARE)),
        (f'"Firmware":"{P20_FIRMWARE}"\n', FirmwareReply(P20_FIRMWARE)),
    ],
)
def test_what_else_stations_say_is_named(text: str, message: Message) -> None:
    assert parse_datagram(text.encode()) == message


@pytest.mark.parametrize(
    "strange", ['"two"', '""', "null", "true", "2.5", "[2]", '"²"', '"-2"']
)
def test_a_report_with_an_impossible_id_is_unreadable(strange: str) -> None:
    message = parse_text(f'{{"ID": {strange}, "State": 3}}')
    assert isinstance(message, Unreadable)


def test_a_refusal_keeps_its_last_character() -> None:
    for character in string.ascii_letters + string.digits:
        message = parse_text(f"TCH-ERR:no {character}\n")
        assert message == Refusal(f"no {character}")


@pytest.mark.parametrize("end", ["", ",\n", ",", " , ,\r\n", ",\t\0"])
def test_the_old_reply_to_start_is_two_bare_fields_and_a_comma(
    end: str,
) -> None:
    text = (
        '"RFID tag": "e3f76b8d00000000",\n'
        f'"RFID class": "01010400000000000000"{end}'
    )
    assert parse_text(text) == StartReply(
        {"RFID tag": "e3f76b8d00000000", "RFID class": "01010400000000000000"}
    )


@pytest.mark.parametrize(
    "request_text",
    [
        "i",
        "report 1",
        "report 130",
        "report 2\n",
        "ena 0",
        "curr 16000",
        "currtime 0 1",
        "setenergy 100000",
        "output 1",
        "stop",
        "unlock",
        "failsafe 60 6000 0",
        "setdatetime 1700000000",
        "display 0 0 0 0 Hello$KEBA",
        "x2src 4",
        "x2 1",
    ],
)
def test_the_request_of_another_client_is_no_answer(request_text: str) -> None:
    message = parse_datagram(request_text.encode())
    assert message == ForeignRequest(request_text.strip())


@pytest.mark.parametrize("word", ["start", "stop"])
def test_the_card_in_another_clients_request_is_left_out(word: str) -> None:
    message = parse_datagram(f"{word} e3f76b8d00000000 01010400".encode())
    assert message == ForeignRequest(word)


@pytest.mark.parametrize("blank", [b"", b" \r\n\t", b"\0\0\0", b"\xef\xbb\xbf"])
def test_a_datagram_without_anything_in_it_is_blank(blank: bytes) -> None:
    assert parse_datagram(blank) == Blank()


# --- what firmware gets wrong ----------------------------------------------


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        # Padded keys and other capitals are folded, padded texts trimmed.
        (
            b'{"ID": "2", "Curr HW   ": 16000, "E Start   ": 5}',
            {"Curr HW": 16000, "E start": 5},
        ),
        (
            b'{"ID": "2", "Product": "KC-P20-EC240130-000            "}',
            {"Product": "KC-P20-EC240130-000"},
        ),
        # An escaped NUL in a text or key is dropped.
        (
            rb'{"ID": "2", "Prod\u0000uct": "KC\u0000-P30"}',
            {"Product": "KC-P30"},
        ),
        # A raw line feed inside a text is borne.
        (b'{"ID": "2", "Product": "KC\n-P30\n"}', {"Product": "KC\n-P30"}),
        # A lone surrogate becomes a question mark.
        (rb'{"ID": "2", "Product": "KC\ud800"}', {"Product": "KC?"}),
        # Bytes that are no UTF-8 are read one by one.
        (b'{"ID": "2", "Product": "Stra\xdfe"}', {"Product": "Straße"}),
        # The strong clock may be printed as a letter.
        (b'{"ID": "2", "timeQ": "X"}', {"timeQ": "X"}),
        # Fields of new firmware pass through, containers as texts.
        (
            b'{"ID": "2", "Phase curr": 7.5, "Ready": true}',
            {"Phase curr": 7.5, "Ready": True},
        ),
        (b'{"ID": "2", "Phases": [1, 2]}', {"Phases": "[1, 2]"}),
    ],
)
def test_what_firmware_writes_becomes_clean_fields(
    text: bytes, fields: dict[str, Value]
) -> None:
    assert parse_datagram(text) == Report(2, {"ID": "2", **fields})


@pytest.mark.parametrize("end", [b",\n}\n", b",}", b" , \n , }", b",\r\n}"])
@pytest.mark.parametrize(
    "behind",
    [b"", b"garbage,}", b"\0\0\0\0", b"}}", b'{"State": 1}', b"\xff\xfe"],
)
def test_a_trailing_comma_and_text_behind_the_brace_do_no_harm(
    end: bytes, behind: bytes
) -> None:
    text = b'{"ID": "2", "State": 3, "Max curr": 16000' + end
    assert parse_datagram(text + behind) == AS_REPORT_2
    assert parse_datagram(STATE_3 + behind) == AS_REPORT_2


def test_nuls_anywhere_and_a_byte_order_mark_are_dropped() -> None:
    spoiled = STATE_3.replace(b"\n", b"\0\n\0").replace(b"Sta", b"S\0ta")
    assert parse_datagram(b"\0" + spoiled) == AS_REPORT_2
    assert parse_datagram(b"\xef\xbb\xbf" + STATE_3) == AS_REPORT_2


def test_no_byte_is_lost_by_decoding() -> None:
    assert decode_datagram(b"\xc3\x9f") == "ß"
    everything = bytes(range(256))
    assert decode_datagram(everything).encode("latin-1") == everything


@pytest.mark.parametrize(
    ("number", "value"),
    [
        *(
            (one, None)
            for one in ("1e999", "-1e999", "NaN", "Infinity", "-Infinity")
        ),
        # No database can store these.
        *((str(one), None) for one in (2**63, -(2**63), 10**30)),
        (str(2**63 - 1), 2**63 - 1),
        # A uint32 that overflowed.
        ("4294967296", 4_294_967_296),
    ],
)
def test_a_number_that_is_none_or_too_large_becomes_null(
    number: str, value: Value
) -> None:
    assert _value_of(number) == value


def test_a_number_of_thousands_of_digits_makes_no_trouble() -> None:
    assert isinstance(parse_text('{"P": ' + "9" * 4000 + "}"), StatusPush)
    assert isinstance(parse_text('{"P": ' + "9" * 9000 + "}"), Unreadable)


def test_a_session_report_is_known_by_what_it_holds() -> None:
    """Guide V2.00 prints a report 100 with the ID 6."""
    assert is_session_report(Report(6, {"ID": "6", "Session ID": 35}))
    assert is_session_report(Report(130, {"ID": "130"}))
    assert not is_session_report(Report(3, {"ID": "3", "P": 0}))


# --- what nobody should send -----------------------------------------------


def test_64_kilobytes_are_unreadable() -> None:
    assert isinstance(parse_datagram(b'{"a": 1}' * 8000), Unreadable)


def test_the_largest_datagram_that_is_read_has_room_for_any_report() -> None:
    padded = STATE_3.ljust(MAX_DATAGRAM_BYTES)
    assert parse_datagram(padded) == AS_REPORT_2
    assert isinstance(parse_datagram(padded + b" "), Unreadable)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "}",
        "{}",
        '{"": 1}',
        "[]",
        "null",
        '"',
        '{"ID": "2", "State"',
        '{"ID": "2", "State": }',
        "{State: 3}",
        "hello",
        "tch-maybe",
        "report four",
        "ена 1",
        '"Colour": "red"',
    ],
)
def test_nonsense_is_unreadable(text: str) -> None:
    assert isinstance(parse_text(text), Unreadable)


def test_a_report_cut_off_anywhere_is_unreadable() -> None:
    whole = STATE_3.rstrip()
    for length in range(1, len(whole)):
        assert isinstance(parse_datagram(whole[:length]), Unreadable)


def test_the_reason_of_an_unreadable_datagram_is_short() -> None:
    for text in ("x" * 4000, '{"' + "x" * 4000, '{"ID": "' + "9" * 3000 + '"}'):
        message = parse_text(text)
        assert isinstance(message, Unreadable)
        assert len(message.reason) < 200


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * 1000, f"neither a reply nor a status message: '{'x' * 40}'"),
        ('"' + "x" * 1000 + '": 1', f"fields without braces: '\"{'x' * 39}'"),
        ('{"ID": "' + "x" * 1000 + '"}', f"the ID of a report is '{'x' * 20}'"),
    ],
)
def test_the_reason_shows_the_beginning_of_what_came(
    text: str, reason: str
) -> None:
    message = parse_text(text)
    assert isinstance(message, Unreadable)
    assert message.reason == reason


def test_the_reason_says_where_an_object_breaks() -> None:
    message = parse_text('{"State": 3 "Plug": 7}')
    assert isinstance(message, Unreadable)
    assert message.reason.startswith("no JSON object: ")
    assert "column 13" in message.reason


@pytest.mark.parametrize(
    ("opening", "core", "closing"),
    [("[", "", "]"), ("[", "1", "]"), ('{"a":', "[]", "}")],
)
def test_no_depth_of_nesting_raises(
    opening: str, core: str, closing: str
) -> None:
    """Try them all: what can just be read may be too deep to be written."""
    for depth in DEPTHS:
        nested = opening * depth + core + closing * depth
        with low_stack():
            message = parse_text(f'{{"ID": "2", "State": {nested}}}')
        assert isinstance(message, Report | Unreadable)


@pytest.mark.parametrize(
    "hostile",
    [
        "{" + "," * 4000,
        '{"a": "' + " " * 4000 + "x",
        "{" + ", " * 2000 + "x}",
        "{" * 4000,
        '{"a":' * 800,
        '"' * 4000,
        '"a": 1' + ", " * 2000,
    ],
    ids=["commas", "blanks", "both", "braces", "objects", "quotes", "bare"],
)
def test_no_datagram_holds_up_the_others(hostile: str) -> None:
    """One thread reads all stations; a few datagrams must not stop it."""
    spent = min(_seconds_to_parse(hostile) for _ in range(3))
    assert spent < 0.01


def _seconds_to_parse(text: str) -> float:
    parse_text.cache_clear()
    begun = time.process_time()
    parse_text(text)
    return time.process_time() - begun


# --- whatever the bytes are -------------------------------------------------


def _assert_publishable(message: Message) -> None:
    """Strict JSON without NULs and lone surrogates, and scalars only."""
    if not isinstance(message, Report | StatusPush | StartReply):
        return
    text = json.dumps(dict(message.fields), allow_nan=False)
    assert json.loads(text) == message.fields
    for key, value in message.fields.items():
        assert key
        assert value is None or isinstance(value, str | int | float | bool)
        for part in (key, str(value)):
            assert "\0" not in part
            part.encode("utf-8")


_HOSTILE_PIECES = st.sampled_from(
    [
        *'{}":,',
        *("1e999", "NaN", "\0", "\ufeff", "\\u0000", "\\ud800", "\r\n", "[["),
        *('"ID": "2"', '"State": 3', '"E Pres    ": 1', '"RFID tag": "0"'),
        *(
            "TCH-OK :done",
            "TCH-ERR:",
            "started",
            '"Firmware":"P30"',
            "report 2",
        ),
    ]
)
_MUTATIONS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 20), st.binary(max_size=8)),
    min_size=1,
    max_size=5,
)


@given(st.binary(max_size=600))
def test_any_bytes_become_a_message_that_may_be_published(data: bytes) -> None:
    _assert_publishable(parse_datagram(data))


@given(st.text(max_size=300))
def test_any_text_becomes_a_message_that_may_be_published(text: str) -> None:
    _assert_publishable(parse_text(text))


@given(st.lists(st.one_of(_HOSTILE_PIECES, st.text(max_size=3)), max_size=30))
def test_pieces_of_datagrams_in_any_order_become_a_message(
    pieces: list[str],
) -> None:
    _assert_publishable(parse_text("".join(pieces)))


@given(st.sampled_from(all_texts()), _MUTATIONS)
def test_mutated_recordings_become_a_message_that_may_be_published(
    text: str, mutations: list[tuple[float, int, bytes]]
) -> None:
    data = text.encode()
    for place, cut, inserted in mutations:
        start = int(place * len(data))
        data = data[:start] + inserted + data[start + cut :]
    _assert_publishable(parse_datagram(data))


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=12), _JSON, max_size=8))
def test_any_object_at_all_holds_only_scalars_afterwards(
    fields: dict[str, object],
) -> None:
    message = parse_text(json.dumps(fields))
    assert isinstance(message, Report | StatusPush | Unreadable)
    _assert_publishable(message)


@given(
    st.sampled_from([1, 2, 3, *range(100, 131)]),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.sampled_from(["\n", " ", "", "\r\n", "\n\0"]),
    st.sampled_from(["", ",", " ,\n"]),
    st.sampled_from(["", "\n", "\0\0", "rest"]),
)
def test_every_layout_of_a_report_reads_the_same(
    number: int, value: int, between: str, comma: str, behind: str
) -> None:
    text = f'{{{between}"ID": "{number}",{between}"P": {value}{comma}}}{behind}'
    expected = Report(number, {"ID": str(number), "P": value})
    assert parse_text(text) == expected
