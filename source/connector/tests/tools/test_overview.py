"""What is shown of each station, and who comes first."""

import math
from collections.abc import Mapping

import pytest

from connector.diagnosis.causes import CAUSES, Code, Severity
from connector.tests.tools.told import a_station, finding, view_of
from connector.tools.figures import time_of_day
from connector.tools.overview import Summary, notices_of, summaries_of

# --- one station ------------------------------------------------------------


def garage_of(values: Mapping[str, object]) -> Summary:
    """Return the garage of which only these datapoints tell."""
    keys = {f"garage__{key}": value for key, value in values.items()}
    (garage,) = summaries_of(view_of(keys))
    return garage


def test_datapoints_are_shown_in_words_and_usual_units() -> None:
    garage = garage_of(
        {
            "connection__reason": "ok",
            "connection__last_seen": 5000,
            "report 2__State": 3,
            "report 2__Plug": 7,
            "report 2__Curr user": 16_000,
            "report 2__Max curr": 10_000,
            "report 3__P": 6_460_000,
            "report 3__E pres": 2600,
            "report 3__E total": 12_944_000,
        }
    )
    assert not garage.is_offline
    assert (garage.state, garage.plug) == ("charging", "vehicle locked")
    assert (garage.wanted_a, garage.offered_a) == (16.0, 10.0)
    assert (garage.power_kw, garage.session_kwh) == (6.46, 0.26)
    assert garage.total_kwh == 1294.4
    assert garage.last_seen_ms == 5000
    assert (garage.cause, garage.urgency) == (None, 0)


def test_what_is_unknown_stays_unknown() -> None:
    garage = garage_of({"report 3__P": None})
    assert (garage.power_kw, garage.state) == (None, None)
    assert garage.connection is None
    assert not garage.is_offline


def test_without_datapoints_the_diagnosis_tells_what_it_knows() -> None:
    fields = {"State": 2, "Plug": 3, "Curr user": 63_000, "Max curr": 16_000}
    diagnosis = {
        "findings": [finding("yard", Code.NO_REPLY)],
        "stations": {
            "garage": {"reports": ["report 2"], "fields": fields},
            "yard": {"reports": []},
            "attic": {"reports": []},
        },
    }
    yard, attic, garage = summaries_of(view_of(diagnosis=diagnosis))
    assert garage.connection == "ok"
    assert (garage.state, garage.offered_a) == ("ready", 16.0)
    assert garage.power_kw is None
    assert garage.cause is not None
    assert garage.cause.code == "no_vehicle"
    assert yard.connection == "no_reply"
    assert attic.connection is None


def test_without_a_diagnosis_datapoints_tell_the_cause() -> None:
    reason = {"readings__not_charging_reason": "authorization"}
    garage = garage_of({"connection__reason": "ok", **reason})
    assert garage.cause is not None
    assert garage.cause.code == "authorization"
    assert garage.cause.advice == CAUSES[Code.AUTHORIZATION].advice
    # Of a station that is offline only that is told.
    offline = garage_of({"connection__reason": "no_reply", **reason})
    assert offline.is_offline
    assert [row.code for row in offline.findings] == ["no_reply"]


def test_few_datapoints_alone_are_no_ground_to_judge_by() -> None:
    garage = garage_of({"connection__reason": "ok", "report 2__State": 2})
    assert garage.state == "ready"
    assert garage.findings == ()


@pytest.mark.parametrize("odd", ["eaten_by_a_marten", 5])
def test_a_cause_that_this_tool_does_not_know_is_shown_as_it_is(
    odd: object,
) -> None:
    garage = garage_of({"connection__reason": odd})
    assert garage.is_offline
    assert garage.urgency == Severity.ERROR
    machine = garage.as_json()
    assert machine["connection"] == machine["cause"] == str(odd)


def test_the_connector_has_the_last_word_on_why_it_does_not_charge() -> None:
    fields = {"State": 2, "Plug": 7, "Enable user": 0}
    diagnosis = {
        "findings": [finding("garage", Code.FAILSAFE)],
        "stations": {"garage": {"reports": ["report 2"], "fields": fields}},
    }
    (garage,) = summaries_of(view_of(diagnosis=diagnosis))
    assert [row.code for row in garage.findings] == ["failsafe"]


def test_the_gravest_finding_is_the_cause() -> None:
    garage = a_station("garage", Code.VEHICLE, Code.SECOND_CLIENT)
    assert garage.cause is not None
    assert garage.cause.code == "second_client"


def test_the_newest_result_is_shown() -> None:
    results = {"results__ena": "applied", "results__curr": "rejected: no"}
    garage = garage_of(results)
    assert garage.result == "curr rejected: no"
    assert garage.result_at_ms == 1001
    assert garage.as_json()["result"].startswith("curr rejected: no ")


@pytest.mark.parametrize("odd", [10**300, -1, math.nan, math.inf, True, "1"])
def test_nonsensical_numbers_are_none(odd: object) -> None:
    power = odd if odd != -1 else None
    garage = garage_of({"connection__last_seen": odd, "report 3__P": power})
    assert garage.power_kw is None
    assert garage.as_json()["last_seen"] in (None, time_of_day(1001))


# --- the order --------------------------------------------------------------


def order_of(**codes: Code | None) -> list[str]:
    """Return stations in their order; some have a finding."""
    found = [finding(name, code) for name, code in codes.items() if code]
    facts = {name: {"reports": ["report 1"]} for name in codes}
    view = view_of(diagnosis={"findings": found, "stations": facts})
    return [one.station for one in summaries_of(view)]


def test_who_needs_somebody_comes_first_then_names_in_peoples_order() -> None:
    assert order_of(
        bay10=None,
        bay9=None,
        waits_for_a_card=Code.AUTHORIZATION,
        shared=Code.SECOND_CLIENT,
        silent=Code.NO_REPLY,
    ) == ["silent", "shared", "waits_for_a_card", "bay9", "bay10"]


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
    assert order_of(attic=None, garage=code) == ["attic", "garage"]


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


# --- beside the stations ------------------------------------------------------


def test_a_missing_map_is_told_with_where_to_click() -> None:
    (row,) = notices_of(view_of())
    assert row.code == "no_map"
    assert row.advice == CAUSES[Code.NO_MAP].advice


def test_what_the_connector_has_told_is_not_told_twice() -> None:
    found = [finding("broker", Code.NO_MAP), finding("udp", Code.ALL_SILENT)]
    view = view_of(diagnosis={"findings": found, "stations": {}})
    assert [row.code for row in notices_of(view)] == ["no_map", "all_silent"]
