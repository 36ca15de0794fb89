"""A network of one's own, so that nobody else's port 7090 is in the way."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_MARK = "SCALING_HAS_OWN_NETWORK"
_SCRIPT = 'ip link set lo up && exec "$@"'
_UNSHARE = ("unshare", "--net")


def is_own() -> bool:
    """Whether this process runs in a namespace made by `run_inside`."""
    return _MARK in os.environ


def can_be_made() -> bool:
    """Whether this process may make one; root in many containers may not."""
    if os.geteuid() != 0 or not (
        shutil.which("unshare") and shutil.which("ip")
    ):
        return False
    attempt = subprocess.run(  # noqa: S603 - a fixed command
        [*_UNSHARE, "true"], check=False, capture_output=True
    )
    return attempt.returncode == 0


def run_inside(arguments: Sequence[str]) -> int:
    """Run this program again in a new namespace; return its exit code."""
    program = [sys.executable, "-m", "scaling", *arguments]
    return subprocess.run(  # noqa: S603 - our own program
        [*_UNSHARE, "sh", "-c", _SCRIPT, "sh", *program],
        check=False,
        env=os.environ | {_MARK: "1"},
    ).returncode


def udp_datagrams_received() -> int:
    """Return how many datagrams this namespace has received over UDP."""
    lines = Path("/proc/net/snmp").read_text("ascii").splitlines()
    names, counts = (line.split() for line in lines if line.startswith("Udp:"))
    return int(counts[names.index("InDatagrams")])
