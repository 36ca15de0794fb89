"""What `doctor --listen` hears of what a connector publishes."""

import logging
from typing import Any

from connector.tools.connector_view import Reading
from connector.tools.listening import MOST_LOG_ROWS, Listening

AT_MS = 1_795_343_457_000
CLIENT = {"about": "garage", "code": "second_client", "evidence": "Seen"}
LATE = {"about": "garage", "code": "late_answers", "evidence": ""}


def texts_of(heard: Listening, name: str = "garage") -> list[str]:
    return [row.text for row in heard.rows_of(name)]


def log_row(level: int, text: str = "late") -> dict[str, Any]:
    return {
        "timestamp": AT_MS,
        "msg": text,
        "emitter": "garage",
        "level": level,
    }


def test_values_answers_and_status_messages_are_counted() -> None:
    heard = Listening(60)
    heard.note_reading("garage__report 3__P", Reading(1, AT_MS, False))
    heard.note_reading("garage__report 3__P", Reading(2, AT_MS, False))
    # What the broker had in store is of an earlier time.
    heard.note_reading("garage__report 3__P", Reading(0, AT_MS, True))
    raw = {"garage": {"report 2": "{}", "status": "{}"}}
    heard.note_message("raw_message_to_db", {"payload": {"raw_message": raw}})
    assert texts_of(heard) == ["1 answer, 1 status message, 2 values in 60 s"]


def test_a_name_may_end_with_an_underscore() -> None:
    heard = Listening(60)
    heard.note_reading("garage___report 3__P", Reading(1, AT_MS, False))
    assert texts_of(heard, "garage_") == ["1 value in 60 s"]


def test_a_station_of_which_nothing_comes_is_noted() -> None:
    [row] = Listening(30).rows_of("garage")
    assert (row.text, row.code) == ("nothing in 30 s", "nothing_heard")


def test_warnings_of_the_log_are_told_but_not_endlessly() -> None:
    heard = Listening(60)
    heard.note_message("logs", log_row(logging.INFO))
    for _ in range(2 * MOST_LOG_ROWS):
        heard.note_message("logs", log_row(logging.WARNING))
    *rows, _ = texts_of(heard)
    assert len(rows) == MOST_LOG_ROWS
    assert rows[0].endswith(": late")


def test_nonsense_on_the_topics_is_ignored() -> None:
    heard = Listening(60)
    for content in ({}, {"payload": 1}, {"payload": {"raw_message": [1]}}):
        heard.note_message("raw_message_to_db", content)
        heard.note_message("logs", content)
    assert texts_of(heard) == ["nothing in 60 s"]


def test_what_came_and_went_is_told() -> None:
    heard = Listening(60)
    heard.note_findings([CLIENT, LATE])
    heard.note_findings([LATE])
    [passed] = heard.passed([LATE])
    assert passed["code"] == "second_client"
    assert passed["evidence"] == "Seen (it came and went while this listened)"
