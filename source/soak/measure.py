"""Figures of the connector's process and of the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

from connector.main import __version__
from soak.invariants.process import MIB, Sample
from testbed.mosquitto import find_mosquitto

if TYPE_CHECKING:
    from soak.world import World


def sample(world: World) -> Sample | None:
    """Look at the connector's process; None if it is not there."""
    try:
        process = psutil.Process(world.connector.process.pid)
        with process.oneshot():
            times = process.cpu_times()
            return Sample(
                at=time.monotonic(),
                life=world.life,
                age_s=time.monotonic() - world.started_at,
                rss=process.memory_info().rss,
                threads=process.num_threads(),
                files=process.num_fds(),
                cpu_s=times.user + times.system,
            )
    except psutil.Error:
        return None


def machine() -> dict[str, str]:
    """Name what the run ran on."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / MIB / 1024:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "broker": _broker(),
        "connector": __version__,
    }


def _processor() -> str:
    """Return what the kernel calls the processor, else its architecture."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def _broker() -> str:
    """Return the first line of Mosquitto's help, which names its version."""
    binary = find_mosquitto()
    if binary is None:
        return "none"
    shown = subprocess.run(  # noqa: S603 - the broker that is used anyway
        [binary, "-h"], capture_output=True, check=False, text=True
    )
    return shown.stdout.partition("\n")[0]
