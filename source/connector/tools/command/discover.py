"""`discover` at the command line."""

import sys
from dataclasses import asdict
from typing import Annotated, NoReturn

import typer
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from connector.tools import discover, output
from connector.tools.broker import BrokerVisit
from connector.tools.command.common import AsJson, working
from connector.tools.interview import Interview
from connector.tools.line import Line, PortTaken
from connector.tools.problems import EXIT_FINDINGS, UsageProblem
from connector.tools.tool_settings import ToolSettings, tool_settings


def command(
    networks: Annotated[
        list[str] | None,
        typer.Argument(help="Networks such as 192.168.0.0/24, or addresses."),
    ] = None,
    broadcast: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Broadcast address to call `i` to, such as 192.168.0.255. "
            "Some stations do not answer broadcasts.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Find stations, and write the line for `.env.local`.

    Each address of the networks is asked for report 1, a hundred of them a
    second. Who answers is asked for reports 2 and 3.

    Example: `cli.py discover 192.168.0.0/24`
    """
    settings = tool_settings()
    if not networks and not broadcast:
        raise UsageProblem(
            "name a network to look through, such as 192.168.0.0/24, or a "
            "broadcast address by --broadcast"
        )
    addresses = discover.addresses_of(networks or [])
    configured = settings.keba_p30_charge_stations
    try:
        with Line(
            settings.keba_p30_bind_address, settings.keba_p30_port
        ) as line:
            found = _look_for_stations(
                line, addresses, broadcast, settings.keba_p30_reply_timeout
            )
    except PortTaken as problem:
        _tell_what_connector_knows(settings, problem, as_json=as_json)
    stations = discover.describe(found, configured)
    env = discover.env_line(stations, configured)
    if as_json:
        output.print_json(
            {"stations": [asdict(one) for one in stations], "env": env}
        )
    else:
        _show_discoveries(stations)
        if stations:
            screen = output.console()
            screen.print("\nThe line for .env.local:", style="bold")
            # Not wrapped by the console: it is to be copied.
            sys.stdout.write(f"{env}\n")
    if not stations:
        raise typer.Exit(EXIT_FINDINGS)


def _look_for_stations(
    line: Line,
    addresses: list[str],
    broadcast: str,
    reply_timeout_s: float,
) -> dict[str, Interview]:
    if broadcast:
        with working(f"calling {broadcast}"):
            heard = discover.call_out(line, broadcast)
        addresses = list(dict.fromkeys([*addresses, *heard]))
    if not addresses:
        return {}
    screen = output.console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} addresses"),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as progress:
        task = progress.add_task("looking", total=len(addresses))

        def show(done: int, found: int) -> None:
            progress.update(task, completed=done, description=f"{found} found")

        return discover.sweep(line, addresses, show, reply_timeout_s)


def _tell_what_connector_knows(
    settings: ToolSettings, problem: PortTaken, *, as_json: bool
) -> NoReturn:
    """Show the stations of the running connector, which has the port."""
    known: list[discover.Discovery] = []
    if settings.mqtt_broker_host:
        with BrokerVisit(settings) as visit:
            view = visit.look_around()
            if view.is_online:
                known = discover.known_through_connector(
                    view, settings.keba_p30_charge_stations
                )
    if known and not as_json:
        _show_discoveries(known)
    raise PortTaken(
        f"{problem.text}: {'the running connector' if known else 'a program'} "
        "has it, and would get all answers",
        "Stop the connector while you look for stations, or run this on "
        "another host. The stations above are those that it knows."
        if known
        else "End that program; `doctor` tells more.",
        problem.code,
    )


def _show_discoveries(stations: list[discover.Discovery]) -> None:
    table = Table(box=None, padding=(0, 1))
    for heading in (
        "name",
        "address",
        "serial",
        "product",
        "firmware",
        "meter",
        "remark",
    ):
        table.add_column(heading, header_style="dim", overflow="fold")
    meters = {True: "yes", False: "no", None: "?"}
    for one in stations:
        table.add_row(
            one.name,
            one.address,
            one.serial,
            one.product,
            one.firmware,
            meters[one.has_meter],
            one.remark,
        )
    output.print_table(table)
    count = len(stations)
    output.console().print(
        f"{count} station{'s' * (count != 1)} found", style="dim"
    )
