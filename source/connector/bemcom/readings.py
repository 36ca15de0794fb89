"""Raw fields in words and SI units.

Status messages update single fields, so a reading is made from the newest
value of each field that it needs.
"""

from collections.abc import Callable
from dataclasses import dataclass

from connector.diagnosis.causes import CHARGING, LIMITS
from connector.diagnosis.charging import limited_by, not_charging_reason
from connector.diagnosis.facts import Fields, StationFacts
from connector.keba.protocol.error_codes import error_text
from connector.keba.protocol.fields import Plug, State

Reading = str | int | float | None

_METERED = ("U1", "U2", "U3", "I1", "I2", "I3", "P", "E total")


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
        fields = facts.fields
        has_meter = any(_number(fields.get(name)) for name in _METERED)
        return read(facts) if has_meter else None

    return read_if_metered


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


_DECISIVE = frozenset(
    {
        "State",
        "Plug",
        "Authreq",
        "Enable sys",
        "Enable user",
        "Max curr",
        "Curr HW",
        "Curr user",
        "Curr FS",
        "Tmo FS",
        "Curr timer",
        "Tmo CT",
        "Setenergy",
        "Input",
        "DIP-Sw1",
        "DIP-Sw",
        "E pres",
    }
)
"""Fields that decide why a station does not charge, and what limits it."""


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
        _DECISIVE,
        limited_by,
    ),
    _text_row(
        "not_charging_reason",
        "why it does not charge, empty while it does; see "
        "[troubleshooting](troubleshooting.md)",
        ", ".join(cause.code for cause in CHARGING),
        _DECISIVE,
        not_charging_reason,
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


def renewed_readings(
    facts: StationFacts, new_fields: Fields
) -> dict[str, Reading]:
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
    new_keys = new_fields.keys()
    readings = {
        row.key: row.read(facts)
        for row in READINGS
        if not row.sources.isdisjoint(new_keys)
    }
    return {key: value for key, value in readings.items() if value is not None}
