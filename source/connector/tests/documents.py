"""The parts of the documents that are made from code and recordings.

Each stands between two marks; what is around them is written by hand.

``python -m connector.tests.documents`` (`make docs`) writes them; a test
compares.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from connector.bemcom.datapoints import SELECTIONS, Datapoint, all_datapoints
from connector.diagnosis.causes import (
    CHARGING,
    LINK,
    STATION_HINTS,
    SURROUNDINGS,
    Cause,
)
from connector.settings import Settings
from pyconnector_template.settings import Setting, settings_of
from testbed.recordings import all_recordings
from testbed.tables import markdown_table

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
TROUBLESHOOTING = DOCS / "troubleshooting.md"


def written() -> Mapping[Path, str]:
    """Return each document with parts that are made, as it should be."""
    return {
        DOCS / "datapoints.md": _with(
            DOCS / "datapoints.md",
            selections=_selections(),
            datapoints=_datapoints(),
        ),
        DOCS / "devices.md": _with(DOCS / "devices.md", devices=_devices()),
        TROUBLESHOOTING: _with(TROUBLESHOOTING, causes=_causes()),
        README: _with(README, settings=_settings()),
    }


def _with(page: Path, **parts: str) -> str:
    """Return a page with its parts between their marks made anew."""
    text = page.read_text("utf-8")
    for name, made in parts.items():
        before, mark, rest = re.split(rf"(<!-- {name}: .*? -->\n)", text)
        _, end, after = rest.partition(f"<!-- end of {name} -->")
        text = f"{before}{mark}\n{made}\n\n{end}{after}"
    return text


def _datapoints() -> str:
    """Return the tables of all datapoints of a station."""
    head = ("key", "unit", "meaning", "values", "data format")
    tables = []
    for section, rows in groupby(all_datapoints(), _section):
        cells = [
            (
                f"`{one.key}`",
                one.unit,
                f"{one.meaning}{'; unimportant' if one.is_unimportant else ''}",
                one.values,
                one.data_format,
            )
            for one in rows
        ]
        tables.append(f"## {section}\n\n{markdown_table(head, cells)}")
    return "\n\n".join(tables)


def _section(datapoint: Datapoint) -> str:
    if datapoint.kind == "actuator":
        return "Actuators"
    return f"Sensors: {datapoint.key.partition('__')[0]}"


def _selections() -> str:
    """Return how to find datapoints that belong together."""
    rows = []
    for selection in SELECTIONS:
        keys = [
            f"`{one.key}`"
            for one in all_datapoints()
            if selection.finds(one.key, one.kind)
        ]
        listed = ", ".join(keys) if len(keys) <= 3 else f"{len(keys)}"
        purpose = selection.purpose.removeprefix("to ")
        rows.append((purpose, f"`{selection.term}`", listed))
    return markdown_table(("to", "search for", "datapoints of a station"), rows)


def _devices() -> str:
    """Return the stations whose recordings run through the parser."""
    rows = [
        (one.model, one.firmware, f"`{one.name}` ({one.fidelity})")
        for one in all_recordings()
        # Collections of several stations are no device.
        if one.firmware != "several"
    ]
    return markdown_table(("product", "firmware", "recording"), rows)


def _settings() -> str:
    """Return the table of all settings."""
    rows = [
        (name.upper(), _default(info), _meaning(name, info))
        for name, info in settings_of(Settings).items()
    ]
    return markdown_table(("Variable", "Default", "Meaning"), rows)


def _causes() -> str:
    """Return the tables of all causes."""
    others = (*STATION_HINTS, *SURROUNDINGS)
    return f"""\
## A station is not heard

`connection__reason`, the first that holds:

{_cause_table(LINK)}

## A station does not charge

`readings__not_charging_reason`, the first that holds:

{_cause_table(CHARGING)}

## What else may be found

{_cause_table(others)}"""


def _cause_table(causes: Iterable[Cause]) -> str:
    rows = [
        (f"`{cause.code}`", cause.meaning, cause.advice or "–")
        for cause in causes
    ]
    return markdown_table(("Value", "The station …", "Do"), rows)


def _default(info: Setting) -> str:
    value = info.default
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _meaning(name: str, info: Setting) -> str:
    if not info.from_file:
        return info.description
    return f"{info.description} Also as {name.upper()}_FILE."


if __name__ == "__main__":
    for document, text in written().items():
        document.write_text(text, "utf-8")
