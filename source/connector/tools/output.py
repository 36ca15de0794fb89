"""How results look: tables for people, JSON for machines."""

import json
import sys
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector.tools.diagnosis import Finding, Level, worst
from connector.tools.doctor import Report

MARKS = {
    Level.FINE: Text("✓", "green"),
    Level.NOTE: Text("·", "cyan"),
    Level.WARNING: Text("!", "bold yellow"),
    Level.ERROR: Text("✗", "bold red"),
}

PLAIN_WIDTH = 100
"""Columns of texts where the output is no terminal but a pipe or a log."""

TABLE_WIDTH = 300
"""Columns of tables there: no line shall break."""


def console(*, stderr: bool = False) -> Console:
    """Return where people read."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=stderr, width=width, highlight=False)


def print_json(value: Any) -> None:
    """Write a value for machines."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(text + "\n")


def print_table(table: Table) -> None:
    """Write a table; on a terminal long cells are folded."""
    width = None if sys.stdout.isatty() else TABLE_WIDTH
    Console(width=width, highlight=False).print(table)


def doctor_view(report: Report, *, is_full: bool) -> RenderableType:
    """Return the doctor's table and, below, what to do next.

    Parameters
    ----------
    report
        What was found.
    is_full
        Whether to list also what is fine about stations that are well.
    """
    table = Table(box=None, padding=(0, 1), show_header=False)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, findings in report.sections.items():
        heading = Text(name, "bold")
        is_short = name in report.stations and not is_full
        for finding in _in_short(findings) if is_short else findings:
            table.add_row(
                heading, MARKS[finding.level], finding.check, finding.text
            )
            heading = Text("")
        table.add_section()
    return Group(table, Text(""), *_next_steps(report))


def _in_short(findings: list[Finding]) -> list[Finding]:
    """Return one line, where all is fine."""
    if worst(findings) is not None:
        return findings
    texts = [
        finding.text
        for finding in findings
        if finding.check in ("report 1", "report 2", "report 3")
    ]
    if not texts:
        return findings
    text = "; ".join(texts)
    return [Finding("all checks", Level.FINE, text)]


def _next_steps(report: Report) -> list[Text]:
    if report.is_fine:
        return [Text("All is well.", "bold green")]
    steps = [Text("What to do next", "bold")]
    steps += [
        _step(name, gravest)
        for name, findings in report.sections.items()
        if (gravest := worst(findings)) is not None
    ]
    return steps


def _step(name: str, finding: Finding) -> Text:
    verdict = f" {finding.code}: " if finding.code else ": "
    return Text.assemble(
        MARKS[finding.level], f" {name}", (verdict, "dim"), finding.advice
    )
