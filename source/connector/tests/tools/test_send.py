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
    ("words", "reason"),
    [
        (("curr", "20000"), "max_curr"),
        (("curr", "0"), "outside of KEBA.s range"),
        (("curr", "NaN"), "no whole number"),
        (("curr", "1e999"), "no whole number"),
        (("curr", "fast"), "no number"),
        (("curr",), "no number"),
        (("curr", "[16000]"), "no number"),
        (("ena",), "no number"),
        (("ena", "7"), "neither 0 nor 1"),
        (("ena", "1", "0"), "no number"),
        (("unlock", "0"), "unlock"),
        (("start", "12"), "16 hexadecimal digits"),
        (("display", "x" * 24), "23 characters"),
    ],
)
def test_what_must_not_be_sent_is_refused_with_the_reason_and_what_may_be(
    words: tuple[str, ...], reason: str
) -> None:
    word, *arguments = words
    with pytest.raises(Problem, match=f"refused: .*{reason}") as refusal:
        read_command(GARAGE, word, arguments)
    assert refusal.value.exit_code == 1
    assert refusal.value.advice.startswith(f"{word} takes")


def test_an_unknown_command_is_answered_with_all_that_there_are() -> None:
    with pytest.raises(UsageProblem, match="ena, curr"):
        read_command(GARAGE, "explode", [])
