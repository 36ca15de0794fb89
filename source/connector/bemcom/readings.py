"""Raw fields in words and SI units.

Status messages update single fields, so a reading is made from the newest
value of each field that it needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connector.keba.protocol.error_codes import error_text
from connector.keba.protocol.fields import REPORT_2, REPORT_3, Plug, State

Fields = Mapping[str, object]
Reading = str | int | float | None

_METERED = ("U1", "U2", "U3", "I1", "I2", "I3", "P", "E total")


def _number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _scaled(key: str, divisor: int) -> Callable[[Fields], Reading]:
    def read(fields: Fields) -> Reading:
        number = _number(fields.get(key))
        return None if number is None else number / divisor

    return read


def _measured(key: str, divisor: int) -> Callable[[Fields], Reading]:
    """Read a measurement; stations without a meter have none.

    They answer report 3 with zeros (evcc-io/evcc#1520). A station that has
    a meter has counted some energy, or measures something.
    """
    read = _scaled(key, divisor)

    def read_if_metered(fields: Fields) -> Reading:
        has_meter = any(_number(fields.get(name)) for name in _METERED)
        return read(fields) if has_meter else None

    return read_if_metered


def _state(fields: Fields) -> Reading:
    return _in_words(State, fields.get("State"))


def _plug(fields: Fields) -> Reading:
    return _in_words(Plug, fields.get("Plug"))


def _in_words(words: type[State] | type[Plug], value: object) -> Reading:
    """Name a known number; one of tomorrow's firmware stays a number."""
    number = _number(value)
    if number is None:
        return value if isinstance(value, str) else None
    try:
        return words(int(number)).name.lower()
    except ValueError:
        return number


def _error(fields: Fields) -> Reading:
    if "State" not in fields:
        return None
    return error_text(
        fields["State"], fields.get("Error1"), fields.get("Error2")
    )


def _limited_by(fields: Fields) -> Reading:
    """Name the rule that keeps the current where it is.

    The order is that of the station's own conditions: what forbids charging
    comes before what limits it.
    """
    if "Enable sys" not in fields:
        return None
    if fields.get("Authreq") == 1:
        return "authorization"
    if fields.get("Enable sys") == 0:
        return _forbidden_by(fields)
    limit, hardware = fields.get("Curr user"), fields.get("Curr HW")
    if not isinstance(limit, int) or not isinstance(hardware, int):
        return "none"
    if hardware == 0:
        # No cable in a socket: nothing is offered that could be limited.
        return "none"
    if limit >= hardware:
        return "hardware"
    return "timer" if limit == fields.get("Curr timer") else "user"


def _forbidden_by(fields: Fields) -> str:
    if _is_in_failsafe(fields):
        return "failsafe"
    if _has_reached_energy_limit(fields):
        return "energy"
    return "disabled"


def _is_in_failsafe(fields: Fields) -> bool:
    """Look for the failsafe current, offered although nothing is enabled."""
    if fields.get("Enable user") != 1 or fields.get("Tmo FS") in (None, 0):
        return False
    offered, limit = fields.get("Max curr"), fields.get("Curr FS")
    hardware = fields.get("Curr HW")
    if isinstance(limit, int) and isinstance(hardware, int):
        limit = min(limit, hardware)
    return offered is not None and offered == limit


def _has_reached_energy_limit(fields: Fields) -> bool:
    limit, energy = fields.get("Setenergy"), fields.get("E pres")
    if not isinstance(limit, int) or not isinstance(energy, int):
        return False
    return 0 < limit <= energy


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
        Makes the value from the newest fields; None where there is none.
    """

    key: str
    unit: str
    meaning: str
    values: str
    data_format: str
    sources: frozenset[str]
    read: Callable[[Fields], Reading]


def _text_row(
    key: str,
    meaning: str,
    values: str,
    sources: set[str],
    read: Callable[[Fields], Reading],
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
    read: Callable[[Fields], Reading],
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
        "none, hardware, user, timer, failsafe, energy, authorization, "
        "disabled",
        {"Enable sys", "Curr user", "Max curr", "Authreq"},
        _limited_by,
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


_READ_KEYS = frozenset(field.key for field in REPORT_2 + REPORT_3)


class StationReadings:
    """The readings of one station, from its newest fields."""

    def __init__(self) -> None:
        # Those of the tables alone: what a station invents must not pile up.
        self._fields: dict[str, object] = {}

    def update(self, fields: Fields) -> dict[str, Reading]:
        """Take new fields; return the readings that they bring.

        Readings without a value (no meter, a field that this firmware does
        not send) are left out.
        """
        new_keys = fields.keys()
        if new_keys <= _READ_KEYS:
            self._fields.update(fields)
        else:
            known = new_keys & _READ_KEYS
            self._fields.update((key, fields[key]) for key in known)
        readings = {
            row.key: row.read(self._fields)
            for row in READINGS
            if not row.sources.isdisjoint(new_keys)
        }
        return {
            key: value for key, value in readings.items() if value is not None
        }
