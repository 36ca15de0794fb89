"""Whether the connector does its work, shown to Docker through a file.

The sensor flow writes the file again and again; this module, run as a program,
looks whether it still does. The program imports nothing but the standard
library: it starts every few seconds, out of the container's own share of the
CPU.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

VARIABLE = "HEALTH_FILE"
"""Set by the image, not by users. Without it nothing is written."""

WRITE_INTERVAL_S = 1.0

STALE_AFTER_S = 15.0
"""At 0.1 CPU the first reports of many stations take a few seconds."""


class HealthFile:
    """Holds the moment at which all was well last; without a path, nothing.

    The clock tells seconds since any moment that all processes of the host
    agree on, and that nobody can set: the time of day jumps.
    """

    def __init__(
        self,
        path: Path | None,
        is_healthy: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._is_healthy = is_healthy
        self._clock = clock
        self._next_at = 0.0

    def write(self) -> None:
        """Write the moment down, at most once a second; never raises."""
        now = self._clock()
        if self._path is None or now < self._next_at:
            return
        self._next_at = now + WRITE_INTERVAL_S
        # Where nothing can be written the container counts as unhealthy,
        # but the stations are still served.
        if self._is_healthy():
            with contextlib.suppress(OSError):
                _replace(self._path, str(now))


def path_from(environ: Mapping[str, str]) -> Path | None:
    """Return the file that the image has chosen, None outside of it."""
    name = environ.get(VARIABLE)
    return Path(name) if name else None


def problem_of(path: Path | None, now: float) -> str | None:
    """Return what is wrong by the clock of `HealthFile`; None if nothing is."""
    if path is None:
        return f"{VARIABLE} is not set"
    try:
        age_s = now - float(path.read_text("ascii"))
    except (OSError, ValueError):
        return "not working yet: no station is listened to, or no broker"
    # In the future: the file of a host that has been restarted since.
    if not 0 <= age_s < STALE_AFTER_S:
        return f"last worked {age_s:.0f} s ago; the log tells why"
    return None


def main() -> int:
    """Look once; return the exit code that Docker wants to see."""
    problem = problem_of(path_from(os.environ), time.monotonic())
    sys.stdout.write(f"{problem or 'working'}\n")
    return 0 if problem is None else 1


def _replace(path: Path, text: str) -> None:
    """Write a file at once, so that nobody reads half of it."""
    new = path.with_suffix(".new")
    new.write_text(text, "ascii")
    new.replace(path)


if __name__ == "__main__":
    sys.exit(main())
