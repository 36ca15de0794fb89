from __future__ import annotations

from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import pytest

from soak.invariants.breach import MOST_NOTED
from soak.report import ROWS_OF_FIGURES, clock, markdown, thinned
from soak.tests.seen import a_judge, sample

OPTIONS = {"seconds": 3600.0, "stations": 20, "seed": 7, "failsafe": False}


def a_run() -> Any:
    run = SimpleNamespace(
        began_at=1000.0,
        judge=a_judge(),
        samples=[sample(1000.0), sample(1060.0, 41.0)],
    )
    run.judge.recovery.lasted_s["loss"] = [10.0, 11.0, 20.0]
    run.judge.recovery.slowest_s["loss"] = 4.2
    run.judge.see(sample(1000.0, 41.0))
    return run


def shown(run: Any, ending: str = "", **options: object) -> str:
    testbed: Any = SimpleNamespace(from_unknown_senders=300, life=2)
    return markdown(
        Namespace(**OPTIONS | options),
        run,
        testbed,
        machine={"machine": "a test's, 2 cores"},
        lasted_s=3605.0,
        ending=ending,
    )


@pytest.fixture
def bad() -> Any:
    run = a_run()
    run.judge.see(sample(1061.0, 129.0))
    run.judge.alive.breach(1062.0, "last words: the last\nwords | now")
    return run


def test_the_report_of_a_good_run_says_so_and_how_to_repeat_it() -> None:
    text = shown(a_run())

    assert "**No promise was broken** in 1:00:05 of real time.\n" in text
    assert 'SOAK="--seconds 3600 --stations 20 --seed 7"' in text
    assert "| Memory | at most 41.0 MiB; " in text
    assert "| loss | 3 | 41 s | 4.2 s |" in text
    assert "| reboot | 0 | 0 s | – |" in text
    assert "| 0:01:00 | 1 | 41.0 | 5 | 11 | 10.6 |" in text
    assert "300 from unknown senders" in text
    assert "Broken promises" not in text
    assert "failsafe" not in text


def test_a_broken_promise_stands_on_top_with_moment_and_evidence(
    bad: Any,
) -> None:
    text = shown(bad)

    assert "**2 broken promises** in 1:00:05" in text
    assert "**broken 1 ×**" in text
    assert "* 0:01:01 **Memory**: 129.0 MiB resident" in text
    assert "last words: the last words | now\n\n## Faults" in text


def test_of_many_broken_promises_some_are_shown_and_all_are_counted() -> None:
    run = a_run()
    for number in range(MOST_NOTED + 7):
        run.judge.see(sample(1061.0 + number, 129.0))

    text = shown(run)

    assert text.count("MiB resident") == MOST_NOTED
    assert "* and 7 more\n" in text


def test_what_ended_a_run_before_its_time_is_told() -> None:
    assert "in 1:00:05 of real time, ended early." in shown(
        a_run(), "ended early"
    )


def test_tables_have_as_many_cells_in_each_row(bad: Any) -> None:
    tables: list[list[str]] = [[]]
    for line in shown(bad).splitlines():
        if line.startswith("|"):
            tables[-1].append(line)
        elif tables[-1]:
            tables.append([])
    assert len([table for table in tables if table]) == 4
    for table in tables:
        assert len({line.count("|") for line in table}) < 2


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
    ("seconds", "text"),
    [(0.0, "0:00:00"), (61.9, "0:01:01"), (36_000.0, "10:00:00")],
)
def test_times_are_hours_minutes_seconds(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_an_armed_run_says_so_and_can_be_repeated() -> None:
    text = shown(a_run(), failsafe=True)

    assert "--seed 7 --failsafe" in text
    assert "failsafe mode armed, settings restored" in text
