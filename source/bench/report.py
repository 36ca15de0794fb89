"""Results as a table in the terminal and as Markdown."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from bench.figures import LIMIT_S
from bench.goals import GOALS, median_ratio
from testbed.tables import filled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

COMPARED: tuple[tuple[str, str, Callable[[Mapping[str, Any]], float]], ...] = (
    ("CPU per poll", "s", lambda f: f["cpu_s_per_poll"]),
    ("answer → value, p95", "s", lambda f: f["latency_s"]["p95"]),
    ("memory", "MiB", lambda f: f["memory_mib"]),
    ("start → first value", "s", lambda f: f["first_value_s"]),
)
"""What two versions are compared by: name, unit, where it is."""

COMMANDS = {
    "idle line": "commands_idle",
    "polled each five seconds": "commands_polling",
}

_PAGE = Path(__file__).with_name("page.md")


def missed(results: Mapping[str, Any]) -> list[str]:
    """Name the goals that were measured and not reached."""
    # NaN, where nothing arrived, reaches no goal.
    return [
        what
        for what, goal in GOALS.items()
        if (figure := goal.measured(results)) is not None
        and not figure <= goal.limit
    ]


def table_of_goals(results: Mapping[str, Any]) -> Table:
    """Return the goals and what was measured, for a terminal."""
    table = Table("what", "goal", "measured", "")
    for cells in _goal_rows(results):
        table.add_row(*cells)
    return table


def markdown(results: Mapping[str, Any]) -> str:
    """Return ``docs/benchmarks.md``."""
    fleets = {str(size): one for size, one in results["fleets"].items()}
    if "limited" in results:
        fleets["100 at 0.1 CPU, each 30 s"] = results["limited"]
    return filled(
        _PAGE,
        results=results,
        limit_s=LIMIT_S,
        datapoints=[*fleets.values()][-1]["datapoints"],
        goals=_goal_rows(results),
        fleets=fleets,
        commands={
            name: results[key]
            for name, key in COMMANDS.items()
            if key in results
        },
        pairs=_pair_rows(results["pairs"]),
        three=_three,
    )


def _goal_rows(results: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    missing = missed(results)
    for what, goal in GOALS.items():
        figure = goal.measured(results)
        shown, verdict = "–", ""
        if figure is not None:
            shown = _shown(figure, goal.unit)
            verdict = "missed" if what in missing else "reached"
        yield what, _shown(goal.limit, goal.unit), shown, verdict


def _pair_rows(pairs: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for fleet, runs in pairs.items():
        for what, unit, read in COMPARED:
            this, other = (
                _shown(statistics.median(map(read, each)), unit)
                for each in zip(*runs, strict=True)
            )
            yield fleet, what, this, other, f"{median_ratio(runs, read):.2f}"


def _three(seconds: Mapping[str, float]) -> str:
    return " / ".join(_ms(seconds[name]) for name in ("p50", "p95", "p99"))


def _ms(seconds: float) -> str:
    if math.isnan(seconds):
        return "–"
    milliseconds = seconds * 1000
    return f"{milliseconds:.1f}" if milliseconds < 10 else f"{milliseconds:.0f}"


def _shown(figure: float, unit: str) -> str:
    if math.isnan(figure):
        return "nothing arrived"
    if unit == "s":
        return f"{_ms(figure)} ms"
    text = f"{figure:.0f}" if not unit else f"{figure:.3g}"
    return f"{text} {unit}".strip()
