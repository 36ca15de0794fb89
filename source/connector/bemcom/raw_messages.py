"""From the text of datagrams to the values of datapoints.

Pure and replayable: raw messages that versions 0.3.0 to 0.5.0 of the
published connector have stored, ``{station: {"report 1": text, …}}``, go
through here as well.
"""

from collections.abc import Mapping
from typing import Any

from connector.keba.protocol.fields import is_known_report, report_of_field
from connector.keba.protocol.messages import (
    Message,
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
    """Parse what was received of one or more stations.

    Parameters
    ----------
    raw_message
        ``{station: {request: text}}``; a push has the request `status`.

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
        if not isinstance(text, str):
            continue
        for report, fields in _sort(str(request), parse_text(text)).items():
            reports.setdefault(report, {}).update(fields)
    return reports


def _sort(request: str, message: Message) -> ParsedStation:
    """Sort the fields of a message under the reports they belong to."""
    if isinstance(message, Report):
        return {_name_of(request, message): dict(message.fields)}
    if not isinstance(message, StatusPush):
        return {}
    sorted_fields: ParsedStation = {}
    for key, value in message.fields.items():
        number = report_of_field(key)
        report = STATUS if number is None else f"report {number}"
        sorted_fields.setdefault(report, {})[key] = value
    return sorted_fields


def _name_of(request: str, report: Report) -> str:
    """Name a report by its ID; only session reports were seen with others."""
    if is_session_report(report) and not is_known_report(report.number):
        return request
    return f"report {report.number}"
