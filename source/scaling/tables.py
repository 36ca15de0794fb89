"""Numbers and tables for people."""

import textwrap
from collections.abc import Iterable, Sequence

Rows = Iterable[Sequence[str]]

LEFT = "---"
RIGHT = "---:"


def text_table(head: Sequence[str], rows: Rows) -> str:
    """Return a table in Markdown."""
    return _table(head, [LEFT] * len(head), rows)


def number_table(head: Sequence[str], rows: Rows) -> str:
    """Return a table with numbers in all columns but the first."""
    return _table(head, [LEFT, *[RIGHT] * (len(head) - 1)], rows)


def _table(head: Sequence[str], rule: Sequence[str], rows: Rows) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def counted(connectors: int) -> str:
    """Write how many connectors there are."""
    return "one connector" if connectors == 1 else f"{connectors} connectors"


def bullets(*points: str) -> str:
    """Return a list in Markdown, in lines of 80 characters."""
    return "\n".join(
        textwrap.fill(
            f"* {' '.join(point.split())}",
            80,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for point in points
    )


def number(value: float) -> str:
    """Write a number with three digits that count, thousands in groups."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def share(value: float) -> str:
    """Write a share as percentage."""
    return f"{number(100 * value)} %"


def size(count: float) -> str:
    """Write a number of bytes."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{number(count)} {unit}"
        count /= 1000
    return f"{number(count)} GB"


def seconds(value: float | None) -> str:
    """Write a time; None is none."""
    return "–" if value is None else f"{number(value)} s"
