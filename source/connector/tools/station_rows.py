"""What `doctor` and `show` say of one station, out of facts and findings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, cast

from connector.diagnosis.causes import (
    BROKEN_LINK,
    CAUSES,
    CHARGING,
    Code,
    Severity,
)
from connector.diagnosis.models import model_notes
from connector.keba.protocol.dip_switches import UDP_ON, is_on
from connector.keba.protocol.fields import Plug, State
from connector.tools.figures import (
    is_moment,
    is_number,
    moment_in_words,
    word_of,
)

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was looked at: what was seen, and what to do.

    The code is a word for machines; it is empty where all is fine.
    """

    check: str
    severity: Severity
    text: str
    code: str = ""
    advice: str = ""

    @property
    def sentences(self) -> str:
        """What was seen, and what to do."""
        parts = (self.text, self.advice)
        return " ".join(f"{part.removesuffix('.')}." for part in parts if part)

    def as_json(self) -> dict[str, str]:
        """Return it for machines."""
        return {
            "check": self.check,
            "level": self.severity.name.lower(),
            "code": self.code,
            "text": self.text,
            "advice": self.advice,
        }


def row_of_told(finding: Mapping[str, Any]) -> Row:
    """Make a row of a finding as the topic has it.

    An older or a newer connector may know other causes than this tool.
    """
    code, meaning, evidence, advice, severity = (
        str(finding.get(part) or "")
        for part in ("code", "meaning", "evidence", "advice", "severity")
    )
    text = ". ".join(filter(None, (meaning, evidence)))
    since = finding.get("since")
    if is_moment(since):
        text = f"{text} (since {moment_in_words(since)})"
    level = Severity.__members__.get(severity.upper(), Severity.WARNING)
    return Row(_check_of(code), level, text, code, advice)


def row_of_cause(check: str, code: str, evidence: str = "") -> Row:
    """Make a row of a cause; an older or newer connector may know others."""
    cause = CAUSES.get(cast("Code", code))
    if cause is None:
        return Row(check, Severity.WARNING, code, code)
    text = ". ".join(filter(None, (cause.meaning, evidence)))
    return Row(check, cause.severity, text, code, cause.advice)


def rows_by_subject(
    findings: Iterable[Mapping[str, Any]],
) -> dict[str, list[Row]]:
    """Sort findings as the topic has them by whom they are about."""
    rows: dict[str, list[Row]] = {}
    for finding in findings:
        about = str(finding.get("about"))
        rows.setdefault(about, []).append(row_of_told(finding))
    return rows


def broken_link(rows: Iterable[Row]) -> str | None:
    """Return the cause with which a station is offline, if one was found."""
    return next((row.code for row in rows if row.code in BROKEN_LINK), None)


def _check_of(code: str) -> str:
    if code in BROKEN_LINK:
        return "link"
    if code in {cause.code for cause in CHARGING}:
        return "charging"
    return code.split("_")[0]


def station_rows(
    facts: Mapping[str, Any], findings: Sequence[Row]
) -> list[Row]:
    """Return what is known of a station, the root cause first.

    The facts are as the topic ``<name>/diagnosis`` holds them.
    """
    fields = facts.get("fields", {})
    if broken_link(findings):
        link = facts.get("link", {})
        # What it said before is old, but tells who it is; one that is not
        # believed has only said so much.
        said = {"Product": link.get("product"), "Serial": link.get("serial")}
        return [*findings, *_identity_rows(fields or said)]
    if not findings and not facts.get("reports"):
        text = "nothing has come from it yet"
        return [Row("link", Severity.NOTE, text, "nothing_yet")]
    fine = CAUSES[Code.OK]
    return [
        *(one for one in findings if one.severity > Severity.NOTE),
        Row("link", fine.severity, fine.meaning),
        *_identity_rows(fields),
        *_state_rows(fields),
        *(one for one in findings if one.severity <= Severity.NOTE),
        *_meter_rows(fields),
    ]


def _identity_rows(fields: Fields) -> Iterator[Row]:
    product = str(fields.get("Product") or "")
    if not product:
        return
    firmware = str(fields.get("Firmware", "?"))
    serial = fields.get("Serial", "?")
    text = f"{product}, serial {serial}, {firmware}"
    yield Row("model", Severity.FINE, text)
    for code, note in model_notes(product, firmware):
        yield Row("model", Severity.NOTE, note, code)


def _state_rows(fields: Fields) -> list[Row]:
    words = (
        f"{key.lower()} {named(names, fields[key])}"
        for key, names in (("State", State), ("Plug", Plug))
        if key in fields
    )
    limits = (
        f"{word} {fields[key] / 1000:g} A"
        for word, key in (
            ("wanted", "Curr user"),
            ("offered", "Max curr"),
            ("hardware", "Curr HW"),
        )
        if is_number(fields.get(key))
    )
    texts = {
        "DIP switch": "DSW1.3 (UDP) is on" if is_on(fields, UDP_ON) else "",
        "state": ", ".join(words),
        "limits": ", ".join(limits),
    }
    return [
        Row(check, Severity.FINE, text) for check, text in texts.items() if text
    ]


def _meter_rows(fields: Fields) -> Iterator[Row]:
    """Say what it measures; beside the connector that is a datapoint."""
    power, total = fields.get("P"), fields.get("E total")
    if total == 0:
        text = "all zeros: no meter, or nothing was ever charged"
        yield Row("meter", Severity.NOTE, text, "no_energy")
    elif is_number(power) and is_number(total):
        text = f"power {power / 1e6:.2f} kW, total {total / 1e4:.1f} kWh"
        yield Row("meter", Severity.FINE, text)


def named(names: type[IntEnum], value: object) -> str:
    """Return a number with the word for it, as ``3 (charging)``."""
    word = word_of(names, value)
    return f"{value} ({word})" if word else str(value)
