"""Run simulated stations in a terminal.

    python -m simulator --station garage=127.0.0.2 --scenario commuter

Each line of the log has a direction: `<<` is what a station was told, `>>`
what it sent, `--` what happened to it, `!!` a pause that was broken. Lines that
are typed let something happen, see ``typed_lines``.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import logging
import math
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simulator import __version__
from simulator.arguments import (
    LARGEST_SPEED,
    SMALLEST_SPEED,
    address,
    fleet,
    number,
    port,
)
from simulator.control import LOOK_S, control
from simulator.faults import Burst, LinkFaults
from simulator.fleet import Simulator
from simulator.profiles import PROFILES, find_profile
from simulator.replay import read_recording
from simulator.scenario import SCENARIOS, Scenario, find_scenario
from simulator.scenario_file import load_scenario
from simulator.tell import NOT_DONE
from simulator.typed_lines import HELP, help_lines, read_line
from simulator.wire import KEBA_PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

logger = logging.getLogger("simulator")


class Place(NamedTuple):
    """A station's name and address, and what is not as for the others."""

    name: str
    address: str
    profile: str | None = None
    scenario: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run stations until the time is over or a signal comes.

    The exit code is 1 if a pause was broken in strict mode or the stations
    could not be run, and 2 if an argument is wrong.
    """
    options = _read_options(arguments)
    try:
        with (
            _log_on_stdout(options.level),
            _signals() as is_over,
            _make(options) as simulator,
            control(
                lambda line: _obey(line, simulator),
                lambda answer: _tell_typist(answer, simulator),
                options.control,
            ),
        ):
            _introduce(options)
            _tell(
                "listening; end with Ctrl-C; type `help` to let things happen"
            )
            ends_at = time.monotonic() + options.seconds
            # In short spans, so that a signal and a dead thread are noticed.
            while simulator.failure is None and time.monotonic() < ends_at:
                if is_over.wait(LOOK_S):
                    break
            violations = len(simulator.violations)
            heard = len(simulator.requests)
    except (OSError, ValueError) as mistake:
        text = getattr(mistake, "strerror", None) or str(mistake)
        if file := getattr(mistake, "filename", None):
            text = f"{file}: {text}"
        sys.stderr.write(f"simulator: {text}\n")
        return 1
    _tell(f"{heard} datagrams heard")
    if options.strict:
        _tell(f"{violations} pauses broken")
    return 1 if options.strict and violations else 0


@contextlib.contextmanager
def _log_on_stdout(level: int) -> Iterator[None]:
    handler = logging.StreamHandler(sys.stdout)
    line = "%(asctime)s.%(msecs)03d %(message)s"
    handler.setFormatter(logging.Formatter(line, datefmt="%H:%M:%S"))
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


@contextlib.contextmanager
def _signals() -> Iterator[threading.Event]:
    """Turn the signals that end a program into an event."""
    is_over = threading.Event()
    handlers: dict[signal.Signals, Callable[..., object] | signal.Handlers] = {
        signal.SIGINT: lambda *_: is_over.set(),
        signal.SIGTERM: lambda *_: is_over.set(),
        # In the background reading what is typed fails; it ends nothing.
        signal.SIGTTIN: signal.SIG_IGN,
    }
    with contextlib.ExitStack() as stack:
        for number, handler in handlers.items():
            kept = signal.signal(number, handler)
            stack.callback(signal.signal, number, kept)
        yield is_over


def _obey(line: str, simulator: Simulator) -> str:
    """Do what somebody has typed; return what became of it."""
    if line == HELP:
        return "\n".join(help_lines(list(simulator.stations)))
    try:
        order = read_line(line, list(simulator.stations))
        simulator.act(order.station, order.action)
    except ValueError as mistake:
        return f"{NOT_DONE}{mistake}"
    except TimeoutError:
        return f"{NOT_DONE}the stations have too much to do"
    return f"{order.station}: {order.action}"


def _tell_typist(answer: str, simulator: Simulator) -> None:
    """Show what the log does not show anyway."""
    is_done = answer.partition(": ")[0] in simulator.stations
    if not is_done or not logger.isEnabledFor(logging.INFO):
        _tell(answer)


def _introduce(options: argparse.Namespace) -> None:
    """Log what each station is; a fleet has too many to name."""
    for place in options.station:
        if options.replay:
            life = f"answers as in {options.replay}"
        else:
            plot = place.scenario or options.scenario_file or options.scenario
            life = f"{place.profile or options.profile}, {plot}"
        logger.info(
            "%s -- %s:%d, %s", place.name, place.address, options.port, life
        )


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _make(options: argparse.Namespace) -> Simulator:
    scenario: Scenario | str = options.scenario
    if options.scenario_file:
        scenario = load_scenario(options.scenario_file)
    places: list[Place] = options.places
    others = {}
    if options.replay:
        recording = read_recording(options.replay)
        others = {
            place.name: recording.station(place.name, port=options.port)
            for place in places
        }
    return Simulator(
        {place.name: place.address for place in places},
        profile={
            place.name: place.profile or options.profile for place in places
        },
        scenario={place.name: place.scenario or scenario for place in places},
        speed=options.speed,
        seed=options.seed,
        faults=options.faults,
        strict=options.strict,
        port=options.port,
        broadcast=options.broadcast,
        others=others,
    )


def _faults(options: argparse.Namespace) -> LinkFaults:
    """Return what is wrong with the network; raise ValueError if it cannot."""
    return LinkFaults(
        loss=options.loss,
        duplication=options.duplication,
        corruption=options.corruption,
        reordering=options.reordering,
        delay_s=tuple(options.delay),
        burst=Burst(*options.burst) if options.burst else None,
        outages=tuple(map(tuple, options.outage)),
    )


def _places(options: argparse.Namespace) -> list[Place]:
    """Return all stations; raise ValueError if they cannot be."""
    addresses = itertools.chain.from_iterable(options.fleet)
    places = [
        *options.station,
        *(
            Place(f"station-{nth:04d}", own_address)
            for nth, own_address in enumerate(addresses, 1)
        ),
    ]
    if not places:
        raise ValueError("no station: try --station garage=127.0.0.2")
    for place in options.station:
        find_profile(place.profile or options.profile)
        find_scenario(place.scenario or options.scenario, seed="")
    _refuse_doubles("name", [place.name for place in places])
    heard_at = [place.address for place in places]
    if options.broadcast:
        heard_at.append(options.broadcast)
    _refuse_doubles("address", heard_at)
    return places


def _refuse_doubles(what: str, values: list[str]) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            raise ValueError(
                f"{what} {value} is given {count} times: "
                f"each station needs its own {what}"
            )


def _read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Simulated KEBA charging stations.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--version", action="version", version=f"simulator {__version__}")
    add(
        "--station",
        action="append",
        default=[],
        type=_station,
        metavar="NAME=ADDRESS[,PROFILE[,SCENARIO]]",
        help="a station and the address it listens on; may be repeated",
    )
    add(
        "--fleet",
        action="append",
        default=[],
        type=fleet,
        metavar="COUNT@ADDRESS",
        help="so many stations on this address and those that follow; "
        "may be repeated",
    )
    add("--profile", default="p30-c", choices=PROFILES, metavar="PROFILE")
    add("--scenario", default="idle", choices=SCENARIOS, metavar="SCENARIO")
    add("--scenario-file", type=Path, metavar="FILE", help="TOML or JSON")
    add(
        "--replay",
        type=Path,
        metavar="FILE",
        help="answer as recorded, instead of simulating",
    )
    add(
        "--speed",
        default=1.0,
        type=number(SMALLEST_SPEED, LARGEST_SPEED),
        help="inside time per real time. It shortens all that clients rely "
        "on as well: at 60 a failsafe of 60 s trips after 1 s",
    )
    add("--seed", default=1, type=int)
    add(
        "--seconds",
        default=math.inf,
        type=number(0.0),
        help="end after so long",
    )
    add(
        "--strict",
        action="store_true",
        help="look for broken pauses; exit code 1 if there are any",
    )
    add(
        "--quiet",
        dest="level",
        action="store_const",
        const=logging.WARNING,
        default=logging.INFO,
        help="log broken pauses only",
    )
    add("--port", default=KEBA_PORT, type=port)
    add(
        "--broadcast",
        type=address,
        metavar="ADDRESS",
        help="hear broadcasts there",
    )
    add(
        "--control",
        type=Path,
        metavar="PATH",
        help="a Unix socket that takes what may also be typed, such as "
        "`plug garage`; see python -m simulator.tell",
    )
    _add_faults(parser.add_argument_group("network faults, in both directions"))
    options = parser.parse_args(arguments)
    try:
        options.places = _places(options)
        options.faults = _faults(options)
    except ValueError as mistake:
        parser.error(str(mistake))
    return options


def _add_faults(network: argparse._ArgumentGroup) -> None:
    for fault in ("loss", "duplication", "corruption", "reordering"):
        network.add_argument(
            f"--{fault}",
            default=0.0,
            type=number(0.0, 1.0),
            metavar="PROBABILITY",
        )
    network.add_argument(
        "--delay",
        nargs=2,
        default=(0.0, 0.0),
        type=number(0.0),
        metavar=("LEAST", "MOST"),
        help="seconds",
    )
    network.add_argument(
        "--burst",
        nargs=2,
        type=number(0.0),
        metavar=("PROBABILITY", "SECONDS"),
        help="losses that come together",
    )
    network.add_argument(
        "--outage",
        action="append",
        nargs=2,
        default=[],
        type=number(0.0),
        metavar=("BEGIN", "END"),
        help="nothing passes between these seconds since the start; "
        "may be repeated",
    )


def _epilog() -> str:
    profiles = "\n".join(
        f"  {profile.name:22} {profile.about}" for profile in PROFILES.values()
    )
    return f"profiles:\n{profiles}\n\nscenarios: {', '.join(SCENARIOS)}"


def _station(text: str) -> Place:
    name, _, rest = text.partition("=")
    own_address, *more = rest.split(",")
    if not name or not rest or len(more) > 2:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not NAME=ADDRESS[,PROFILE[,SCENARIO]]"
        )
    return Place(name, address(own_address), *more)


if __name__ == "__main__":
    sys.exit(main())
