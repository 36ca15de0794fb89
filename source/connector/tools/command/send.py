"""`send` at the command line."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from connector.bemcom.actuators import ACTUATORS
from connector.keba.protocol.commands import Command
from connector.settings import Station
from connector.tools import output, send
from connector.tools.broker import BrokerVisit
from connector.tools.command.common import AsJson, Yes, confirm
from connector.tools.line import PortTaken
from connector.tools.problems import EXIT_FINDINGS, Problem
from connector.tools.tool_settings import (
    ToolSettings,
    chosen_stations,
    tool_settings,
)

EPILOG = "Commands:\n\n" + "\n\n".join(
    f"**{actuator.word}** {actuator.meaning}: {actuator.accepts}"
    for actuator in ACTUATORS.values()
)


def command(
    station: Annotated[
        str, typer.Argument(help="Name of a station, or its address.")
    ],
    word: Annotated[
        str,
        typer.Argument(
            metavar="COMMAND", help=f"One of {', '.join(ACTUATORS)}."
        ),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="What the command takes; null where it may be."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it, send nothing.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send one command, and see what the station made of it.

    The value is checked, shown and confirmed; afterwards report 2 is read,
    because the station's TCH-OK means received, not done. When the running
    connector holds the port, the command goes through it.

    Example: `cli.py send garage curr 16000`, `cli.py send garage ena 0 --yes`
    """
    settings = tool_settings()
    [(name, target)] = chosen_stations(settings, [station]).items()
    value, checked = send.read_command(target, word, arguments or [])
    tell = _teller(is_silent=as_json)
    tell(f"{name} ({target.host}): {checked}; {send.proof_in_words(checked)}")
    if dry_run:
        tell("nothing is sent: --dry-run")
        if as_json:
            output.print_json({"datagram": str(checked), "sent": False})
        return
    if settings.read_only:
        raise Problem(
            "nothing is sent: READ_ONLY is TRUE",
            "Set READ_ONLY=FALSE to let commands pass.",
            "read_only",
        )
    confirm(f"Send `{checked}` to {name}?", is_confirmed=yes)
    result = _send(settings, name, target, checked, value, tell)
    if as_json:
        output.print_json(
            {
                "datagram": str(checked),
                "sent": True,
                "outcome": result.outcome,
                "detail": result.detail,
            }
        )
    else:
        _show_result(result)
    if not result.is_done:
        raise typer.Exit(EXIT_FINDINGS)


def _send(
    settings: ToolSettings,
    name: str,
    target: Station,
    command: Command,
    value: Any,
    tell: Callable[[str], None],
) -> send.Result:
    try:
        return send.send_directly(settings, name, target, command, tell)
    except PortTaken as problem:
        if not settings.mqtt_broker_host:
            raise
        tell(f"{problem.text}: it goes through the running connector")
    with BrokerVisit(settings) as visit:
        return send.send_through_connector(
            visit, name, command.word, value, tell
        )


def _show_result(result: send.Result) -> None:
    style = "bold green" if result.is_done else "bold red"
    detail = f": {result.detail}" if result.detail else ""
    words = result.outcome.replace("_", " ")
    output.console().print(f"{words}{detail}", style=style, markup=False)


def _teller(*, is_silent: bool) -> Callable[[str], None]:
    """Return what shows a line: beside JSON, on the other stream."""
    screen = output.console(stderr=is_silent)
    return lambda line: screen.print(line, markup=False, soft_wrap=True)
