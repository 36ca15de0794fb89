"""A network of one's own, for programs that measure.

In it port 7090 belongs to nobody else, and nothing that is sent leaves it.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

_MARK = "HAS_OWN_NETWORK"
_SCRIPT = 'ip link set lo up && exec "$@"'
_UNSHARE = ("unshare", "--net")
_CLONE_NEWNET = 0x40000000


def is_own() -> bool:
    """Whether this process, or one that started it, has entered its own."""
    return _MARK in os.environ


def enter(module: str, arguments: Sequence[str]) -> None:
    """Run ``python -m`` anew in a new namespace, where root allows it."""
    if is_own() or not can_be_made():
        return
    program = [sys.executable, "-m", module, *arguments]
    command = [*_UNSHARE, "sh", "-c", _SCRIPT, "sh", *program]
    os.execvpe(command[0], command, os.environ | {_MARK: "1"})


def enter_with_this_thread() -> None:
    """Move this thread, and all that it starts, into a new namespace.

    Raises
    ------
    OSError
        If it may not.
    """
    # Python has os.unshare since 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "no network namespace can be made")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.environ[_MARK] = "1"


def run_as_its_root(command: Sequence[str]) -> None:
    """Run a command in a new namespace, as root of that alone.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        If there can be none, or if the command fails.
    """
    subprocess.run(
        [*_UNSHARE, "--map-root-user", "sh", "-c", _SCRIPT, "sh", *command],
        check=True,
        env=os.environ | {_MARK: "1"},
    )


def can_be_made() -> bool:
    """Tell whether this process may make one; many containers forbid it."""
    if os.geteuid() != 0 or not (
        shutil.which("unshare") and shutil.which("ip")
    ):
        return False
    attempt = subprocess.run(
        [*_UNSHARE, "true"], check=False, capture_output=True
    )
    return attempt.returncode == 0
