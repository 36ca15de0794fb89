"""`doctor`: what is wrong between here, the stations and the broker."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from connector.diagnosis.causes import Code, Severity
from connector.settings import Station
from connector.tools import terminal
from connector.tools.examination import Examination, examine, worst
from connector.tools.modbus_probe import PORT as MODBUS_PORT
from connector.tools.modbus_probe import probe
from connector.tools.problems import EXIT_FINDINGS, UsageProblem
from connector.tools.station_rows import Row
from connector.tools.terminal import (
    MARKS,
    AsJson,
    row_cells,
    text_table,
    working,
)
from connector.tools.tool_settings import (
    chosen_stations,
    complete_station,
    tool_settings,
)

# --- what is shown ------------------------------------------------------------


def view_of(exam: Examination, *, is_full: bool) -> RenderableType:
    """Return the doctor's table and, below, what to do next."""
    lines = []
    for name, rows in exam.sections.items():
        heading = Text(name, "bold")
        is_short = name in exam.stations and not is_full
        for row in _in_short(rows) if is_short else rows:
            lines.append((heading, *row_cells(row)))
            heading = Text("")
    return Group(text_table(lines), Text(""), *_next_steps(exam))


def _in_short(rows: list[Row]) -> list[Row]:
    """Return one line, where all is fine."""
    if worst(rows) is not None:
        return rows
    texts = [
        row.text
        for row in rows
        if row.check in ("model", "state", "meter") or row.code == Code.VEHICLE
    ]
    heard = [row for row in rows if row.check == "listened"]
    return [Row("all checks", Severity.FINE, "; ".join(texts)), *heard]


def _next_steps(exam: Examination) -> list[Text]:
    """Say what to do, the root cause first, and once for all it concerns."""
    if exam.is_fine:
        return [Text("All is well.", "bold green")]
    concerned: defaultdict[tuple[Severity, str, str], list[str]]
    concerned = defaultdict(list)
    is_host_suspected = any(row.code == Code.ALL_SILENT for row in exam.host)
    for name, rows in exam.sections.items():
        row = worst(rows)
        if row and not (is_host_suspected and row.code == Code.NO_REPLY):
            concerned[row.severity, row.code, row.advice].append(name)
    steps = [
        Text.assemble(
            MARKS[severity],
            f" {', '.join(names)}",
            (f" {code}: ", "dim"),
            advice,
        )
        for (severity, code, advice), names in concerned.items()
    ]
    return [Text("What to do next", "bold"), *steps]


def _probe_modbus(stations: Mapping[str, Station], port: int) -> Examination:
    if len(stations) != 1:
        raise UsageProblem("name one station to look at over Modbus")
    [(name, station)] = stations.items()
    return Examination(stations={name: [probe(station.host, port)]})


def as_json_of(exam: Examination) -> dict[str, Any]:
    """Return an examination for machines."""
    return {
        "fine": exam.is_fine,
        "host": _section_as_json(exam.host),
        "stations": {
            name: _section_as_json(rows) for name, rows in exam.stations.items()
        },
        "broker": _section_as_json(exam.broker),
    }


def _section_as_json(rows: list[Row]) -> dict[str, Any]:
    gravest = worst(rows)
    return {
        "verdict": "ok" if gravest is None else gravest.code,
        "findings": [one.as_json() for one in rows],
    }


# --- the command ----------------------------------------------------------


def command(
    stations: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STATION",
            help="Names of configured stations, or addresses that need no "
            "settings; none is all configured stations.",
            autocompletion=complete_station,
        ),
    ] = None,
    listen: Annotated[
        float,
        typer.Option(
            min=0,
            max=3600,
            metavar="SECONDS",
            help="Listen as well: to the stations, or to what the running "
            "connector publishes.",
        ),
    ] = 0.0,
    full: Annotated[
        bool,
        typer.Option("--full", help="List also what is fine, of all stations."),
    ] = False,
    modbus: Annotated[
        bool,
        typer.Option(
            "--modbus",
            help="Look once whether one station answers over Modbus TCP, and "
            "at nothing else.",
        ),
    ] = False,
    modbus_port: Annotated[
        int,
        typer.Option(
            min=1,
            max=65_535,
            metavar="PORT",
            help="Where Modbus TCP is; the web page of an x-series tells.",
        ),
    ] = MODBUS_PORT,
    as_json: AsJson = False,
) -> None:
    """Find out what is wrong between here, the stations and the broker.

    Asks each station for reports 1, 2 and 3, twice, within KEBA's pauses;
    changes nothing. When the running connector holds the port, it is asked
    through MQTT instead.

    Example: `keba doctor`, `keba doctor garage`, `keba doctor
    192.168.0.99`
    """
    settings = tool_settings()
    chosen = chosen_stations(settings, stations or [])
    names = ", ".join(chosen) if len(chosen) < 6 else f"{len(chosen)} stations"
    then = f", then listening for {listen:g} s" if listen else ""
    with working(f"asking {names}{then}"):
        if modbus:
            exam = _probe_modbus(chosen, modbus_port)
        else:
            exam = examine(settings, chosen, listen)
    if as_json:
        terminal.print_json(as_json_of(exam))
    else:
        terminal.console().print(
            view_of(exam, is_full=full or len(chosen) == 1)
        )
    if not exam.is_fine:
        raise typer.Exit(EXIT_FINDINGS)
