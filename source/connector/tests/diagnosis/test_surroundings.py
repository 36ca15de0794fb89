"""What is found about the host, the broker and BEMCom."""

import pytest

from connector.diagnosis.causes import Code
from connector.diagnosis.surroundings import (
    MAP_PATIENCE_S,
    SurroundingFacts,
    surrounding_findings,
)

NAME = "keba-p30-connector"


def _codes(**known: object) -> list[Code]:
    facts = SurroundingFacts(name=NAME)
    for key, value in known.items():
        setattr(facts, key, value)
    return [finding.code for finding in surrounding_findings(facts)]


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ({"port_taken_by": "evcc"}, Code.PORT_TAKEN),
        (
            {"foreign_requests": {"192.168.0.50": "report 2"}},
            Code.SECOND_CLIENT,
        ),
        ({"login_error": "Not authorized"}, Code.BROKER_LOGIN),
        ({"tls_error": "the greeting breaks off"}, Code.BROKER_TLS),
        ({"refused_topics": [f"{NAME}/+"]}, Code.SUBSCRIPTION_REFUSED),
        ({"has_namesake": True}, Code.NAME_USED_TWICE),
        ({"is_map_empty": True}, Code.NOTHING_ACTIVE),
        ({"waits_for_map_s": MAP_PATIENCE_S}, Code.NO_MAP),
    ],
)
def test_each_fact_has_its_cause(known: dict[str, object], code: Code) -> None:
    assert _codes(**known) == [code]


def test_nothing_is_found_where_all_is_well() -> None:
    assert _codes() == []


def test_a_map_may_take_a_moment() -> None:
    assert _codes(waits_for_map_s=MAP_PATIENCE_S - 1) == []


def test_a_map_of_a_similar_name_is_named() -> None:
    facts = SurroundingFacts(
        name=NAME,
        waits_for_map_s=60.0,
        names_with_map=["keba-p30_connector", "modbus-tcp-connector"],
    )
    (finding,) = surrounding_findings(facts)

    assert finding.code is Code.WRONG_NAME
    assert "keba-p30_connector" in finding.evidence


def test_a_map_of_another_connector_is_none_of_ours() -> None:
    others = ["modbus-tcp-connector"]

    assert _codes(waits_for_map_s=60.0, names_with_map=others) == [Code.NO_MAP]


def test_a_refused_subscription_explains_a_missing_map() -> None:
    found = _codes(
        waits_for_map_s=60.0, refused_topics=[f"{NAME}/datapoint_map"]
    )

    assert found == [Code.SUBSCRIPTION_REFUSED]
