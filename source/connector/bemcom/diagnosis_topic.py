"""The retained topic `<name>/diagnosis`: findings, and the facts behind them.

Tools read it beside the running connector. It is published when it changes,
but not more often than once a second; large fleets wait a little longer, since
every change repeats all stations.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from connector.diagnosis.facts import StationFacts
from connector.diagnosis.findings import (
    Finding,
    fleet_findings,
    remember,
    station_findings,
)
from connector.diagnosis.site import SiteFacts
from connector.diagnosis.surroundings import surrounding_findings
from connector.keba.protocol.fields import REPORT_1, REPORT_2
from connector.keba.station.events import FailsafeFacts, LinkFacts

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
    site
        What is known of all stations, and beside them.
    broker_findings
        Returns what is wrong with the broker and with BEMCom.
    """

    def __init__(
        self,
        site: SiteFacts,
        broker_findings: Callable[[], Iterable[Finding]] = tuple,
    ) -> None:
        self._site = site
        self._broker_findings = broker_findings
        self._findings: dict[str, list[Finding]] = {}
        self._known: list[Finding] = []
        self._facts: dict[str, Mapping[str, Any]] = {}
        self._published: Mapping[str, Any] = {}
        self._due_at = 0.0

    def due(self, now: float, now_ms: int) -> Mapping[str, Any] | None:
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
            SHORTEST_PAUSE_S, PAUSE_PER_STATION_S * len(self._site.stations)
        )
        self._due_at = now + pause_s
        content = self._content(now_ms)
        if content == self._published:
            return None
        self._published = content
        return content

    def _content(self, now_ms: int) -> Mapping[str, Any]:
        stations = self._site.stations
        for name, facts in stations.items():
            if name not in self._site.touched and name in self._facts:
                continue
            self._findings[name] = [*station_findings(facts)]
            self._facts[name] = _facts_of(facts)
        self._site.touched.clear()
        fresh = [
            *self._broker_findings(),
            *surrounding_findings(self._site.surroundings),
            *fleet_findings([*stations.values()]),
            *(one for name in stations for one in self._findings.get(name, ())),
        ]
        self._known = remember(self._known, fresh, now_ms)
        return {
            "findings": _in_json(self._known),
            "stations": {name: self._facts[name] for name in stations},
        }


def _in_json(findings: Iterable[Finding]) -> list[Mapping[str, Any]]:
    return [
        {
            "about": one.about,
            "code": one.code,
            "severity": one.severity.name.lower(),
            "meaning": one.meaning,
            "evidence": one.evidence,
            "advice": one.advice,
            "since": one.since_ms,
        }
        for one in findings
    ]


def _facts_of(facts: StationFacts) -> Mapping[str, Any]:
    return {
        "link": _as_mapping(facts.link),
        "failsafe": _as_mapping(facts.failsafe),
        "fields": {
            key: facts.fields[key] for key in _SHOWN if key in facts.fields
        },
        "reports": sorted(facts.came_at_ms),
        "missing": dict(facts.missing),
        "late_by_s": facts.late_by_s,
        "misses_status_messages": facts.pushes.is_found,
    }


@lru_cache(maxsize=1024)
def _as_mapping(facts: LinkFacts | FailsafeFacts) -> Mapping[str, Any]:
    """Return the facts for JSON; most stations' are those of a second ago."""
    return asdict(facts)
