"""Why a station is, or is not, heard."""

import errno

import pytest

from connector.diagnosis.causes import CAUSES, LINK, Code
from connector.diagnosis.link import link_cause, link_evidence
from connector.keba.station.events import Elsewhere, LinkFacts, Unreachable
from connector.tests.diagnosis.links import LINKS

REFUSED = Unreachable(is_refused=True, told_by="192.168.0.99")
NO_DEVICE = Unreachable(is_refused=False, told_by="192.168.0.2")
MOVED = Elsewhere("192.168.0.77", 7090, "12345678")

P30 = "KC-P30-EC240422-E00"
P40 = "KC-P40-16EU0-00000000"


@pytest.mark.parametrize(
    ("link", "cause"),
    [
        (LinkFacts(is_silent=True, unreachable=NO_DEVICE), Code.NO_REPLY),
        (LinkFacts(serial="1", expected_serial="1"), Code.OK),
        (LinkFacts(expected_serial="1"), Code.OK),
        (LinkFacts(product=P30), Code.OK),
        (LinkFacts(is_deaf=True), Code.DIP_SWITCH_OFF),
        # A P40 has no switch to be told of.
        (LinkFacts(product=P40, is_deaf=True), Code.UNSUPPORTED_MODEL),
        # Another station is told before its model and its switch.
        (
            LinkFacts(
                serial="2", expected_serial="1", product=P40, is_deaf=True
            ),
            Code.WRONG_SERIAL,
        ),
        # An answer from elsewhere counts only while the address is silent.
        (LinkFacts(elsewhere=MOVED), Code.OK),
    ],
)
def test_the_first_row_that_holds_is_the_cause(
    link: LinkFacts, cause: Code
) -> None:
    assert link_cause(link) is cause


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (LinkFacts(is_silent=True, send_error=errno.EPERM), "firewall of this"),
        (LinkFacts(is_silent=True, send_error=errno.ENETUNREACH), "no way"),
        (LinkFacts(is_silent=True, elsewhere=MOVED), "192.168.0.77, port 7090"),
        (LinkFacts(is_silent=True, elsewhere=MOVED), "12345678"),
        (
            LinkFacts(is_silent=True, elsewhere=Elsewhere("10.0.0.1", 7091)),
            "10.0.0.1, port 7091",
        ),
        (LinkFacts(is_silent=True, unreachable=REFUSED), "192.168.0.99 says"),
        (LinkFacts(is_silent=True, unreachable=NO_DEVICE), "no device"),
        (LinkFacts(serial="2", expected_serial="1"), "It says 2"),
        (LinkFacts(product=P40), P40),
        (LinkFacts(is_deaf=True, is_udp_switch_on=False), "OFF"),
        (LinkFacts(is_deaf=True, is_udp_switch_on=True), "ON"),
        (LinkFacts(is_deaf=True), "does not show"),
    ],
)
def test_the_evidence_is_named(link: LinkFacts, words: str) -> None:
    assert words in link_evidence(link)


def test_every_cause_of_the_table_can_be_reached() -> None:
    assert [cause.code for cause in LINK] == [
        code for code in CAUSES if code in LINKS
    ]
    for code, link in LINKS.items():
        assert link_cause(link) is code
