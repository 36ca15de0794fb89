"""The values of one station, as people read them."""

import time
from typing import Any

import pytest

from connector.keba.protocol.fields import REPORTS
from connector.tests.tools.told import view_of
from connector.tools.connector_view import SESSION
from connector.tools.figures import moment_in_words
from connector.tools.problems import Problem
from connector.tools.show import (
    Picture,
    _rows_of_readings,
    in_units,
    picture_of,
    session_in_words,
    told_by,
)

FIELDS = {one.key: one for fields in REPORTS.values() for one in fields}

POWER = "garage__report 3__P"
SESSION_ID = "garage__session__id"
AVAILABLE = {
    "sensor": {
        POWER: 0,
        "garage__report 3__U1": 0,
        "garage__report 3__U2": 0,
        # Those of report 1 are known.
        "garage__report 3__Serial": 0,
        "garage__report 2__State": 0,
        SESSION_ID: 0,
    },
    "actuator": {},
}
GARAGE: dict[str, Any] = {
    "link": {},
    "failsafe": {"is_ours": True, "of_tomorrow": 1},
    "reports": ["report 1", "report 2"],
    "fields": {
        "Product": "KC-P30-EC240422-E00",
        "State": 3,
        "Plug": 7,
        "Enable user": 1,
        "Enable sys": 1,
        "Max curr": 10000,
        "Curr HW": 32000,
        "Curr user": 10000,
    },
}


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("Max curr", 16000, "16 A"),
        ("P", 11_172_800, "11.1728 kW"),
        ("E total", 12_942_673, "1294.2673 kWh"),
        ("PF", 999, "99.9 %"),
        ("U1", 230, "230 V"),
        ("Tmo CT", 30, "30 s"),
        ("Sec", 90_061, "90061 s (1 day, 1:01:01)"),
        ("started[s]", 1_795_898_580, "1795898580 s"),
        ("State", 3, "3 (charging)"),
        ("Plug", 6, "6"),
        ("Max curr", "16000", "16000"),
        ("Curr user", None, "None"),
    ],
)
def test_a_value_has_its_unit_or_its_word(
    key: str, value: object, text: str
) -> None:
    assert in_units(FIELDS[key], value) == text


def test_a_field_of_tomorrow_is_shown_as_it_is() -> None:
    assert in_units(None, 42) == "42"


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("energy", 7.1, "7.1 kWh"),
        ("started", "2026-11-28T21:54:38Z", "2026-11-28 22:54:38 CET"),
        ("ended", None, "None"),
        ("started", "yesterday", "yesterday"),
        ("reason", "running", "running"),
    ],
)
def test_a_session_is_told_in_local_time(
    key: str,
    value: str | float | None,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert session_in_words(key, value) == text
    finally:
        monkeypatch.undo()
        time.tzset()


def picture(
    values: dict[str, Any] | None = None,
    fields: dict[str, Any] | None = None,
    **told: Any,
) -> Picture:
    """Return what is told of the garage, which has these values as well."""
    facts = {**GARAGE, "fields": {**GARAGE["fields"], **(fields or {})}}
    view = view_of(
        {POWER: 3_300_000, SESSION_ID: None, **(values or {})},
        available_datapoints=AVAILABLE,
        diagnosis={"findings": [], "stations": {"garage": facts}, **told},
    )
    source = told_by(view, "garage")
    return picture_of(view, "garage", "192.0.2.1", source, {})


def test_the_diagnosis_and_active_datapoints_give_the_values() -> None:
    garage = picture()
    assert garage.reports["report 2"]["Max curr"] == 10000
    assert garage.reports["report 3"] == {"P": 3_300_000}
    assert garage.link == "ok"


def test_the_same_engine_concludes_from_them() -> None:
    readings = picture().readings
    assert readings["state"] == "charging"
    assert readings["limited_by"] == "user"
    assert readings["power"] == 3300


def test_the_energy_of_the_last_session_is_not_that_of_now() -> None:
    last, now = f"garage__{SESSION}__E pres", "garage__report 3__E pres"
    garage = picture({last: 900, now: 50})
    assert garage.readings["energy_session"] == 0.005
    assert garage.reports[SESSION] == {"E pres": 900}


def test_of_an_offline_station_nothing_is_concluded_for_now() -> None:
    silent = {"about": "garage", "code": "no_reply", "severity": "error"}
    garage = picture(findings=[silent])
    assert garage.link == "no_reply"
    assert garage.readings == {}
    assert garage.reports["report 3"] == {"P": 3_300_000}


def test_the_age_is_that_of_the_newest_datagram() -> None:
    garage = picture({"garage__connection__reason": "no_reply"})
    assert garage.source == f"told by keba, last heard {moment_in_words(1000)}"


def test_what_the_connector_concludes_counts_for_more() -> None:
    garage = picture({"garage__readings__limited_by": "timer"})
    assert garage.readings["limited_by"] == "timer"


def test_what_is_announced_but_not_active_is_named() -> None:
    # The state is known all the same, the session has none yet.
    assert picture().not_active == [
        "garage__report 3__U1",
        "garage__report 3__U2",
    ]


def test_a_station_that_the_connector_does_not_know_is_a_problem() -> None:
    view = view_of(diagnosis={"stations": {"garage": GARAGE}})
    with pytest.raises(Problem, match="it knows: garage"):
        picture_of(view, "yard", "192.0.2.2", "", {})


def test_what_does_not_charge_has_a_reason_and_no_limit() -> None:
    def checks(garage: Picture) -> list[str]:
        return [row.check for row in _rows_of_readings(garage)]

    waits = {"State": 1, "Plug": 3, "Max curr": 0}
    assert checks(picture()) == ["limited by"]
    assert checks(picture(fields=waits)) == ["charging"]
