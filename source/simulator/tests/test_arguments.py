import argparse

import pytest

from simulator.arguments import address, fleet, number, port


@pytest.mark.parametrize("text", ["x", "", "nan", "inf", "-0.1", "1.1"])
def test_a_number_beyond_its_limits_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="from 0 to 1"):
        number(0.0, 1.0)(text)


def test_the_limits_of_a_number_are_allowed() -> None:
    read = number(0.0, 1.0)
    assert (read("0"), read("1"), read("0.5")) == (0.0, 1.0, 0.5)


def test_a_number_without_upper_limit_is_finite_all_the_same() -> None:
    assert number(0.0)("1e6") == 1e6
    with pytest.raises(argparse.ArgumentTypeError, match="of at least 0"):
        number(0.0)("inf")


@pytest.mark.parametrize(
    "text", ["0", "65536", "-1", "x", "1.5", "", "9" * 5000]
)
def test_what_is_no_whole_number_within_limits_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="from 1 to 65535"):
        port(text)


def test_the_limits_of_a_whole_number_are_allowed() -> None:
    assert (port("1"), port("7090"), port("65535")) == (1, 7090, 65535)


def test_an_address_is_read_or_refused() -> None:
    assert address("127.0.0.2") == "127.0.0.2"
    with pytest.raises(argparse.ArgumentTypeError, match="nowhere"):
        address("nowhere")


def test_a_fleet_has_one_address_after_the_other() -> None:
    assert fleet("3@127.0.0.254") == ["127.0.0.254", "127.0.0.255", "127.0.1.0"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("127.0.0.1", "is not COUNT@ADDRESS"),
        ("many@127.0.0.1", "'many' is not a whole number from 1 to 65536"),
        ("0@127.0.0.1", "'0' is not a whole number"),
        ("65537@127.0.0.1", "'65537' is not a whole number"),
        ("2@x", "x"),
    ],
)
def test_a_fleet_that_cannot_be_is_refused(text: str, reason: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=reason):
        fleet(text)
