"""What `doctor --listen` hears: stations, or what a connector publishes."""

from collections import Counter
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
from connector.tools.connector_view import ConnectorView, Reading
from connector.tools.station_rows import Row

STATUS_MESSAGE, ANSWER, VALUE = "status message", "answer", "value"
CAME_AND_WENT = " (it came and went while this listened)"


class Listening:
    """Counts what comes for so many seconds, sans-I/O."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._findings: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._heard: Counter[tuple[str, str]] = Counter()

    def note_event(self, event: Event) -> None:
        """Take what a station has said to this program."""
        match event:
            case StatusReceived(station=name):
                self._heard[name, STATUS_MESSAGE] += 1
            case ReportReceived(station=name):
                self._heard[name, ANSWER] += 1

    def note_reading(self, key: str, reading: Reading) -> None:
        """Take the value of a datapoint."""
        if not reading.is_retained:
            self._heard[split_key(key)[0], VALUE] += 1

    def note_raw(self, texts: Mapping[str, Mapping[str, object]]) -> None:
        """Take what stations have said to the connector."""
        self._heard.update(
            (name, STATUS_MESSAGE if request == STATUS else ANSWER)
            for name, requests in texts.items()
            for request in requests
        )

    def note_findings(self, view: ConnectorView) -> None:
        """Take what the connector finds now."""
        self._findings |= {_key_of(one): one for one in view.findings}

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

    def row_of(self, name: str) -> Row:
        """Say what was heard of a station."""
        # The broker's thread may go on counting.
        what = ", ".join(
            f"{count} {word}{'s' * (count != 1)}"
            for (about, word), count in sorted(self._heard.copy().items())
            if about == name
        )
        text = f"{what or 'nothing'} in {self.seconds:g} s"
        severity = Severity.FINE if what else Severity.NOTE
        return Row("listened", severity, text, "" if what else "nothing_heard")


def _key_of(finding: Mapping[str, Any]) -> tuple[str, str]:
    return str(finding.get("about")), str(finding.get("code"))
