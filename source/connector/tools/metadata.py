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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from connector.bemcom.actuators import ACTUATORS, FLEET, FLEET_WORDS
from connector.bemcom.datapoints import SELECTIONS, Datapoint, all_datapoints
from connector.keba.protocol.fields import REPORTS, Field
from connector.tools import bemcom_api, terminal
from connector.tools.bemcom_api import (
    IDENTITY,
    INACTIVE_PORTION,
    Api,
    Row,
    portions,
)
from connector.tools.broker_client import BrokerClient
from connector.tools.files import write_whole
from connector.tools.problems import Problem, UsageProblem
from connector.tools.terminal import AsJson, Yes, confirm
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

    @property
    def refused_values(self) -> list[Any]:
        """What the description promises and the API will refuse.

        That comes of a data format that an admin has chosen.
        """
        word = self.key.rpartition("__")[2]
        if self.row["type"] != "actuator":
            return []
        return [
            value
            for value in ACTUATORS[word].promised
            if not api_accepts(self.row, value)
        ]


def api_accepts(row: Row, value: Any) -> bool:
    """Tell whether BEMCom's API lets a value pass to an actuator.

    As django-api 0.8 checks it (message_format/serializers.py).
    """
    data_format = row["data_format"]
    if "_numeric" in data_format and type(value) not in (
        int,
        float,
        type(None),
    ):
        return False
    if "_text" in data_format and not isinstance(value, str | None):
        return False
    if data_format == "bool" and not isinstance(value, bool):
        return False
    if data_format == "continuous_numeric" and value is not None:
        low, high = row["min_value"], row["max_value"]
        return (low is None or value >= low) and (high is None or value <= high)
    if "discrete_" in data_format:
        return value in (row["allowed_values"] or ())
    return True


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
    if datapoint.is_unimportant:
        meaning = f"Unimportant. {meaning}"
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
            if (
                datapoint.kind == "actuator"
                and None in ACTUATORS[datapoint.key].promised
            ):
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
        is_replaced = is_overwriting and field == "data_format"
        if old == new or (new in _EMPTY and not is_replaced):
            continue
        if old not in _EMPTY and not is_overwriting:
            kept.append(field)
            continue
        changes[field] = (old, new)
        row[field] = new
    for key in IDENTITY:
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
        bool, typer.Option("--dry-run", help="Show the changes, make none.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
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
    found = _Datapoints(settings, bemcom, rows)
    listed = found.compare(is_overwriting=overwrite)
    changes = [change for change in listed if change.changes]
    if as_json:
        terminal.print_json([_change_as_json(change) for change in changes])
    else:
        _show_changes(changes)
        _show_refused(listed)
        found.show_summary(listed)
    found.require_any()
    screen = terminal.console(stderr=as_json)
    if changes and not dry_run:
        question = f"Change {len(changes)} datapoints?{found.hint(changes)}"
        confirm(question, is_confirmed=yes)
        found.write(changes)
        screen.print(f"{len(changes)} datapoints changed", style="bold green")
    if not as_json:
        found.show_selections()


class _Datapoints:
    """The connector's datapoints in the API, active and inactive ones.

    Parameters
    ----------
    settings
        CONNECTOR_NAME, and the broker on which it announces its datapoints.
    bemcom
        BEMCom's API.
    wanted
        Our metadata.
    """

    def __init__(
        self, settings: ToolSettings, bemcom: Api, wanted: Sequence[Row]
    ) -> None:
        self._connector = settings.connector_name
        self._bemcom = bemcom
        self._wanted = wanted
        self._active = bemcom.datapoints()
        self._active_keys = {
            key
            for connector, key in map(_identity, self._active)
            if connector == self._connector
        }
        self._announced = _announced(settings)
        self._inactive = bemcom.inactive_datapoints(
            [
                row
                for row in wanted
                if row["key_in_connector"] in (self._announced or ())
                and row["key_in_connector"] not in self._active_keys
            ]
        )

    def compare(self, *, is_overwriting: bool) -> list[Change]:
        """Return what is to be done to each of them."""
        return compare(
            self._wanted,
            [*self._active, *self._inactive],
            is_overwriting=is_overwriting,
        )

    def require_any(self) -> None:
        """Insist on something to describe.

        Raises
        ------
        Problem
            If the API has no datapoint of the connector that we can find.
        """
        if self._active_keys or self._inactive:
            return
        if self._announced:
            raise Problem(
                f"the API knows no datapoint of {self._connector}",
                "Add the connector in the AdminUI (Connectors, Add) under "
                "exactly this name, wait half a minute, then come again.",
                "no_connector",
            )
        raise Problem(
            f"no datapoint of {self._connector} is known: none is active, and "
            "none is announced on the broker",
            "Start the connector, and set MQTT_BROKER_HOST and CONNECTOR_NAME "
            "as it has them.",
            "nothing_announced",
        )

    def hint(self, changes: Sequence[Change]) -> str:
        """Return how long it takes and what would be quicker, for a question.

        Empty where it takes no time worth to be told.
        """
        count = len(self._active_of(changes))
        seconds = 1.5 * self._pause_s(count)
        if seconds < WORTH_A_HINT_S:
            return ""
        return (
            f" {count} of them are active and take about "
            f"{math.ceil(seconds / 60)} min. Quicker: say no, mark them as not "
            "active in the AdminUI, come again, mark them as active."
        )

    def write(self, changes: Sequence[Change]) -> None:
        """Make the changes: inactive datapoints first, active ones slowly.

        Raises
        ------
        Problem
            If the API cannot be reached or refuses; says what is done.
        """
        active = self._active_of(changes)
        inactive = [one for one in changes if one.key not in self._active_keys]
        done = 0
        with terminal.progress(len(changes)) as advance:
            try:
                for portion in portions(inactive, INACTIVE_PORTION):
                    self._bemcom.update([change.row for change in portion])
                    advance(len(portion))
                    done += len(portion)
                for portion in portions(active, ACTIVE_PORTION):
                    self._bemcom.update([change.row for change in portion])
                    advance(len(portion))
                    done += len(portion)
                    if done < len(changes):
                        time.sleep(self._pause_s(len(portion)))
            except Problem as problem:
                raise Problem(
                    f"{done} of {len(changes)} datapoints are changed, then: "
                    f"{problem.text}",
                    problem.advice,
                    problem.code,
                ) from None

    def show_summary(self, listed: Sequence[Change]) -> None:
        """Count, in one line."""
        screen = terminal.console()
        changed = sum(bool(change.changes) for change in listed)
        kept = sum(bool(change.kept) for change in listed)
        screen.print(
            f"{self._connector}: {len(self._active_keys)} active and "
            f"{len(self._inactive)} inactive datapoints, {changed} to change, "
            f"{kept} where an admin's words are kept",
            style="dim",
        )
        if self._announced is None:
            screen.print(
                "inactive ones cannot be found: MQTT_BROKER_HOST is not set",
                style="yellow",
            )

    def show_selections(self) -> None:
        """Recommend what to mark as active, and how the AdminUI finds it."""
        table = Table(box=None, header_style="bold")
        for heading in ("what for", "search for", "datapoints"):
            table.add_column(heading)
        rows = self._wanted
        if self._announced:
            rows = [
                row
                for row in rows
                if row["key_in_connector"] in self._announced
            ]
        for selection in SELECTIONS:
            count = sum(
                selection.finds(row["key_in_connector"], row["type"])
                for row in rows
            )
            if count:
                table.add_row(selection.purpose, selection.term, str(count))
        terminal.console().print(
            "\nTo mark datapoints as active, search in the AdminUI's list, "
            "tick the box in the head and, beyond 100 rows, 'Select all …'; "
            "then the action 'Mark datapoints as active', Go:"
        )
        terminal.print_table(table)

    def _active_of(self, changes: Sequence[Change]) -> list[Change]:
        return [one for one in changes if one.key in self._active_keys]

    def _pause_s(self, row_count: int) -> float:
        """Return how long the API is left alone after so many active rows."""
        entries = row_count * len(self._active_keys)
        return max(SHORTEST_PAUSE_S, entries * PAUSE_PER_MAP_ENTRY_S)


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


def _ask_password(user: str) -> str:
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"the password of {user} is missing: set BEMCOM_API_PASSWORD"
        )
    return str(typer.prompt(f"Password of {user}", hide_input=True))


def _change_as_json(change: Change) -> dict[str, Any]:
    return {
        "key": change.key,
        "changes": {
            field: {"old": old, "new": new}
            for field, (old, new) in change.changes.items()
        },
        "kept": list(change.kept),
    }


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
