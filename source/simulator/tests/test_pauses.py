import pytest

from simulator.pauses import PauseChecker, is_stop


def rules(*heard: tuple[float, str]) -> list[str]:
    checker = PauseChecker("garage")
    return [
        violation.rule
        for at, text in heard
        for violation in checker.hear(text.encode(), at, "127.0.0.1")
    ]


def test_a_client_that_keeps_all_pauses_breaks_none() -> None:
    heard = [(10.0, "report 1"), (10.1, "report 2"), (15.0, "report 1")]
    heard += [(15.2, "ena 0"), (17.2, "report 2"), (17.3, "ena 1")]
    assert rules(*heard) == []


def test_two_datagrams_need_100_ms() -> None:
    broken = rules((0.0, "report 1"), (0.098, "report 2"))
    assert broken == ["not 100 ms after the last one"]


def test_equal_requests_for_a_report_need_5_s() -> None:
    broken = rules((0.0, "report 2"), (4.999, "report 2\n"))
    assert broken == ["not 5 s after the same request"]


def test_equal_commands_need_no_5_s() -> None:
    assert rules((0.0, "curr 6000"), (0.5, "curr 6000")) == []


@pytest.mark.parametrize("stop", ["ena 0", "ena 7", "currtime 0 1"])
def test_after_a_stop_nothing_may_come_for_2_s(stop: str) -> None:
    assert rules((0.0, stop), (1.9, "report 2")) == ["not 2 s after a stop"]
    assert rules((0.0, stop), (2.0, "report 2")) == []


@pytest.mark.parametrize("text", ["ena 1", "currtime 6000 1", "report 2", ""])
def test_other_datagrams_are_no_stop(text: str) -> None:
    assert not is_stop(text.split())


def test_a_violation_says_who_what_and_how_much() -> None:
    checker = PauseChecker("garage")
    checker.hear(b"report 1", 0.0, "127.0.0.1")
    (violation,) = checker.hear(b"report 2", 0.05, "127.0.0.9")
    assert violation.station == "garage"
    assert str(violation) == (
        "pause broken: 'report 2' from 127.0.0.9 came after 50.0 ms, "
        "not 100 ms after the last one"
    )


def test_unix_times_bring_no_noise_into_the_measurement() -> None:
    start = 1_795_343_457.123456
    assert rules((start, "report 1"), (start + 0.1, "report 2")) == []
