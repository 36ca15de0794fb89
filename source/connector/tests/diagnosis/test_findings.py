"""Findings: about whom, which cause, since when, what shows it."""

from pathlib import Path

import pytest

from connector.diagnosis.causes import CAUSES, Code, Severity
from connector.diagnosis.facts import INCIDENT_COUNTS_FOR, StationFacts
from connector.diagnosis.findings import (
    Finding,
    remember,
    sentence,
    station_findings,
)
from connector.diagnosis.site import SiteFacts, surrounding_findings
from connector.keba.station.events import (
    AnsweredLate,
    Event,
    FailsafeFacts,
    ForeignRequestHeard,
    LinkFacts,
)
from connector.tests.diagnosis.test_charging import DISABLED, PLUGGED, STOPPED

SILENT = LinkFacts(is_silent=True)


def _station(**fields: object) -> StationFacts:
    facts = StationFacts("garage")
    changes = {key.replace("_", " "): value for key, value in fields.items()}
    facts.note_fields({**PLUGGED, "State": 3, **changes})
    facts.came_at_ms["report 1"] = 0
    return facts


def _diagnose(*stations: StationFacts) -> list[Finding]:
    site = SiteFacts({facts.station: facts for facts in stations})
    return [
        *surrounding_findings(site),
        *(one for facts in stations for one in station_findings(facts)),
    ]


def _codes(*stations: StationFacts) -> list[Code]:
    return [finding.code for finding in _diagnose(*stations)]


def _only(facts: StationFacts) -> Finding:
    (finding,) = _diagnose(facts)
    return finding


def test_a_station_that_charges_or_has_no_vehicle_has_no_finding() -> None:
    assert _diagnose(_station()) == []
    assert _diagnose(_station(State=1, Plug=3)) == []


def test_a_finding_says_what_shows_it_and_what_to_do() -> None:
    finding = _only(_station(**STOPPED, Authreq=1))

    assert finding.about == "garage"
    assert finding.code is Code.AUTHORIZATION
    assert finding.evidence == "AuthON 0, Authreq 1"
    told = sentence(finding.code, finding.evidence)
    assert told.startswith(f"{finding.meaning}. AuthON 0, Authreq 1. ")
    assert "Show a card" in told


def test_an_error_is_told_in_its_codes() -> None:
    finding = _only(_station(State=4, Error1=6, Error2=32_769))

    assert "Error2 0x8001" in finding.evidence


def test_old_values_of_a_silent_station_are_no_finding() -> None:
    facts = _station(**STOPPED)
    facts.link = SILENT

    assert _codes(facts) == [Code.NO_REPLY]


def test_a_failsafe_that_rules_while_charging_is_a_finding() -> None:
    facts = _station(Enable_sys=0, Max_curr=6_000, Tmo_FS=30, Curr_FS=6_000)

    assert _codes(facts) == [Code.FAILSAFE]


# --- a second client ------------


def test_missed_status_messages_are_told() -> None:
    facts = _station()
    for energy in range(0, 2_000, 200):
        facts.note_fields({"ID": "3", "E pres": energy})

    assert _codes(facts) == [Code.SECOND_CLIENT]


def test_an_armed_failsafe_that_somebody_else_feeds_is_a_clue() -> None:
    """evcc#7950."""
    facts = _station(Tmo_FS=30, Curr_FS=16_000)

    finding = _only(facts)

    assert finding.code is Code.SECOND_CLIENT
    assert "Tmo FS 30, Curr FS 16000" in finding.evidence


@pytest.mark.parametrize(
    "failsafe", [FailsafeFacts(is_ours=True), FailsafeFacts(is_fed=True)]
)
def test_a_failsafe_that_we_have_armed_or_feed_is_no_clue(
    failsafe: FailsafeFacts,
) -> None:
    facts = _station(Tmo_FS=30, Curr_FS=16_000)
    facts.failsafe = failsafe

    assert _codes(facts) == []


# --- more about a station ------------


@pytest.mark.parametrize(
    ("events", "evidence"),
    [
        (
            [AnsweredLate("garage", 1.5), AnsweredLate("garage", 0.5)],
            "An answer came 1.5 s too late",
        ),
        (
            [ForeignRequestHeard("garage", "report 2")],
            "a request came from its address: 'report 2'",
        ),
    ],
    ids=["late", "foreign"],
)
def test_what_happened_once_is_history_some_day(
    events: list[Event], evidence: str
) -> None:
    site = SiteFacts()
    facts = site.station("garage")
    facts.note_fields(_station().fields)
    for event in events:
        site.note(event, 0)
    assert _only(facts).evidence == evidence

    # One more: the late one itself is none after it.
    for _ in range(INCIDENT_COUNTS_FOR + 1):
        facts.note_fields({"ID": 1})

    assert _codes(facts) == []


@pytest.mark.parametrize(
    ("current", "failsafe", "may_charge_again"),
    [
        # sem-community#763: after 600 s, with 6 A.
        (6_000, FailsafeFacts(), True),
        # Whoever arms a station has to feed it.
        (6_000, FailsafeFacts(is_ours=True), True),
        (6_000, FailsafeFacts(is_ours=True, is_fed=True), False),
        (0, FailsafeFacts(), False),
    ],
)
def test_a_disabled_station_may_charge_again_by_its_failsafe(
    current: int, failsafe: FailsafeFacts, *, may_charge_again: bool
) -> None:
    facts = _station(**DISABLED, Tmo_FS=600, Curr_FS=current)
    facts.failsafe = failsafe

    assert _codes(facts)[0] is Code.DISABLED
    assert (Code.MAY_CHARGE_AGAIN in _codes(facts)) is may_charge_again


def test_a_report_that_stays_out_is_named() -> None:
    facts = _station()
    facts.missing["report 3"] = 10

    finding = _only(facts)

    assert finding.code is Code.REPORT_MISSING
    assert "report 3" in finding.evidence


def test_late_answers_are_told_with_their_time() -> None:
    facts = _station()
    facts.late_by_s = 1.24

    finding = _only(facts)

    assert finding.code is Code.LATE_ANSWERS
    assert "1.2 s" in finding.evidence


def test_a_switch_that_is_off_acts_from_the_next_start_on() -> None:
    facts = _station()
    facts.link = LinkFacts(is_udp_switch_on=False)

    assert _codes(facts) == [Code.DIP_SWITCH_PENDING]


# --- all stations ------------


def _silent(name: str) -> StationFacts:
    return StationFacts(name, link=SILENT)


def test_when_all_are_silent_since_the_start_the_host_comes_first() -> None:
    findings = _diagnose(_silent("garage"), _silent("yard"))

    assert [one.about for one in findings] == ["udp", "garage", "yard"]
    assert findings[0].code is Code.ALL_SILENT
    advice = findings[0].advice
    places = ("this host", "container", "connection tracking", "power")
    assert sorted(places, key=advice.index) == [*places]


def test_one_that_has_answered_once_clears_the_host() -> None:
    yard = _silent("yard")
    yard.came_at_ms["report 1"] = 5

    assert _codes(_silent("garage"), yard) == [Code.NO_REPLY, Code.NO_REPLY]


def test_the_only_station_is_all_of_them() -> None:
    assert _codes(_silent("garage")) == [Code.ALL_SILENT, Code.NO_REPLY]


@pytest.mark.parametrize(
    ("number", "words"),
    [(2, "station-0, station-1"), (50, "All 50 are silent")],
)
def test_many_silent_stations_are_one_short_finding(
    number: int, words: str
) -> None:
    stations = [_silent(f"station-{index}") for index in range(number)]

    assert words in _diagnose(*stations)[0].evidence


def test_without_stations_none_is_silent() -> None:
    assert _diagnose() == []


# --- since when ------------


def test_a_finding_that_goes_on_keeps_its_beginning() -> None:
    silent = [Finding("garage", Code.NO_REPLY)]
    known = remember([], silent, now_ms=10)

    again = remember(known, silent, now_ms=20)

    assert [one.since_ms for one in again] == [10]


def test_a_finding_that_comes_back_begins_anew() -> None:
    silent = [Finding("garage", Code.NO_REPLY)]
    known = remember(remember([], silent, now_ms=10), [], now_ms=20)

    assert [one.since_ms for one in remember(known, silent, 30)] == [30]


# --- the table ------------


def test_every_code_has_its_row() -> None:
    assert CAUSES.keys() == set(Code)


@pytest.mark.parametrize("code", Code)
def test_every_cause_has_its_texts(code: Code) -> None:
    cause = CAUSES[code]

    assert cause.meaning
    assert not cause.meaning.endswith(".")
    assert bool(cause.advice) == (cause.severity > Severity.FINE)
    assert not cause.advice or cause.advice.endswith(".")


@pytest.mark.parametrize("code", Code)
def test_every_cause_has_a_test(code: Code) -> None:
    source = Path(__file__).parents[3]
    folders = ("connector/tests/diagnosis", "pyconnector_template/tests")
    tests = [
        path.read_text("utf-8")
        for folder in folders
        for path in (source / folder).rglob("*.py")
    ]
    # The template calls its own ones causes.
    words = (f"Code.{code.name}", f'"{code}"', f"Cause.{code.name}")

    assert any(word in text for text in tests for word in words)
