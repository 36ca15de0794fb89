"""Log records reach BEMCom complete, storable, and not too many of them."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest

from pyconnector_template.logs import (
    BURST_RECORDS,
    LOGGER_NAME,
    MAX_MESSAGE_LENGTH,
    MQTTHandler,
    RepetitionFilter,
    TokenBucket,
    error_line,
    logger_about,
    shortened,
)


@pytest.fixture
def client() -> MagicMock:
    return MagicMock()


@pytest.fixture
def logger(client: MagicMock) -> Iterator[logging.Logger]:
    logger = logging.getLogger("a logger with an MQTT handler")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    handler = MQTTHandler(mqtt_client=client, log_topic="demo/logs")
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def sent(client: MagicMock) -> list[dict[str, Any]]:
    calls = client.publish.call_args_list
    return [json.loads(call.kwargs["payload"]) for call in calls]


def record(
    text: str, created: float, level: int = logging.INFO
) -> logging.LogRecord:
    made = logging.LogRecord("x", level, "", 1, text, None, None, "f")
    made.created = created
    return made


def test_a_record_becomes_a_retained_message(
    logger: logging.Logger, client: MagicMock
) -> None:
    logger.warning("No data from station %s", "yard")
    [message] = sent(client)
    assert isinstance(message.pop("timestamp"), int)
    assert message == {
        "msg": "No data from station yard",
        "emitter": "test_a_record_becomes_a_retained_message",
        "level": 30,
    }
    assert client.publish.call_args.kwargs["topic"] == "demo/logs"
    assert client.publish.call_args.kwargs["retain"] is True


def test_the_emitter_is_a_text_even_if_nobody_knows_it(
    client: MagicMock,
) -> None:
    handler = MQTTHandler(client, "demo/logs")
    made = record("x", 0.0)
    made.funcName = None  # type: ignore[assignment]
    handler.emit(made)
    assert isinstance(sent(client)[0]["emitter"], str)


@pytest.mark.parametrize(
    "message", ["battery at 100%", ValueError("100%"), 5, None, ["%s"]]
)
def test_percent_signs_and_objects_need_no_arguments(
    logger: logging.Logger, client: MagicMock, message: object
) -> None:
    logger.error(message)
    assert sent(client)[0]["msg"] == str(message)


def test_arguments_that_do_not_fit_lose_neither_text_nor_arguments(
    client: MagicMock,
) -> None:
    made = logging.LogRecord("x", 20, "", 1, "%d of %d", ("a",), None, "f")
    MQTTHandler(client, "demo/logs").emit(made)
    assert "%d of %d" in sent(client)[0]["msg"]
    assert "'a'" in sent(client)[0]["msg"]


def test_an_exception_is_told_in_one_line(
    logger: logging.Logger, client: MagicMock
) -> None:
    logger.error("Failed.", exc_info=KeyError("a\nb"))
    assert sent(client)[0]["msg"] == "Failed. KeyError: 'a\\nb'"


def test_nothing_unstorable_is_sent(client: MagicMock) -> None:
    unstorable = record("a\0b\ud800" + "x" * 10_000, time.time())
    MQTTHandler(client, "demo/logs").emit(unstorable)
    text = sent(client)[0]["msg"]
    assert text.startswith("ab?x")
    assert len(text) == MAX_MESSAGE_LENGTH


def test_logging_never_raises_into_its_caller(
    logger: logging.Logger,
    client: MagicMock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client.publish.side_effect = RuntimeError("no client")
    logger.info("still alive")
    assert "no client" in capsys.readouterr().err


def test_a_flood_is_cut_and_counted(client: MagicMock) -> None:
    handler = MQTTHandler(client, "demo/logs")
    for _ in range(BURST_RECORDS + 50):
        handler.emit(record("flood", created=1000.0))
    assert client.publish.call_count == BURST_RECORDS
    handler.emit(record("later", created=1001.5))
    assert sent(client)[-1]["msg"] == "later (50 log messages were not sent)"
    handler.emit(record("even later", created=1003.0))
    assert sent(client)[-1]["msg"] == "even later"


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_however_much_is_going_on_a_warning_is_sent(
    client: MagicMock, level: int
) -> None:
    handler = MQTTHandler(client, "demo/logs")
    for _ in range(BURST_RECORDS + 50):
        handler.emit(record("applied", created=1000.0))
    handler.emit(record("yard does not answer", 1000.0, level))
    handler.emit(record("roof does not answer", 1000.0, level))
    assert [one["msg"] for one in sent(client)[BURST_RECORDS:]] == [
        "yard does not answer (50 log messages were not sent)",
        "roof does not answer",
    ]


def test_a_flood_of_warnings_is_cut_as_well(client: MagicMock) -> None:
    handler = MQTTHandler(client, "demo/logs")
    for _ in range(BURST_RECORDS + 50):
        handler.emit(record("flood", 1000.0, logging.WARNING))
    handler.emit(record("applied", created=1000.0))
    assert client.publish.call_count == BURST_RECORDS + 1
    assert sent(client)[-1]["msg"] == "applied (50 log messages were not sent)"


def test_a_clock_that_is_set_back_fills_no_bucket() -> None:
    bucket = TokenBucket(burst=1, per_second=1.0)
    assert bucket.take(1000.0)
    assert not bucket.take(10.0)
    assert not bucket.take(10.5)
    assert bucket.take(11.5)


def test_the_same_log_line_is_new_only_once() -> None:
    repetitions = RepetitionFilter()
    assert repetitions.is_new("a", 0.0)
    assert not repetitions.is_new("a", 1000.0)
    assert repetitions.is_new("b", 1000.0)


def test_repetitions_that_differ_each_time_are_limited_as_well() -> None:
    repetitions = RepetitionFilter()
    said = [text for text in range(1000) if repetitions.is_new(str(text), 0.0)]
    assert len(said) == 20


@pytest.mark.parametrize(
    "value", ["x" * 10**6, b"\xff" * 10**6, list(range(1000)), {"a": "b" * 999}]
)
def test_quotations_are_short(value: object) -> None:
    assert len(shortened(value)) <= 80


def test_short_quotations_are_complete() -> None:
    assert shortened("a\n") == r"'a\n'"
    assert error_line(OSError("a\n b")) == "OSError: a b"


def test_the_handler_is_no_burden_for_threads_that_log(
    client: MagicMock,
) -> None:
    # The published connector deadlocks for ever because logging waited for
    # paho (design, section 8): publish is all that the handler calls.
    MQTTHandler(client, "demo/logs").emit(record("x", 0.0))
    assert [name for name, _, _ in client.mock_calls] == ["publish"]
    assert "paho" not in vars(sys.modules[MQTTHandler.__module__])


@pytest.mark.parametrize(
    ("logger", "emitter"),
    [
        (logging.getLogger(LOGGER_NAME), "complain"),
        (logger_about("broker"), "broker"),
        (logger_about("north.yard"), "north.yard"),
    ],
)
def test_a_row_says_whom_it_is_about(
    client: MagicMock, logger: logging.Logger, emitter: str
) -> None:
    handler = MQTTHandler(client, "demo/logs")

    def complain() -> None:
        logger.warning("x")

    logging.getLogger(LOGGER_NAME).addHandler(handler)
    complain()
    [row] = sent(client)
    assert row["emitter"] == emitter
