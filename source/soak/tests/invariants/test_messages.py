from itertools import count

import pytest

from soak.invariants.messages import (
    AT_ONCE,
    LATE_HEARTBEAT_S,
    REPEATED_WITHIN_S,
    ROWS_PER_FAULT,
    ROWS_PER_HOUR,
    ROWS_PER_START,
    ROWS_PER_STATION_AND_FAULT,
    Heartbeats,
    LogRows,
    Payloads,
)

PROMISE = {
    "this_heartbeats_timestamp": 1_000_000,
    "next_heartbeats_timestamp": 1_030_000,
}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b'{"value": NaN}',
        b'{"value": Infinity}',
        b'{"value": 1e999}',
        b'{"value": "\xff"}',
    ],
)
def test_a_payload_that_is_no_object_in_json_is_a_breach(
    payload: bytes,
) -> None:
    payloads = Payloads()

    assert payloads.judge(1.0, "keba/logs", payload) is None
    assert payloads.broken == 1


def test_a_good_payload_is_decoded() -> None:
    payloads = Payloads()

    assert payloads.judge(1.0, "keba/logs", b'{"NaN": [1.5, null]}') == {
        "NaN": [1.5, None]
    }
    assert payloads.broken == 0


@pytest.mark.parametrize(
    ("content", "is_right"),
    [
        ({"value": None, "timestamp": 1}, True),
        ({"value": 1}, False),
        ({"value": 1, "timestamp": None}, False),
        ({"value": 1, "timestamp": 1, "more": 1}, False),
    ],
)
def test_a_value_has_a_value_and_a_timestamp_and_nothing_else(
    content: object, is_right: bool
) -> None:
    payloads = Payloads()

    assert payloads.judge_value(1.0, "keba/1", content) is is_right
    assert payloads.broken == (not is_right)


def test_a_heartbeat_in_time_keeps_the_promise() -> None:
    heartbeats = Heartbeats()
    heartbeats.beat(0.0, PROMISE)
    heartbeats.beat(29.0, PROMISE)

    assert heartbeats.broken == 0
    assert heartbeats.measured() == "1 kept, the closest 1.0 s early"


def test_a_heartbeat_that_does_not_come_is_one_breach() -> None:
    heartbeats = Heartbeats()
    heartbeats.beat(0.0, PROMISE)
    heartbeats.look(30.0 + LATE_HEARTBEAT_S)
    assert heartbeats.broken == 0

    heartbeats.look(30.1 + LATE_HEARTBEAT_S)
    heartbeats.look(99.0)

    assert heartbeats.broken == 1


def test_a_late_heartbeat_is_a_breach() -> None:
    heartbeats = Heartbeats()
    heartbeats.beat(0.0, PROMISE)
    heartbeats.beat(35.0, PROMISE)

    assert heartbeats.broken == 1
    assert heartbeats.kept == 0


def test_no_promise_holds_across_a_disturbance() -> None:
    heartbeats = Heartbeats()
    heartbeats.beat(0.0, PROMISE)
    heartbeats.disturb()
    heartbeats.look(99.0)

    assert heartbeats.broken == 0
    assert heartbeats.measured() == "none fell due undisturbed"


MOMENTS = count(1)


def rows(number: int, text: str, log: LogRows, at: float = 0.0) -> int:
    """Let so many rows come; return the breaches so far."""
    for _ in range(number):
        log.row(at, text, next(MOMENTS))
    return log.broken


@pytest.fixture
def log() -> LogRows:
    two = LogRows(stations=2)
    two.started(0.0)
    return two


ANSWER = "s00 << curr 6100: TCH-OK done"
SILENCE = "s00 does not answer."


def test_two_hundred_rows_at_once_and_two_a_second_are_the_most(
    log: LogRows,
) -> None:
    assert rows(AT_ONCE, ANSWER, log) == 0
    assert rows(1, ANSWER, log) == 1
    assert rows(19, ANSWER, log, at=10.0) == 1
    assert rows(1, ANSWER, log, at=10.0) == 2


def test_a_step_of_the_clock_may_fill_the_bucket_again(log: LogRows) -> None:
    log.clock_stepped()

    assert rows(2 * AT_ONCE, ANSWER, log) == 0
    assert rows(1, ANSWER, log) == 1


def test_rows_about_faults_are_counted_against_faults(log: LogRows) -> None:
    # So that only the second limit counts.
    for _ in range(10):
        log.clock_stepped()
    start = ROWS_PER_HOUR + ROWS_PER_START + 2
    assert rows(start, SILENCE, log) == 0
    log.fault(stations=2)
    allowed = ROWS_PER_FAULT + 2 * ROWS_PER_STATION_AND_FAULT
    assert rows(allowed, SILENCE, log) == 0

    assert rows(1, SILENCE, log) == 1
    assert "s00 does not answer." in log.breaches[0].evidence


def test_what_is_published_once_more_after_an_outage_counts_once(
    log: LogRows,
) -> None:
    log.row(1.0, SILENCE, 1)
    log.broker_disturbed(10.0)
    log.row(11.0, SILENCE, 1)
    assert log.rows == log.rows_about_faults == 1

    log.row(11.0, SILENCE, 2)
    log.row(11.0, ANSWER, 2)
    assert log.rows == 3


def test_what_is_published_twice_without_an_outage_counts_twice(
    log: LogRows,
) -> None:
    log.broker_disturbed(10.0)
    late = 10.1 + REPEATED_WITHIN_S
    log.row(late, SILENCE, 1)
    log.row(late, SILENCE, 1)

    assert log.rows == log.rows_about_faults == 2


def test_the_rows_of_an_hour_are_told(log: LogRows) -> None:
    log.row(0.0, ANSWER, 1)
    log.row(1800.0, SILENCE, 2)

    assert log.measured().startswith("4/h in all, 2/h not about messages")
