"""The parts of the documents that are made from code and recordings.

``python -m connector.tests.documents`` (`make docs`) writes them; a test
compares.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from connector.bemcom.datapoints import SELECTIONS, Datapoint, all_datapoints
from connector.bemcom.unknown_keys import MAX_UNKNOWN_KEYS
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
TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"


def written() -> Mapping[Path, str]:
    """Return each document that is made from something, as it should be."""
    return {
        ROOT / "docs" / "datapoints.md": datapoints(),
        ROOT / "docs" / "devices.md": devices(),
        TROUBLESHOOTING: with_causes(TROUBLESHOOTING.read_text("utf-8")),
        README: with_settings(README.read_text("utf-8")),
    }


def datapoints() -> str:
    """Return all datapoints of a station, and how to find them."""
    table = [*all_datapoints()]
    lines = [
        "# Datapoints",
        "",
        "Made by `make docs` from the tables in `source/connector`; a test",
        "compares. Each key stands behind the name of the station and two",
        "underscores, as in `garage__report 3__P`. A station announces the",
        "fields that it sends: older firmware and other models have fewer,",
        "newer firmware may have more. Of those that are not in these tables",
        f"at most {MAX_UNKNOWN_KEYS} of each station become datapoints.",
        "",
        "`all__ena` and `all__curr` write to every station at once.",
        "",
        "In the data format that is named here, BEMCom's API accepts each",
        "value that an actuator is said to take. `unknown` checks nothing:",
        "texts and numbers pass, and the connector refuses what is wrong. A",
        "`discrete_` format needs its allowed values as well, else it refuses",
        "everything; `keba metadata` writes both. Switches take `true` and",
        "`false` too, but the API lets them pass in the formats `unknown` and",
        "`bool` only.",
        "",
        "## What to select",
        "",
        "Type the term into the search field of the AdminUI's list, see",
        "[tools.md](tools.md#metadata-from-an-empty-adminui-to-described-datapoints).",
        "",
        _selections(table),
        "",
        "The reports hold the same in KEBA's units, and more. Unimportant are",
        "their numbers, repeated serial numbers and uptimes.",
    ]
    head = ("key", "unit", "meaning", "values", "data format")
    for section, rows in groupby(table, _section):
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
        lines += ["", f"## {section}", "", markdown_table(head, cells)]
    return "\n".join(lines) + "\n"


def _section(datapoint: Datapoint) -> str:
    if datapoint.kind == "actuator":
        return "Actuators"
    return f"Sensors: {datapoint.key.partition('__')[0]}"


def _selections(table: Iterable[Datapoint]) -> str:
    rows = []
    for selection in SELECTIONS:
        keys = [
            f"`{one.key}`"
            for one in table
            if selection.finds(one.key, one.kind)
        ]
        listed = ", ".join(keys) if len(keys) <= 3 else f"{len(keys)}"
        purpose = selection.purpose.removeprefix("to ")
        rows.append((purpose, f"`{selection.term}`", listed))
    return markdown_table(("to", "search for", "datapoints of a station"), rows)


def devices() -> str:
    """Return the stations whose recordings run through the parser."""
    rows = [
        (one.model, one.firmware, f"`{one.name}` ({one.fidelity})")
        for one in all_recordings()
        # Collections of several stations are no device.
        if one.firmware != "several"
    ]
    return "\n".join(
        [
            "# Devices",
            "",
            "Made by `make docs`. Recordings of these stations run through the",
            "parser in each test; they are in",
            "`source/testbed/captures`.",
            "",
            markdown_table(("product", "firmware", "recording"), rows),
            "",
            "Other P30 c- and x-series stations, P20 with UDP, and BMW",
            "wallboxes of that series speak the same protocol. The P40 does",
            "not: it belongs to BEMCom's modbus-tcp-connector.",
            "",
        ]
    )


def with_settings(readme: str) -> str:
    """Return the README with the table of all settings."""
    rows = [
        (name.upper(), _default(info), _meaning(name, info))
        for name, info in settings_of(Settings).items()
    ]
    table = markdown_table(("Variable", "Default", "Meaning"), rows)
    return re.sub(
        r"(?s)(<!-- settings: .*? -->\n).*(<!-- end of settings -->)",
        lambda found: f"{found[1]}\n{table}\n\n{found[2]}",
        readme,
    )


def with_causes(page: str) -> str:
    """Return the page about troubles with the tables of all causes."""
    sections: list[str] = []
    for title, intro, causes in (
        ("A station is not heard", "`connection__reason`", LINK),
        (
            "A station does not charge",
            "`readings__not_charging_reason`",
            CHARGING,
        ),
    ):
        sections += [f"## {title}", "", f"{intro}, the first that holds:", ""]
        sections += [_cause_table(causes), ""]
    sections += ["## What else may be found", ""]
    sections += [_cause_table((*STATION_HINTS, *SURROUNDINGS)), ""]
    tables = "\n".join(sections)
    return re.sub(
        r"(?s)(<!-- causes: .*? -->\n).*(<!-- end of causes -->)",
        lambda found: f"{found[1]}\n{tables}\n{found[2]}",
        page,
    )


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
