"""Results as a table in the terminal, as Markdown, and as a picture."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from bench.figures import LIMIT_S
from bench.goals import GOALS, Goal, median_ratio
from testbed.tables import markdown_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MS = 1000.0

COMPARED: tuple[tuple[str, str, Callable[[Mapping[str, Any]], float]], ...] = (
    ("CPU per poll", "s", lambda f: f["cpu_s_per_poll"]),
    ("answer → value, p95", "s", lambda f: f["latency_s"]["p95"]),
    ("memory", "MiB", lambda f: f["memory_mib"]),
    ("start → first value", "s", lambda f: f["first_value_s"]),
)
"""What two versions are compared by: name, unit, where it is."""

_HERE = Path(__file__).parent


def missed(results: Mapping[str, Any]) -> list[Goal]:
    """Return the goals that were measured and not reached."""
    # NaN, where nothing arrived, reaches no goal.
    return [
        goal
        for goal in GOALS
        if (figure := goal.measured(results)) is not None
        and not figure <= goal.limit
    ]


def table_of_goals(results: Mapping[str, Any]) -> Table:
    """Return the goals and what was measured, for a terminal."""
    table = Table("what", "goal", "measured", "")
    for row in _goal_rows(results):
        table.add_row(*row)
    return table


def markdown(results: Mapping[str, Any]) -> str:
    """Return ``docs/benchmarks.md``."""
    return _part(
        "page.md",
        **results["machine"],
        version=results["version"],
        day=results["day"],
        goals=_rows(_goal_rows(results)),
        fleets=_rows(_fleet_rows(results)),
        pushes=_rows(_push_rows(results)),
        commands=_rows(_command_rows(results)),
        limit=f"{LIMIT_S:g}",
        values=results["fleets"][-1]["datapoints"],
        against=_against(results),
        published=_published(results),
    )


def _part(name: str, **fields: object) -> str:
    return (_HERE / name).read_text("utf-8").format(**fields)


def _against(results: Mapping[str, Any]) -> str:
    """Return the page's part about another version, if any."""
    if not results["pairs"]:
        return ""
    pairs = _rows(_pair_rows(results))
    return _part("against.md", against=results["against"], pairs=pairs)


def _published(results: Mapping[str, Any]) -> str:
    """Return the page's part about the published connector, if any."""
    found = results.get("published")
    if found is None:
        return ""
    rows = (
        ("this one", found["ours"]),
        (f"published {found['version']}", found["theirs"]),
    )
    return _part(
        "published.md",
        stations=found["ours"]["stations"],
        values=found["ours"]["datapoints"],
        origin=found["origin"],
        rows=_rows(_published_row(*row) for row in rows),
    )


def _published_row(what: str, fleet: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        what,
        f"{fleet['first_round_s']:.2f}",
        _three(fleet["latency_s"]),
        f"{fleet['values_received']} of {fleet['values_expected']}",
        f"{fleet['cpu_s_per_poll'] * MS:.2f}",
        f"{fleet['memory_mib']:.0f}",
    )


def table_of_pairs(results: Mapping[str, Any]) -> Table:
    """Return this version beside another one, for a terminal."""
    table = Table("", "what", "this", results["against"], "ratio")
    for row in _pair_rows(results):
        table.add_row(*row)
    return table


def _pair_rows(results: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for pair in results["pairs"]:
        for what, unit, read in COMPARED:
            this, other = (
                statistics.median(map(read, runs))
                for runs in zip(*pair["runs"], strict=True)
            )
            yield (
                pair["what"],
                what,
                _shown(this, unit),
                _shown(other, unit),
                f"{median_ratio(pair, read):.2f}",
            )


def _goal_rows(
    results: Mapping[str, Any],
) -> Iterable[tuple[str, str, str, str]]:
    for goal in GOALS:
        figure = goal.measured(results)
        if figure is None:
            yield goal.what, _shown(goal.limit, goal.unit), "–", ""
            continue
        verdict = "reached" if figure <= goal.limit else "missed"
        yield (
            goal.what,
            _shown(goal.limit, goal.unit),
            _shown(figure, goal.unit),
            verdict,
        )


def _fleet_rows(results: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for fleet in results["fleets"]:
        yield str(fleet["stations"]), *_fleet_cells(fleet)
    if "limited" in results:
        yield "100 at 0.1 CPU, each 30 s", *_fleet_cells(results["limited"])


def _fleet_cells(fleet: Mapping[str, Any]) -> tuple[str, ...]:
    rounds = fleet["station_round_s"]
    return (
        f"{rounds['p50'] / LIMIT_S:.2f} / {rounds['p95'] / LIMIT_S:.2f}",
        _three(fleet["latency_s"]),
        f"{fleet['values_received']} of {fleet['values_expected']}",
        str(fleet["pauses_broken"]),
        f"{fleet['cpu_s_per_poll'] * MS:.2f}",
        f"{fleet['cpu_share_in_100_ms']:.0%}",
        f"{fleet['memory_mib']:.0f}",
        f"{fleet['first_value_s']:.2f}",
    )


def _command_rows(
    results: Mapping[str, Any],
) -> Iterable[tuple[str, ...]]:
    for name, what in (
        ("commands_idle", "idle line"),
        ("commands_polling", "polled each five seconds"),
    ):
        if name not in results:
            continue
        commands = results[name]
        yield (
            what,
            f"{commands['commands_arrived']} of {commands['commands_sent']}",
            _three(commands["latency_s"]),
        )


def _push_rows(results: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    if "pushes" in results:
        pushes = results["pushes"]
        yield (
            f"{pushes['arrived']} of {pushes['pushed']}",
            _three(pushes["latency_s"]),
            f"{pushes['cpu_s_per_push'] * MS:.2f}",
        )


def _three(seconds: Mapping[str, float]) -> str:
    return " / ".join(_ms(seconds[name]) for name in ("p50", "p95", "p99"))


def _rows(rows: Iterable[Sequence[str]]) -> str:
    """Return the rows of a table whose head is in the page."""
    return "\n".join(map(markdown_row, rows))


def _ms(seconds: float) -> str:
    if math.isnan(seconds):
        return "–"
    milliseconds = seconds * MS
    return f"{milliseconds:.1f}" if milliseconds < 10 else f"{milliseconds:.0f}"


def _shown(figure: float, unit: str) -> str:
    if math.isnan(figure):
        return "nothing arrived"
    if unit == "s":
        return f"{_ms(figure)} ms"
    text = f"{figure:.0f}" if not unit else f"{figure:.3g}"
    return f"{text} {unit}".strip()
