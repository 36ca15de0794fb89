"""Run the endurance proof: ``python -m soak`` in the folder `source`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from connector.main import __version__
from simulator.arguments import number, whole_number
from soak.report import clock, markdown
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

REPORT = Path("build/soak/soak.md")

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
            return _run(options, Path(folder))
    except OSError as error:
        print(f"The run cannot go on: {error}", file=sys.stderr)
        return EXIT_WRONG_CALL


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
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, folder: Path) -> int:
    stations = make_stations(options.stations)
    _tell(
        f"seed {options.seed}, {len(stations)} stations, "
        f"{clock(options.seconds)}; Ctrl-C ends early with a report"
    )
    with Testbed(
        folder, stations, options.seed, is_armed=options.failsafe
    ) as testbed:
        run = Run(
            testbed, seconds=options.seconds, seed=options.seed, tell=_tell
        )
        ending = failure = ""
        try:
            run.play()
        except KeyboardInterrupt:
            ending = f"ended early: {clock(options.seconds)} had been asked for"
        except BaseException as error:  # noqa: BLE001 - hours must not be lost
            traceback.print_exc()
            failure = f"{type(error).__name__}: {error}"
            ending = f"ended by a failure of the run itself: {failure}"
        lasted_s = run.elapsed_s
        # From here on Ctrl-C has nothing to shorten.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        run.close()
        text = markdown(
            options,
            run,
            testbed,
            machine=machine() | {"connector": __version__},
            lasted_s=lasted_s,
            ending=ending,
        )
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, "utf-8")
    for one in run.judge.invariants:
        _tell(f"{one.verdict:>10}  {one.name}: {one.measured()}")
    for breach in run.judge.breaches:
        at = clock(breach.at - run.began_at)
        print(f"{at} {breach.invariant}: {breach.evidence}", file=sys.stderr)
    _tell(f"{run.judge.broken} broken promises; the report is in {REPORT}")
    return EXIT_BROKEN if run.judge.broken or failure else 0


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
