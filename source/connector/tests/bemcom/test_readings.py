"""Raw fields in words and SI units."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bemcom.readings import MOST_KEPT, READINGS, renewed_readings
from connector.diagnosis.causes import CHARGING, LIMITS
from connector.diagnosis.facts import Reading, StationFacts
from connector.tests.diagnosis.test_charging import PLUGGED

REPORT_2 = {
    key: value
    for key, value in (PLUGGED | {"State": 3, "Curr HW": 32_000}).items()
    if key not in ("DIP-Sw1", "Input", "E pres")
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


class Garage:
    """A station whose fields come one datagram after the other."""

    def __init__(self) -> None:
        self.facts = StationFacts("garage")

    def update(
        self, fields: Mapping[str, object], at_ms: int = 0
    ) -> Mapping[str, Reading]:
        self.facts.note_fields(fields, at_ms)
        return renewed_readings(self.facts, fields)


@pytest.fixture
def garage() -> Garage:
    return Garage()


# --- units and words ------------------------------------------------------


def test_measurements_are_in_si_units(garage: Garage) -> None:
    readings = garage.update(REPORT_3)

    measured = {key: readings[key] for key in MEASUREMENTS}
    assert measured == pytest.approx(
        {
            "power": 10_350.0,  # W from mW
            "energy_session": 5.4321,  # kWh
            "energy_total": 12_345.6789,
            "current_1": 15.0,  # A from mA
            "current_2": 14.99,
            "current_3": 15.01,
            "power_factor": 0.999,
        }
    )


@pytest.mark.parametrize(
    ("field", "number", "key", "word"),
    [
        ("State", 0, "state", "startup"),
        ("State", 1, "state", "not_ready"),
        ("State", 2, "state", "ready"),
        ("State", 3, "state", "charging"),
        ("State", 4, "state", "error"),
        ("State", 5, "state", "interrupted"),
        ("Plug", 0, "plug", "unplugged"),
        ("Plug", 1, "plug", "cable_at_station"),
        ("Plug", 3, "plug", "cable_locked_at_station"),
        ("Plug", 5, "plug", "vehicle_connected"),
        ("Plug", 7, "plug", "vehicle_locked"),
        # Those of tomorrow's firmware stay numbers.
        ("State", 9, "state", 9),
        ("Plug", 15, "plug", 15),
        ("Max curr", 16_000, "current_limit", 16.0),
    ],
)
def test_states_and_plugs_are_words_and_the_offered_current_is_in_amperes(
    garage: Garage, field: str, number: int, key: str, word: Reading
) -> None:
    assert garage.update({field: number})[key] == word


def test_an_error_is_told_in_words_its_end_as_no_text(garage: Garage) -> None:
    error = garage.update(REPORT_2 | {"State": 4, "Error1": 6})["error"]
    assert error == "State 4: Error1 6, Error2 0"

    assert garage.update(REPORT_2)["error"] == ""


# --- what brings a reading ------------------------------------------------


def test_a_push_brings_the_readings_that_it_changes_and_no_others(
    garage: Garage,
) -> None:
    garage.update(REPORT_2)
    garage.update(REPORT_3)

    plugged = garage.update({"Plug": 3})
    assert plugged == {
        "plug": "cable_locked_at_station",
        "not_charging_reason": "",
    }
    charged = garage.update({"E pres": 60_000})
    assert charged == {"energy_session": 6.0, "not_charging_reason": ""}


def test_report_2_brings_no_measurements(garage: Garage) -> None:
    garage.update(REPORT_3)

    assert not MEASUREMENTS & garage.update(REPORT_2).keys()


def test_a_field_that_is_missing_is_missing_not_zero(garage: Garage) -> None:
    readings = garage.update({"State": 1, "P": None, "Max curr": "?"})

    assert readings.keys() == {"state", "error", "not_charging_reason"}


# --- the meter -------------------------------------------------------------


def test_a_station_has_measurements_if_it_has_a_meter(garage: Garage) -> None:
    """Without one it answers report 3 with zeros (evcc-io/evcc#1520)."""
    assert garage.update(ZEROS) == {}
    assert garage.update({"E pres": 0}) == {}

    assert garage.update(ZEROS | {"U1": 230})["power"] == 0.0
    assert garage.update(ZEROS | {"E total": 1}).keys() == MEASUREMENTS

    assert garage.update(ZEROS) == {}


# --- why it does not charge, and what limits it ------------------------------


def test_more_energy_does_not_hide_that_a_new_limit_has_settled(
    garage: Garage,
) -> None:
    garage.update(REPORT_2 | {"Curr user": 10_000, "Max curr": 6_000})
    garage.update({"ID": "3", **REPORT_3})
    limit = {"ID": "2", "Curr user": 8_000}
    assert garage.update(limit, 1_000)["limited_by"] == "user"

    more = {"ID": "3", "E pres": 60_000}
    assert garage.update(more, 20_000)["limited_by"] == "station"


def test_a_stop_is_told_in_both_readings(garage: Garage) -> None:
    stopped = {"State": 5, "Enable sys": 0, "Enable user": 0}

    readings = garage.update(REPORT_2 | stopped)

    assert readings["not_charging_reason"] == "disabled"
    assert readings["limited_by"] == "disabled"


def test_the_energy_of_report_3_brings_the_reason_anew(garage: Garage) -> None:
    stopped = {"State": 5, "Enable sys": 0, "Enable user": 0}
    garage.update(REPORT_3 | {"E pres": 99_900})
    garage.update(REPORT_2 | stopped | {"Setenergy": 100_000})

    readings = garage.update(REPORT_3 | {"E pres": 100_000})

    assert readings["not_charging_reason"] == "energy_limit"
    assert readings["limited_by"] == "energy"


def test_all_values_of_the_table_can_be_chosen() -> None:
    rows = {row.key: row.values.split(", ") for row in READINGS}

    assert rows["limited_by"] == [*LIMITS]
    assert rows["not_charging_reason"] == [one.code for one in CHARGING]


class ReadKeys(dict[str, object]):
    """Remembers which fields somebody looks at."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        super().__init__(fields)
        self.keys_read: set[str] = set()

    def get(self, key: str, default: object = None) -> object:
        self.keys_read.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> object:
        self.keys_read.add(key)
        return super().__getitem__(key)


ALWAYS_THERE_IN_REPORT_3 = {"U1", "U2", "U3", "I1", "I2", "I3", "P", "E total"}
"""They tell whether there is a meter; a report 3 has them all."""


@given(
    st.fixed_dictionaries(
        {
            "State": st.sampled_from([1, 2, 3, 5]),
            "Plug": st.sampled_from([3, 7]),
            "Authreq": st.sampled_from([0, 1]),
            "Enable sys": st.sampled_from([0, 1]),
            "Enable user": st.sampled_from([0, 1]),
            "Max curr": st.sampled_from([0, 6_000]),
            "Curr FS": st.sampled_from([0, 6_000]),
            "Tmo FS": st.sampled_from([0, 30]),
            "Curr user": st.sampled_from([8_000, 63_000]),
            "DIP-Sw1": st.sampled_from(["0x25", "0xA5"]),
        }
    )
)
def test_a_reading_is_renewed_by_every_field_that_it_rests_on(
    changes: dict[str, object],
) -> None:
    for row in READINGS:
        facts = StationFacts("garage")
        fields = ReadKeys(REPORT_2 | REPORT_3 | changes)
        facts.fields = fields
        row.read(facts)
        assert fields.keys_read - ALWAYS_THERE_IN_REPORT_3 <= row.sources


def test_fields_that_no_table_knows_do_not_pile_up(garage: Garage) -> None:
    for number in range(1000):
        readings = garage.update(REPORT_2 | {f"new {number}": 1})
        assert readings["state"] == "charging"

    assert garage.facts.fields == REPORT_2


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
    garage = Garage()
    known = {row.key for row in READINGS}
    for fields in reports:
        readings = garage.update(fields)
        assert readings.keys() <= known
        assert None not in readings.values()


def test_fields_in_ever_new_combinations_do_not_pile_up(garage: Garage) -> None:
    garage.update(REPORT_3)
    for number in range(2 ** len(REPORT_3)):
        fields = {
            key: value
            for bit, (key, value) in enumerate(REPORT_3.items())
            if number >> bit & 1
        }
        garage.update(fields)
    assert len(garage.facts.readings) <= MOST_KEPT


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["State", "Plug", "E pres", "Setenergy", "P", "ID"]
            ),
            st.integers(0, 7),
        ),
        max_size=8,
    )
)
def test_what_was_kept_is_what_would_be_made_anew(
    reports: list[dict[str, object]],
) -> None:
    garage = Garage()
    for fields in reports:
        kept = garage.update(fields)
        garage.facts.readings.clear()
        garage.facts.judged.clear()
        assert kept == renewed_readings(garage.facts, fields)
