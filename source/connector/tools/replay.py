"""`replay`: stored raw messages through the parser again.

Three kinds of input are understood, also mixed: raw messages of this and of
the published connector, one JSON object after the other or in a list, as
mongoexport writes them; messages in the flat form of BEMCom's protocol page;
and captures of `record`.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TextIO

import typer

from connector.bemcom.raw_messages import parse_raw_message
from connector.bemcom.readings import renewed_readings
from connector.diagnosis.facts import Reading, StationFacts
from connector.tools.problems import UsageProblem


class StoredMessage(NamedTuple):
    """A raw message: ``{station: {request: text}}``, and when it came.

    The time is in ms since 1970 UTC; None if that was not stored.
    """

    raw_message: Mapping[str, Any]
    timestamp_ms: int | None


class Value(NamedTuple):
    """A value of a datapoint."""

    timestamp_ms: int | None
    key: str
    value: Any


def read_messages(lines: Iterable[str], name: str) -> Iterator[StoredMessage]:
    """Yield the messages of a file; a capture's station gets this name."""
    for number, entry in _entries(lines, name):
        message = _message_of(entry, name)
        if message is None:
            raise UsageProblem(
                f"{name}, line {number}: neither a raw message nor a capture"
            )
        yield message


def values_of(messages: Iterable[StoredMessage]) -> Iterator[Value]:
    """Yield the values that the connector makes of raw messages."""
    facts: dict[str, StationFacts] = {}
    for message in messages:
        at_ms = message.timestamp_ms
        for station, reports in parse_raw_message(message.raw_message).items():
            for report, fields in reports.items():
                for field, value in fields.items():
                    yield Value(at_ms, f"{station}__{report}__{field}", value)
            known = facts.setdefault(station, StationFacts(station))
            for key, reading in _read(known, reports).items():
                yield Value(at_ms, f"{station}__readings__{key}", reading)


def _read(
    facts: StationFacts, reports: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Reading]:
    """Return the readings that a message brings, as the connector does."""
    readings: dict[str, Reading] = {}
    for report in ("report 1", "report 2", "report 3"):
        if report in reports:
            facts.note_fields(reports[report])
            readings |= renewed_readings(facts, reports[report])
    return readings


def write_json_lines(values: Iterable[Value], out: TextIO) -> None:
    """Write one JSON object for each value."""
    for at_ms, key, value in values:
        entry = {"timestamp": at_ms, "key": key, "value": value}
        out.write(json.dumps(entry, ensure_ascii=False) + "\n")


def write_csv(values: Iterable[Value], out: TextIO) -> None:
    """Write a table with the columns timestamp, key and value."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("timestamp", "key", "value"))
    for at_ms, key, value in values:
        text = value if isinstance(value, str) else json.dumps(value)
        writer.writerow((at_ms, key, text))


def _entries(lines: Iterable[str], name: str) -> Iterator[tuple[int, Any]]:
    """Yield JSON values with the line in which each begins.

    Most files have one value in each line, some one over many lines.
    """
    buffer, begins_at = "", 1
    for number, line in enumerate(lines, 1):
        if not buffer or buffer.isspace():
            buffer, begins_at = "", number
        buffer += line
        # Only a closing bracket can end a value, and that of a list none of
        # the objects in it: fewer attempts.
        end = "]" if buffer.lstrip().startswith("[") else "}"
        entry = _load(buffer) if line.rstrip().endswith(end) else None
        if entry is not None:
            buffer = ""
            for one in entry if isinstance(entry, list) else [entry]:
                yield begins_at, one
    if buffer.strip():
        raise UsageProblem(
            f"{name}, line {begins_at}: no JSON object ends here"
        )


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _message_of(entry: Any, name: str) -> StoredMessage | None:
    if not isinstance(entry, Mapping):
        return None
    datagrams = entry.get("datagrams")
    if isinstance(datagrams, Mapping):
        recorded_at = _milliseconds(entry.get("recorded_at"))
        return StoredMessage({name: datagrams}, recorded_at)
    payload = entry.get("payload", entry)
    if not isinstance(payload, Mapping) or "raw_message" not in payload:
        return None
    raw_message = payload["raw_message"]
    if isinstance(raw_message, str):
        # BEMCom's protocol page wants raw messages to be texts.
        raw_message = _load(raw_message)
    if not isinstance(raw_message, Mapping):
        return None
    return StoredMessage(raw_message, _milliseconds(payload.get("timestamp")))


def _milliseconds(value: Any) -> int | None:
    """Read a number, also in the way of mongoexport: ``{"$numberLong": …}``."""
    if isinstance(value, Mapping) and len(value) == 1:
        value = next(iter(value.values()))
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


# --- the command ----------------------------------------------------------


def command(
    files: Annotated[
        list[typer.FileText],
        typer.Argument(
            metavar="FILE",
            encoding="utf-8",
            help="Raw messages or captures; - is the standard input.",
        ),
    ],
    csv: Annotated[
        bool, typer.Option("--csv", help="Write CSV instead of JSON lines.")
    ] = False,
) -> None:
    """Put stored raw messages through the parser again.

    Understands raw messages of this and of the published connector, as
    mongoexport writes them, and captures of `record`. Writes one value in
    each line; the same input gives the same bytes.

    Example: `mongoexport -d bemcom_db -c keba-p30-connector | keba replay -
    --csv > values.csv`
    """
    messages = (
        message
        for file in files
        for message in read_messages(file, Path(file.name).stem)
    )
    write = write_csv if csv else write_json_lines
    write(values_of(messages), sys.stdout)
