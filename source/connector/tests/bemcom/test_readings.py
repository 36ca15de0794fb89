"""Raw fields in words and SI units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bemcom.readings import READINGS, StationReadings

REPORT_2 = {
    "State": 3,
    "Error1": 0,
    "Error2": 0,
    "Plug": 7,
    "AuthON": 0,
    "Authreq": 0,
    "Enable sys": 1,
    "Enable user": 1,
    "Max curr": 16_000,
    "Curr HW": 32_000,
    "Curr user": 63_000,
    "Curr FS": 0,
    "Tmo FS": 0,
    "Curr timer": 0,
    "Tmo CT": 0,
    "Setenergy": 0,
}
REPORT_3 = {
    "U1": 230,
    "U2": 231,
    "U3": 229,
    "I1": 15_000,
    "I2": 14_990,
    "I3": 15_010,
    "P": 10_350_000,
    "PF": 999,
    "E pres": 54_321,
    "E total": 123_456_789,
}
ZEROS = dict.fromkeys(REPORT_3, 0)
MEASUREMENTS = {
    "power",
    "energy_session",
    "energy_total",
    "current_1",
    "current_2",
    "current_3",
    "power_factor",
}


@pytest.fixture
def garage() -> StationReadings:
    return StationReadings()


def _limited_by(**changes: int) -> object:
    fields = {key.replace("_", " "): value for key, value in changes.items()}
    return StationReadings().update(REPORT_2 | fields)["limited_by"]


# --- units and words ------------------------------------------------------


def test_measurements_are_in_si_units(garage: StationReadings) -> None:
    readings = garage.update(REPORT_3)

    assert readings["power"] == 10_350.0  # W from mW
    assert readings["energy_session"] == pytest.approx(5.4321)  # kWh
    assert readings["energy_total"] == pytest.approx(12_345.6789)
    assert readings["current_1"] == 15.0  # A from mA
    assert readings["current_2"] == 14.99
    assert readings["current_3"] == 15.01
    assert readings["power_factor"] == 0.999


def test_the_offered_current_is_in_amperes(garage: StationReadings) -> None:
    assert garage.update(REPORT_2)["current_limit"] == 16.0


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (0, "startup"),
        (1, "not_ready"),
        (2, "ready"),
        (3, "charging"),
        (4, "error"),
        (5, "interrupted"),
    ],
)
def test_states_are_words(
    garage: StationReadings, number: int, word: str
) -> None:
    assert garage.update({"State": number})["state"] == word


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (0, "unplugged"),
        (1, "cable_at_station"),
        (3, "cable_locked_at_station"),
        (5, "vehicle_connected"),
        (7, "vehicle_locked"),
    ],
)
def test_plugs_are_words(
    garage: StationReadings, number: int, word: str
) -> None:
    assert garage.update({"Plug": number})["plug"] == word


def test_a_number_of_tomorrows_firmware_stays_a_number(
    garage: StationReadings,
) -> None:
    readings = garage.update({"State": 9, "Plug": 15})

    assert readings["state"] == 9
    assert readings["plug"] == 15


def test_an_error_is_told_in_words_and_its_end_as_empty_text(
    garage: StationReadings,
) -> None:
    error = garage.update(REPORT_2 | {"State": 4, "Error1": 6})["error"]
    assert error == "State 4: Error1 6, Error2 0"

    assert garage.update(REPORT_2)["error"] == ""


# --- what brings a reading ------------------------------------------------


def test_a_push_brings_the_readings_that_it_changes_and_no_others(
    garage: StationReadings,
) -> None:
    garage.update(REPORT_2)
    garage.update(REPORT_3)

    assert garage.update({"Plug": 3}) == {"plug": "cable_locked_at_station"}
    assert garage.update({"E pres": 60_000}) == {"energy_session": 6.0}


def test_report_2_brings_no_measurements(garage: StationReadings) -> None:
    garage.update(REPORT_3)

    assert not MEASUREMENTS & garage.update(REPORT_2).keys()


def test_a_field_that_is_missing_is_missing_not_zero(
    garage: StationReadings,
) -> None:
    readings = garage.update({"State": 1, "P": None, "Max curr": "?"})

    assert readings.keys() == {"state", "error"}


# --- the meter -------------------------------------------------------------


def test_a_station_without_meter_has_no_measurements(
    garage: StationReadings,
) -> None:
    """It answers report 3 with zeros (evcc-io/evcc#1520)."""
    assert garage.update(ZEROS) == {}


def test_a_station_that_has_a_meter_may_measure_nothing(
    garage: StationReadings,
) -> None:
    readings = garage.update(ZEROS | {"E total": 1})

    assert readings["power"] == 0.0
    assert readings.keys() == MEASUREMENTS


def test_a_new_meter_counts_as_soon_as_it_measures(
    garage: StationReadings,
) -> None:
    assert garage.update(ZEROS) == {}
    assert garage.update(ZEROS | {"U1": 230})["power"] == 0.0


def test_a_station_that_loses_its_meter_has_no_more_measurements(
    garage: StationReadings,
) -> None:
    garage.update(REPORT_3)

    assert garage.update(ZEROS) == {}


def test_the_push_of_a_station_without_meter_is_no_measurement(
    garage: StationReadings,
) -> None:
    garage.update(ZEROS)

    assert garage.update({"E pres": 0}) == {}


# --- which limit rules -----------------------------------------------------


def test_the_hardware_rules_where_nobody_asks_for_less() -> None:
    assert _limited_by() == "hardware"


def test_the_user_rules_with_a_lower_current() -> None:
    assert _limited_by(Curr_user=10_000) == "user"


def test_a_currtime_that_has_run_rules_as_timer() -> None:
    assert _limited_by(Curr_user=10_000, Curr_timer=10_000) == "timer"


def test_a_currtime_that_waits_does_not_rule_yet() -> None:
    limits = {"Curr_user": 16_000, "Curr_timer": 10_000, "Tmo_CT": 300}
    assert _limited_by(**limits) == "user"


def test_an_old_currtime_does_not_rule_the_hardware() -> None:
    """`Curr timer` was seen to stay (ioBroker.kecontact#125)."""
    assert _limited_by(Curr_timer=63_000) == "hardware"


def test_failsafe_rules_when_its_current_is_offered_without_enable() -> None:
    limits = {"Enable_sys": 0, "Max_curr": 6000, "Curr_FS": 6000, "Tmo_FS": 60}
    assert _limited_by(**limits) == "failsafe"


def test_failsafe_never_offers_more_than_the_hardware_allows() -> None:
    limits = {
        "Enable_sys": 0,
        "Max_curr": 32_000,
        "Curr_FS": 63_000,
        "Tmo_FS": 60,
    }
    assert _limited_by(**limits) == "failsafe"


def test_failsafe_does_not_rule_while_it_is_off() -> None:
    limits = {"Enable_sys": 0, "Max_curr": 6000, "Curr_FS": 6000}
    assert _limited_by(**limits) == "disabled"


def test_a_reached_energy_limit_rules() -> None:
    garage = StationReadings()
    garage.update(REPORT_3 | {"E pres": 100_000})
    stopped = {"Enable sys": 0, "Enable user": 0, "Setenergy": 100_000}

    assert garage.update(REPORT_2 | stopped)["limited_by"] == "energy"


def test_an_energy_limit_that_is_not_reached_does_not_rule() -> None:
    garage = StationReadings()
    garage.update(REPORT_3 | {"E pres": 99_999})
    stopped = {"Enable sys": 0, "Enable user": 0, "Setenergy": 100_000}

    assert garage.update(REPORT_2 | stopped)["limited_by"] == "disabled"


def test_a_card_that_is_wanted_rules_before_all_others() -> None:
    """A locked station shows Enable sys 0 with Enable user 1."""
    limits = {"Authreq": 1, "Enable_sys": 0, "Curr_user": 10_000}
    assert _limited_by(**limits) == "authorization"


def test_a_disabled_station_is_disabled() -> None:
    assert _limited_by(Enable_sys=0, Enable_user=0) == "disabled"


def test_a_closed_input_that_is_missing_is_disabled_as_well() -> None:
    assert _limited_by(Enable_sys=0, Enable_user=1, Max_curr=0) == "disabled"


def test_nothing_limits_where_no_cable_is() -> None:
    """Socket variants show Curr HW 0 then."""
    assert _limited_by(Curr_HW=0) == "none"


def test_a_push_changes_which_limit_rules(garage: StationReadings) -> None:
    garage.update(REPORT_2)

    assert garage.update({"Enable sys": 0})["limited_by"] == "disabled"
    assert garage.update({"Enable sys": 1})["limited_by"] == "hardware"


def test_every_limit_that_is_ever_named_is_in_the_table() -> None:
    (row,) = (row for row in READINGS if row.key == "limited_by")
    assert row.values.split(", ") == [
        "none",
        "hardware",
        "user",
        "timer",
        "failsafe",
        "energy",
        "authorization",
        "disabled",
    ]


def test_every_field_that_is_read_is_kept(garage: StationReadings) -> None:
    garage.update(REPORT_2 | REPORT_3)

    assert garage._fields == REPORT_2 | REPORT_3
    for row in READINGS:
        assert row.sources <= garage._fields.keys()


def test_fields_that_no_table_knows_do_not_pile_up(
    garage: StationReadings,
) -> None:
    for number in range(1000):
        readings = garage.update(REPORT_2 | {f"new {number}": 1})
        assert readings["state"] == "charging"

    assert garage._fields == REPORT_2


_SCALAR = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(sorted(REPORT_2 | REPORT_3)), _SCALAR, max_size=12
        ),
        max_size=4,
    )
)
def test_whatever_a_station_sends_makes_readings_or_none(
    reports: list[dict[str, object]],
) -> None:
    garage = StationReadings()
    known = {row.key for row in READINGS}
    for fields in reports:
        readings = garage.update(fields)
        assert readings.keys() <= known
        assert None not in readings.values()
