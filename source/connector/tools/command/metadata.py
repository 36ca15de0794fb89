"""`metadata` at the command line."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.tools import bemcom_api, metadata, output
from connector.tools.command.common import AsJson, Yes, confirm
from connector.tools.files import write_whole
from connector.tools.problems import Problem, UsageProblem
from connector.tools.tool_settings import chosen_stations, tool_settings


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

    Example: `cli.py metadata --api https://bemcom.local --user admin
    --dry-run`
    """
    settings = tool_settings()
    stations = chosen_stations(settings, [])
    rows = metadata.rows_for(settings.connector_name, stations)
    if not short_names:
        rows = [{**row, "short_name": None} for row in rows]
    if out is not None:
        write_whole(out, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        output.console().print(f"{len(rows)} datapoints written to {out}")
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
    found = metadata.compare(rows, existing, is_overwriting=overwrite)
    changes = [change for change in found if change.changes]
    if as_json:
        output.print_json([_change_as_json(change) for change in changes])
    else:
        _show_changes(settings.connector_name, found, changes)
    _require_active(settings.connector_name, found)
    if not changes or dry_run:
        return
    confirm(f"Change {len(changes)} datapoints?", is_confirmed=yes)
    bemcom.update([change.row for change in changes])
    output.console(stderr=as_json).print(
        f"{len(changes)} datapoints changed", style="bold green"
    )


def _ask_password(user: str) -> str:
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"the password of {user} is missing: set BEMCOM_API_PASSWORD"
        )
    return str(typer.prompt(f"Password of {user}", hide_input=True))


def _require_active(connector: str, found: list[metadata.Change]) -> None:
    if not found:
        raise Problem(
            f"the API shows no active datapoint of {connector}",
            "Add the connector in the AdminUI, open its datapoints and mark "
            "them as active (list action), then come again.",
            "nothing_active",
        )


def _change_as_json(change: metadata.Change) -> dict[str, Any]:
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
    found: list[metadata.Change],
    changes: list[metadata.Change],
) -> None:
    screen = output.console()
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
