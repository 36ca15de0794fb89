from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from soak.invariants.pauses import Pauses
from soak.report import (
    BREACHES_SHOWN,
    ROWS_OF_FIGURES,
    Report,
    as_markdown,
    clock,
    thinned,
    write,
)
from soak.tests.seen import a_judge, sample

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
    faults={"loss": [10.0, 11.0, 20.0], "reboot": []},
    failure="",
    judge=a_judge(),
    samples=[sample(1000.0), sample(1060.0, 41.0)],
    from_unknown_senders=300,
    lives=2,
)
GOOD.judge.recovery.slowest_s["loss"] = 4.2
GOOD.judge.memory.judge(sample(1000.0, 41.0))
BAD = replace(GOOD, judge=a_judge())
BAD.judge.memory.judge(sample(1061.0, 129.0))
BAD.judge.alive.ended(1062.0, 1, "the last\nwords | now")


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
    assert "**broken 1 ×**" in text
    assert "* 0:01:01 **Memory**: 129.0 MiB resident" in text
    assert "its last words: the last words | now\n\n## Faults" in text


def test_of_many_broken_promises_some_are_shown_and_all_are_counted() -> None:
    judge = a_judge()
    for number in range(BREACHES_SHOWN + 7):
        judge.memory.judge(sample(1061.0 + number, 129.0))

    text = as_markdown(replace(GOOD, judge=judge))

    assert text.count("MiB resident") == BREACHES_SHOWN
    assert "* and 7 more\n" in text


def test_a_shortened_run_says_what_was_asked_for() -> None:
    text = as_markdown(replace(GOOD, was_interrupted=True, lasted_s=65.0))

    assert "in 0:01:05 of real time, ended early: 1:00:00 had been" in text


def test_a_failure_of_the_run_itself_is_told() -> None:
    text = as_markdown(replace(GOOD, failure="OSError: no port"))

    assert "ended by a failure of the run itself: OSError: no port" in text


def test_what_was_not_judged_is_not_called_kept() -> None:
    pauses = Pauses()
    assert pauses.verdict == "not judged"

    pauses.heard = 1
    assert pauses.verdict == "kept"

    pauses.breach(1.0, "too early")
    assert pauses.verdict == "broken 1 ×"


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


def test_the_report_is_written_into_a_new_folder(tmp_path: Path) -> None:
    path = write(BAD, tmp_path / "new" / "folder")

    assert path.read_text("utf-8") == as_markdown(BAD)


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


def test_an_armed_run_says_so_and_can_be_repeated() -> None:
    text = as_markdown(replace(GOOD, is_armed=True))

    assert "--seed 7 --failsafe" in text
    assert "failsafe mode armed, settings restored" in text
    assert "failsafe" not in as_markdown(GOOD)
