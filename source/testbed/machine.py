"""What a measurement ran on, and what a process needs."""

import os
import platform
import subprocess
from pathlib import Path

import psutil

from testbed.mosquitto import find_mosquitto

GIB = 2**30


def machine() -> dict[str, str]:
    """Name processor, system, Python and broker."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / GIB:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "broker": _broker(),
    }


def _processor() -> str:
    """Return what the kernel calls the processor, else its architecture."""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    # Other architectures than x86 have no such line.
    return platform.machine()


def _broker() -> str:
    """Return the first line of Mosquitto's help, which names its version."""
    binary = find_mosquitto()
    if binary is None:
        return "none"
    shown = subprocess.run(
        [binary, "-h"], capture_output=True, check=False, text=True
    )
    return shown.stdout.partition("\n")[0]
