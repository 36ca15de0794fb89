"""Raw fields in words and SI units.

Status messages update single fields, so a reading is made from the newest
value of each field that it needs.
"""

from collections.abc import Callable, Iterable, Mapping
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

Read = Callable[[StationFacts], Reading]


def _number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _has_meter(fields: Fields) -> bool:
    """Tell whether the station has a meter.

    One without answers report 3 with zeros (evcc-io/evcc#1520); one that has a
    meter has counted some energy, or measures something.
    """
    for name in _METERED:  # noqa: SIM110 - any() takes twice as long
        if _number(fields.get(name)):
            return True
    return False


def _in_words(words: type[State] | type[Plug], key: str) -> Read:
    """Name a known number; one of tomorrow's firmware stays a number."""

    def read(facts: StationFacts) -> Reading:
        value = facts.fields.get(key)
        number = _number(value)
        if number is None:
            return value if isinstance(value, str) else None
        try:
            return words(int(number)).name.lower()
        except ValueError:
            return number

    return read


def _error(facts: StationFacts) -> Reading:
    fields = facts.fields
    if "State" not in fields:
        return None
    return error_text(
        fields["State"], fields.get("Error1"), fields.get("Error2")
    )


def _judged(judge: Callable[[StationFacts], str | None]) -> Read:
    def read(facts: StationFacts) -> Reading:
        value = facts.judge(judge)
        return None if value is None else str(value)

    return read


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One reading.

    Its key stands behind ``<station>__readings__``. The arrival of one of the
    fields in `sources` brings a new value, which `read` makes from what is
    known; None where there is none.
    """

    key: str
    unit: str
    meaning: str
    values: str
    data_format: str
    sources: frozenset[str]
    read: Read


def _quantity(
    key: str,
    unit: str,
    meaning: str,
    source: str,
    divisor: int,
    *,
    is_measured: bool = True,
) -> ReadingRow:
    def read(facts: StationFacts) -> Reading:
        if is_measured and not _has_meter(facts.fields):
            return None
        number = _number(facts.fields.get(source))
        return None if number is None else number / divisor

    sources = frozenset({source})
    return ReadingRow(key, unit, meaning, "", "generic_numeric", sources, read)


READINGS = (
    ReadingRow(
        "state",
        "",
        "what the station does",
        ", ".join(state.name.lower() for state in State),
        "discrete_text",
        frozenset({"State"}),
        _in_words(State, "State"),
    ),
    ReadingRow(
        "plug",
        "",
        "where the cable is plugged and locked",
        ", ".join(plug.name.lower() for plug in Plug),
        "discrete_text",
        frozenset({"Plug"}),
        _in_words(Plug, "Plug"),
    ),
    ReadingRow(
        "error",
        "",
        "empty, or the error codes in words",
        "",
        "generic_text",
        frozenset({"Error1", "Error2", "State"}),
        _error,
    ),
    ReadingRow(
        "limited_by",
        "",
        "which rule keeps the current where it is",
        ", ".join(LIMITS),
        "discrete_text",
        DECISIVE,
        _judged(limited_by),
    ),
    ReadingRow(
        "not_charging_reason",
        "",
        "why it does not charge, empty while it does; see "
        "[troubleshooting](troubleshooting.md)",
        ", ".join(cause.code for cause in CHARGING),
        "discrete_text",
        DECISIVE,
        _judged(not_charging_reason),
    ),
    _quantity(
        "current_limit",
        "A",
        "current offered to the vehicle now",
        "Max curr",
        1000,
        is_measured=False,
    ),
    _quantity("power", "W", "active power", "P", 1000),
    _quantity(
        "energy_session",
        "kWh",
        "energy of this session, or of the last one",
        "E pres",
        10_000,
    ),
    _quantity("energy_total", "kWh", "energy in total", "E total", 10_000),
    _quantity("current_1", "A", "current of phase 1", "I1", 1000),
    _quantity("current_2", "A", "current of phase 2", "I2", 1000),
    _quantity("current_3", "A", "current of phase 3", "I3", 1000),
    _quantity("power_factor", "", "power factor, 0…1", "PF", 1000),
)

VERDICTS = ("limited_by", "not_charging_reason")
"""Readings that rest on more than fields of reports 1, 2 and 3."""

_VERDICT_ROWS = tuple(row for row in READINGS if row.key in VERDICTS)


def verdicts(facts: StationFacts) -> dict[str, Reading]:
    """Return the readings that judge, as far as there is one."""
    return _read(facts, _VERDICT_ROWS)


def renewed_readings(
    facts: StationFacts, new_fields: Fields
) -> Mapping[str, Reading]:
    """Return the readings that new fields bring.

    The facts have them already. Readings without a value (no meter, a field
    that this firmware does not send) are left out.
    """
    keys = tuple(new_fields)
    known = facts.readings.get(keys)
    if known is None:
        if len(facts.readings) >= MOST_KEPT:
            facts.readings.clear()
        known = facts.readings[keys] = _read(facts, _rows_from(keys))
    return known


def _read(
    facts: StationFacts, rows: Iterable[ReadingRow]
) -> dict[str, Reading]:
    readings = ((row.key, row.read(facts)) for row in rows)
    return {key: value for key, value in readings if value is not None}


@lru_cache(maxsize=200)
def _rows_from(keys: tuple[str, ...]) -> tuple[ReadingRow, ...]:
    """Return the readings that rest on these fields.

    Stations send the same few reports and messages all the time.
    """
    return tuple(row for row in READINGS if not row.sources.isdisjoint(keys))
