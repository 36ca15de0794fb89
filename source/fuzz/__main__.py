"""A million mutated captures and MQTT messages, on demand.

``python -m fuzz`` in the folder `source`, or ``make fuzz``. What
breaks a promise is kept in the folder `regressions`, whose files are tests
from then on. The same seed gives the same inputs.
"""

import argparse
import hashlib
import itertools
import logging
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from random import Random, SystemRandom

from rich.console import Console
from rich.progress import track

from fuzz.targets import TARGETS
from testbed.mutations import mutant

REGRESSIONS = Path(__file__).parent / "regressions"

CRASHES_ENOUGH = 20


def keep(target: str, data: bytes) -> Path:
    """Write an input down as a test."""
    REGRESSIONS.mkdir(exist_ok=True)
    digest = hashlib.sha256(data).hexdigest()[:12]
    path = REGRESSIONS / f"{target}-{digest}.bin"
    path.write_bytes(data)
    return path


def fuzz(count: int, seconds: float, seed: int, console: Console) -> int:
    """Try inputs until there were enough of them, or of crashes.

    Returns
    -------
    int
        How many inputs broke a promise.
    """
    chance = Random(seed)
    targets = itertools.cycle(TARGETS)
    until = time.monotonic() + seconds
    crashes = 0
    for _ in track(range(count), f"seed {seed}", console=console):
        target = next(targets)
        crashes += not survives(target, mutant(target, chance), console)
        if crashes >= CRASHES_ENOUGH or time.monotonic() > until:
            break
    return crashes


def survives(target: str, data: bytes, console: Console) -> bool:
    """Try an input; keep it if it breaks a promise."""
    try:
        TARGETS[target](data)
    except Exception:  # noqa: BLE001 - that is what we are looking for
        console.print(f"{keep(target, data).name}: {traceback.format_exc(-2)}")
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; return 1 if a promise was broken, else 0."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument(
        "--seed", type=int, default=SystemRandom().getrandbits(32)
    )
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    crashes = fuzz(options.count, options.seconds, options.seed, Console())
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
