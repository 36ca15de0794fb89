"""Why a station does not charge, and what limits it."""

from collections.abc import Mapping, Sequence

import pytest

from connector.diagnosis.causes import LIMITS, Code
from connector.diagnosis.charging import limited_by, not_charging_reason
from connector.diagnosis.facts import StationFacts
from connector.keba.station.events import FailsafeFacts

PLUGGED = {
    "DIP-Sw1": "0x25",
    "State": 2,
    "Error1": 0,
    "Error2": 0,
    "Plug": 7,
    "AuthON": 0,
    "Authreq": 0,
    "Enable sys": 1,
    "Enable user": 1,
    "Max curr": 16_000,
    "Curr HW": 16_000,
    "Curr user": 63_000,
    "Curr FS": 0,
    "Tmo FS": 0,
    "Curr timer": 0,
    "Tmo CT": 0,
    "Setenergy": 0,
    "Input": 0,
    "E pres": 5_000,
}
STOPPED = {"State": 5, "Enable sys": 0, "Max curr": 0}
DISABLED = {**STOPPED, "Enable user": 0}
ENERGY_REACHED = {**DISABLED, "Setenergy": 5_000}
ARMED = {"Tmo FS": 30, "Curr FS": 6_000}
COUNTING_DOWN = {"Curr timer": 10_000, "Tmo CT": 300}
X1_OPEN = {"DIP-Sw1": "0xA5", "Input": 0}

Changes = Mapping[str, object]


def _facts(*changes: Changes) -> StationFacts:
    fields: dict[str, object] = dict(PLUGGED)
    for more in changes:
        fields |= more
    facts = StationFacts("garage")
    facts.note_fields(fields)
    return facts


def _report_2(facts: StationFacts, changes: Changes) -> None:
    facts.note_fields({"ID": "2", **changes})


def _told(facts: StationFacts) -> tuple[str | None, str | None]:
    return not_charging_reason(facts), limited_by(facts)


# --- the rows, from top to bottom ------------


@pytest.mark.parametrize(
    ("changes", "reason", "limit"),
    [
        ({"State": 0}, "starting_up", "hardware"),
        ({"State": 4, "Error1": 6}, "error", "hardware"),
        ({"State": 1, "Plug": 0, "Max curr": 0}, "no_vehicle", "hardware"),
        # A cable is no vehicle; one is there before its plug is locked.
        ({"State": 1, "Plug": 1, "Max curr": 0}, "no_vehicle", "hardware"),
        ({"State": 1, "Plug": 3, "Max curr": 0}, "no_vehicle", "hardware"),
        ({"Plug": 5}, "vehicle", "hardware"),
        ({"Plug": 3, "Curr HW": 0, "Max curr": 0}, "no_vehicle", "none"),
        ({**STOPPED, "Authreq": 1}, "authorization", "authorization"),
        (ENERGY_REACHED, "energy_limit", "energy"),
        (DISABLED, "disabled", "disabled"),
        # The energy limit is not reached, or somebody has enabled again.
        ({**DISABLED, "Setenergy": 5_001}, "disabled", "disabled"),
        ({"State": 3, "Setenergy": 5_000}, "", "hardware"),
        ({**STOPPED, **X1_OPEN}, "input", "input"),
        # A failsafe without current is not blamed for an open contact.
        ({**STOPPED, **X1_OPEN, **ARMED, "Curr FS": 0}, "input", "input"),
        # The contact is closed, or X1 not in use.
        ({**STOPPED, **X1_OPEN, "Input": 1}, "station", "station"),
        ({**STOPPED, "Input": 0}, "station", "station"),
        ({"Enable sys": 0, "Max curr": 6_000, **ARMED}, "failsafe", "failsafe"),
        # The hardware limits the failsafe current as well.
        ({"Enable sys": 0, **ARMED, "Curr FS": 32_000}, "failsafe", "failsafe"),
        # sem-community#763: it charges by its failsafe, though it is disabled,
        # which it stays in all other respects.
        (
            {**DISABLED, **ARMED, "State": 3, "Max curr": 6_000},
            "",
            "failsafe",
        ),
        ({**DISABLED, **ARMED}, "disabled", "disabled"),
        # evcc#7950: armed, fed, and it charges normally.
        ({"State": 3, **ARMED, "Curr FS": 16_000}, "", "hardware"),
        (STOPPED, "station", "station"),
        ({"State": 5, "Max curr": 0}, "interrupted", "hardware"),
        ({}, "vehicle", "hardware"),
        ({"State": 1, "Max curr": 0}, "unknown", "hardware"),
        ({"State": 1}, "unknown", "hardware"),
        ({"State": 2, "Max curr": 0}, "unknown", "hardware"),
        ({"State": 3}, "", "hardware"),
        # What limits a station that may charge.
        ({"Curr user": 16_000}, "vehicle", "hardware"),
        ({"Curr user": 10_000}, "vehicle", "user"),
        ({"Curr user": 10_000, "Curr timer": 8_000}, "vehicle", "user"),
        ({"Curr user": 10_000, "Curr timer": 10_000}, "vehicle", "timer"),
        # A timer that still counts down limits nothing.
        (COUNTING_DOWN, "vehicle", "hardware"),
        ({**COUNTING_DOWN, "Curr user": 10_000}, "vehicle", "user"),
        # Numbers may come as texts.
        (
            {key: str(value) for key, value in ENERGY_REACHED.items()},
            "energy_limit",
            "energy",
        ),
    ],
)
def test_each_row_has_its_evidence(
    changes: Changes, reason: str, limit: str
) -> None:
    assert _told(_facts(changes)) == (reason, limit)


def test_the_first_row_that_holds_is_told() -> None:
    everything: list[tuple[Changes, str]] = [
        ({**STOPPED, **ARMED}, "station"),
        ({"Max curr": 6_000}, "failsafe"),
        (X1_OPEN, "input"),
        ({"Enable user": 0}, "disabled"),
        ({"Setenergy": 4_000}, "energy_limit"),
        ({"Authreq": 1}, "authorization"),
        ({"Plug": 3}, "no_vehicle"),
        ({"State": 4}, "error"),
        ({"State": 0}, "starting_up"),
    ]
    facts = _facts()
    for changes, reason in everything:
        _report_2(facts, changes)
        assert not_charging_reason(facts) == reason


# --- the limits ------------


def test_every_limit_can_be_told() -> None:
    assert {*LIMITS} == {
        *("none", "hardware", "user", "timer", "failsafe", "energy"),
        *("authorization", "disabled", "input", "station"),
    }


# --- energy limits ------------


def test_an_energy_limit_that_waits_for_its_session_stops_nothing() -> None:
    """`E pres` keeps the last session's value until the next one begins."""
    facts = _facts({"State": 1, "Plug": 3, "Max curr": 0, "E pres": 65_302})
    _report_2(facts, {"Setenergy": 20_000, "Enable user": 0, "Enable sys": 0})
    assert _told(facts) == ("no_vehicle", "disabled")

    _report_2(facts, {"Plug": 7, "State": 5})
    assert _told(facts) == ("disabled", "disabled")


def test_an_energy_limit_counts_from_the_beginning_of_the_session() -> None:
    facts = _facts({"State": 1, "Plug": 3, "E pres": 65_302})
    _report_2(facts, {"Plug": 7, "State": 3, "E pres": 0, "Setenergy": 20_000})
    _report_2(facts, {"E pres": 20_010})
    _report_2(facts, DISABLED)

    assert _told(facts) == ("energy_limit", "energy")


def test_the_same_energy_as_in_the_last_session_can_be_reached_again() -> None:
    facts = _facts({"State": 1, "Plug": 3, "E pres": 20_000})
    _report_2(facts, {"Plug": 7, "State": 3, "E pres": 0, "Setenergy": 20_000})
    _report_2(facts, {**DISABLED, "E pres": 20_000})

    assert _told(facts) == ("energy_limit", "energy")


def test_report_100_tells_that_the_energy_is_of_an_ended_session() -> None:
    facts = _facts(DISABLED, {"Setenergy": 20_000, "E pres": 65_302})
    facts.note_session({"E pres": 65_302, "ended[s]": 1_551_996_000})
    assert not_charging_reason(facts) == "disabled"

    facts.note_session({"E pres": 65_302, "ended[s]": "0"})
    assert not_charging_reason(facts) == "energy_limit"


# --- failsafe ------------


def test_a_failsafe_without_current_is_told_only_if_nobody_fed_it() -> None:
    facts = _facts(STOPPED, {"Tmo FS": 30, "Curr FS": 0})
    assert _told(facts) == ("station", "station")

    facts.failsafe = FailsafeFacts(is_ours=True, is_starved=True)
    assert _told(facts) == ("failsafe", "failsafe")


# --- what is older than the news ------------


def test_a_status_message_is_not_explained_by_older_settings() -> None:
    """`Enable user` is never pushed: an `ena 0` shows in report 2 only."""
    facts = _facts({"ID": "2", "State": 3})

    assert facts.note_fields({"State": 5}) == {2}
    facts.note_fields({"Enable sys": 0})
    assert _told(facts) == ("unknown", None)

    assert facts.note_fields({"ID": "2", **DISABLED}) == set()
    assert _told(facts) == ("disabled", "disabled")


def test_a_status_message_that_changes_nothing_outdates_nothing() -> None:
    facts = _facts({"ID": "2", "State": 3})

    assert facts.note_fields({"State": 3}) == set()
    assert facts.note_fields({"E pres": 5_100}) == set()
    assert _told(facts) == ("", "hardware")


def test_a_reached_limit_is_not_taken_for_disabled_until_report_3() -> None:
    """`E pres` of report 3 comes after `Enable user` of report 2."""
    facts = _facts({"ID": "2", "State": 3, "Setenergy": 5_100})

    assert facts.note_fields({"ID": "2", **DISABLED}) == {3}
    assert _told(facts) == ("unknown", None)

    facts.note_fields({"ID": "3", "E pres": 5_101})
    assert _told(facts) == ("energy_limit", "energy")


@pytest.mark.parametrize("report_3_comes", [True, False])
def test_disabled_below_its_limit_is_told_with_the_next_report_3_or_without(
    *, report_3_comes: bool
) -> None:
    facts = _facts({"ID": "2", "State": 3, "Setenergy": 9_000})
    facts.note_fields({"ID": "2", **DISABLED})

    if report_3_comes:
        facts.note_fields({"ID": "3", "E pres": 5_050})
    else:
        facts.note_missing("report 3")

    assert _told(facts) == ("disabled", "disabled")


def test_at_the_start_nothing_is_told_before_report_3() -> None:
    facts = StationFacts("garage")
    first = {**PLUGGED, **DISABLED, "Setenergy": 5_000, "ID": "2"}
    del first["E pres"]

    assert facts.note_fields(first) == {3}
    assert _told(facts) == (None, None)

    facts.note_fields({"ID": "3", "E pres": 5_000})
    assert _told(facts) == ("energy_limit", "energy")


# --- what firmware does not send ------------


def test_nothing_is_told_before_anything_is_known() -> None:
    assert _told(StationFacts("garage")) == (None, None)


NEWER = ("DIP-Sw1", "AuthON", "Authreq", "Curr timer", "Tmo CT", "Setenergy")


@pytest.mark.parametrize(
    ("missing", "changes", "told"),
    [
        (NEWER, STOPPED, ("station", "station")),
        (NEWER, DISABLED, ("disabled", "disabled")),
        (NEWER, {"State": 5, "Curr user": 8_000}, ("interrupted", "user")),
        (["Enable sys"], STOPPED, ("interrupted", None)),
        # Neither disabled for sure, nor interrupted though enabled.
        (["Enable user"], STOPPED, ("unknown", None)),
        (["Enable user"], {**STOPPED, **X1_OPEN}, ("input", "input")),
        (["Plug"], STOPPED, ("station", "station")),
        (["Input"], {**STOPPED, **X1_OPEN}, ("station", "station")),
        (["E pres"], {**DISABLED, "Setenergy": 1}, ("disabled", "disabled")),
        # A BMW station has both switch blocks in one field.
        (
            ["DIP-Sw1"],
            {**STOPPED, "Input": 0, "DIP-Sw": "0xA600"},
            ("input", "input"),
        ),
    ],
)
def test_firmware_without_some_fields_is_judged_by_what_it_sends(
    missing: Sequence[str],
    changes: Changes,
    told: tuple[str | None, str | None],
) -> None:
    facts = _facts(changes)
    for key in missing:
        del facts.fields[key]

    assert _told(facts) == told


@pytest.mark.parametrize("value", [None, True, "X", 1.5])
def test_what_is_no_number_is_not_known(value: object) -> None:
    facts = _facts(STOPPED, {"Authreq": value, "Enable user": value})

    assert not_charging_reason(facts) == Code.UNKNOWN


# --- what the station offers against its limits -------------------------------


def _charging(facts: StationFacts, at_ms: int, **changes: int) -> str | None:
    named = {key.replace("_", " "): value for key, value in changes.items()}
    facts.note_fields({"ID": "2", "State": 3, **named}, at_ms)
    return limited_by(facts)


def test_a_station_that_offers_less_than_its_limits_limits_itself() -> None:
    facts = _facts({"Curr user": 16_000})

    assert _charging(facts, 0, Max_curr=10_000) == "station"


def test_an_offer_that_follows_a_new_limit_takes_its_time() -> None:
    """6 to 7 s (guide V2.01, page 13)."""
    facts = _facts()
    assert _charging(facts, 0, Curr_user=6_000, Max_curr=6_000) == "user"

    assert _charging(facts, 10_000, Curr_user=10_000) == "user"
    assert _charging(facts, 17_000, Curr_user=10_000) == "user"
    assert _charging(facts, 30_000, Curr_user=10_000) == "station"
    assert _charging(facts, 40_000, Max_curr=10_000) == "user"


def test_an_offer_above_the_limit_is_on_its_way_down() -> None:
    facts = _facts({"State": 3})

    assert _charging(facts, 0, Curr_user=10_000, Max_curr=16_000) == "user"
