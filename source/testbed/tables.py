"""Markdown: tables, and pages from templates."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, StrictUndefined


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, a text for each cell."""
    rule = ["---"] * len(head)
    return "\n".join(map(_row, (head, rule, *rows)))


def _row(cells: Sequence[str]) -> str:
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def filled(template: Path, **values: object) -> str:
    """Return a page, made of a Jinja template."""
    pages = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return pages.from_string(template.read_text("utf-8")).render(values)
