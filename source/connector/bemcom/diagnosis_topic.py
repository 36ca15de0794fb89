"""The retained topic `<name>/diagnosis`: findings, and the facts behind them.

Tools read it beside the running connector. It is published when it changes,
but not more often than once a second; large fleets wait a little longer, since
every change repeats all stations.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from connector.diagnosis.facts import StationFacts
from connector.diagnosis.findings import (
    Finding,
    remember,
    station_findings,
)
from connector.diagnosis.site import SiteFacts, surrounding_findings
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
    """What the topic should hold, and when it is due."""

    def __init__(
        self,
        site: SiteFacts,
        broker_findings: Callable[[], Iterable[Finding]] = tuple,
    ) -> None:
        self._site = site
        self._broker_findings = broker_findings
        self._fresh: tuple[list[Finding], list[_Told]] = ([], [])
        self._known: list[Finding] = []
        self._due_at = 0.0

    def due(self, now: float, now_ms: int) -> Mapping[str, Any] | None:
        """Return what is to be published now; None if there is nothing new.

        `now` is in s of a monotonic clock, `now_ms` the same since 1970 UTC.
        """
        if now < self._due_at:
            return None
        pause_s = max(
            SHORTEST_PAUSE_S, PAUSE_PER_STATION_S * len(self._site.stations)
        )
        self._due_at = now + pause_s
        stations = self._site.stations
        around = [
            *self._broker_findings(),
            *surrounding_findings(self._site),
        ]
        # Of most stations it is the very same as a second ago: comparing takes
        # no time.
        fresh = (around, [facts.judge(_told) for facts in stations.values()])
        if fresh == self._fresh:
            return None
        self._fresh = fresh
        findings = [*around, *(one for told in fresh[1] for one in told[0])]
        self._known = remember(self._known, findings, now_ms)
        return {
            "findings": _in_json(self._known),
            "stations": {
                name: told[1]
                for name, told in zip(stations, fresh[1], strict=True)
            },
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


_Told = tuple[list[Finding], Mapping[str, Any]]


def _told(facts: StationFacts) -> _Told:
    """Return what the topic tells of a station: findings, and their facts."""
    return [*station_findings(facts)], {
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
