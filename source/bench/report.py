"""Results as a table in the terminal, as Markdown, and as a picture."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from bench.figures import LIMIT_S
from bench.goals import GOALS, Goal, figure_at, median_ratio
from testbed.tables import markdown_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MS = 1000.0

COMPARED: tuple[tuple[str, str, Callable[[Mapping[str, Any]], float]], ...] = (
    ("CPU per poll", "s", lambda f: f["cpu_s_per_poll"]),
    ("answer → value, p95", "s", lambda f: f["latency_s"]["p95"]),
    ("memory", "MiB", lambda f: f["memory_mib"]),
    ("start → first value", "s", lambda f: f["first_values_s"]["first_s"]),
)
"""What two versions are compared by: name, unit, where it is."""

_PAGE = Path(__file__).with_name("page.md")


def missed(results: Mapping[str, Any]) -> list[Goal]:
    """Return the goals that were measured and not reached."""
    return [
        goal
        for goal in GOALS
        if (figure := goal.measured(results)) is not None
        and not _is_reached(goal, figure)
    ]


def table_of_goals(results: Mapping[str, Any]) -> Table:
    """Return the goals and what was measured, for a terminal."""
    table = Table("what", "goal", "measured", "")
    for row in _goal_rows(results):
        table.add_row(*row)
    return table


def markdown(results: Mapping[str, Any]) -> str:
    """Return ``docs/benchmarks.md``."""
    machine = results["machine"]
    page = _PAGE.read_text("utf-8")
    return page.format(
        **machine,
        version=results["version"],
        day=results["day"],
        goals=_rows(_goal_rows(results)),
        fleets=_rows(_fleet_rows(results)),
        pushes=_rows(map(_push_row, results["pushes"])),
        commands=_rows(_command_rows(results)),
        pairs=_rows(_pair_rows(results)),
        against=results["against"] or "another version",
        alive=_found(results, "fleets", 100, "station_round_s", "p50"),
        dead=_found(results, "dead", "station_round_s", "p50"),
        start=_found(results, "start", "first_values_s", "first_of_all_s"),
        limit=f"{LIMIT_S:g}",
        values=results["fleets"][-1]["datapoints"],
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


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw rounds, latencies and cost by the number of stations."""
    # Heavy, and needed for the picture only.
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    fleets: Sequence[Mapping[str, Any]] = results["fleets"]
    sizes = [one["stations"] for one in fleets]
    figure, (rounds, latency, cost) = plt.subplots(1, 3, figsize=(13, 5.5))

    rounds.set_title("a station's round, s")
    for name in ("p50", "p95"):
        rounds.plot(
            sizes,
            [f["station_round_s"][name] for f in fleets],
            "o-",
            label=name,
        )
    rounds.axhline(LIMIT_S, color="grey", label="KEBA's two pauses")
    rounds.set_ylim(bottom=0)

    latency.set_title("station's answer → value on MQTT, ms")
    for name in ("p50", "p95", "p99"):
        latency.plot(
            sizes, [f["latency_s"][name] * MS for f in fleets], "o-", label=name
        )
    latency.set_yscale("log")

    cost.set_title("CPU per poll, ms")
    cost.plot(
        sizes, [f["cpu_s_per_poll"] * MS for f in fleets], "o-", label="CPU"
    )
    cost.set_ylim(bottom=0)

    for axes in (rounds, latency, cost):
        axes.set_xscale("log")
        axes.set_xlabel("stations")
        axes.grid(visible=True, which="both", alpha=0.3)
        # Below: no corner is free of lines in all of them.
        axes.legend(
            fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.15)
        )
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _is_reached(goal: Goal, figure: float) -> bool:
    return figure <= goal.limit


def _goal_rows(
    results: Mapping[str, Any],
) -> Iterable[tuple[str, str, str, str]]:
    for goal in GOALS:
        figure = goal.measured(results)
        if figure is None:
            yield goal.what, _shown(goal.limit, goal.unit), "–", ""
            continue
        verdict = "reached" if _is_reached(goal, figure) else "missed"
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
    rounds, start = fleet["station_round_s"], fleet["first_values_s"]
    return (
        f"{rounds['p50'] / LIMIT_S:.2f} / {rounds['p95'] / LIMIT_S:.2f}",
        _three(fleet["latency_s"]),
        f"{fleet['values_received']} of {fleet['values_expected']}",
        str(fleet["values_doubled"]),
        str(fleet["datagrams_dropped"]),
        str(fleet["pauses_broken"]),
        f"{fleet['cpu_s_per_poll'] * MS:.2f}",
        f"{fleet['cpu_share_in_100_ms']:.0%}",
        f"{fleet['memory_mib']:.0f}",
        f"{start['first_of_all_s']:.2f} / {start['all_s']:.2f}",
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


def _push_row(pushes: Mapping[str, Any]) -> tuple[str, ...]:
    latency = pushes["latency_s"]
    return (
        f"{pushes['per_s']:g}",
        f"{pushes['arrived']} of {pushes['pushed']}",
        _three(latency),
        f"{pushes['cpu_s_per_push'] * MS:.2f}",
    )


def _three(seconds: Mapping[str, float]) -> str:
    return " / ".join(_ms(seconds[name]) for name in ("p50", "p95", "p99"))


def _found(results: Any, *path: str | float) -> str:
    """Return the milliseconds at a place of the results, if it is there."""
    seconds = figure_at(results, *path)
    return "–" if seconds is None else _ms(seconds)


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
