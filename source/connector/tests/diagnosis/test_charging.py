"""Why a station does not charge, and what limits it."""

from collections.abc import Mapping

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
ARMED = {"Tmo FS": 30, "Curr FS": 6_000}
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


def _without(*keys: str) -> StationFacts:
    facts = _facts(STOPPED)
    for key in keys:
        del facts.fields[key]
    return facts


# --- the rows, from top to bottom ------------


@pytest.mark.parametrize(
    ("changes", "reason", "limit"),
    [
        ({"State": 0}, "starting_up", "hardware"),
        ({"State": 4, "Error1": 6}, "error", "hardware"),
        ({"State": 1, "Plug": 3, "Max curr": 0}, "no_vehicle", "hardware"),
        (
            {"State": 1, "Plug": 0, "Curr HW": 0, "Max curr": 0},
            "no_vehicle",
            "none",
        ),
        ({**STOPPED, "Authreq": 1}, "authorization", "authorization"),
        ({**DISABLED, "Setenergy": 5_000}, "energy_limit", "energy"),
        (DISABLED, "disabled", "disabled"),
        ({**STOPPED, **X1_OPEN}, "input", "input"),
        ({"Enable sys": 0, "Max curr": 6_000, **ARMED}, "failsafe", "failsafe"),
        (STOPPED, "station", "station"),
        ({"State": 5, "Max curr": 0}, "interrupted", "hardware"),
        ({}, "vehicle", "hardware"),
        ({"State": 1, "Max curr": 0}, "unknown", "hardware"),
        ({"State": 3}, "", "hardware"),
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


@pytest.mark.parametrize("plug", [0, 1, 3])
def test_a_cable_is_no_vehicle(plug: int) -> None:
    assert not_charging_reason(_facts({"Plug": plug})) == "no_vehicle"


@pytest.mark.parametrize("plug", [5, 7])
def test_a_vehicle_is_one_before_its_plug_is_locked(plug: int) -> None:
    assert not_charging_reason(_facts({"Plug": plug})) == "vehicle"


# --- the limits ------------


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"Curr user": 63_000}, "hardware"),
        ({"Curr user": 16_000}, "hardware"),
        ({"Curr user": 10_000}, "user"),
        ({"Curr user": 10_000, "Curr timer": 8_000}, "user"),
        ({"Curr user": 10_000, "Curr timer": 10_000}, "timer"),
        ({"Curr HW": 0}, "none"),
    ],
)
def test_a_station_that_may_charge_is_limited_by(
    changes: Changes, limit: str
) -> None:
    assert limited_by(_facts(changes)) == limit


def test_a_timer_that_still_counts_down_limits_nothing() -> None:
    waiting: Changes = {"Curr timer": 10_000, "Tmo CT": 300}

    assert limited_by(_facts(waiting)) == "hardware"
    assert limited_by(_facts(waiting, {"Curr user": 10_000})) == "user"


def test_every_limit_can_be_told() -> None:
    assert set(LIMITS) == {
        "none",
        "hardware",
        "user",
        "timer",
        "failsafe",
        "energy",
        "authorization",
        "disabled",
        "input",
        "station",
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


def test_report_100_tells_that_the_energy_is_of_a_session_that_has_ended() -> (
    None
):
    facts = _facts(DISABLED, {"Setenergy": 20_000, "E pres": 65_302})
    facts.note_session({"E pres": 65_302, "ended[s]": 1_551_996_000})
    assert not_charging_reason(facts) == "disabled"

    facts.note_session({"E pres": 65_302, "ended[s]": "0"})
    assert not_charging_reason(facts) == "energy_limit"


def test_an_energy_limit_that_is_not_reached_has_stopped_nothing() -> None:
    facts = _facts(DISABLED, {"Setenergy": 5_001})

    assert _told(facts) == ("disabled", "disabled")


def test_a_reached_limit_stops_nobody_who_has_enabled_again() -> None:
    facts = _facts({"State": 3, "Setenergy": 5_000})

    assert _told(facts) == ("", "hardware")


# --- failsafe ------------


def test_a_failsafe_without_current_is_told_only_if_nobody_fed_it() -> None:
    facts = _facts(STOPPED, {"Tmo FS": 30, "Curr FS": 0})
    assert _told(facts) == ("station", "station")

    facts.failsafe = FailsafeFacts(is_ours=True, is_starved=True)
    assert _told(facts) == ("failsafe", "failsafe")


def test_a_failsafe_without_current_is_not_blamed_for_an_open_contact() -> None:
    facts = _facts(STOPPED, X1_OPEN, {"Tmo FS": 30, "Curr FS": 0})

    assert _told(facts) == ("input", "input")


def test_an_armed_failsafe_that_is_fed_limits_nothing() -> None:
    """evcc#7950: Tmo FS 30, Curr FS 16000 while it charges normally."""
    facts = _facts({"State": 3, "Tmo FS": 30, "Curr FS": 16_000})

    assert _told(facts) == ("", "hardware")


def test_a_disabled_station_that_charges_by_its_failsafe_is_limited_by_it() -> (
    None
):
    """sem-community#763; disabled it stays in all other respects."""
    again = {"State": 3, "Enable user": 0, "Enable sys": 0, "Max curr": 6_000}

    assert _told(_facts(ARMED, again)) == ("", "failsafe")
    assert _told(_facts(ARMED, DISABLED)) == ("disabled", "disabled")


def test_the_hardware_limits_the_failsafe_current_as_well() -> None:
    facts = _facts({"Enable sys": 0, "Tmo FS": 30, "Curr FS": 32_000})

    assert limited_by(facts) == "failsafe"


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


def test_disabled_below_its_limit_is_told_with_the_next_report_3() -> None:
    facts = _facts({"ID": "2", "State": 3, "Setenergy": 9_000})
    facts.note_fields({"ID": "2", **DISABLED})

    facts.note_fields({"ID": "3", "E pres": 5_050})

    assert _told(facts) == ("disabled", "disabled")


def test_at_the_start_nothing_is_told_before_report_3() -> None:
    facts = StationFacts("garage")
    first = {**PLUGGED, **DISABLED, "Setenergy": 5_000, "ID": "2"}
    del first["E pres"]

    assert facts.note_fields(first) == {3}
    assert _told(facts) == (None, None)

    facts.note_fields({"ID": "3", "E pres": 5_000})
    assert _told(facts) == ("energy_limit", "energy")


def test_a_report_3_that_stays_out_is_not_waited_for() -> None:
    facts = _facts({"ID": "2", "State": 3, "Setenergy": 9_000})
    facts.note_fields({"ID": "2", **DISABLED})

    facts.note_missing("report 3")

    assert _told(facts) == ("disabled", "disabled")


# --- the contact at X1 ------------


def test_an_open_contact_that_is_not_in_use_forbids_nothing() -> None:
    assert not_charging_reason(_facts(STOPPED, {"Input": 0})) == "station"


def test_a_closed_contact_forbids_nothing() -> None:
    facts = _facts(STOPPED, X1_OPEN, {"Input": 1})

    assert not_charging_reason(facts) == "station"


def test_a_bmw_station_has_both_switch_blocks_in_one_field() -> None:
    facts = _facts(STOPPED)
    del facts.fields["DIP-Sw1"]
    facts.note_fields({"DIP-Sw": "0xA600"})

    assert not_charging_reason(facts) == "input"


# --- what firmware does not send ------------


def test_nothing_is_told_before_anything_is_known() -> None:
    assert _told(StationFacts("garage")) == (None, None)


def test_firmware_without_the_newer_fields_is_judged_by_what_it_sends() -> None:
    newer = (
        "DIP-Sw1",
        "AuthON",
        "Authreq",
        "Curr timer",
        "Tmo CT",
        "Setenergy",
    )
    facts = _without(*newer)
    assert _told(facts) == ("station", "station")

    _report_2(facts, {"Enable user": 0})
    assert _told(facts) == ("disabled", "disabled")

    _report_2(facts, {"Enable user": 1, "Enable sys": 1, "Curr user": 8_000})
    assert _told(facts) == ("interrupted", "user")


def test_a_missing_enable_sys_forbids_nothing() -> None:
    assert not_charging_reason(_without("Enable sys")) == "interrupted"


def test_without_enable_user_nobody_knows_who_has_stopped_it() -> None:
    """It is neither disabled for sure, nor interrupted though enabled."""
    assert _told(_without("Enable user")) == ("unknown", None)


def test_without_enable_user_an_open_contact_is_one() -> None:
    facts = _facts(STOPPED, X1_OPEN)
    del facts.fields["Enable user"]

    assert _told(facts) == ("input", "input")


def test_a_missing_plug_is_no_vehicle_that_is_away() -> None:
    assert not_charging_reason(_without("Plug")) == "station"


def test_a_missing_input_is_no_open_contact() -> None:
    facts = _facts(STOPPED, X1_OPEN)
    del facts.fields["Input"]

    assert not_charging_reason(facts) == "station"


def test_a_missing_energy_is_none() -> None:
    facts = _facts(DISABLED, {"Setenergy": 1})
    del facts.fields["E pres"]

    assert not_charging_reason(facts) == "disabled"


def test_numbers_that_come_as_text_are_numbers() -> None:
    fields: Changes = {key: str(value) for key, value in DISABLED.items()}

    assert _told(_facts(fields, {"Setenergy": "5000"})) == (
        "energy_limit",
        "energy",
    )


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
