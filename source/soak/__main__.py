"""Run the endurance proof: ``python -m soak`` in the folder `source`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from connector.main import __version__
from simulator.arguments import number, whole_number
from soak.report import Report, clock, write
from soak.run import Run
from soak.stations import MOST_STATIONS, make_stations
from soak.testbed import Testbed
from soak.timeline import SHORTEST_CYCLE_S, WARM_UP_S
from testbed import own_network
from testbed.machine import machine
from testbed.mosquitto import find_mosquitto

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORTEST_S = WARM_UP_S + SHORTEST_CYCLE_S

EXIT_BROKEN = 1
EXIT_WRONG_CALL = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return 1 if a promise was broken, else 0."""
    options = _read(arguments)
    if find_mosquitto() is None:
        print("There is no Mosquitto on this machine.", file=sys.stderr)
        return EXIT_WRONG_CALL
    own_network.enter("soak", sys.argv[1:])
    # `docker stop` and `timeout` should leave a report, too; and a shell in the
    # background has switched Ctrl-C off.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = _run(options, Path(folder))
    except OSError as error:
        print(f"The run cannot go on: {error}", file=sys.stderr)
        return EXIT_WRONG_CALL
    path = write(report, options.out)
    _tell_end(report, path)
    return EXIT_BROKEN if report.judge.broken or report.failure else 0


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--seconds", type=number(SHORTEST_S), default=3600.0)
    parser.add_argument(
        "--stations", type=whole_number(1, MOST_STATIONS), default=20
    )
    parser.add_argument(
        "--seed", type=int, default=SystemRandom().getrandbits(32)
    )
    parser.add_argument(
        "--failsafe",
        action="store_true",
        help="arm the stations' failsafe mode and restore their settings",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/soak"), metavar="FOLDER"
    )
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, folder: Path) -> Report:
    was_interrupted = False
    failure = ""
    stations = make_stations(options.stations)
    print(
        f"seed {options.seed}, {len(stations)} stations, "
        f"{clock(options.seconds)}; Ctrl-C ends early with a report",
        flush=True,
    )
    with Testbed(
        folder, stations, options.seed, is_armed=options.failsafe
    ) as testbed:
        run = Run(
            testbed,
            seconds=options.seconds,
            seed=options.seed,
            tell=lambda line: print(line, flush=True),
        )
        try:
            run.play()
        except KeyboardInterrupt:
            was_interrupted = True
        except BaseException as error:  # noqa: BLE001 - hours must not be lost
            traceback.print_exc()
            failure = f"{type(error).__name__}: {error}"
        lasted_s = run.elapsed_s
        # From here on Ctrl-C has nothing to shorten.
        with suppress(ValueError):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        run.close()
        return Report(
            machine=machine() | {"connector": __version__},
            date=time.strftime("%Y-%m-%d"),
            seed=options.seed,
            stations=len(stations),
            is_armed=options.failsafe,
            asked_s=options.seconds,
            lasted_s=lasted_s,
            was_interrupted=was_interrupted,
            is_alone=own_network.is_own(),
            began_at=run.began_at,
            faults=run.faults,
            failure=failure,
            judge=run.judge,
            samples=run.samples,
            from_unknown_senders=testbed.from_unknown_senders,
            lives=testbed.life,
        )


def _tell_end(report: Report, path: Path) -> None:
    for one in report.judge.invariants:
        print(f"{one.verdict:>10}  {one.name}: {one.measured()}")
    for breach in report.judge.breaches:
        print(
            f"{clock(breach.at - report.began_at)} {breach.invariant}: "
            f"{breach.evidence}",
            file=sys.stderr,
        )
    print(f"{report.judge.broken} broken promises; the report is in {path}")


if __name__ == "__main__":
    sys.exit(main())
