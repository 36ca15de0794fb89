"""What is shown and asked: tables for people, JSON for machines."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from connector.diagnosis.causes import Severity
from connector.tools.problems import Problem, UsageProblem

PLAIN_WIDTH = 100
"""Columns of texts where the output is no terminal but a pipe or a log."""

TABLE_WIDTH = 1000
"""Columns of tables there: no line shall break."""


SEVERITY_STYLES = {
    Severity.FINE: "green",
    Severity.NOTE: "cyan",
    Severity.WARNING: "bold yellow",
    Severity.ERROR: "bold red",
}
MARKS = {
    severity: Text(mark, SEVERITY_STYLES[severity])
    for severity, mark in zip(Severity, "✓·!✗", strict=True)
}
"""Of what is found, by how much it matters."""


def console(*, stderr: bool = False) -> Console:
    """Return where people read."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=stderr, width=width, highlight=False)


def has_keyboard() -> bool:
    """Tell whether somebody can type; the input may be closed altogether."""
    return sys.stdin is not None and sys.stdin.isatty()


def has_screen() -> bool:
    """Tell whether the output is a terminal on which one can draw."""
    return sys.stdout.isatty() and not console().is_dumb_terminal


def printable(text: str) -> str:
    """Return a text without what might steer a terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)


def print_json(value: Any) -> None:
    """Write a value for machines."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(text + "\n")


def print_lines(lines: Iterable[Text]) -> None:
    """Write lines as they are."""
    for line in lines:
        Console(width=table_width(), highlight=False).print(line)


def table_width() -> int:
    """Return how many columns a table may take."""
    return console().width if sys.stdout.isatty() else TABLE_WIDTH


def plain_table(columns: int) -> Table:
    """Return a table without a head, of which only the last column folds."""
    table = Table(box=None, padding=(0, 1), show_header=False)
    for _ in range(columns - 1):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def print_table(*tables: Table) -> None:
    """Write the first table that fits; if none does, the last is folded."""
    screen = Console(width=table_width(), highlight=False)
    boundless = screen.options.update(max_width=TABLE_WIDTH)
    fitting = (
        one
        for one in tables
        if screen.measure(one, options=boundless).maximum <= screen.width
    )
    screen.print(next(fitting, tables[-1]))


AsJson = Annotated[
    bool, typer.Option("--json", help="Write JSON, for machines.")
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask before doing it.")
]


Tell = Callable[[str], None]
"""What shows a line."""


def line_printer(screen: Console) -> Tell:
    """Return what shows lines of text."""
    # A terminal would break a line amid a word; in a file it is to stay one.
    whole = not screen.is_terminal
    return lambda line: screen.print(line, markup=False, soft_wrap=whole)


def place_in_words(name: str, host: str) -> str:
    """Name a station and its address, which may be one and the same."""
    return name if name == host else f"{name} ({host})"


@contextmanager
def working(text: str, tell: Tell = lambda _: None) -> Iterator[Tell]:
    """Show that something goes on, where somebody sits at a terminal.

    Yields
    ------
    callable
        Shows a line as `tell` does, while the sign of life steps aside.
    """
    screen = console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as progress:
        progress.add_task(text, total=None)

        def step_aside(line: str) -> None:
            progress.stop()
            tell(line)
            progress.start()

        yield step_aside


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of a number are done, where somebody sits at a terminal.

    Yields
    ------
    callable
        To be called with how many more are done.
    """
    screen = console(stderr=True)
    with Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


def confirm(question: str, *, is_confirmed: bool) -> None:
    """Ask before something is done.

    Raises
    ------
    UsageProblem
        If nobody is there to ask.
    Problem
        If the answer is no.
    """
    require_somebody_to_ask(is_confirmed=is_confirmed)
    if not is_confirmed and not typer.confirm(question):
        raise Problem("nothing was done", code="declined")


def require_somebody_to_ask(*, is_confirmed: bool) -> None:
    """Insist on a terminal, unless the answer is given.

    Raises
    ------
    UsageProblem
        If nobody is there to ask.
    """
    if not is_confirmed and not has_keyboard():
        raise UsageProblem(
            "there is no terminal to ask whether to go on; say --yes"
        )
