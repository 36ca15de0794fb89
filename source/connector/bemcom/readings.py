"""Raw fields in words and SI units.

Status messages update single fields, so a reading is made from the newest
value of each field that it needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from connector.diagnosis.causes import CHARGING, LIMITS
from connector.diagnosis.charging import (
    DECISIVE,
    limited_by,
    not_charging_reason,
)
from connector.diagnosis.facts import Fields, Reading, StationFacts
from connector.keba.protocol.error_codes import error_text
from connector.keba.protocol.fields import Plug, State

MOST_KEPT = 50
"""Combinations of fields; a station has as many as reports and pushes."""

_METERED = ("E total", "U1", "U2", "U3", "I1", "I2", "I3", "P")


def _number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _scaled(key: str, divisor: int) -> Callable[[StationFacts], Reading]:
    def read(facts: StationFacts) -> Reading:
        number = _number(facts.fields.get(key))
        return None if number is None else number / divisor

    return read


def _measured(key: str, divisor: int) -> Callable[[StationFacts], Reading]:
    """Read a measurement; stations without a meter have none.

    They answer report 3 with zeros (evcc-io/evcc#1520). A station that has
    a meter has counted some energy, or measures something.
    """
    read = _scaled(key, divisor)

    def read_if_metered(facts: StationFacts) -> Reading:
        return read(facts) if _has_meter(facts.fields) else None

    return read_if_metered


def _has_meter(fields: Fields) -> bool:
    for name in _METERED:  # noqa: SIM110 - any() takes twice as long
        if _number(fields.get(name)):
            return True
    return False


def _state(facts: StationFacts) -> Reading:
    return _in_words(State, facts.fields.get("State"))


def _plug(facts: StationFacts) -> Reading:
    return _in_words(Plug, facts.fields.get("Plug"))


def _in_words(words: type[State] | type[Plug], value: object) -> Reading:
    """Name a known number; one of tomorrow's firmware stays a number."""
    number = _number(value)
    if number is None:
        return value if isinstance(value, str) else None
    try:
        return words(int(number)).name.lower()
    except ValueError:
        return number


def _error(facts: StationFacts) -> Reading:
    fields = facts.fields
    if "State" not in fields:
        return None
    return error_text(
        fields["State"], fields.get("Error1"), fields.get("Error2")
    )


def _judged(
    judge: Callable[[StationFacts], str | None],
) -> Callable[[StationFacts], Reading]:
    def read(facts: StationFacts) -> Reading:
        value = facts.judge(judge)
        return None if value is None else str(value)

    return read


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One reading.

    Parameters
    ----------
    key
        Key behind ``<station>__readings__``.
    unit, meaning, values
        For people.
    data_format
        BEMCom's data format.
    sources
        Fields whose arrival brings a new value.
    read
        Makes the value from what is known; None where there is none.
    """

    key: str
    unit: str
    meaning: str
    values: str
    data_format: str
    sources: frozenset[str]
    read: Callable[[StationFacts], Reading]


def _text_row(
    key: str,
    meaning: str,
    values: str,
    sources: set[str] | frozenset[str],
    read: Callable[[StationFacts], Reading],
) -> ReadingRow:
    data_format = "discrete_text" if values else "generic_text"
    return ReadingRow(
        key, "", meaning, values, data_format, frozenset(sources), read
    )


def _number_row(
    key: str,
    unit: str,
    meaning: str,
    source: str,
    read: Callable[[StationFacts], Reading],
) -> ReadingRow:
    return ReadingRow(
        key, unit, meaning, "", "generic_numeric", frozenset({source}), read
    )


READINGS = (
    _text_row(
        "state",
        "what the station does",
        ", ".join(state.name.lower() for state in State),
        {"State"},
        _state,
    ),
    _text_row(
        "plug",
        "where the cable is plugged and locked",
        ", ".join(plug.name.lower() for plug in Plug),
        {"Plug"},
        _plug,
    ),
    _text_row(
        "error",
        "empty, or the error codes in words",
        "",
        {"Error1", "Error2", "State"},
        _error,
    ),
    _text_row(
        "limited_by",
        "which rule keeps the current where it is",
        ", ".join(LIMITS),
        DECISIVE,
        _judged(limited_by),
    ),
    _text_row(
        "not_charging_reason",
        "why it does not charge, empty while it does; see "
        "[troubleshooting](troubleshooting.md)",
        ", ".join(cause.code for cause in CHARGING),
        DECISIVE,
        _judged(not_charging_reason),
    ),
    _number_row(
        "current_limit",
        "A",
        "current offered to the vehicle now",
        "Max curr",
        _scaled("Max curr", 1000),
    ),
    _number_row("power", "W", "active power", "P", _measured("P", 1000)),
    _number_row(
        "energy_session",
        "kWh",
        "energy of this session, or of the last one",
        "E pres",
        _measured("E pres", 10_000),
    ),
    _number_row(
        "energy_total",
        "kWh",
        "energy in total",
        "E total",
        _measured("E total", 10_000),
    ),
    *(
        _number_row(
            f"current_{phase}",
            "A",
            f"current of phase {phase}",
            f"I{phase}",
            _measured(f"I{phase}", 1000),
        )
        for phase in (1, 2, 3)
    ),
    _number_row(
        "power_factor", "", "power factor, 0…1", "PF", _measured("PF", 1000)
    ),
)


VERDICTS = ("limited_by", "not_charging_reason")
"""Readings that rest on more than fields of reports 1, 2 and 3."""

_VERDICT_ROWS = tuple(row for row in READINGS if row.key in VERDICTS)


def verdicts(facts: StationFacts) -> dict[str, Reading]:
    """Return the readings that judge, as far as there is one."""
    values = {row.key: row.read(facts) for row in _VERDICT_ROWS}
    return {key: value for key, value in values.items() if value is not None}


def renewed_readings(
    facts: StationFacts, new_fields: Fields
) -> Mapping[str, Reading]:
    """Return the readings that new fields bring.

    Readings without a value (no meter, a field that this firmware does not
    send) are left out.

    Parameters
    ----------
    facts
        What is known of the station, with the new fields.
    new_fields
        Those that have just come.
    """
    keys = tuple(new_fields)
    known = facts.readings.get(keys)
    if known is None:
        if len(facts.readings) >= MOST_KEPT:
            facts.readings.clear()
        readings = {row.key: row.read(facts) for row in _rows_from(keys)}
        known = facts.readings[keys] = {
            key: value for key, value in readings.items() if value is not None
        }
    return known


@lru_cache(maxsize=200)
def _rows_from(keys: tuple[str, ...]) -> tuple[ReadingRow, ...]:
    """Return the readings that rest on these fields.

    Stations send the same few reports and messages all the time.
    """
    return tuple(row for row in READINGS if not row.sources.isdisjoint(keys))
