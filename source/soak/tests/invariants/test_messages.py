from itertools import count

import pytest

from soak.events import (
    BrokerAway,
    ClockStepped,
    Event,
    FaultBegan,
    Started,
    Tick,
    Told,
)
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
from soak.tests.seen import fed, phase


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


def beat(at: float) -> Told:
    """A heartbeat that promises another one within 30 s."""
    promise = {
        "this_heartbeats_timestamp": 1_000_000,
        "next_heartbeats_timestamp": 1_030_000,
    }
    return Told(at, "heartbeat", promise)


def row(at: float, text: str, timestamp_ms: int) -> Told:
    return Told(at, "logs", {"msg": text, "timestamp": timestamp_ms})


LATE = 30.1 + LATE_HEARTBEAT_S


@pytest.mark.parametrize(
    ("events", "broken", "measured"),
    [
        ([beat(29.0)], 0, "1 kept, the closest 1.0 s early"),
        ([Tick(30.0 + LATE_HEARTBEAT_S)], 0, "none fell due undisturbed"),
        ([Tick(LATE), Tick(99.0)], 1, "none fell due undisturbed"),
        ([beat(35.0)], 1, "none fell due undisturbed"),
        *(
            ([disturbance, Tick(99.0)], 0, "none fell due undisturbed")
            for disturbance in (
                BrokerAway(1.0),
                Started(1.0, 1.0),
                FaultBegan(1.0, phase("connector killed")),
            )
        ),
    ],
)
def test_heartbeats_keep_their_promise_unless_disturbed(
    events: list[Event], broken: int, measured: str
) -> None:
    heartbeats = fed(Heartbeats(), beat(0.0), *events)

    assert heartbeats.broken == broken
    assert heartbeats.measured() == measured


MOMENTS = count(1)


def rows(number: int, text: str, log: LogRows, at: float = 0.0) -> int:
    """Let so many rows come; return the breaches so far."""
    return fed(
        log, *(row(at, text, next(MOMENTS)) for _ in range(number))
    ).broken


@pytest.fixture
def log() -> LogRows:
    return fed(LogRows(stations=2), Started(0.0, 0.0))


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
    fed(log, ClockStepped(0.0, 5.0))

    assert rows(2 * AT_ONCE, ANSWER, log) == 0
    assert rows(1, ANSWER, log) == 1


def test_rows_about_faults_are_counted_against_faults(log: LogRows) -> None:
    # So that only the second limit counts.
    fed(log, *[ClockStepped(0.0, 5.0)] * 10)
    start = ROWS_PER_HOUR + ROWS_PER_START + 2
    assert rows(start, SILENCE, log) == 0
    fed(log, FaultBegan(0.0, phase("outage", "s00", "s01")))
    allowed = ROWS_PER_FAULT + 2 * ROWS_PER_STATION_AND_FAULT
    assert rows(allowed, SILENCE, log) == 0

    assert rows(1, SILENCE, log) == 1
    assert "s00 does not answer." in log.breaches[0].evidence


@pytest.mark.parametrize(
    ("again_at", "counted"), [(11.0, 1), (10.1 + REPEATED_WITHIN_S, 2)]
)
def test_what_is_published_once_more_counts_once_just_after_an_outage(
    log: LogRows, again_at: float, counted: int
) -> None:
    fed(
        log,
        row(1.0, SILENCE, 1),
        BrokerAway(10.0),
        row(again_at, SILENCE, 1),
    )
    assert log.judged == log.about_faults == counted

    fed(log, row(again_at, SILENCE, 2), row(again_at, ANSWER, 2))
    assert log.judged == counted + 2


def test_the_rows_of_an_hour_are_told(log: LogRows) -> None:
    fed(log, row(0.0, ANSWER, 1), row(1800.0, SILENCE, 2))

    assert log.measured().startswith("4/h in all, 2/h not about messages")
