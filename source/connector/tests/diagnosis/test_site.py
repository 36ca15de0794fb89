"""Facts from events, and what is found about the host."""

import pytest

from connector.diagnosis.causes import CAUSES, Code
from connector.diagnosis.site import SiteFacts, surrounding_findings
from connector.keba.station.events import (
    ConnectionState,
    FailsafeFacts,
    ReportReceived,
    ReportUnanswered,
    UnknownSender,
)
from connector.tests.diagnosis.links import LINKS
from pyconnector_template.findings import Cause


@pytest.fixture
def site() -> SiteFacts:
    return SiteFacts()


def test_the_connection_tells_link_and_failsafe(site: SiteFacts) -> None:
    state = ConnectionState(
        station="garage",
        online=False,
        link=LINKS[Code.NO_REPLY],
        last_seen_at=None,
        requests_sent=3,
        requests_unanswered=3,
        failsafe=FailsafeFacts(is_ours=True),
    )

    site.note(state, 5)

    assert site.station("garage").link is state.link
    assert site.station("garage").failsafe.is_ours


@pytest.mark.parametrize("report", ["report 3", "report 100"])
def test_a_report_that_stays_out_is_missing_until_it_comes(
    site: SiteFacts, report: str
) -> None:
    site.note(ReportUnanswered("garage", report), 5)
    assert site.station("garage").missing == {report: 5}

    site.note(ReportReceived("garage", report, "{}"), 9)
    assert site.station("garage").missing == {}


def test_what_stayed_out_in_silence_is_asked_for_anew(site: SiteFacts) -> None:
    """Nobody asks for report 1 again where only 2 and 3 are polled."""
    facts = site.station("garage")
    facts.note_connection(LINKS[Code.NO_REPLY], FailsafeFacts())
    site.note(ReportUnanswered("garage", "report 1"), 5)

    facts.note_connection(LINKS[Code.OK], FailsafeFacts())

    assert facts.missing == {}


def test_what_another_client_asks_for_is_kept(site: SiteFacts) -> None:
    site.note(UnknownSender("192.168.0.50", request="report 2"), 5)
    site.note(UnknownSender("192.168.0.51"), 5)

    requests = {"192.168.0.50": "report 2"}
    assert site.foreign_requests == requests


# --- the host ------------


def test_nothing_is_found_where_all_is_well(site: SiteFacts) -> None:
    assert [*surrounding_findings(site)] == []


def test_a_port_that_another_program_has_is_told_with_its_name() -> None:
    site = SiteFacts(port_taken_by="evcc, process 77")

    (finding,) = surrounding_findings(site)

    assert finding.code is Code.PORT_TAKEN
    assert finding.evidence == "evcc, process 77"


def test_requests_of_other_clients_are_told_with_their_addresses() -> None:
    site = SiteFacts(foreign_requests={"192.168.0.50": "report 2"})

    (finding,) = surrounding_findings(site)

    assert finding.code is Code.SECOND_CLIENT
    assert finding.evidence == "192.168.0.50 asks for 'report 2'"


def test_the_table_has_words_for_all_that_the_template_finds() -> None:
    assert {Code(cause) for cause in Cause} <= CAUSES.keys()
