"""Results as a table in the terminal, as Markdown, and as a picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from bench.figures import LIMIT_S
from bench.goals import COMPETITORS, GOALS, Goal, fleet_of
from testbed.tables import markdown_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MS = 1000.0

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
        fleets=_rows(map(_fleet_row, results["fleets"])),
        pushes=_rows(map(_push_row, results["pushes"])),
        commands=_rows(_command_rows(results)),
        alive=_found(fleet_of(results, 100), "station_round_s", "p50"),
        dead=_found(results, "dead", "station_round_s", "p50"),
        start=_found(results, "start", "first_values_s", "first_of_all_s"),
        stopped=_found(results, "stop", "stopped_s"),
        others=_found(results, "stop", "others_s", "worst"),
        competitors=_rows(_competitor_rows(results)),
        limit=f"{LIMIT_S:g}",
        values=results["fleets"][-1]["datapoints"],
    )


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw rounds, latencies and cost by the size of the fleet."""
    # Heavy, and needed for the picture only.
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    fleets: Sequence[Mapping[str, Any]] = results["fleets"]
    sizes = [one["stations"] for one in fleets]
    figure, (rounds, latency, cost) = plt.subplots(1, 3, figsize=(13, 5.5))

    rounds.set_title("a round over the whole fleet, s\n(dashed: another run)")
    for competitor in COMPETITORS:
        rounds.plot(
            *zip(*competitor.round_s.items(), strict=True),
            "--",
            label=competitor.name,
        )
    rounds.plot(
        sizes,
        [f["fleet_round_s"]["p50"] for f in fleets],
        "o-",
        label="fleet, median",
    )
    rounds.plot(
        sizes,
        [f["station_round_s"]["p95"] for f in fleets],
        "o-",
        label="one station, p95",
    )
    rounds.axhline(LIMIT_S, color="grey", label="KEBA's two pauses")
    rounds.set_yscale("log")

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
    cost.axhline(1.5, color="grey", label="goal")
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


def _fleet_row(fleet: Mapping[str, Any]) -> tuple[str, ...]:
    latency = fleet["latency_s"]
    return (
        str(fleet["stations"]),
        _pair(
            fleet["station_round_s"]["p50"] / LIMIT_S,
            fleet["station_round_s"]["p95"] / LIMIT_S,
        ),
        _ms(fleet["fleet_round_s"]["p50"]),
        _three(latency),
        f"{fleet['values_received']} of {fleet['values_expected']}",
        str(fleet.get("values_doubled", "–")),
        str(fleet["datagrams_dropped"]),
        str(fleet["pauses_broken"]),
        f"{fleet['cpu_s_per_poll'] * MS:.2f}",
        f"{fleet['memory_mib']:.0f}",
        _pair(
            fleet["first_values_s"]["first_of_all_s"],
            fleet["first_values_s"]["all_s"],
        ),
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


def _competitor_rows(results: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    sizes = sorted(
        {size for competitor in COMPETITORS for size in competitor.round_s}
    )
    for competitor in COMPETITORS:
        rounds = []
        for size in sizes:
            fleet = fleet_of(results, size)
            took_s = competitor.round_s[size]
            ratio = (
                ""
                if fleet is None
                else f" ({_ratio(took_s / fleet['fleet_round_s']['p50'])} ×)"
            )
            rounds.append(f"{took_s:g} s{ratio}")
        yield (
            competitor.name,
            " / ".join(rounds),
            _ms_if_known(competitor.command_idle_s),
            _ms_if_known(competitor.command_polling_s),
            _ms_if_known(competitor.cpu_s_per_poll),
        )


def _three(seconds: Mapping[str, float]) -> str:
    return " / ".join(_ms(seconds[name]) for name in ("p50", "p95", "p99"))


def _found(results: Any, *path: str) -> str:
    """Return the milliseconds at a place of the results, if it is there."""
    try:
        for step in path:
            results = results[step]
    except (KeyError, TypeError):
        return "–"
    return _ms(results)


def _pair(first: float, second: float) -> str:
    return f"{first:.2f} / {second:.2f}"


def _rows(rows: Iterable[Sequence[str]]) -> str:
    """Return the rows of a table whose head is in the page."""
    return "\n".join(map(markdown_row, rows))


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def _ms_if_known(seconds: float | None) -> str:
    return "–" if seconds is None else _ms(seconds)


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
