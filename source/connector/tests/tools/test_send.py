"""What words of the command line mean."""

import pytest

from connector.settings import Station
from connector.tools.problems import Problem, UsageProblem
from connector.tools.send import read_command

GARAGE = Station(host="192.0.2.1", max_curr=16_000)


@pytest.mark.parametrize(
    ("words", "datagram"),
    [
        (("curr", "16000"), "curr 16000"),
        (("curr", "null"), "curr 16000"),
        (("ena", "true"), "ena 1"),
        (("currtime", "10000", "60"), "currtime 10000 60"),
        (("failsafe", "0"), "failsafe 0 0 0"),
        (("failsafe", "null"), "failsafe 0 0 0"),
        (("failsafe", "60", "6000", "1"), "failsafe 60 6000 1"),
        (("display", "Hello", "KEBA"), "display 0 0 0 0 Hello$KEBA"),
        (("display", "42"), "display 0 0 0 0 42"),
        (("start",), "start"),
        (("start", "1234567890123456"), "start 1234567890123456"),
        (("stop", "e3f76b8d00000000"), "stop e3f76b8d00000000"),
    ],
)
def test_a_command_is_read_as_a_person_means_it(
    words: tuple[str, ...], datagram: str
) -> None:
    word, *arguments = words
    _, command = read_command(GARAGE, word, arguments)
    assert command.encode().decode() == datagram


@pytest.mark.parametrize(
    "words",
    [
        ("curr", "20000"),
        ("curr", "NaN"),
        ("curr", "[16000]"),
        ("ena",),
        ("ena", "1", "0"),
        ("unlock", "0"),
        ("start", "12"),
    ],
)
def test_what_must_not_be_sent_is_refused_with_what_may_be(
    words: tuple[str, ...],
) -> None:
    word, *arguments = words
    with pytest.raises(Problem, match="refused") as refusal:
        read_command(GARAGE, word, arguments)
    assert refusal.value.exit_code == 1
    assert refusal.value.advice.startswith(f"{word} takes")


def test_an_unknown_command_is_answered_with_all_that_there_are() -> None:
    with pytest.raises(UsageProblem, match="ena, curr"):
        read_command(GARAGE, "explode", [])
