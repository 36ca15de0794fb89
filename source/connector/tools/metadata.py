"""`metadata`: what people should know of each datapoint, for BEMCom's API.

Pure: the table of our datapoints and what the API has go in, what should be
changed comes out. What an admin has written stays, unless told otherwise.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.bemcom.actuators import (
    ACTUATORS,
    FLEET,
    FLEET_WORDS,
    command_from_value,
)
from connector.bemcom.datapoints import Datapoint, all_datapoints
from connector.keba.protocol.commands import InvalidCommandError
from connector.keba.protocol.fields import REPORTS, Field
from connector.tools import bemcom_api, terminal
from connector.tools.bemcom_api import Row
from connector.tools.files import write_whole
from connector.tools.problems import Problem, UsageProblem
from connector.tools.terminal import AsJson, Yes, confirm
from connector.tools.tool_settings import chosen_stations, tool_settings

SHORT_NAME_LENGTH = 30
"""What BEMCom's API accepts (django-api 0.8, message_format/models.py)."""

LIMITS = ("min_value", "max_value", "allowed_values")
FIELDS = ("data_format", "short_name", "description", *LIMITS, "unit")

_EMPTY: tuple[Any, ...] = (None, "", [], {}, "unknown")
"""What the API has where nobody has written anything; `unknown` is its
default data format."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one datapoint.

    Parameters
    ----------
    row
        All fields as they shall be.
    changes
        Old and new value of those that change.
    kept
        Fields where an admin has written something else than we would.
    """

    row: Row
    changes: Mapping[str, tuple[Any, Any]]
    kept: tuple[str, ...]

    @property
    def key(self) -> str:
        """Key of the datapoint."""
        return str(self.row["key_in_connector"])


def rows_for(connector: str, stations: Iterable[str]) -> list[Row]:
    """Return the metadata of every datapoint that these stations may have.

    Parameters
    ----------
    connector
        CONNECTOR_NAME.
    stations
        Their names.
    """
    table = list(all_datapoints())
    labels = _short_labels(table)
    rows = [
        _row(connector, station, datapoint, labels[datapoint.key])
        for station in stations
        for datapoint in table
    ]
    rows += [
        _row(connector, FLEET, datapoint, labels[datapoint.key])
        for datapoint in table
        if datapoint.kind == "actuator" and datapoint.key in FLEET_WORDS
    ]
    return rows


def compare(
    wanted: Iterable[Row],
    existing: Sequence[Row],
    *,
    is_overwriting: bool,
) -> list[Change]:
    """Return what is to be done to each datapoint that the API has.

    Parameters
    ----------
    wanted
        Our metadata.
    existing
        All datapoints of the API, also those of other connectors: short
        names are unique among all of them.
    is_overwriting
        Whether ours replaces what an admin has written.
    """
    by_key = {_identity(row): row for row in existing}
    owners = {
        row["short_name"]: _identity(row)
        for row in existing
        if row.get("short_name")
    }
    return [
        _compare(
            _without_taken_name(row, owners),
            by_key[_identity(row)],
            is_overwriting=is_overwriting,
        )
        for row in wanted
        if _identity(row) in by_key
    ]


def _without_taken_name(row: Row, owners: Mapping[str, tuple[str, str]]) -> Row:
    owner = owners.get(row["short_name"], _identity(row))
    return row if owner == _identity(row) else {**row, "short_name": None}


# --- our metadata ------------------------------------------------------------


def _row(connector: str, station: str, datapoint: Datapoint, label: str) -> Row:
    low, high, allowed = limits_of(datapoint)
    short_name: str | None = f"{station} {label}"
    if len(f"{station} {label}") > SHORT_NAME_LENGTH:
        short_name = None
    return {
        "connector": {"name": connector},
        "key_in_connector": f"{station}__{datapoint.key}",
        "type": datapoint.kind,
        "data_format": datapoint.data_format,
        "short_name": short_name,
        "description": _description(station, datapoint),
        "min_value": low,
        "max_value": high,
        "allowed_values": allowed,
        "unit": datapoint.unit,
    }


def _description(station: str, datapoint: Datapoint) -> str:
    who = "All charge stations"
    if station != FLEET:
        who = f"Charge station {station}"
    meaning = f"{who}: {datapoint.meaning}."
    if datapoint.kind == "actuator":
        return f"{meaning} Accepts {datapoint.values}."
    group, _, field = datapoint.key.partition("__")
    if group.startswith("report "):
        return f"{meaning} Field {field} of KEBA's {group}."
    return meaning


def limits_of(
    datapoint: Datapoint,
) -> tuple[int | None, int | None, list[Any] | None]:
    """Return least, greatest and allowed values, each None without one.

    The API holds them against what is written to actuators only, and only
    in data formats that have them.
    """
    match datapoint.data_format:
        case "discrete_text":
            return None, None, datapoint.values.split(", ")
        case "discrete_numeric":
            allowed: list[Any] = list(_described(datapoint).allowed)
            if datapoint.kind == "actuator" and _accepts_null(datapoint.key):
                # The API refuses null unless it is in the list.
                allowed.append(None)
            return None, None, allowed
        case "continuous_numeric":
            described = _described(datapoint)
            return described.low, described.high, None
    return None, None, None


def _described(datapoint: Datapoint) -> Any:
    """Return the row of the table that this datapoint was made from."""
    if datapoint.kind == "actuator":
        return ACTUATORS[datapoint.key]
    return _FIELDS[datapoint.key]


_FIELDS: Mapping[str, Field] = {
    f"report {number}__{field.key}": field
    for number, fields in REPORTS.items()
    for field in fields
}


def _accepts_null(word: str) -> bool:
    try:
        command_from_value(word, None)
    except InvalidCommandError:
        return False
    return True


def _short_labels(table: Sequence[Datapoint]) -> dict[str, str]:
    """Return a short name for each key, unique within a station."""
    fields = Counter(datapoint.key.rpartition("__")[2] for datapoint in table)
    return {
        datapoint.key: _short_label(datapoint, fields) for datapoint in table
    }


def _short_label(datapoint: Datapoint, fields: Counter[str]) -> str:
    group, _, field = datapoint.key.rpartition("__")
    if datapoint.kind == "actuator":
        return f"set {field}"
    if group == "results":
        return f"result {field}"
    label = field.replace("_", " ").removeprefix("requests ")
    if fields[field] == 1:
        return label
    return f"{group.replace('report ', 'R')} {label}"


# --- against what the API has ------------------------------------------------


def _identity(row: Row) -> tuple[str, str]:
    """How the API finds a datapoint: by connector and key."""
    return str(row["connector"]["name"]), str(row["key_in_connector"])


def _compare(wanted: Row, existing: Row, *, is_overwriting: bool) -> Change:
    changes: dict[str, tuple[Any, Any]] = {}
    kept = []
    row = {field: existing.get(field) for field in FIELDS}
    for field in _fields_in_question(
        wanted, existing, is_overwriting=is_overwriting
    ):
        old, new = existing.get(field), wanted[field]
        if new in _EMPTY or old == new:
            continue
        if old not in _EMPTY and not is_overwriting:
            kept.append(field)
            continue
        changes[field] = (old, new)
        row[field] = new
    for key in ("connector", "key_in_connector", "type"):
        row[key] = wanted[key]
    return Change(row, changes, tuple(kept))


def _fields_in_question(
    wanted: Row, existing: Row, *, is_overwriting: bool
) -> Iterator[str]:
    """Yield the fields to look at: limits belong to a data format."""
    data_format = existing.get("data_format")
    is_ours = is_overwriting or data_format in (*_EMPTY, wanted["data_format"])
    for field in FIELDS:
        if field not in LIMITS or is_ours:
            yield field


# --- the command ----------------------------------------------------------


def command(
    api: Annotated[
        str,
        typer.Option(
            envvar="BEMCOM_API_URL",
            help="Address of BEMCom's API, such as https://bemcom.local.",
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Write the JSON to a file instead of the API."
        ),
    ] = None,
    token: Annotated[
        str, typer.Option(envvar="BEMCOM_API_TOKEN", help="Token of a user.")
    ] = "",
    user: Annotated[
        str, typer.Option(envvar="BEMCOM_API_USER", help="Login name.")
    ] = "",
    password: Annotated[
        str,
        typer.Option(
            envvar="BEMCOM_API_PASSWORD",
            help="Better by environment; asked for if it is missing.",
        ),
    ] = "",
    ca_file: Annotated[
        Path | None,
        typer.Option(exists=True, help="Authority of the API's certificate."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Believe any certificate.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace also what an admin has written."
        ),
    ] = False,
    short_names: Annotated[
        bool, typer.Option(help="Give short names as well.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the changes, send nothing.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Describe all datapoints in BEMCom: text, unit, format, limits, name.

    Mark the datapoints as active in the AdminUI first: the API shows no
    others. Only fields that are still empty are written, unless you say
    `--overwrite`.

    Example: `keba metadata --api https://bemcom.local --user admin
    --dry-run`
    """
    settings = tool_settings()
    stations = chosen_stations(settings, [])
    rows = rows_for(settings.connector_name, stations)
    if not short_names:
        rows = [{**row, "short_name": None} for row in rows]
    if out is not None:
        write_whole(out, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        terminal.console().print(f"{len(rows)} datapoints written to {out}")
        return
    if not api:
        raise UsageProblem(
            "say where BEMCom's API is, by --api https://bemcom.local, or "
            "write a file by --out metadata.json"
        )
    if user and not password and not token:
        password = _ask_password(user)
    bemcom = bemcom_api.api_at(
        api,
        token=token,
        user=user,
        password=password,
        ca_file=ca_file,
        is_insecure=insecure,
    )
    existing = bemcom.datapoints()
    found = compare(rows, existing, is_overwriting=overwrite)
    changes = [change for change in found if change.changes]
    if as_json:
        terminal.print_json([_change_as_json(change) for change in changes])
    else:
        _show_changes(settings.connector_name, found, changes)
    _require_active(settings.connector_name, found)
    if not changes or dry_run:
        return
    confirm(f"Change {len(changes)} datapoints?", is_confirmed=yes)
    bemcom.update([change.row for change in changes])
    terminal.console(stderr=as_json).print(
        f"{len(changes)} datapoints changed", style="bold green"
    )


def _ask_password(user: str) -> str:
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"the password of {user} is missing: set BEMCOM_API_PASSWORD"
        )
    return str(typer.prompt(f"Password of {user}", hide_input=True))


def _require_active(connector: str, found: list[Change]) -> None:
    if not found:
        raise Problem(
            f"the API shows no active datapoint of {connector}",
            "Add the connector in the AdminUI, open its datapoints and mark "
            "them as active (list action), then come again.",
            "nothing_active",
        )


def _change_as_json(change: Change) -> dict[str, Any]:
    return {
        "key": change.key,
        "changes": {
            field: {"old": old, "new": new}
            for field, (old, new) in change.changes.items()
        },
        "kept": list(change.kept),
    }


def _show_changes(
    connector: str,
    found: list[Change],
    changes: list[Change],
) -> None:
    screen = terminal.console()
    for change in changes:
        screen.print(change.key, style="bold", markup=False)
        for field, (old, new) in change.changes.items():
            was = "" if old in (None, "") else f"{old!r} becomes "
            screen.print(
                f"  {field}: {was}{new!r}", markup=False, soft_wrap=True
            )
    kept = sum(bool(change.kept) for change in found)
    screen.print(
        f"{connector}: {len(found)} active datapoints, {len(changes)} to "
        f"change, {kept} where an admin's words are kept",
        style="dim",
    )
