"""What `doctor --listen` hears: stations, or what a connector publishes."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from connector.bemcom.keys import split_key
from connector.bemcom.raw_messages import STATUS
from connector.diagnosis.causes import Severity
from connector.keba.station.events import (
    Event,
    ReportReceived,
    StatusReceived,
)
from connector.tools.connector_view import Reading, raw_texts_of
from connector.tools.figures import is_moment, moment_in_words
from connector.tools.station_rows import Row

HEARD = ("listened", "log")
"""Checks of the rows that are made here."""

STATUS_MESSAGE, ANSWER, VALUE = "status message", "answer", "value"
CAME_AND_WENT = " (it came and went while this listened)"
MOST_LOG_ROWS = 5
"""Of each station; a fault that goes on tells the same over and over."""


class Listening:
    """Counts what comes for so many seconds, sans-I/O."""

    def __init__(self, seconds: float) -> None:
        self._findings: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.seconds = seconds
        self._heard: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._log: defaultdict[str, list[Row]] = defaultdict(list)

    def note_event(self, event: Event) -> None:
        """Take what a station has said to this program."""
        match event:
            case StatusReceived(station=name):
                self._heard[name][STATUS_MESSAGE] += 1
            case ReportReceived(station=name):
                self._heard[name][ANSWER] += 1

    def note_reading(self, key: str, reading: Reading) -> None:
        """Take the value of a datapoint."""
        if not reading.is_retained:
            self._heard[split_key(key)[0]][VALUE] += 1

    def note_message(self, kind: str, content: Mapping[str, Any]) -> None:
        """Take a row of the log, or a raw message."""
        if kind == "logs":
            self._note_log(content)
            return
        for name, texts in raw_texts_of(content).items():
            for request in texts:
                what = STATUS_MESSAGE if request == STATUS else ANSWER
                self._heard[name][what] += 1

    def note_findings(self, findings: Iterable[Mapping[str, Any]]) -> None:
        """Take what the connector finds now."""
        self._findings |= {_key_of(one): one for one in findings}

    def passed(
        self, findings: Iterable[Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:
        """Return what was found meanwhile, and is not among the last."""
        last = {_key_of(one) for one in findings}
        return [
            {**one, "evidence": f"{one.get('evidence') or ''}{CAME_AND_WENT}"}
            for key, one in self._findings.items()
            if key not in last
        ]

    def rows_of(self, name: str) -> list[Row]:
        """Say what was heard of a station, or of a part such as the broker."""
        return [*self._log[name], self._row_of_counts(name)]

    def log_of(self, name: str) -> list[Row]:
        """Return what the connector has logged about somebody."""
        return self._log[name]

    def _row_of_counts(self, name: str) -> Row:
        counts = self._heard[name]
        what = ", ".join(
            f"{count} {word}{'s' * (count != 1)}"
            for word, count in sorted(counts.items())
        )
        text = f"{what or 'nothing'} in {self.seconds:g} s"
        severity = Severity.FINE if what else Severity.NOTE
        return Row("listened", severity, text, "" if what else "nothing_heard")

    def _note_log(self, content: Mapping[str, Any]) -> None:
        level, moment = content.get("level"), content.get("timestamp")
        rows = self._log[str(content.get("emitter"))]
        if (
            not isinstance(level, int)
            or not is_moment(moment)
            or level < logging.WARNING
            or len(rows) >= MOST_LOG_ROWS
        ):
            return
        text = f"{moment_in_words(moment)}: {content.get('msg')}"
        rows.append(Row("log", Severity.NOTE, text, "logged"))


def _key_of(finding: Mapping[str, Any]) -> tuple[str, str]:
    return str(finding.get("about")), str(finding.get("code"))
