"""`doctor` at the command line."""

from typing import Annotated

import typer

from connector.tools import doctor, output
from connector.tools.command.common import AsJson, working
from connector.tools.problems import EXIT_FINDINGS
from connector.tools.tool_settings import chosen_stations, tool_settings


def command(
    stations: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names of configured stations, or addresses that need no "
            "settings; none is all configured stations."
        ),
    ] = None,
    listen: Annotated[
        float,
        typer.Option(
            min=0,
            max=3600,
            help="Seconds to listen afterwards, to status messages and to "
            "heartbeats; 70 tells whether two connectors use one name.",
        ),
    ] = 0.0,
    full: Annotated[
        bool,
        typer.Option("--full", help="List also what is fine, of all stations."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find out what is wrong between here, the stations and the broker.

    Asks each station for reports 1, 2 and 3, twice, within KEBA's pauses;
    changes nothing. When the running connector holds the port, it is asked
    through MQTT instead.

    Example: `cli.py doctor`, `cli.py doctor garage`, `cli.py doctor
    192.168.0.99`
    """
    settings = tool_settings()
    chosen = chosen_stations(settings, stations or [])
    names = ", ".join(chosen) if len(chosen) < 6 else f"{len(chosen)} stations"
    with working(f"asking {names}"):
        report = doctor.examine(settings, chosen, listen)
    if as_json:
        output.print_json(doctor.as_json(report))
    else:
        output.console().print(
            output.doctor_view(report, is_full=full or len(chosen) == 1)
        )
    if not report.is_fine:
        raise typer.Exit(EXIT_FINDINGS)
