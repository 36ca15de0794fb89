import pytest

from simulator.wire import is_number, read_words


def test_a_request_is_read_word_by_word() -> None:
    assert read_words(b"currtime 6000 1") == ["currtime", "6000", "1"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0", b" "])
def test_what_clients_append_to_a_request_is_tolerated(end: bytes) -> None:
    assert read_words(b"report 2" + end) == ["report", "2"]


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"x " * 300])
def test_what_is_no_short_ascii_text_has_no_words(data: bytes) -> None:
    assert read_words(data) == []


@pytest.mark.parametrize("word", ["-1", "1.5", "", "x", "1" * 11])
def test_only_digits_that_a_station_can_hold_are_a_number(word: str) -> None:
    assert is_number("63000")
    assert not is_number(word)
