"""What is found about the host that the connector runs on."""

from connector.diagnosis.causes import CAUSES, Code
from connector.diagnosis.surroundings import (
    SurroundingFacts,
    surrounding_findings,
)
from pyconnector_template.findings import Cause


def test_nothing_is_found_where_all_is_well() -> None:
    assert [*surrounding_findings(SurroundingFacts())] == []


def test_a_port_that_another_program_has_is_told_with_its_name() -> None:
    facts = SurroundingFacts(port_taken_by="evcc, process 77")

    (finding,) = surrounding_findings(facts)

    assert finding.code is Code.PORT_TAKEN
    assert finding.evidence == "evcc, process 77"


def test_requests_of_other_clients_are_told_with_their_addresses() -> None:
    facts = SurroundingFacts(foreign_requests={"192.168.0.50": "report 2"})

    (finding,) = surrounding_findings(facts)

    assert finding.code is Code.SECOND_CLIENT
    assert finding.evidence == "192.168.0.50 asks for 'report 2'"


def test_the_table_has_words_for_all_that_the_template_finds() -> None:
    assert {Code(cause) for cause in Cause} <= CAUSES.keys()
