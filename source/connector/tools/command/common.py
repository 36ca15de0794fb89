"""What the commands have in common."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connector.tools import output
from connector.tools.problems import Problem, UsageProblem

AsJson = Annotated[
    bool, typer.Option("--json", help="Write JSON, for machines.")
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask before doing it.")
]


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show that something goes on, where somebody sits at a terminal."""
    screen = output.console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as progress:
        progress.add_task(text, total=None)
        yield


def confirm(question: str, *, is_confirmed: bool) -> None:
    """Ask before something is done.

    Raises
    ------
    UsageProblem
        If nobody is there to ask.
    Problem
        If the answer is no.
    """
    if is_confirmed:
        return
    if not sys.stdin.isatty():
        raise UsageProblem(
            "there is no terminal to ask whether to go on; say --yes"
        )
    if not typer.confirm(question):
        raise Problem("nothing was done", code="declined")
