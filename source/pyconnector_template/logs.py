"""Log records on their way to BEMCom, where each becomes a database row."""

import logging
from functools import lru_cache
from typing import Any

from .json_text import clean_text, to_json

LOGFORMAT = "%(asctime)s-%(funcName)s-%(levelname)s: %(message)s"
LOGGER_NAME = "pyconnector"

MAX_MESSAGE_LENGTH = 4_000
MAX_QUOTED_LENGTH = 80

BURST_RECORDS = 100
RECORDS_PER_SECOND = 1.0
"""BEMCom keeps each row for ever: a connector in trouble may say a lot at
once, but in the long run a line per second. As much again is for
warnings alone, since busy hours would drown them."""


class TokenBucket:
    """Lets a burst through, then a steady trickle."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._tokens = float(burst)
        self._filled_at: float | None = None

    def take(self, now: float) -> bool:
        """Take a token if there is one.

        `now` is in seconds of any clock; a step backwards adds nothing.
        """
        if self._filled_at is not None:
            gained = max(0.0, now - self._filled_at) * self._per_second
            self._tokens = min(self._burst, self._tokens + gained)
        self._filled_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class RepetitionFilter:
    """Remembers what was logged, so that a fault is one row."""

    def __init__(self) -> None:
        self._reported: set[str] = set()
        # Texts that differ each time (a counter inside) must not flood.
        self._bucket = TokenBucket(burst=20, per_second=1 / 60)

    def is_new(self, text: str, now: float) -> bool:
        """Whether this text deserves a line; `now` in seconds of any clock."""
        if text in self._reported or not self._bucket.take(now):
            return False
        self._reported.add(text)
        return True


class MQTTHandler(logging.Handler):
    """Publishes log records as BEMCom's log messages.

    Never raises into the code that logs, and never waits.
    """

    def __init__(self, mqtt_client: Any, log_topic: str) -> None:
        super().__init__()
        self.mqtt_client = mqtt_client
        self.log_topic = log_topic
        self._other_records = TokenBucket(BURST_RECORDS, RECORDS_PER_SECOND)
        self._warnings = TokenBucket(BURST_RECORDS, RECORDS_PER_SECOND)
        self._withheld = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Publish the record, unless too many came at once."""
        is_warning = record.levelno >= logging.WARNING
        bucket = self._warnings if is_warning else self._other_records
        if not bucket.take(record.created):
            self._withheld += 1
            return
        try:
            self.mqtt_client.publish(
                topic=self.log_topic,
                payload=self._payload(record),
                retain=True,
            )
        except Exception:  # noqa: BLE001 - logging must not break its caller
            self.handleError(record)

    def _payload(self, record: logging.LogRecord) -> str:
        text = clean_text(_text_of(record))[:MAX_MESSAGE_LENGTH]
        if self._withheld:
            text += f" ({self._withheld} log messages were not sent)"
            self._withheld = 0
        return to_json(
            {
                "timestamp": round(record.created * 1000),
                "msg": text,
                # The API drops logs whose emitter is null.
                "emitter": clean_text(_emitter_of(record)),
                "level": record.levelno,
            }
        )


@lru_cache(maxsize=2000)
def logger_about(emitter: str) -> logging.Logger:
    """Return the logger for rows about a device, or a part such as ``broker``.

    The AdminUI filters by it. Rows of the logger ``pyconnector`` itself carry
    the name of the function that logs.
    """
    return logging.getLogger(f"{LOGGER_NAME}.{emitter}")


def shortened(value: object) -> str:
    """Quote what somebody sent in at most 80 printable characters."""
    if isinstance(value, bytes):
        value = value[: 2 * MAX_QUOTED_LENGTH].decode("utf-8", "replace")
    text = repr(
        value[: 2 * MAX_QUOTED_LENGTH] if isinstance(value, str) else value
    )
    if len(text) <= MAX_QUOTED_LENGTH:
        return text
    return f"{text[: MAX_QUOTED_LENGTH - 1]}…"


def error_line(error: BaseException) -> str:
    """Describe an exception in one line: its type and its text."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _emitter_of(record: logging.LogRecord) -> str:
    parent, _, emitter = record.name.partition(".")
    if parent == LOGGER_NAME and emitter:
        return emitter
    return record.funcName or record.module


def _text_of(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except (TypeError, ValueError):
        # The arguments do not fit the text; better odd than lost.
        text = f"{record.msg} {record.args}"
    if record.exc_info and record.exc_info[1] is not None:
        text += f" {error_line(record.exc_info[1])}"
    return text
