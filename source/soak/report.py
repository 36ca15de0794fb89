"""The report of a run, as Markdown."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from soak.events import MIB
from soak.timeline import KINDS
from testbed import own_network
from testbed.tables import filled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from soak.events import Sample
    from soak.run import Run
    from soak.testbed import Testbed

_PAGE = Path(__file__).with_name("page.md")

ROWS_OF_FIGURES = 20
EVIDENCE_CHARACTERS = 400


def markdown(
    options: argparse.Namespace,
    run: Run,
    testbed: Testbed,
    *,
    machine: Mapping[str, str],
    lasted_s: float,
    ending: str = "",
) -> str:
    """Return the report for people.

    Parameters
    ----------
    ending
        What ended the run before its time; empty if nothing did.
    """
    return filled(
        _PAGE,
        options=options,
        run=run,
        judge=run.judge,
        testbed=testbed,
        lasted_s=lasted_s,
        ending=ending,
        date=time.strftime("%Y-%m-%d"),
        is_alone=own_network.is_own(),
        machine=machine,
        samples=thinned(run.samples),
        kinds=KINDS,
        clock=clock,
        in_one_line=partial(
            shorten, width=EVIDENCE_CHARACTERS, placeholder="…"
        ),
        MIB=MIB,
    )


def thinned(samples: Sequence[Sample]) -> list[Sample]:
    """Return a few samples, evenly spread; the first and the last stay."""
    if len(samples) <= ROWS_OF_FIGURES:
        return [*samples]
    stride = (len(samples) - 1) / (ROWS_OF_FIGURES - 1)
    return [
        samples[round(number * stride)] for number in range(ROWS_OF_FIGURES)
    ]


def clock(seconds: float) -> str:
    """Return a time as h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
