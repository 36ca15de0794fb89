"""The topic `<name>/diagnosis`: whole, quiet, and not older than a second."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bemcom.diagnosis_topic import SHORTEST_PAUSE_S, DiagnosisTopic
from connector.diagnosis.causes import Code
from connector.diagnosis.facts import INCIDENT_COUNTS_FOR, StationFacts
from connector.diagnosis.findings import Finding
from connector.diagnosis.site import SiteFacts
from connector.keba.station.events import (
    AnsweredLate,
    ConnectionState,
    Event,
    FailsafeFacts,
    ForeignRequestHeard,
    LinkFacts,
    ReportReceived,
    ReportUnanswered,
)

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
    site.facts.foreign_requests["192.168.0.50"] = "report 2"
    site.silence()

    findings = site.look()["findings"]

    assert [(one["about"], one["code"]) for one in findings] == [
        ("broker", "name_used_twice"),
        ("udp", "second_client"),
        ("garage", "no_reply"),
    ]
    assert findings[0]["since"] == 7


def test_the_uptime_of_a_station_that_starts_up_goes_on(site: Site) -> None:
    site.note({**REPORT_2, "State": 0, "Sec": 2})
    assert site.look()["findings"][0]["evidence"] == "State 0, Sec 2"

    site.note({**REPORT_2, "State": 0, "Sec": 32})
    assert site.look()["findings"][0]["evidence"] == "State 0, Sec 32"


REPORTS = st.fixed_dictionaries(
    {},
    optional={
        "ID": st.sampled_from(["1", "2", "3"]),
        "Product": st.sampled_from(["KC-P30", "KC-P40"]),
        "State": st.sampled_from([0, 2, 3, 5]),
        "Enable user": st.sampled_from([0, 1]),
        "Setenergy": st.sampled_from([0, 200]),
        "Curr user": st.sampled_from([8_000, 63_000]),
        "Max curr": st.sampled_from([0, 6_000]),
        "E pres": st.sampled_from([0, 200, 900]),
        "P": st.integers(0, 1),
        "Sec": st.integers(0, 9),
    },
)
EVENTS = st.sampled_from(
    [
        *(
            ConnectionState(
                "garage", True, LinkFacts(is_silent=silent), None, 0, 0, 0, fed
            )
            for silent in (False, True)
            for fed in (FailsafeFacts(), FailsafeFacts(is_fed=True))
        ),
        *(ReportUnanswered("garage", f"report {n}") for n in (2, 3)),
        *(ReportReceived("garage", f"report {n}", "") for n in (2, 3)),
        AnsweredLate("garage", 1.5),
        ForeignRequestHeard("garage", "report 2"),
    ]
)


@given(st.lists(st.one_of(REPORTS, EVENTS), max_size=12))
def test_what_was_kept_is_what_would_be_made_anew(
    news: list[dict[str, object] | Event],
) -> None:
    site = Site()
    garage = site.facts.station("garage")
    published = site.look()
    for one in news:
        if isinstance(one, dict):
            garage.note_fields(one, round(site.now * 1000))
        else:
            site.facts.note(one, 0)
        published = site.look() or published
        garage.judged.clear()
        anew = DiagnosisTopic(site.facts).due(0.0, 0)
        assert anew is not None
        assert published["stations"] == anew["stations"]
        assert _without_since(published) == _without_since(anew)


def _without_since(published: Any) -> list[Any]:
    return [{**one, "since": None} for one in published["findings"]]


@pytest.mark.parametrize(
    "event",
    [
        AnsweredLate("garage", 1.5),
        ForeignRequestHeard("garage", "report 2"),
    ],
)
def test_an_old_incident_leaves_the_topic(site: Site, event: Event) -> None:
    site.facts.note(event, 0)
    assert len(site.look()["findings"]) == 1

    for _ in range(INCIDENT_COUNTS_FOR + 1):
        site.note(REPORT_2)

    assert site.look()["findings"] == []


def test_energy_without_messages_enters_the_topic(site: Site) -> None:
    """More energy alone changes no verdict, but its messages are missing."""
    site.note({**REPORT_2, "Setenergy": 0})
    site.note({"ID": "3", "E pres": 0})
    assert site.look()["findings"] == []

    for energy in range(200, 1_000, 200):
        site.note({"ID": "3", "E pres": energy})

    assert site.look()["findings"][0]["code"] == "second_client"


def test_a_report_that_stayed_out_and_comes_leaves_the_topic(
    site: Site,
) -> None:
    site.facts.note(ReportUnanswered("garage", "report 3"), 0)
    assert site.look()["findings"][0]["code"] == "report_missing"

    site.facts.note(ReportReceived("garage", "report 3", ""), 0)

    assert site.look()["findings"] == []
