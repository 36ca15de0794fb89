"""The command line: which commands there are, and how a program ends."""

import sys

import typer

from connector.tools import output
from connector.tools.command import (
    discover,
    doctor,
    metadata,
    page,
    record,
    replay,
    send,
    watch,
)
from connector.tools.problems import Problem

app = typer.Typer(
    name="cli.py",
    help="Tools for the person at the switchboard of KEBA P30 stations.\n\n"
    "They read the settings of the connector: the environment, `.env.local` "
    "and `.env`. Exit codes: 0 all is well, 1 something was found or "
    "refused, 2 the call or the settings are wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("doctor")(doctor.command)
app.command("discover")(discover.command)
app.command("watch")(watch.command)
app.command(
    "send",
    epilog=send.EPILOG,
    # `send garage curr -5` shall be refused with a reason.
    context_settings={"ignore_unknown_options": True},
)(send.command)
app.command("record")(record.command)
app.command("replay")(replay.command)
app.command("metadata")(metadata.command)
app.command("page")(page.command)


def main() -> None:
    """Run the command line and end the process."""
    try:
        app()
    except Problem as problem:
        screen = output.console(stderr=True)
        screen.print(problem.text, style="bold red", markup=False)
        if problem.advice:
            screen.print(problem.advice, markup=False)
        sys.exit(problem.exit_code)
