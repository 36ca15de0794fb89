"""`metadata`: what people should know of each datapoint, for BEMCom's API.

First what is pure: the table of our datapoints and what the API has go in, what
should be changed comes out. What an admin has written stays, unless told
otherwise. Then the command: inactive datapoints are described as fast as the
API can, active ones slowly, since it publishes a whole datapoint map for each.
"""

import json
import math
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from connector.bemcom.actuators import ACTUATORS, FLEET, FLEET_WORDS
from connector.bemcom.datapoints import SELECTIONS, Datapoint, all_datapoints
from connector.keba.protocol.fields import REPORTS
from connector.tools import terminal
from connector.tools.bemcom_api import (
    IDENTITY,
    INACTIVE_PORTION,
    Api,
    Row,
    api_at,
    portions,
)
from connector.tools.broker_client import BrokerClient
from connector.tools.files import write_whole
from connector.tools.problems import Problem, UsageProblem
from connector.tools.terminal import Yes, confirm
from connector.tools.tool_settings import (
    ToolSettings,
    chosen_stations,
    tool_settings,
)

SHORT_NAME_LENGTH = 30
"""What BEMCom's API accepts (django-api 0.8, message_format/models.py)."""

LIMITS = ("min_value", "max_value", "allowed_values")
FIELDS = ("data_format", "short_name", "description", *LIMITS, "unit")

_EMPTY: tuple[Any, ...] = (None, "", [], {}, "unknown")
"""What the API has where nobody has written anything; `unknown` is its
default data format."""

ACTIVE_PORTION = 10
"""Active datapoints in a request."""

PAUSE_PER_MAP_ENTRY_S = 0.0002
"""So long per entry of each datapoint map that a request brings about. An API
with one writer needed half of that on two cores, and is deaf meanwhile: twenty
stations at once made values 241 s late."""

SHORTEST_PAUSE_S = 0.5
WORTH_A_HINT_S = 20.0
ANNOUNCED_WITHIN_S = 5.0

# --- our metadata ------------------------------------------------------------

_DESCRIBED: Mapping[str, Any] = {
    f"report {number}__{field.key}": field
    for number, fields in REPORTS.items()
    for field in fields
} | dict(ACTUATORS)
"""What datapoints of reports, and actuators, were made from."""


def rows_for(connector: str, stations: Iterable[str]) -> list[Row]:
    """Return the metadata of every datapoint that these stations may have."""
    table = list(all_datapoints())
    fields = Counter(datapoint.key.rpartition("__")[2] for datapoint in table)
    return [
        _row(connector, station, datapoint, fields)
        for station in (*stations, FLEET)
        for datapoint in table
        if station != FLEET
        or (datapoint.kind == "actuator" and datapoint.key in FLEET_WORDS)
    ]


def _row(
    connector: str, station: str, datapoint: Datapoint, fields: Counter[str]
) -> Row:
    low, high, allowed = _limits(datapoint)
    short_name = f"{station} {_label(datapoint, fields)}"
    is_short = len(short_name) <= SHORT_NAME_LENGTH
    return {
        "connector": {"name": connector},
        "key_in_connector": f"{station}__{datapoint.key}",
        "type": datapoint.kind,
        "data_format": datapoint.data_format,
        "short_name": short_name if is_short else None,
        "description": _description(station, datapoint),
        "min_value": low,
        "max_value": high,
        "allowed_values": allowed,
        "unit": datapoint.unit,
    }


def _limits(
    datapoint: Datapoint,
) -> tuple[int | None, int | None, list[Any] | None]:
    """Return least, greatest and allowed values, each None without one.

    The API holds them against what is written to actuators only, and only
    in data formats that have them.
    """
    described: Any = _DESCRIBED.get(datapoint.key)
    match datapoint.data_format:
        case "discrete_text":
            return None, None, datapoint.values.split(", ")
        case "discrete_numeric":
            # Of actuators with null: the API refuses it unless it is listed.
            allowed = getattr(described, "promised", described.allowed)
            return None, None, list(allowed)
        case "continuous_numeric":
            return described.low, described.high, None
    return None, None, None


def _label(datapoint: Datapoint, fields: Counter[str]) -> str:
    """Return a short name that is unique within a station."""
    group, _, field = datapoint.key.rpartition("__")
    if datapoint.kind == "actuator":
        return f"set {field}"
    if group == "results":
        return f"result {field}"
    label = field.replace("_", " ").removeprefix("requests ")
    if fields[field] == 1:
        return label
    return f"{group.replace('report ', 'R')} {label}"


def _description(station: str, datapoint: Datapoint) -> str:
    who = "All charge stations"
    if station != FLEET:
        who = f"Charge station {station}"
    meaning = f"{who}: {datapoint.meaning}."
    if datapoint.kind == "actuator":
        return f"{meaning} Accepts {datapoint.values}."
    if datapoint.is_unimportant:
        meaning = f"Unimportant. {meaning}"
    group, _, field = datapoint.key.partition("__")
    if group.startswith("report "):
        return f"{meaning} Field {field} of KEBA's {group}."
    return meaning


# --- against what the API has ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one datapoint: all fields as they shall be.

    `changes` are old and new values, `kept` the fields where an admin has
    written something else than we would.
    """

    row: Row
    changes: Mapping[str, tuple[Any, Any]]
    kept: tuple[str, ...]

    @property
    def key(self) -> str:
        """Key of the datapoint."""
        return str(self.row["key_in_connector"])

    @property
    def refused_values(self) -> list[Any]:
        """What the description promises and the API will refuse.

        That comes of a data format that an admin has chosen.
        """
        if self.row["type"] != "actuator":
            return []
        promised = ACTUATORS[self.key.rpartition("__")[2]].promised
        return [one for one in promised if not api_accepts(self.row, one)]


def api_accepts(row: Row, value: Any) -> bool:
    """Tell whether BEMCom's API lets a value pass to an actuator.

    As django-api 0.8 checks it (message_format/serializers.py).
    """
    data_format, kind = row["data_format"], type(value)
    if "_numeric" in data_format and kind not in (int, float, type(None)):
        return False
    if "_text" in data_format and kind not in (str, type(None)):
        return False
    if data_format == "bool":
        return kind is bool
    if data_format == "continuous_numeric" and value is not None:
        low, high = row["min_value"], row["max_value"]
        return (low is None or value >= low) and (high is None or value <= high)
    if "discrete_" in data_format:
        return value in (row["allowed_values"] or ())
    return True


def compare(
    wanted: Iterable[Row],
    existing: Sequence[Row],
    *,
    is_overwriting: bool,
) -> list[Change]:
    """Return what is to be done to each datapoint that the API has.

    `existing` are all of them, also those of other connectors: short names
    are unique among all. Overwriting replaces what an admin has written.
    """
    by_identity = {_identity(row): row for row in existing}
    owners = {row.get("short_name"): _identity(row) for row in existing}
    listed = []
    for row in wanted:
        identity = _identity(row)
        if identity not in by_identity:
            continue
        is_taken = owners.get(row["short_name"], identity) != identity
        ours = {**row, "short_name": None} if is_taken else row
        listed.append(
            _compare(ours, by_identity[identity], is_overwriting=is_overwriting)
        )
    return listed


def _identity(row: Row) -> tuple[str, str]:
    """How the API finds a datapoint: by connector and key."""
    return str(row["connector"]["name"]), str(row["key_in_connector"])


def _compare(wanted: Row, existing: Row, *, is_overwriting: bool) -> Change:
    changes: dict[str, tuple[Any, Any]] = {}
    kept = []
    row = {field: existing.get(field) for field in FIELDS}
    row |= {name: wanted[name] for name in IDENTITY}
    # Limits belong to a data format: they stay away from another one.
    is_our_format = is_overwriting or row["data_format"] in (
        *_EMPTY,
        wanted["data_format"],
    )
    for field in FIELDS:
        old, new = row[field], wanted[field]
        if old == new or (field in LIMITS and not is_our_format):
            continue
        if new in _EMPTY and not (is_overwriting and field == "data_format"):
            continue
        if old in _EMPTY or is_overwriting:
            changes[field] = (old, new)
            row[field] = new
        else:
            kept.append(field)
    return Change(row, changes, tuple(kept))


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
        bool, typer.Option("--dry-run", help="Show the changes, make none.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Describe all datapoints in BEMCom: text, unit, format, limits, name.

    Do it before you mark them as active in the AdminUI: active ones take
    minutes, since the API publishes a whole datapoint map for each. Inactive
    ones are found in what the connector announces on the broker. Only fields
    that are still empty are written, unless you say `--overwrite`.

    Example: `keba metadata --api https://bemcom.local --user admin
    --dry-run`
    """
    settings = tool_settings()
    rows = rows_for(settings.connector_name, chosen_stations(settings, []))
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
    bemcom = api_at(
        api, token=token, user=user, password=password, is_insecure=insecure
    )
    _describe(
        bemcom,
        settings,
        rows,
        is_overwriting=overwrite,
        is_dry_run=dry_run,
        is_confirmed=yes,
    )


def _ask_password(user: str) -> str:
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"the password of {user} is missing: set BEMCOM_API_PASSWORD"
        )
    return str(typer.prompt(f"Password of {user}", hide_input=True))


def _describe(
    bemcom: Api,
    settings: ToolSettings,
    rows: Sequence[Row],
    *,
    is_overwriting: bool,
    is_dry_run: bool,
    is_confirmed: bool,
) -> None:
    name, announced = settings.connector_name, _announced(settings)
    active = bemcom.datapoints()
    active_keys = {
        key for owner, key in map(_identity, active) if owner == name
    }
    hidden_keys = (announced or frozenset()) - active_keys
    inactive = bemcom.inactive_datapoints(
        [row for row in rows if row["key_in_connector"] in hidden_keys]
    )
    listed = compare(rows, [*active, *inactive], is_overwriting=is_overwriting)
    changes = [change for change in listed if change.changes]
    _show_changes(changes)
    _show_refused(listed)
    kept = sum(bool(change.kept) for change in listed)
    screen = terminal.console()
    screen.print(
        f"{name}: {len(active_keys)} active and {len(inactive)} inactive "
        f"datapoints, {len(changes)} to change, {kept} where an admin's words "
        "are kept",
        style="dim",
    )
    if announced is None:
        screen.print(
            "inactive ones cannot be found: MQTT_BROKER_HOST is not set",
            style="yellow",
        )
    if not active_keys and not inactive:
        raise Problem(
            f"the API knows no datapoint of {name} that is active or announced "
            "on the broker",
            "Start the connector, add it in the AdminUI (Connectors, Add) "
            "under exactly this name, wait half a minute, then come again. "
            "MQTT_BROKER_HOST and CONNECTOR_NAME must be as it has them.",
        )
    if changes and not is_dry_run:
        quick = [one for one in changes if one.key not in active_keys]
        slow = [one for one in changes if one.key in active_keys]
        hint = _hint(len(slow), len(active_keys))
        question = f"Change {len(changes)} datapoints?{hint}"
        confirm(question, is_confirmed=is_confirmed)
        _write(bemcom, quick, slow, _pause_s(ACTIVE_PORTION, len(active_keys)))
        screen.print(f"{len(changes)} datapoints changed", style="bold green")
    _show_selections(rows, announced)


def _announced(settings: ToolSettings) -> frozenset[str] | None:
    """Return the keys in the retained message `available_datapoints`.

    None where no broker is set; empty where it has no such message.
    """
    if not settings.mqtt_broker_host:
        return None
    with BrokerClient(settings) as broker:
        broker.wait_for(lambda view: view.available, ANNOUNCED_WITHIN_S)
        available = broker.read(lambda view: view.available) or {}
    return frozenset(key for keys in available.values() for key in keys)


def _pause_s(row_count: int, map_size: int) -> float:
    """Return how long the API is left alone after so many active rows."""
    return max(SHORTEST_PAUSE_S, row_count * map_size * PAUSE_PER_MAP_ENTRY_S)


def _hint(row_count: int, map_size: int) -> str:
    """Say how long active rows take, and what is quicker, if it matters."""
    seconds = 1.5 * _pause_s(row_count, map_size)
    if seconds < WORTH_A_HINT_S:
        return ""
    return (
        f" {row_count} of them are active and take about "
        f"{math.ceil(seconds / 60)} min. Quicker: say no, mark them as not "
        "active in the AdminUI, come again, mark them as active."
    )


def _write(
    bemcom: Api,
    inactive: Sequence[Change],
    active: Sequence[Change],
    pause_s: float,
) -> None:
    """Make the changes: inactive datapoints first, active ones slowly."""
    done, total = 0, len(inactive) + len(active)
    with terminal.progress(total) as advance:
        for portion in (
            *portions(inactive, INACTIVE_PORTION),
            *portions(active, ACTIVE_PORTION),
        ):
            if done > len(inactive):
                time.sleep(pause_s)
            try:
                bemcom.update([change.row for change in portion])
            except Problem as problem:
                raise Problem(
                    f"{done} of {total} datapoints are changed, then: "
                    f"{problem.text}",
                    problem.advice,
                ) from None
            done += len(portion)
            advance(len(portion))


def _show_changes(changes: Iterable[Change]) -> None:
    screen = terminal.console()
    for change in changes:
        screen.print(change.key, style="bold", markup=False)
        for field, (old, new) in change.changes.items():
            was = "" if old in (None, "") else f"{old!r} becomes "
            screen.print(
                f"  {field}: {was}{new!r}", markup=False, soft_wrap=True
            )


def _show_refused(listed: Iterable[Change]) -> None:
    """Warn of data formats with which the API refuses what we would take."""
    screen = terminal.console()
    for change in listed:
        if refused := change.refused_values:
            shown = ", ".join(json.dumps(value) for value in refused)
            screen.print(
                f"{change.key}: with the data format "
                f"{change.row['data_format']}, as an admin has set it, the "
                f"API refuses {shown}; --overwrite sets ours",
                style="yellow",
                markup=False,
                soft_wrap=True,
            )


def _show_selections(
    rows: Iterable[Row], announced: frozenset[str] | None
) -> None:
    """Recommend what to mark as active, and how the AdminUI finds it."""
    datapoints = [
        (row["key_in_connector"], row["type"])
        for row in rows
        if not announced or row["key_in_connector"] in announced
    ]
    table = Table(
        "what for", "search for", "datapoints", box=None, header_style="bold"
    )
    for selection in SELECTIONS:
        count = sum(selection.finds(key, kind) for key, kind in datapoints)
        if count:
            table.add_row(selection.purpose, selection.term, str(count))
    terminal.console().print(
        "\nTo mark datapoints as active, search in the AdminUI's list, tick "
        "the box in the head and, beyond 100 rows, 'Select all …'; then the "
        "action 'Mark datapoints as active', Go:"
    )
    terminal.print_table(table)
