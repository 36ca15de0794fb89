"""What is shown of each station, and who comes first."""

import json
import math
from typing import Any

import pytest

from connector.diagnosis.causes import CAUSES, Code, Severity
from connector.tools.connector_view import ConnectorView
from connector.tools.figures import time_of_day
from connector.tools.overview import (
    CALM_S,
    Order,
    Summary,
    summaries_of,
    summary_as_json,
)


def view_of(
    values: dict[str, Any] | None = None,
    diagnosis: dict[str, Any] | None = None,
) -> ConnectorView:
    """Return what is known after these datapoints and this diagnosis."""
    view = ConnectorView("keba")

    def take(topic: str, content: Any) -> None:
        payload = json.dumps(content).encode()
        view.take(f"keba/{topic}", payload, is_retained=True)

    if values is not None:
        topics = {key: f"keba/messages/{key}/value" for key in values}
        take("datapoint_map", {"sensor": topics, "actuator": {}})
    for number, (key, value) in enumerate((values or {}).items()):
        message = {"value": value, "timestamp": 1000 + number}
        take(f"messages/{key}/value", message)
    if diagnosis is not None:
        take("diagnosis", diagnosis)
    return view


def finding(station: str, code: Code) -> dict[str, Any]:
    cause = CAUSES[code]
    return {
        "about": station,
        "code": code,
        "severity": cause.severity.name.lower(),
        "meaning": cause.meaning,
        "evidence": "",
        "advice": cause.advice,
        "since": None,
    }


def a_station(name: str = "garage", *codes: Code) -> Summary:
    """Return a station about which this was found."""
    findings = [finding(name, code) for code in codes]
    facts = {name: {"reports": ["report 1"], "fields": {}}}
    diagnosis = {"findings": findings, "stations": facts}
    (summary,) = summaries_of(view_of(diagnosis=diagnosis))
    return summary


# --- one station ------------------------------------------------------------


def test_datapoints_are_shown_in_words_and_usual_units() -> None:
    (garage,) = summaries_of(
        view_of(
            {
                "garage__connection__reason": "ok",
                "garage__connection__last_seen": 5000,
                "garage__report 2__State": 3,
                "garage__report 2__Plug": 7,
                "garage__report 2__Curr user": 16_000,
                "garage__report 2__Max curr": 10_000,
                "garage__report 3__P": 6_460_000,
                "garage__report 3__E pres": 2600,
                "garage__report 3__E total": 12_944_000,
            }
        )
    )
    assert not garage.is_offline
    assert (garage.state, garage.plug) == ("charging", "vehicle locked")
    assert (garage.wanted_a, garage.offered_a) == (16.0, 10.0)
    assert (garage.power_kw, garage.session_kwh) == (6.46, 0.26)
    assert garage.total_kwh == 1294.4
    assert garage.last_seen_ms == 5000
    assert (garage.cause, garage.urgency) == (None, 0)


def test_what_is_unknown_stays_unknown() -> None:
    (garage,) = summaries_of(view_of({"garage__report 3__P": None}))
    assert (garage.power_kw, garage.state) == (None, None)
    assert garage.connection is None
    assert not garage.is_offline


def test_without_datapoints_the_diagnosis_tells_what_it_knows() -> None:
    fields = {"State": 2, "Plug": 7, "Curr user": 63_000, "Max curr": 16_000}
    diagnosis = {
        "findings": [finding("yard", Code.NO_REPLY)],
        "stations": {
            "garage": {"reports": ["report 2"], "fields": fields},
            "yard": {"reports": []},
            "attic": {"reports": []},
        },
    }
    attic, garage, yard = summaries_of(view_of(diagnosis=diagnosis))
    assert garage.connection == "ok"
    assert (garage.state, garage.offered_a) == ("ready", 16.0)
    assert garage.power_kw is None
    assert yard.connection == "no_reply"
    assert attic.connection is None


def test_without_a_diagnosis_datapoints_tell_the_cause() -> None:
    (garage,) = summaries_of(
        view_of(
            {
                "garage__connection__reason": "ok",
                "garage__readings__not_charging_reason": "authorization",
            }
        )
    )
    assert garage.cause is not None
    assert garage.cause.code == "authorization"
    assert garage.cause.advice == CAUSES[Code.AUTHORIZATION].advice


def test_of_a_station_that_is_offline_only_that_is_told() -> None:
    (garage,) = summaries_of(
        view_of(
            {
                "garage__connection__reason": "no_reply",
                "garage__readings__not_charging_reason": "authorization",
            }
        )
    )
    assert garage.is_offline
    assert [row.code for row in garage.findings] == ["no_reply"]


def test_a_cause_that_this_tool_does_not_know_is_shown_as_it_is() -> None:
    (garage,) = summaries_of(
        view_of({"garage__connection__reason": "eaten_by_a_marten"})
    )
    assert garage.is_offline
    assert garage.urgency == Severity.ERROR
    machine = summary_as_json(garage)
    assert machine["connection"] == machine["cause"] == "eaten_by_a_marten"


def test_the_gravest_finding_is_the_cause() -> None:
    garage = a_station("garage", Code.VEHICLE, Code.SECOND_CLIENT)
    assert garage.cause is not None
    assert garage.cause.code == "second_client"


def test_the_newest_result_is_shown() -> None:
    (garage,) = summaries_of(
        view_of(
            {
                "garage__results__ena": "applied",
                "garage__results__curr": "rejected: out of range",
            }
        )
    )
    assert garage.result == "curr rejected: out of range"
    assert garage.result_at_ms == 1001
    machine = summary_as_json(garage)["result"]
    assert machine.startswith("curr rejected: out of range ")


def test_without_last_seen_the_newest_report_tells_the_age() -> None:
    (garage,) = summaries_of(
        view_of({"garage__report 2__State": 2, "garage__report 3__P": 0})
    )
    assert garage.last_seen_ms == 1001


@pytest.mark.parametrize("odd", [10**300, -1, math.nan, math.inf, True, "1"])
def test_nonsensical_numbers_are_none(odd: object) -> None:
    (garage,) = summaries_of(
        view_of(
            {
                "garage__connection__last_seen": odd,
                "garage__report 3__P": odd if odd != -1 else None,
            }
        )
    )
    assert garage.power_kw is None
    assert summary_as_json(garage)["last_seen"] in (None, time_of_day(1001))


# --- the order --------------------------------------------------------------


def names(summaries: list[Summary]) -> list[str]:
    return [one.station for one in summaries]


def test_who_needs_somebody_comes_first_then_names_in_peoples_order() -> None:
    stations = [
        a_station("bay-10"),
        a_station("bay-9"),
        a_station("waits-for-a-card", Code.AUTHORIZATION),
        a_station("shared", Code.SECOND_CLIENT),
        a_station("silent", Code.NO_REPLY),
    ]
    assert names(Order().arrange(stations, 0.0)) == [
        "silent",
        "shared",
        "waits-for-a-card",
        "bay-9",
        "bay-10",
    ]


@pytest.mark.parametrize(
    "code",
    [
        Code.NO_VEHICLE,
        Code.DISABLED,
        Code.ENERGY_LIMIT,
        Code.VEHICLE,
        Code.STARTING_UP,
        Code.UNKNOWN,
    ],
)
def test_what_was_meant_so_or_passes_moves_no_station(code: Code) -> None:
    stations = [a_station("attic"), a_station("garage", code)]
    assert names(Order().arrange(stations, 0.0)) == ["attic", "garage"]


def test_a_station_rises_at_once_and_sinks_after_a_calm() -> None:
    order = Order()
    fine = [a_station("attic"), a_station("garage")]
    bad = [a_station("attic"), a_station("garage", Code.NO_REPLY)]
    assert names(order.arrange(fine, 0.0)) == ["attic", "garage"]
    assert names(order.arrange(bad, 1.0)) == ["garage", "attic"]
    # It comes and goes, and stays where it is.
    for now_s in (2.0, 20.0, 1.0 + CALM_S - 0.1):
        assert names(order.arrange(fine, now_s)) == ["garage", "attic"]
    assert names(order.arrange(fine, 1.0 + CALM_S)) == ["attic", "garage"]


def test_a_finding_of_an_unknown_kind_needs_somebody() -> None:
    (told,) = summaries_of(
        view_of(
            diagnosis={
                "findings": [{"about": "garage", "code": "odd"}],
                "stations": {"garage": {"reports": ["report 1"]}},
            }
        )
    )
    assert told.urgency > 0
    assert told.findings[0].code == "odd"
