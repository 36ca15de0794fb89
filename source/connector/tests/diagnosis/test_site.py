"""Facts from events."""

import pytest

from connector.diagnosis.causes import Code
from connector.diagnosis.site import SiteFacts
from connector.keba.station.events import (
    ConnectionState,
    FailsafeFacts,
    ReportReceived,
    ReportUnanswered,
    UnknownSender,
)
from connector.tests.diagnosis.links import LINKS


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
    assert site.surroundings.foreign_requests == requests
