"""What stations answer, and what a user is to be told.

Each file in `situations/` is one: `reports` by name with their fields,
`answers` names those that come (all, if it is not there), `listens` is false
where nothing is at the port, `serial` is the configured serial number.
`expected` has the values of datapoints, `findings` all that is found about
the station, where that is said.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connector.diagnosis.facts import StationFacts
from connector.keba.protocol.dip_switches import UDP_ON, is_on
from connector.keba.station.events import LinkFacts, Unreachable

FOLDER = Path(__file__).parent / "situations"
STATION = "garage"

Report = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Situation:
    """One file."""

    name: str
    reports: Mapping[str, Report]
    expected: Mapping[str, object]
    answers: Sequence[str]
    listens: bool = True
    serial: str | None = None
    findings: Sequence[str] | None = None

    @property
    def coming(self) -> Mapping[str, Report]:
        """The reports that come."""
        if not self.listens:
            return {}
        return {
            name: fields
            for name, fields in self.reports.items()
            if name in self.answers
        }


def all_situations() -> list[Situation]:
    return [_read(path) for path in sorted(FOLDER.glob("*.json"))]


def _read(path: Path) -> Situation:
    content = json.loads(path.read_text("utf-8"))
    del content["situation"], content["source"]
    content.setdefault("answers", tuple(content["reports"]))
    # A key that is not known here fails: nothing is passed over.
    return Situation(path.stem, **content)


def facts_of(situation: Situation) -> StationFacts:
    """Return what is known when all has come that comes."""
    coming = situation.coming
    identity = coming.get("report 1", {})
    facts = StationFacts(STATION)
    facts.link = LinkFacts(
        is_silent=not coming,
        is_deaf="report 1" in coming and len(coming) == 1,
        unreachable=None
        if situation.listens
        else Unreachable(is_refused=True, told_by="192.168.0.99"),
        serial=_text(identity.get("Serial")),
        expected_serial=situation.serial,
        product=str(identity.get("Product", "")),
        is_udp_switch_on=is_on(identity, UDP_ON),
    )
    for name, fields in coming.items():
        if name == "report 100":
            facts.note_session(fields)
        else:
            facts.note_fields(fields)
    for name in situation.reports.keys() - coming.keys():
        facts.note_missing(name)
    return facts


def _text(value: object) -> str | None:
    return None if value is None else str(value)
