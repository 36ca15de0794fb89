"""What `watch` and `page` tell of all stations; sans-I/O."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from connector.bemcom.actuators import ACTUATORS
from connector.diagnosis.causes import (
    Code,
    Severity,
    needs_somebody,
)
from connector.tools.connector_view import ConnectorView
from connector.tools.examination import rows_of_broker
from connector.tools.figures import is_number, time_of_day
from connector.tools.station_rows import (
    Row,
    broken_link,
    row_of_cause,
    rows_by_subject,
)


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of one station; None where nothing is.

    Parameters
    ----------
    connection
        ``ok``, or why it is offline.
    state, plug
        In words.
    wanted_a, offered_a
        Limit by command, and what the vehicle is offered.
    result, result_at_ms
        The newest result of a command, as ``curr applied``, and its time.
    last_seen_ms
        When the last datagram came.
    findings
        What was found about it, the root cause first.
    """

    station: str
    connection: str | None
    state: str | None
    plug: str | None
    power_kw: float | None
    session_kwh: float | None
    total_kwh: float | None
    wanted_a: float | None
    offered_a: float | None
    limited_by: str | None
    error: str | None
    result: str | None
    result_at_ms: int | None
    last_seen_ms: int | None
    findings: tuple[Row, ...]

    @property
    def is_offline(self) -> bool:
        """Whether it is known not to be online."""
        return self.connection not in (None, Code.OK)

    @property
    def cause(self) -> Row | None:
        """The gravest finding."""
        return max(self.findings, key=lambda row: row.severity, default=None)

    @property
    def urgency(self) -> int:
        """How much it needs somebody; 0 if it does not."""
        if self.is_offline:
            return Severity.ERROR
        return max(
            (
                max(row.severity, Severity.NOTE)
                for row in self.findings
                if needs_somebody(row.code, row.severity)
            ),
            default=0,
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        known = asdict(self)
        del known["findings"]
        result = (self.result, time_of_day(self.result_at_ms))
        return known | {
            "result": " ".join(part for part in result if part) or None,
            "last_seen": time_of_day(self.last_seen_ms),
            "cause": self.cause.code if self.cause else "",
            "advice": self.cause.advice if self.cause else "",
        }


def summaries_of(view: ConnectorView) -> list[Summary]:
    """Return what is known of each station; who needs somebody comes first."""
    found = rows_by_subject(view.findings)
    summaries = [
        summary_of(view, name, found.get(name, ())) for name in view.stations
    ]
    return sorted(
        summaries, key=lambda one: (-one.urgency, _natural(one.station))
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key by which bay-9 comes before bay-10."""
    return [
        (int(part) if part.isdecimal() else 0, part)
        for part in re.split(r"(\d+)", name)
    ]


def summary_of(
    view: ConnectorView, station: str, found: Sequence[Row] = ()
) -> Summary:
    """Return what is known of a station."""
    values = view.values_of(station)
    fields = {**values.get("report 2", {}), **values.get("report 3", {})}

    def scaled(key: str, factor: float) -> float | None:
        value = fields.get(key)
        return round(value * factor, 6) if is_number(value) else None

    def word(group: str, key: str) -> str | None:
        value = values.get(group, {}).get(key)
        return None if value in (None, "") else str(value)

    has_told = view.facts_of_stations.get(station, {}).get("reports")
    connection = (
        word("connection", "reason")
        or broken_link(found)
        or (str(Code.OK) if has_told else None)
    )
    if connection in (None, Code.OK):
        check, reason = "charging", word("readings", "not_charging_reason")
    else:
        check, reason = "link", connection
    findings = tuple(found)
    if reason and all(row.check != check for row in found):
        findings = (*found, row_of_cause(check, reason))
    result, result_at_ms = _newest_result(view, station)
    return Summary(
        station=station,
        connection=connection,
        state=_in_words(word("readings", "state")),
        plug=_in_words(word("readings", "plug")),
        power_kw=scaled("P", 1e-6),
        session_kwh=scaled("E pres", 1e-4),
        total_kwh=scaled("E total", 1e-4),
        wanted_a=scaled("Curr user", 1e-3),
        offered_a=scaled("Max curr", 1e-3),
        limited_by=word("readings", "limited_by"),
        error=word("readings", "error"),
        result=result,
        result_at_ms=result_at_ms,
        last_seen_ms=view.last_seen_ms(station),
        findings=findings,
    )


def _in_words(reading: str | None) -> str | None:
    return None if reading is None else reading.replace("_", " ")


def _newest_result(
    view: ConnectorView, station: str
) -> tuple[str | None, int | None]:
    """Return the newest result of a command, and when it was told."""
    results = [
        (reading.timestamp_ms, f"{word} {reading.value}")
        for word in ACTUATORS
        if (reading := view.reading(f"{station}__results__{word}"))
        and reading.value is not None
    ]
    if not results:
        return None, None
    at_ms, text = max(results, key=lambda result: result[0])
    return text, at_ms


def notices_of(view: ConnectorView) -> list[Row]:
    """Return what was found beside the stations."""
    stations = view.stations
    told = [
        row
        for about, rows in rows_by_subject(view.findings).items()
        if about not in stations
        for row in rows
    ]
    seen = rows_of_broker(view, stations, told)
    return [row for row in (*told, *seen) if row.severity > Severity.NOTE]
