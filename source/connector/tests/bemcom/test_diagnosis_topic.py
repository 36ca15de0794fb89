"""The topic `<name>/diagnosis`: whole, quiet, and not older than a second."""

from typing import Any

import pytest

from connector.bemcom.diagnosis_topic import SHORTEST_PAUSE_S, DiagnosisTopic
from connector.diagnosis.causes import Code
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.findings import Finding
from connector.diagnosis.site import SiteFacts
from connector.keba.station.events import LinkFacts

REPORT_1 = {"ID": "1", "Product": "KC-P30-EC240422-E00", "Sec": 1}
REPORT_2 = {"ID": "2", "State": 3, "Plug": 7, "Curr HW": 16_000, "Sec": 2}


class Site:
    """Two stations and a clock."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.facts = SiteFacts(
            {name: StationFacts(name) for name in ("garage", "yard")}
        )
        self.broker: list[Finding] = []
        self.topic = DiagnosisTopic(self.facts, lambda: self.broker)

    def note(self, fields: dict[str, Any], station: str = "garage") -> None:
        self.facts.station(station).note_fields(fields)

    def silence(self, station: str = "garage") -> None:
        self.facts.station(station).link = LinkFacts(is_silent=True)

    def look(self, after_s: float = SHORTEST_PAUSE_S) -> Any:
        """Return what is published; None if nothing is."""
        self.now += after_s
        return self.topic.due(self.now, round(self.now * 1000))


@pytest.fixture
def site() -> Site:
    site = Site()
    site.note(REPORT_1)
    site.note(REPORT_2)
    return site


def test_it_has_findings_with_all_their_words(site: Site) -> None:
    site.silence()

    (finding,) = site.look()["findings"]

    assert finding.keys() == {
        "about",
        "code",
        "severity",
        "meaning",
        "evidence",
        "advice",
        "since",
    }
    assert (finding["about"], finding["code"]) == ("garage", "no_reply")
    assert finding["severity"] == "error"
    assert finding["since"] == 1_001_000


def test_it_has_the_facts_of_each_station(site: Site) -> None:
    stations = site.look()["stations"]

    assert stations["garage"]["fields"] == {
        "Product": "KC-P30-EC240422-E00",
        "State": 3,
        "Plug": 7,
        "Curr HW": 16_000,
    }
    assert stations["yard"]["fields"] == {}


def test_it_is_published_when_it_changes_and_only_then(site: Site) -> None:
    assert site.look() is not None
    assert site.look() is None

    site.note({**REPORT_2, "Sec": 32})
    assert site.look() is None

    site.note({**REPORT_2, "State": 2})
    assert site.look()["stations"]["garage"]["fields"]["State"] == 2


def test_it_is_published_once_a_second_at_most(site: Site) -> None:
    published = 0
    for number in range(100):
        site.note({**REPORT_2, "State": 2 + number % 2})
        published += site.look(after_s=0.07) is not None

    assert published <= 7


def test_the_last_change_is_published_in_the_end(site: Site) -> None:
    site.look()
    site.note({**REPORT_2, "State": 5})
    assert site.look(after_s=0.1) is None

    assert site.look()["stations"]["garage"]["fields"]["State"] == 5


def test_a_finding_keeps_the_moment_at_which_it_began(site: Site) -> None:
    site.silence()
    began = site.look()["findings"][0]["since"]
    site.note({"ID": "2", "State": 1}, "yard")

    assert site.look()["findings"][0]["since"] == began


def test_what_is_wrong_around_the_stations_comes_first(site: Site) -> None:
    site.broker.append(Finding("broker", Code.NAME_USED_TWICE, since_ms=7))
    site.facts.surroundings.foreign_requests["192.168.0.50"] = "report 2"
    site.silence()

    findings = site.look()["findings"]

    assert [(one["about"], one["code"]) for one in findings] == [
        ("broker", "name_used_twice"),
        ("udp", "second_client"),
        ("garage", "no_reply"),
    ]
    assert findings[0]["since"] == 7
