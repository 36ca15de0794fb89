"""The command line: which commands there are, and how a program ends."""

import sys
from typing import Annotated

import typer

from connector.tools import (
    discover,
    doctor,
    metadata,
    page,
    ramp,
    record,
    replay,
    send,
    show,
    terminal,
    watch,
)
from connector.tools.problems import EXIT_INTERRUPTED, Problem

PROGRAM = "keba"
INSTALL_COMPLETION = "--install-completion"

app = typer.Typer(
    help="Tools for KEBA P30 stations and their connector.\n\n"
    "They read the settings of the connector: the environment, `.env.local` "
    "and `.env`. Exit codes: 0 all is well, 1 something was found or "
    "refused, 2 the call or the settings are wrong, 3 nobody knows what "
    "became of a command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(value: bool) -> None:
    if not value:
        return
    # It imports the whole connector, which no tool needs.
    from connector.main import __version__

    sys.stdout.write(f"{PROGRAM} {__version__}\n")
    raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_tell_version,
            is_eager=True,
            help="Show the version and end.",
        ),
    ] = False,
) -> None:
    """Take the options that belong to no command."""


app.command("doctor")(doctor.command)
app.command("show")(show.command)
app.command("discover")(discover.command)
app.command("watch")(watch.command)
app.command(
    "send",
    epilog=send.EPILOG,
    # `send garage curr -5` shall be refused with a reason.
    context_settings={"ignore_unknown_options": True},
)(send.command)
app.command("ramp")(ramp.command)
app.command("record")(record.command)
app.command("replay")(replay.command)
app.command("metadata")(metadata.command)
app.command("page")(page.command)


def main() -> None:
    """Run the command line and end the process."""
    try:
        _run()
    except Problem as problem:
        screen = terminal.console(stderr=True)
        screen.print(problem.text, style="bold red", markup=False)
        if problem.advice:
            screen.print(problem.advice, markup=False)
        sys.exit(problem.exit_code)
    except SystemExit as end:
        if end.code == EXIT_INTERRUPTED:
            # Typer says nothing.
            sys.stderr.write("ended by Ctrl-C\n")
        raise


def _run() -> None:
    try:
        app(prog_name=PROGRAM)
    except OSError as error:
        if INSTALL_COMPLETION not in sys.argv:
            raise
        raise Problem(
            f"completion cannot be installed: {error}",
            "It belongs into a shell of yours, not into the container; "
            "--show-completion writes it to the standard output.",
        ) from None
