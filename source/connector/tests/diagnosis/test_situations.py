"""What others reported in public, and what a user is to be told then."""

import pytest

from connector.diagnosis.charging import limited_by, not_charging_reason
from connector.diagnosis.findings import station_findings
from connector.diagnosis.link import link_cause
from connector.tests.diagnosis.situation import (
    Situation,
    all_situations,
    facts_of,
)


@pytest.mark.parametrize(
    "situation", all_situations(), ids=lambda one: one.name
)
def test_a_user_is_told_what_is_the_case(situation: Situation) -> None:
    facts = facts_of(situation)
    told = {
        "connection__reason": link_cause(facts.link),
        "readings__not_charging_reason": not_charging_reason(facts),
        "readings__limited_by": limited_by(facts),
    }

    for key, value in situation.expected.items():
        assert told[key] == value, key
    if situation.findings is not None:
        found = [one.code for one in station_findings(facts)]
        assert found == [*situation.findings]
