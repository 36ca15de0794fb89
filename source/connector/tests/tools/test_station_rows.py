"""What the doctor says of a station, root cause first."""

from typing import Any

from connector.bemcom.diagnosis_topic import DiagnosisTopic
from connector.diagnosis.causes import Code
from connector.diagnosis.site import SiteFacts
from connector.keba.station.events import ConnectionState, LinkFacts
from connector.settings import Station
from connector.tests.tools.told import view_of
from connector.tools.examination import Examination, read_diagnosis, worst
from connector.tools.station_rows import Row

IDENTITY = {
    "ID": 1,
    "Product": "KC-P30-EC240422-E00",
    "Serial": "23379413",
    "Firmware": "P30 v 3.10.57 (240521-093236)",
    "DIP-Sw1": "0x26",
}
SETTINGS = {
    "ID": 2,
    "State": 5,
    "Plug": 7,
    "Enable sys": 0,
    "Enable user": 0,
    "Max curr": 0,
    "Curr user": 16_000,
    "Curr HW": 32_000,
    "Authreq": 0,
}


def rows_of(site: SiteFacts) -> list[Row]:
    """Read what the connector would publish, as the doctor does."""
    view = view_of(diagnosis=DiagnosisTopic(site).due(0.0, 0))
    exam = Examination()
    read_diagnosis(exam, view, {"garage": Station(host="192.0.2.1")})
    return exam.stations["garage"]


def site_with(**link: Any) -> SiteFacts:
    site = SiteFacts()
    site.note(
        ConnectionState(
            "garage",
            online=not link,
            link=LinkFacts(**link),
            last_seen_at=None,
            requests_sent=1,
            requests_unanswered=0,
        ),
        0,
    )
    return site


def test_a_station_that_answers_is_told_with_model_state_and_limits() -> None:
    site = site_with()
    site.station("garage").note_fields(IDENTITY)
    site.station("garage").note_fields(SETTINGS)

    rows = rows_of(site)

    texts = {row.check: row.text for row in rows}
    assert "serial 23379413" in texts["model"]
    assert texts["state"] == "state 5 (interrupted), plug 7 (vehicle locked)"
    assert texts["limits"] == "wanted 16 A, offered 0 A, hardware 32 A"
    assert worst(rows) is None
    assert [row.code for row in rows if row.check == "charging"] == ["disabled"]


def test_what_old_firmware_does_not_send_is_not_told() -> None:
    site = site_with()
    site.station("garage").note_fields({"ID": 2, "State": 2})

    texts = {row.check: row.text for row in rows_of(site)}

    assert texts["state"] == "state 2 (ready)"
    assert "limits" not in texts


def test_why_a_station_does_not_charge_has_evidence_and_advice() -> None:
    site = site_with()
    site.station("garage").note_fields(
        {**SETTINGS, "Enable user": 1, "Authreq": 1}
    )

    (row,) = [row for row in rows_of(site) if row.check == "charging"]

    assert row.code == Code.AUTHORIZATION
    assert "Authreq 1" in row.text
    assert "Show a card" in row.advice


def test_what_a_silent_station_has_said_before_is_not_told() -> None:
    site = site_with(is_silent=True)
    site.station("garage").note_fields(IDENTITY)
    site.station("garage").note_fields(SETTINGS)

    rows = rows_of(site)

    assert rows[0].code == Code.NO_REPLY
    assert {row.check for row in rows} == {"link", "model"}


def test_another_station_is_told_by_its_serial_number() -> None:
    site = site_with(
        serial="87654321", expected_serial="12345678", product="KC-P30"
    )

    rows = rows_of(site)

    assert rows[0].code == Code.WRONG_SERIAL
    assert "serial 87654321" in rows[1].text


def test_a_cause_that_this_tool_does_not_know_is_told_all_the_same() -> None:
    odd = {
        "about": "garage",
        "code": "meteorite",
        "severity": "grave",
        "meaning": "was hit by a meteorite",
    }
    view = view_of(diagnosis={"findings": [odd], "stations": {"garage": {}}})
    exam = Examination()

    read_diagnosis(exam, view, {"garage": Station(host="192.0.2.1")})

    gravest = worst(exam.stations["garage"])
    assert gravest is not None
    assert gravest.code == "meteorite"
    assert "hit by a meteorite" in gravest.text


def test_whom_the_connector_does_not_know_is_asked_otherwise() -> None:
    view = view_of(diagnosis={"findings": [], "stations": {}})
    yard = Station(host="192.0.2.2")

    unknown = read_diagnosis(Examination(), view, {"yard": yard})

    assert unknown == {"yard": yard}
