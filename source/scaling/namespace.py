"""A network of one's own, so that nobody else's port 7090 is in the way."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

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


def run_inside(arguments: Sequence[str]) -> NoReturn:
    """Become this program anew in a new namespace."""
    program = [sys.executable, "-m", "scaling", *arguments]
    command = [*_UNSHARE, "sh", "-c", _SCRIPT, "sh", *program]
    os.execvpe(command[0], command, os.environ | {_MARK: "1"})  # noqa: S606


def udp_datagrams_received() -> int:
    """Return how many datagrams this namespace has received over UDP."""
    lines = Path("/proc/net/snmp").read_text("ascii").splitlines()
    names, counts = (line.split() for line in lines if line.startswith("Udp:"))
    return int(counts[names.index("InDatagrams")])
