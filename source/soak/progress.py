"""One line every ten seconds, also for a log that nobody watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soak.invariants.process import MIB
from soak.report import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soak.invariants.process import Sample
    from soak.timeline import Phase


def progress_line(
    *,
    elapsed_s: float,
    active: Sequence[Phase],
    datagrams: int,
    values: int,
    broken: int,
    sample: Sample | None,
) -> str:
    """Tell what is on at the moment and what was counted so far."""
    faults = " + ".join(map(str, active)) or "calm"
    process = "no process"
    if sample is not None:
        process = (
            f"{sample.rss / MIB:.1f} MiB, {sample.threads} threads, "
            f"{sample.files} files"
        )
    return (
        f"{clock(elapsed_s)}  {datagrams} datagrams, {values} values, "
        f"{broken} broken; {process}; {faults}"
    )
