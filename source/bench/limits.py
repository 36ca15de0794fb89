"""As little as BEMCom's chart gives a container: 0.1 CPU and 128 MiB.

Control groups of Linux do that, version 2 or 1, for who is root. A container
seldom may make any.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PERIOD_US = 100_000
QUOTA_US = 10_000
MEMORY_BYTES = 128 * 2**20

ROOT = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


class NoLimitsError(OSError):
    """A process cannot be limited on this machine."""

    def __init__(self, cause: object) -> None:
        super().__init__(
            f"no limits of CPU and memory can be set here: {cause}. They need "
            "root, and control groups that can be written; most containers "
            "have none."
        )


class Limits:
    """The groups, for the time of a `with` block.

    All of their processes must have ended before the block does.
    """

    def __init__(self) -> None:
        self._folders: list[Path] = []
        self._stack = ExitStack()

    @property
    def command(self) -> list[str]:
        """What a command must begin with to run in the groups."""
        enter = [f"echo $$ >{folder}/cgroup.procs" for folder in self._folders]
        return ["sh", "-c", " && ".join([*enter, 'exec "$@"']), "sh"]

    def __enter__(self) -> Self:
        try:
            for folder, limits in _groups(f"keba-bench-{os.getpid()}"):
                folder.mkdir()
                self._stack.callback(folder.rmdir)
                self._folders.append(folder)
                for name, limit in limits.items():
                    (folder / name).write_text(limit)
        except OSError as error:
            self._stack.close()
            raise NoLimitsError(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _groups(name: str) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Yield the folders to make, each with what is to be written there."""
    if (ROOT / "cgroup.controllers").exists():
        yield (
            ROOT / name,
            {
                "cpu.max": f"{QUOTA_US} {PERIOD_US}",
                "memory.max": str(MEMORY_BYTES),
            },
        )
        return
    limits = {
        "cpu": {
            "cpu.cfs_period_us": str(PERIOD_US),
            "cpu.cfs_quota_us": str(QUOTA_US),
        },
        "memory": {"memory.limit_in_bytes": str(MEMORY_BYTES)},
    }
    own = _own_groups()
    for controller, values in limits.items():
        if controller not in own:
            raise OSError(f"there is no controller {controller}")
        # Below our own one, whose limits go on to hold.
        yield ROOT / controller / own[controller].lstrip("/") / name, values


def _own_groups() -> dict[str, str]:
    """Return the group of this process by controller, in version 1."""
    own: dict[str, str] = {}
    for line in OWN_GROUPS.read_text("utf-8").splitlines():
        _, controllers, group = line.split(":", 2)
        own |= dict.fromkeys(controllers.split(","), group)
    return own
