"""Measure the connector: ``make bench``.

Runs a broker, bare stations and the connector again and again, says what it
is doing, and ends with a table of goals. With ``--against`` another version is
measured in turn with this one.

The exit code is 1 if a goal was missed, 2 if it was called in a wrong way or
cannot set the limits it was asked for, 130 if it was interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench import experiments, report
from bench.fleet import MOST_STATIONS
from bench.limits import Limits, NoLimitsError
from bench.programs import (
    OURS,
    NoVersionError,
    Program,
    origin_of,
    other_version,
    published,
    version_of,
)
from bench.stack import POLL_S, Stack, learn_sensors
from connector.main import __version__
from simulator.arguments import whole_number
from testbed import own_network
from testbed.machine import machine

if TYPE_CHECKING:
    from collections.abc import Sequence

FLEETS = (1, 10, 100, 1000)
ROUNDS = 6
COMMANDS = 400
PUSHES_PER_S = 100.0
PUSH_FOR_S = 10.0
LIMITED_ROUNDS = 2
PAIRS = 3
"""How often two versions are measured, in turn."""

PUBLISHED_STATIONS = 10

EXIT_MISSED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

OUT = Path("build/bench")
PUBLISHED_ENVIRONMENT = "published-environment"

console = Console()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return an exit code."""
    options = read_options(arguments)
    # Now, not after half an hour of measuring.
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        # Before the network is our own: packages may have to be fetched.
        theirs = options.published and published(
            options.published, OUT / PUBLISHED_ENVIRONMENT
        )
        own_network.enter("bench", sys.argv[1:])
        # A shell in the background has switched Ctrl-C off.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        if options.limits:
            with Limits():
                pass
        with (
            nullcontext()
            if options.against is None
            else other_version(options.against)
        ) as other:
            results = _measure(options, other, theirs)
    except (NoLimitsError, NoVersionError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("bench: interrupted, nothing is written", file=sys.stderr)
        return EXIT_INTERRUPTED
    page = OUT / "benchmarks.md"
    page.write_text(report.markdown(results), "utf-8")
    console.print(report.table_of_goals(results))
    console.print(page)
    return EXIT_MISSED if report.missed(results) else 0


def _measure(
    options: argparse.Namespace,
    other: Program | None,
    theirs: Program | None,
) -> dict[str, Any]:
    results: dict[str, Any] = {
        "version": __version__,
        "against": options.against,
        "day": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "pairs": {},
    }
    sensors = learn_sensors()
    if other is not None:
        known = learn_sensors(other)
        sensors = [one for one in sensors if one in known]

    def in_turn(
        what: str, stations: int, rounds: int, **others: Any
    ) -> dict[str, Any]:
        """Measure; if there is another version, both in turn."""
        runs: list[list[dict[str, Any]]] = []
        for _ in range(1 if other is None else PAIRS):
            runs.append([])
            for program in filter(None, (OURS, other)):
                is_ours = program == OURS
                _tell(what if is_ours else f"{what}, {options.against}")
                stack = Stack(
                    stations, sensors=sensors, program=program, **others
                )
                figures = experiments.measure_rounds(stack, rounds)
                runs[-1].append(_told(figures))
        if other is not None:
            results["pairs"][what] = runs
        return runs[0][0]

    results["fleets"] = {
        size: in_turn(f"{size} stations", size, options.rounds)
        for size in options.stations
    }
    if options.limits:
        results["limited"] = in_turn(
            "100 stations at 0.1 CPU, each 30 s",
            100,
            LIMITED_ROUNDS,
            poll_s=experiments.DEFAULT_POLL_S,
            has_limits=True,
        )
    if theirs is not None:
        results["published"] = {
            "origin": origin_of(options.published),
            **_measure_published(theirs, sensors, options.rounds),
        }
    if not options.only_fleets:
        _measure_others(results, sensors)
    return results


def _measure_published(
    theirs: Program, sensors: Sequence[str], rounds: int
) -> dict[str, Any]:
    """Measure the published connector after ours, with what both publish."""
    in_both = [one for one in sensors if one.startswith("report ")]

    def measure(what: str, program: Program) -> dict[str, Any]:
        _tell(f"{PUBLISHED_STATIONS} stations, {what}")
        stack = Stack(PUBLISHED_STATIONS, sensors=in_both, program=program)
        return _told(experiments.measure_rounds(stack, rounds))

    version = version_of(theirs)
    return {
        "version": version,
        "ours": measure("values of reports alone", OURS),
        "theirs": measure(f"the published connector {version}", theirs),
    }


def _measure_others(results: dict[str, Any], sensors: Sequence[str]) -> None:
    """Measure what is no comparison of fleets."""
    _tell(f"{COMMANDS} commands on an idle line")
    results["commands_idle"] = _told(
        experiments.measure_commands(
            100, COMMANDS, sensors, poll_s=experiments.SLOW_POLL_S
        )
    )
    _tell(f"{4 * COMMANDS} commands, 100 stations being polled")
    results["commands_polling"] = _told(
        experiments.measure_commands(100, 4 * COMMANDS, sensors, poll_s=POLL_S)
    )
    _tell(f"{PUSHES_PER_S:g} pushes a second")
    results["pushes"] = _told(
        experiments.measure_pushes(100, PUSHES_PER_S, PUSH_FOR_S, sensors)
    )


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the connector against bare stations.",
    )
    parser.add_argument(
        "--stations",
        type=_sizes,
        default=FLEETS,
        metavar="N,N,…",
        help=f"sizes of the fleets (default {','.join(map(str, FLEETS))})",
    )
    parser.add_argument(
        "--rounds",
        type=whole_number(1),
        default=ROUNDS,
        help=f"rounds to measure for each fleet (default {ROUNDS})",
    )
    parser.add_argument(
        "--only-fleets",
        action="store_true",
        help="leave out commands and pushes",
    )
    parser.add_argument(
        "--limits",
        action="store_true",
        help="measure 100 stations at 0.1 CPU and 128 MiB as well; needs root",
    )
    parser.add_argument(
        "--against",
        metavar="COMMIT|FOLDER",
        help="measure the fleets of another version as well, in turn",
    )
    parser.add_argument(
        "--published",
        type=Path,
        metavar="FOLDER",
        help="measure the published connector as well, from a checkout of "
        "BEMCom",
    )
    return parser.parse_args(arguments)


def _sizes(text: str) -> tuple[int, ...]:
    size = whole_number(1, MOST_STATIONS)
    return tuple(map(size, text.split(",")))


def _tell(what: str) -> None:
    console.print(f"{time.strftime('%H:%M:%S')} {what}", highlight=False)


def _told(figures: dict[str, Any]) -> dict[str, Any]:
    """Show figures as they come."""
    shown = {
        name: "/".join(f"{part:.4f}" for part in value.values())
        if isinstance(value, dict)
        else value
        for name, value in figures.items()
    }
    console.print(
        "         " + ", ".join(f"{k} {v}" for k, v in shown.items()),
        highlight=False,
        soft_wrap=True,
    )
    return figures


if __name__ == "__main__":
    sys.exit(main())
