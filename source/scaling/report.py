"""Runs some selections one after the other; tells in Markdown what was seen."""

import contextlib
import math
import os
import platform
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyconnector_template.tests.mosquitto import find_mosquitto
from scaling.campus import Campus, Costs
from scaling.comparison import compare, markdown
from scaling.run import measure
from scaling.stations import running_stations
from scaling.tables import counted, share


@dataclass(frozen=True, slots=True)
class Task:
    """What to run and how to look at it.

    Parameters
    ----------
    campuses
        One run for each, all with the same stations.
    rounds
        Rounds of polls that are measured, at least.
    writers
        Numbers of writers to calculate with.
    costs
        What the calculation takes for granted.
    """

    campuses: Sequence[Campus]
    rounds: int
    writers: Sequence[int]
    costs: Costs


def run_all(task: Task) -> str:
    """Run and compare; return the measured part of the document.

    Raises
    ------
    RunError
        If something cannot be measured.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _tell("waiting until the stations are up")
        stack.enter_context(running_stations(task.campuses[0], folder))
        parts = [_one_run(task, campus) for campus in task.campuses]
    return "\n\n".join((_heading(task), *parts, _REMARKS))


def _one_run(task: Task, campus: Campus) -> str:
    title = f"`{campus.selection.name}`, {_in_words(campus)}:"
    _tell(title)
    with tempfile.TemporaryDirectory() as folder:
        run = measure(campus, _whole_rounds(task, campus), Path(folder), _tell)
    return f"{title}\n\n{markdown(compare(run, task.writers, task.costs))}"


def _whole_rounds(task: Task, campus: Campus) -> int:
    """Return how many rounds to measure: unchanged values come in one of N."""
    every = campus.publish_unchanged_every
    return every * math.ceil(task.rounds / every)


_REMARKS = """\
The reader plays BEMCom's API: it subscribes topic by topic, and what arrives
goes through a queue and past writers that keep the API's pace by the time of
arrival; the same arrivals for each number of writers. The calculation takes the
worst case, in which all connectors poll at the same moment; here they poll up
to some seconds apart, so that fewer values are dropped or wait for less."""


def _heading(task: Task) -> str:
    today = datetime.now(UTC).date().isoformat()
    return textwrap.fill(
        f"Measured on {today}, {_machine()}. Real connectors and broker, "
        f"simulated stations, {task.rounds} rounds, a queue of "
        f"{task.costs.api_queue:,} messages.",
        80,
    )


def _in_words(campus: Campus) -> str:
    words = (
        f"{campus.stations} stations on {counted(campus.connectors)}, "
        f"{campus.poll_interval_s:g} s, "
        f"{share(campus.charging_share)} charge"
    )
    if campus.publish_unchanged_every == 1:
        return words
    every = campus.publish_unchanged_every
    return f"{words}, `PUBLISH_UNCHANGED_EVERY={every}`"


def _machine() -> str:
    facts = (
        f"{os.cpu_count()} cores {_processor()}",
        f"Python {platform.python_version()}",
        _mosquitto_version(),
    )
    return ", ".join(facts)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    return next(
        (
            line.partition(":")[2].strip()
            for line in lines
            if line.startswith("model name")
        ),
        platform.machine(),
    )


def _mosquitto_version() -> str:
    # It knows no option for its version, and says it above its help.
    helped = subprocess.run(  # noqa: S603 - found on this machine
        [find_mosquitto() or "mosquitto", "-h"],
        check=False,
        capture_output=True,
        text=True,
    )
    first_line = next(iter(helped.stdout.splitlines()), "")
    return first_line.replace("mosquitto version", "Mosquitto")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
