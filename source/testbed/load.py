"""How much longer things may take because others want the processor, too."""

import os
from pathlib import Path


def seconds_here(promised_s: float) -> float:
    """Return what a promise comes to on a machine as busy as this one.

    A promise about seconds is one about an idle machine. Where four want each
    core, everybody takes four times as long, and nobody has broken it.

    Parameters
    ----------
    promised_s
        Seconds on an idle machine.
    """
    wanting = max(os.getloadavg()[0], _running())
    return promised_s * max(1.0, wanting / (os.cpu_count() or 1))


def _running() -> int:
    """Return how many threads run or would like to, at this moment."""
    try:
        shown = Path("/proc/loadavg").read_text("ascii")
    except OSError:
        # Only Linux has it; elsewhere the average has to do.
        return 0
    return int(shown.split()[3].partition("/")[0])
