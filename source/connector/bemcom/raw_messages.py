"""From the text of datagrams to the values of datapoints.

Pure and replayable: raw messages that versions 0.3.0 to 0.5.0 of the
published connector have stored, ``{station: {"report 1": text, …}}``, go
through here as well.
"""

from collections.abc import Mapping
from typing import Any

from connector.keba.protocol.fields import is_known_report, report_of_field
from connector.keba.protocol.messages import (
    Report,
    StatusPush,
    Value,
    is_session_report,
    parse_text,
)

STATUS = "status"
"""Stands for the request in raw messages of pushes; holds fields that belong
to no report."""

ParsedStation = dict[str, dict[str, Value]]


def parse_raw_message(raw_message: object) -> dict[str, ParsedStation]:
    """Parse ``{station: {request: text}}``; a push has the request `status`.

    Returns
    -------
    dict
        ``{station: {"report 2": {"State": 3}}}``. What cannot be read is
        missing.
    """
    if not isinstance(raw_message, Mapping):
        return {}
    parsed = {
        str(station): _parse_station(texts)
        for station, texts in raw_message.items()
        if isinstance(texts, Mapping)
    }
    return {station: reports for station, reports in parsed.items() if reports}


def _parse_station(texts: Mapping[Any, Any]) -> ParsedStation:
    reports: ParsedStation = {}
    for request, text in texts.items():
        match parse_text(text) if isinstance(text, str) else None:
            case Report(fields=fields) as report:
                name = _name_of(str(request), report)
                reports.setdefault(name, {}).update(fields)
            case StatusPush(fields=fields):
                for key, value in fields.items():
                    number = report_of_field(key)
                    name = STATUS if number is None else f"report {number}"
                    reports.setdefault(name, {})[key] = value
    return reports


def _name_of(request: str, report: Report) -> str:
    """Name a report by its ID; only session reports were seen with others."""
    if is_session_report(report) and not is_known_report(report.number):
        return request
    return f"report {report.number}"
