from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from soak.invariants.breach import Breach, Finding
from soak.report import (
    ROWS_OF_FIGURES,
    FaultTally,
    Report,
    as_markdown,
    clock,
    progress_line,
    thinned,
    write,
)
from soak.tests.seen import sample
from soak.timeline import KINDS, Phase

if TYPE_CHECKING:
    from pathlib import Path

GOOD = Report(
    machine={"machine": "a test's, 2 cores", "Python": "3.11"},
    date="2026-11-28",
    seed=7,
    stations=20,
    is_armed=False,
    asked_s=3600.0,
    lasted_s=3605.0,
    was_interrupted=False,
    is_alone=True,
    began_at=1000.0,
    faults=[
        FaultTally("loss", 3, 41.0, 4.2),
        FaultTally("reboot", 0, 0.0, None),
    ],
    findings=[
        Finding("KEBA's pauses", "shortest gap 110.0 ms", "100 ms", 0),
        Finding("Memory", "at most 41.0 MiB", "128 MiB", 0),
    ],
    failure="",
    breaches=[],
    samples=[sample(1000.0), sample(1060.0, 41.0)],
    slowest_calm_s=5.0,
    to_stations=100,
    from_stations=200,
    from_unknown_senders=300,
    values=4000,
    messages=5000,
    lives=2,
)
BAD = replace(
    GOOD,
    findings=[Finding("Memory", "at most 129.0 MiB", "128 MiB", 2)],
    breaches=[Breach("Memory", 1061.0, "129.0 MiB\nresident | now")],
)


def test_the_report_of_a_good_run_says_so_and_how_to_repeat_it() -> None:
    text = as_markdown(GOOD)

    assert "**No promise was broken** in 1:00:05 of real time." in text
    assert 'SOAK="--seconds 3600 --stations 20 --seed 7"' in text
    assert "| Memory | at most 41.0 MiB | 128 MiB | kept |" in text
    assert "| loss | 3 | 41 s | 4.2 s |" in text
    assert "| reboot | 0 | 0 s | – |" in text
    assert "| 0:01:00 | 1 | 41.0 | 5 | 11 | 10.6 |" in text
    assert "a network namespace of its own" in text
    assert "Broken promises" not in text


def test_a_broken_promise_stands_on_top_with_moment_and_evidence() -> None:
    text = as_markdown(BAD)

    assert "**2 broken promises** in 1:00:05" in text
    assert "**broken 2 ×**" in text
    assert "* 0:01:01 **Memory**: 129.0 MiB resident | now" in text
    assert "* and 1 more" in text


def test_a_shortened_run_says_what_was_asked_for() -> None:
    text = as_markdown(replace(GOOD, was_interrupted=True, lasted_s=65.0))

    assert "in 0:01:05 of real time, ended early: 1:00:00 had been" in text


def test_a_failure_of_the_run_itself_is_told() -> None:
    text = as_markdown(replace(GOOD, failure="OSError: no port"))

    assert "ended by a failure of the run itself: OSError: no port" in text


@pytest.mark.parametrize(
    ("breaches", "is_judged", "verdict"),
    [
        (0, True, "kept"),
        (0, False, "not judged"),
        (3, True, "broken 3 ×"),
        (3, False, "broken 3 ×"),
    ],
)
def test_what_was_not_judged_is_not_called_kept(
    breaches: int, is_judged: bool, verdict: str
) -> None:
    assert Finding("x", "y", "z", breaches, is_judged).verdict == verdict


def test_tables_have_as_many_cells_in_each_row() -> None:
    tables: list[list[str]] = [[]]
    for line in as_markdown(BAD).splitlines():
        if line.startswith("|"):
            tables[-1].append(line)
        elif tables[-1]:
            tables.append([])
    assert len([table for table in tables if table]) == 4
    for table in tables:
        assert len({line.count("|") - line.count("\\|") for line in table}) < 2


def test_both_files_are_written(tmp_path: Path) -> None:
    path = write(BAD, tmp_path / "new" / "folder")

    assert path.read_text("utf-8") == as_markdown(BAD)
    content = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert content["seed"] == 7
    assert content["breaches"][0]["invariant"] == "Memory"
    assert content["samples"][1]["at"] == 1060.0


def test_long_runs_show_a_few_samples_the_first_and_the_last_among_them() -> (
    None
):
    samples = [sample(float(number)) for number in range(100)]

    few = thinned(samples)

    assert len(few) == ROWS_OF_FIGURES
    assert few[0] is samples[0]
    assert few[-1] is samples[-1]
    assert thinned(few) == few


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0, "0:00:00"), (61.9, "0:01:01"), (36_000.0, "10:00:00")],
)
def test_times_are_hours_minutes_seconds(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_a_line_of_progress_tells_faults_counts_and_figures() -> None:
    loss = Phase(1.0, 5.0, KINDS[0], ("s01",))
    line = progress_line(
        elapsed_s=61.0,
        active=[loss],
        datagrams=10,
        values=20,
        broken=1,
        sample=sample(61.0),
    )
    assert line == (
        "0:01:01  10 datagrams, 20 values, 1 broken; "
        "40.0 MiB, 5 threads, 11 files; loss (s01)"
    )


def test_a_line_of_progress_without_faults_and_process() -> None:
    line = progress_line(
        elapsed_s=1.0, active=[], datagrams=0, values=0, broken=0, sample=None
    )
    assert line.endswith("0 broken; no process; calm")


def test_an_armed_run_says_so_and_can_be_repeated() -> None:
    text = as_markdown(replace(GOOD, is_armed=True))

    assert "--seed 7 --failsafe" in text
    assert "failsafe mode armed, settings restored" in text
    assert "failsafe" not in as_markdown(GOOD)
