"""What a connector tells, for tests of what reads it."""

import json
from typing import Any

from connector.diagnosis.causes import CAUSES, Code
from connector.tools.connector_view import ConnectorView
from connector.tools.overview import Summary, summaries_of


def take(
    view: ConnectorView,
    kind: str,
    content: object,
    *,
    is_retained: bool = True,
) -> None:
    """Let a message come, of bytes or of what becomes JSON."""
    payload = content
    if not isinstance(payload, bytes):
        payload = json.dumps(content).encode()
    topic = f"{view.name}/{kind}"
    view.take(topic, payload, is_retained=is_retained)


def view_of(values: dict[str, Any] | None = None, **told: Any) -> ConnectorView:
    """Return what is known after these datapoints and these messages.

    All datapoints are active; the first has the time 1000, the next 1001.
    """
    view = ConnectorView("keba")
    if values is not None:
        topics = {key: f"keba/messages/{key}/value" for key in values}
        take(view, "datapoint_map", {"sensor": topics, "actuator": {}})
    for number, (key, value) in enumerate((values or {}).items()):
        message = {"value": value, "timestamp": 1000 + number}
        take(view, f"messages/{key}/value", message)
    for kind, content in told.items():
        take(view, kind, content)
    return view


def finding(about: str, code: Code) -> dict[str, Any]:
    """Return a finding as the topic has it."""
    cause = CAUSES[code]
    return {
        "about": about,
        "code": code,
        "severity": cause.severity.name.lower(),
        "meaning": cause.meaning,
        "evidence": "",
        "advice": cause.advice,
        "since": None,
    }


def a_station(name: str = "garage", *codes: Code) -> Summary:
    """Return a station about which this was found."""
    findings = [finding(name, code) for code in codes]
    facts = {name: {"reports": ["report 1"], "fields": {}}}
    diagnosis = {"findings": findings, "stations": facts}
    (summary,) = summaries_of(view_of(diagnosis=diagnosis))
    return summary
