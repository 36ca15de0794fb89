"""The retained topic `<name>/diagnosis`: findings, and the facts behind them.

Tools read it beside the running connector. It is published when it changes,
but not more often than once a second; large fleets wait a little longer, since
every change repeats all stations.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from connector.diagnosis.causes import CAUSES
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.findings import (
    Finding,
    fleet_findings,
    remember,
    station_findings,
)
from connector.diagnosis.surroundings import (
    SurroundingFacts,
    surrounding_findings,
)
from connector.keba.protocol.fields import REPORT_1, REPORT_2

SHORTEST_PAUSE_S = 1.0
PAUSE_PER_STATION_S = 0.01

_NEVER_THE_SAME = frozenset({"ID", "Sec", "Tmo CT", "Max curr %"})
_SHOWN = tuple(
    dict.fromkeys(
        one.key for one in REPORT_1 + REPORT_2 if one.key not in _NEVER_THE_SAME
    )
)
"""Identity and settings; measurements have datapoints of their own."""


class DiagnosisTopic:
    """What the topic should hold, and when it is due.

    Parameters
    ----------
    stations
        What is known of each station, by name.
    surroundings
        What is known beside the stations.
    """

    def __init__(
        self,
        stations: Mapping[str, StationFacts],
        surroundings: SurroundingFacts,
    ) -> None:
        self._stations = stations
        self._surroundings = surroundings
        self._changed: set[str] = set(stations)
        self._findings: dict[str, list[Finding]] = {}
        self._known: list[Finding] = []
        self._texts: dict[str, Mapping[str, Any]] = {}
        self._published = ""
        self._due_at = 0.0

    def note_change(self, station: str) -> None:
        """Hear that something new is known of a station."""
        self._changed.add(station)

    def forget(self) -> None:
        """Publish it once more: the broker may have lost it."""
        self._published = ""

    def due(self, now: float, now_ms: int) -> str | None:
        """Return what is to be published now; None if there is nothing new.

        Parameters
        ----------
        now
            The moment, in s of a monotonic clock.
        now_ms
            The same, in ms since 1970 UTC.
        """
        if now < self._due_at:
            return None
        pause_s = max(
            SHORTEST_PAUSE_S, PAUSE_PER_STATION_S * len(self._stations)
        )
        self._due_at = now + pause_s
        text = self._text(now_ms)
        if text == self._published:
            return None
        self._published = text
        return text

    def _text(self, now_ms: int) -> str:
        for name, facts in self._stations.items():
            if name not in self._changed and name in self._texts:
                continue
            self._findings[name] = [*station_findings(facts)]
            self._texts[name] = _facts_of(facts)
        self._changed.clear()
        fresh = [
            *surrounding_findings(self._surroundings),
            *fleet_findings([*self._stations.values()]),
            *(
                one
                for name in self._stations
                for one in self._findings.get(name, ())
            ),
        ]
        self._known = remember(self._known, fresh, now_ms)
        content = {
            "findings": _in_json(self._known),
            "stations": {name: self._texts[name] for name in self._stations},
        }
        return json.dumps(content, ensure_ascii=False)


def _in_json(findings: Iterable[Finding]) -> list[Mapping[str, Any]]:
    return [
        {
            "about": one.about,
            "code": one.code,
            "severity": CAUSES[one.code].severity.name.lower(),
            "meaning": one.meaning,
            "evidence": one.evidence,
            "advice": one.advice,
            "since": one.since_ms,
        }
        for one in findings
    ]


def _facts_of(facts: StationFacts) -> Mapping[str, Any]:
    return {
        "link": asdict(facts.link),
        "failsafe": asdict(facts.failsafe),
        "fields": {
            key: facts.fields[key] for key in _SHOWN if key in facts.fields
        },
        "reports": sorted(facts.came_at_ms),
        "missing": dict(facts.missing),
        "late_by_s": facts.late_by_s,
        "misses_status_messages": facts.pushes.is_found,
    }
