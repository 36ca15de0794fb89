"""Every datapoint of a station, in one table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from connector.bemcom.actuators import (
    ACTUATORS,
    FLEET,
    FLEET_WORDS,
    Actuator,
)
from connector.bemcom.readings import READINGS
from connector.diagnosis.causes import LINK
from connector.keba.protocol.fields import REPORTS, Field
from connector.keba.station.events import Outcome


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One row of the table: a sensor or an actuator, by BEMCom's words.

    Its key stands behind ``<station>__``. Unit, meaning and values are for
    people. Nobody misses one that `is_unimportant`: it never changes, or
    another one says it.
    """

    kind: str
    key: str
    unit: str
    meaning: str
    values: str
    data_format: str
    is_unimportant: bool = False


_GROUPS = {
    "connection": (
        (
            "online",
            "",
            "the station answers what it is asked for",
            "true, false",
            "bool",
        ),
        (
            "reason",
            "",
            "why the station is, or is not, online",
            ", ".join(cause.code for cause in LINK),
            "discrete_text",
        ),
        (
            "last_seen",
            "ms since 1970 UTC",
            "when the last datagram of the station came",
            "",
            "generic_numeric",
        ),
        (
            "requests_sent",
            "",
            "datagrams sent to the station since the start",
            "0…",
            "generic_numeric",
        ),
        (
            "requests_unanswered",
            "",
            "requests that were not answered since the start",
            "0…",
            "generic_numeric",
        ),
        (
            "restarts",
            "",
            "restarts of the station since the start of the connector",
            "0…",
            "generic_numeric",
        ),
    ),
    "readings": tuple(
        (row.key, row.unit, row.meaning, row.values, row.data_format)
        for row in READINGS
    ),
    # Of a finished session, with report 100 only.
    "session": (
        ("id", "", "Session ID of the station", "", "generic_numeric"),
        ("energy", "kWh", "energy of the session", "", "generic_numeric"),
        ("started", "", "start in UTC, ISO 8601", "", "generic_text"),
        ("ended", "", "end in UTC, ISO 8601", "", "generic_text"),
        ("reason", "", "unplugged, rfid, or a number", "", "generic_text"),
        (
            "tag",
            "",
            "card, hashed unless RFID_PLAIN; a hash is no tag for `start`",
            "",
            "generic_text",
        ),
        (
            "time_quality",
            "",
            "none, not_synchronised, weak, strong, or uptime of the station",
            "",
            "generic_text",
        ),
    ),
}

NO_RESULT = "none yet"
"""Example of a result before the first command."""

_WITH_REASON = (Outcome.REJECTED, Outcome.INVALID)
_OUTCOMES = ", ".join(
    [
        NO_RESULT,
        *(
            f"{outcome}: …" if outcome in _WITH_REASON else outcome
            for outcome in Outcome
        ),
    ]
)


def available_datapoints(stations: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what BEMCom is to know from the start, each with an example.

    Values of reports are announced when they come. Results are announced at
    once, so that they can be selected before the first command.
    """
    names = [*stations]
    return {
        "sensor": {
            f"{station}__results__{word}": NO_RESULT
            for station in names
            for word in ACTUATORS
        },
        "actuator": {
            f"{station}__{word}": actuator.example
            for station in names
            for word, actuator in ACTUATORS.items()
        }
        | {f"{FLEET}__{word}": ACTUATORS[word].example for word in FLEET_WORDS},
    }


def all_datapoints() -> Iterator[Datapoint]:
    """Yield every datapoint that a station may have."""
    for number, fields in REPORTS.items():
        for field in fields:
            yield _of_field(number, field)
    for group, rows in _GROUPS.items():
        for key, unit, meaning, values, data_format in rows:
            yield Datapoint(
                "sensor", f"{group}__{key}", unit, meaning, values, data_format
            )
    for actuator in ACTUATORS.values():
        yield Datapoint(
            "sensor",
            f"results__{actuator.word}",
            "",
            f"what became of the last `{actuator.word}`",
            _OUTCOMES,
            "generic_text",
        )
    for actuator in ACTUATORS.values():
        yield Datapoint(
            "actuator",
            actuator.word,
            actuator.unit,
            actuator.meaning,
            actuator.accepts,
            _format_of_actuator(actuator),
        )


def _of_field(number: int, field: Field) -> Datapoint:
    return Datapoint(
        "sensor",
        f"report {number}__{field.key}",
        field.unit,
        field.meaning,
        _values(field),
        _data_format(field),
        is_unimportant=field.key in ("ID", "Sec")
        or (field.key == "Serial" and number != 1),
    )


def _values(field: Field) -> str:
    if field.allowed:
        return ", ".join(map(str, field.allowed))
    if field.low is None or field.high is None:
        return ""
    return f"{field.low}…{field.high}"


def _data_format(described: Field | Actuator) -> str:
    if described.is_text:
        return "generic_text"
    if described.allowed:
        return "discrete_numeric"
    if described.low is None or described.high is None:
        return "generic_numeric"
    return "continuous_numeric"


def _format_of_actuator(actuator: Actuator) -> str:
    """Return the format in which BEMCom's API accepts all that is promised.

    Numeric formats refuse texts and the other way round; `unknown` checks
    nothing and leaves that to us.
    """
    values = [value for value in actuator.promised if value is not None]
    texts = [value for value in values if isinstance(value, str)]
    if texts and len(texts) < len(values):
        return "unknown"
    return _data_format(actuator)


@dataclass(frozen=True, slots=True)
class Selection:
    """Datapoints that belong together, as the AdminUI's search finds them.

    It looks for each word, in small or capital letters, in key, type and
    example.
    """

    purpose: str
    term: str

    def finds(self, key: str, kind: str) -> bool:
        """Tell whether the AdminUI finds a datapoint."""
        return all(
            word in key.lower() or word in kind
            for word in self.term.lower().split()
        )


SELECTIONS = (
    Selection("to see what the stations do", "readings__"),
    Selection("to see whether they answer", "connection__"),
    Selection("to control: enable and disable", "actuator ena"),
    Selection("to control: limit the current", "actuator curr"),
    Selection("to control: what became of it", "results__"),
    Selection("to bill: meter readings", "energy_total"),
    Selection("to bill: sessions (with report 100)", "session__"),
)
