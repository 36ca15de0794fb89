"""What is shown and asked: tables for people, JSON for machines."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table
from rich.text import Text

from connector.diagnosis.causes import Severity
from connector.tools.problems import Problem, UsageProblem
from connector.tools.station_rows import Row

PLAIN_WIDTH = 100
"""Columns of texts where the output is no terminal but a pipe or a log."""

TABLE_WIDTH = 1000
"""Columns of tables there: no line shall break."""

GAP = 2
"""Blanks between the columns of a table."""

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
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "?" for one in text)


def print_json(value: Any) -> None:
    """Write a value for machines."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(text + "\n")


def table_width() -> int:
    """Return how many columns a table may take."""
    return console().width if sys.stdout.isatty() else TABLE_WIDTH


def plain_table(*columns: Column, has_head: bool = False) -> Table:
    """Return a table without any lines, as all tables here are."""
    return Table(
        *columns,
        box=None,
        padding=(0, GAP // 2),
        pad_edge=not has_head,
        show_header=has_head,
        header_style="dim",
    )


Line = Sequence[Text]


def text_table(lines: Iterable[Line]) -> Table:
    """Return a table without a head, of which only the last column folds."""
    rows = [*lines]
    whole = [Column(no_wrap=True) for row in rows[:1] for _ in row[1:]]
    table = plain_table(*whole, Column(overflow="fold"))
    for row in rows:
        table.add_row(*row)
    return table


def row_cells(row: Row) -> Line:
    """Return how much it matters, what was looked at, and what was seen."""
    check, text = Text(row.check, "dim"), Text(printable(row.text))
    return MARKS[row.severity], check, text


def print_table(*tables: RenderableType) -> None:
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

    What it yields shows a line as `tell` does; the sign of life steps aside.
    """
    text_column = TextColumn("{task.description}", markup=False)
    with _sign_of_life(SpinnerColumn(), text_column) as sign:
        sign.add_task(text, total=None)

        def step_aside(line: str) -> None:
            sign.stop()
            tell(line)
            sign.start()

        yield step_aside


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of a number are done, where somebody sits at a terminal.

    What it yields is to be called with how many more are done.
    """
    with _sign_of_life(BarColumn(), MofNCompleteColumn()) as sign:
        task = sign.add_task("", total=total)
        yield lambda count: sign.advance(task, count)


def _sign_of_life(*columns: ProgressColumn) -> Progress:
    screen = console(stderr=True)
    return Progress(
        *columns,
        TimeElapsedColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    )


def confirm(question: str, *, is_confirmed: bool) -> None:
    """Ask before something is done; a no is a `Problem`."""
    require_somebody_to_ask(is_confirmed=is_confirmed)
    if not is_confirmed and not typer.confirm(question):
        raise Problem("nothing was done", code="declined")


def require_somebody_to_ask(*, is_confirmed: bool) -> None:
    """Insist on a terminal, unless the answer is given."""
    if not is_confirmed and not has_keyboard():
        raise UsageProblem(
            "there is no terminal to ask whether to go on; say --yes"
        )
