"""What is shown of each station, and whose turn it is; sans-I/O."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, cast

from connector.bemcom.actuators import ACTUATORS
from connector.diagnosis.causes import (
    CAUSES,
    Code,
    Severity,
    needs_somebody,
)
from connector.keba.protocol.fields import Plug, State
from connector.tools.connector_view import ConnectorView, Reading
from connector.tools.figures import (
    is_moment,
    is_number,
    time_of_day,
    word_of,
)
from connector.tools.station_rows import Row, broken_link, rows_by_subject

CALM_S = 30.0
"""Who needs nobody any more keeps its place so long."""

_OF_DATAGRAMS = ("report 2__State", "report 2__Max curr", "report 3__P")
"""Sensors whose values have the time of a datagram."""


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
        return max(self.findings, key=_severity_of, default=None)

    @property
    def urgency(self) -> int:
        """How much it needs somebody; 0 if it does not."""
        if self.is_offline:
            return Severity.ERROR
        return max(map(_urgency_of, self.findings), default=0)


def _severity_of(finding: Row) -> Severity:
    return finding.severity


def _urgency_of(finding: Row) -> int:
    if not needs_somebody(finding.code, finding.severity):
        return 0
    return max(finding.severity, Severity.NOTE)


class Order:
    """Puts who needs somebody first, then goes by name.

    A station rises at once, and sinks only after a calm: one that comes and
    goes would otherwise jump up and down.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, float]] = {}

    def arrange(
        self, summaries: Sequence[Summary], now_s: float
    ) -> list[Summary]:
        """Return the stations in the order of this moment."""
        for one in summaries:
            urgency, until_s = self._held.get(one.station, (0, now_s))
            if one.urgency >= urgency or now_s >= until_s:
                self._held[one.station] = (one.urgency, now_s + CALM_S)
        return sorted(summaries, key=self._place)

    def _place(self, summary: Summary) -> tuple[int, list[tuple[int, str]]]:
        urgency, _ = self._held[summary.station]
        return -urgency, _natural(summary.station)


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key by which bay-9 comes before bay-10."""
    return [
        (int(part) if part.isdecimal() else 0, part)
        for part in re.split(r"(\d+)", name)
    ]


def summaries_of(view: ConnectorView) -> list[Summary]:
    """Return what is known of each station."""
    found = rows_by_subject(view.findings)
    return [
        summary_of(view, name, found.get(name, ())) for name in view.stations
    ]


def summary_of(
    view: ConnectorView, station: str, found: Sequence[Row] = ()
) -> Summary:
    """Return what is known of a station.

    Values come from its datapoints. Of those that nobody has marked as
    active the connector's diagnosis knows some.
    """
    facts = view.facts_of_stations.get(station) or {}
    fields = facts.get("fields", {})

    def value(key: str) -> Any:
        told = view.value(f"{station}__{key}")
        return fields.get(key.partition("__")[2]) if told is None else told

    connection = _text(value("connection__reason"))
    if connection is None:
        connection = _connection_by(facts, found)
    state = value("report 2__State")
    if connection in (None, Code.OK):
        reason = _text(value("readings__not_charging_reason"))
        reasons = [reason, str(Code.ERROR) if state == State.ERROR else None]
    else:
        reasons = [connection]
    result, result_at_ms = _newest_result(view, station)
    return Summary(
        station=station,
        connection=connection,
        state=_in_words(State, state),
        plug=_in_words(Plug, value("report 2__Plug")),
        power_kw=_scaled(value("report 3__P"), 1e-6),
        session_kwh=_scaled(value("report 3__E pres"), 1e-4),
        total_kwh=_scaled(value("report 3__E total"), 1e-4),
        wanted_a=_scaled(value("report 2__Curr user"), 1e-3),
        offered_a=_scaled(value("report 2__Max curr"), 1e-3),
        limited_by=_text(value("readings__limited_by")),
        error=_text(value("readings__error")),
        result=result,
        result_at_ms=result_at_ms,
        last_seen_ms=last_seen_ms(view, station),
        findings=(*found, *_rows_of_reasons(reasons, found)),
    )


def _connection_by(
    facts: Mapping[str, Any], found: Sequence[Row]
) -> str | None:
    """Return what the diagnosis says of the link; None if nothing came yet."""
    fine = Code.OK if facts.get("reports") else None
    return broken_link(found) or fine


def _rows_of_reasons(
    reasons: Sequence[str | None], found: Sequence[Row]
) -> Iterator[Row]:
    """Yield what datapoints tell and no finding does."""
    codes = {row.code for row in found}
    for reason in reasons:
        if not reason or reason in codes:
            continue
        codes.add(reason)
        # Another version of the connector may know others.
        cause = CAUSES.get(cast("Code", reason))
        if cause is None:
            yield Row("", Severity.WARNING, reason, reason)
        else:
            yield Row("", cause.severity, cause.meaning, reason, cause.advice)


def last_seen_ms(view: ConnectorView, station: str) -> int | None:
    """Return when the newest datagram came, as far as datapoints tell."""
    last_seen = view.value(f"{station}__connection__last_seen")
    if is_moment(last_seen):
        return int(last_seen)
    keys = (f"{station}__{name}" for name in _OF_DATAGRAMS)
    readings = (view.readings.get(key) for key in keys)
    return max((one.timestamp_ms for one in readings if one), default=None)


def _newest_result(
    view: ConnectorView, station: str
) -> tuple[str | None, int | None]:
    """Return what became of the last command, and when."""
    keys = {word: f"{station}__results__{word}" for word in ACTUATORS}
    results: list[tuple[str, Reading]] = [
        (word, view.readings[key])
        for word, key in keys.items()
        if key in view.readings and view.readings[key].value is not None
    ]
    if not results:
        return None, None
    word, reading = max(results, key=lambda result: result[1].timestamp_ms)
    return f"{word} {reading.value}", reading.timestamp_ms


def summary_as_json(summary: Summary) -> dict[str, Any]:
    """Return a summary for machines."""
    known = asdict(summary)
    del known["findings"]
    cause = summary.cause
    result = (summary.result, time_of_day(summary.result_at_ms))
    return known | {
        "result": " ".join(part for part in result if part) or None,
        "last_seen": time_of_day(summary.last_seen_ms),
        "cause": cause.code if cause else "",
        "advice": cause.advice if cause else "",
    }


def _scaled(value: Any, factor: float) -> float | None:
    return round(value * factor, 6) if is_number(value) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _in_words(names: type[IntEnum], value: Any) -> str | None:
    word = word_of(names, value)
    return word or _text(str(value) if isinstance(value, int) else value)
