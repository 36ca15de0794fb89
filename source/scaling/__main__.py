"""How much load a campus is, by calculation and by a scaled run.

python -m scaling plan --stations 800 --connectors 2 --selection minimal
python -m scaling run --connectors 4 --stations 125
python -m scaling document
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

from end_to_end import own_network
from pyconnector_template.tests.mosquitto import find_mosquitto
from scaling import document, plan
from scaling.campus import COSTS, Campus
from scaling.selections import ALL, MINIMAL, SELECTIONS, Selection

WRITERS_COMPARED = (1, 4, 8)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command says; return an exit code.

    Returns
    -------
    int
        0, or 1 if a run cannot be measured, or 2 if an argument is wrong.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(words)
    try:
        if options.command == "run":
            return _run(options, words)
        if options.command == "plan":
            print(plan.text(_campus(options), options.writers))
        else:
            document.update()
    except ValueError as mistake:
        print(f"scaling: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 1
    return 0


def _campus(options: argparse.Namespace) -> Campus:
    return Campus(
        stations=options.stations,
        connectors=options.connectors,
        poll_interval_s=options.interval,
        selection=options.selection,
        charging_share=options.charging,
        publish_unchanged_every=options.publish_unchanged_every,
    )


def _run(options: argparse.Namespace, words: Sequence[str]) -> int:
    missing = _missing()
    if missing is not None:
        print(f"scaling: {missing}", file=sys.stderr)
        return 1
    own_network.enter("scaling", words)
    # Only a run needs psutil.
    from scaling.report import Task, run_all
    from scaling.run import RunError

    task = Task(
        campuses=_campuses_to_run(options),
        rounds=options.rounds,
        writers=WRITERS_COMPARED,
        costs=replace(COSTS, api_queue=options.queue),
    )
    try:
        measured = run_all(task)
    except (RunError, OSError) as failure:
        print(f"scaling: {failure}", file=sys.stderr)
        return 1
    print(measured)
    if options.write:
        document.update(measured)
    return 0


def _missing() -> str | None:
    if find_mosquitto() is None:
        return "Mosquitto is not installed"
    if find_spec("psutil") is None:
        return "psutil is missing: install source/requirements-bench.txt"
    return None


def _campuses_to_run(options: argparse.Namespace) -> list[Campus]:
    charging = round(options.charging * options.stations)
    return [
        Campus(
            stations=options.stations * options.connectors,
            connectors=options.connectors,
            poll_interval_s=options.interval,
            selection=selection,
            charging_share=charging / options.stations,
            publish_unchanged_every=every,
        )
        for selection in options.selection
        for every in options.publish_unchanged_every
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scaling",
        description="How many stations a broker and BEMCom's API bear.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    planning = commands.add_parser("plan", help="the sums for a campus")
    planning.add_argument("--stations", type=int, default=10_000)
    planning.add_argument("--connectors", type=int, default=20)
    planning.add_argument(
        "--selection", type=_selection, default=MINIMAL, help=_names()
    )
    planning.add_argument(
        "--writers", type=int, default=1, help="N_MTD_WRITE_THREADS of the API"
    )
    _add_common(planning, interval_s=30)
    planning.add_argument(
        "--publish-unchanged-every", type=int, default=1, metavar="N"
    )
    running = commands.add_parser("run", help="a small campus, measured")
    running.add_argument("--connectors", type=int, default=4)
    running.add_argument(
        "--stations", type=int, default=125, help="of each connector"
    )
    running.add_argument(
        "--selection",
        type=_selection,
        nargs="+",
        default=(ALL, MINIMAL),
        help=f"one run for each: {_names()}",
    )
    running.add_argument(
        "--rounds",
        type=int,
        default=2,
        help="rounds of polls to measure, at least",
    )
    running.add_argument(
        "--queue",
        type=int,
        default=5_000,
        help="messages that wait in the API; the real one takes "
        f"{COSTS.api_queue}",
    )
    running.add_argument(
        "--write", action="store_true", help="put it into docs/scaling.md"
    )
    _add_common(running, interval_s=10)
    running.add_argument(
        "--publish-unchanged-every",
        type=int,
        nargs="+",
        default=[1],
        metavar="N",
        help="one run for each",
    )
    commands.add_parser(
        "document", help="make the calculated part of docs/scaling.md anew"
    )
    return parser


def _add_common(parser: argparse.ArgumentParser, interval_s: float) -> None:
    parser.add_argument(
        "--interval",
        type=float,
        default=interval_s,
        help=f"POLL_SECONDS, usually {interval_s:g}",
    )
    parser.add_argument(
        "--charging",
        type=float,
        default=0.3,
        help="share of the stations that charge, usually 0.3",
    )


def _names() -> str:
    return ", ".join(repr(name) for name in SELECTIONS)


def _selection(name: str) -> Selection:
    try:
        return SELECTIONS[name]
    except KeyError:
        raise argparse.ArgumentTypeError(
            f"{name!r} is none of {_names()}"
        ) from None


if __name__ == "__main__":
    # So that `with` blocks end all processes when this is ended from outside.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
