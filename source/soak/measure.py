"""Figures of the connector's process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

from soak.invariants.process import Sample

if TYPE_CHECKING:
    from soak.testbed import Testbed


def sample(testbed: Testbed) -> Sample | None:
    """Look at the connector's process; None if it is not there."""
    try:
        process = psutil.Process(testbed.connector.process.pid)
        with process.oneshot():
            times = process.cpu_times()
            return Sample(
                at=time.monotonic(),
                life=testbed.life,
                age_s=time.monotonic() - testbed.started_at,
                rss=process.memory_info().rss,
                threads=process.num_threads(),
                files=process.num_fds(),
                cpu_s=times.user + times.system,
            )
    except psutil.Error:
        return None
