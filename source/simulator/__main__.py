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
from simulator.control import Control
from simulator.faults import Burst, LinkFaults
from simulator.fleet import Simulator, find_profile, find_scenario
from simulator.profiles import PROFILES
from simulator.replay import read_recording
from simulator.scenario import SCENARIOS
from simulator.scenario_file import load_scenario
from simulator.tell import NOT_DONE
from simulator.typed_lines import HELP, help_lines, read_line
from simulator.wire import KEBA_PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simulator.profiles import Profile
    from simulator.scenario import Scenario

logger = logging.getLogger("simulator")

LOOK_S = 0.1


class Place(NamedTuple):
    """A station's name and address, and what is not as for the others."""

    name: str
    address: str
    profile: str | None = None
    scenario: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run stations until the time is over or a signal comes.

    Returns
    -------
    int
        The exit code: 0, or 1 if a pause was broken in strict mode or the
        stations could not be run, or 2 if an argument is wrong.
    """
    options = _read_options(arguments)
    try:
        with (
            _log_on_stdout(options.level),
            _signals() as is_over,
            _make(options) as simulator,
            Control(
                lambda line: _obey(line, simulator),
                lambda answer: _tell_typist(answer, simulator, options.level),
                options.control,
            ) as control,
        ):
            _introduce(options)
            _tell(
                "listening; end with Ctrl-C; type `help` to let things happen"
            )
            _wait(simulator, control, is_over, options.seconds)
            violations = len(simulator.violations)
            heard = len(simulator.requests)
    except (OSError, ValueError) as mistake:
        text = getattr(mistake, "strerror", None) or str(mistake)
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
    handlers: dict[str, Callable[..., object] | signal.Handlers] = {
        "SIGINT": lambda *_: is_over.set(),
        "SIGTERM": lambda *_: is_over.set(),
        # In the background reading what is typed fails; it ends nothing.
        "SIGTTIN": signal.SIG_IGN,
    }
    kept = {
        name: signal.signal(getattr(signal, name), handler)
        for name, handler in handlers.items()
        if hasattr(signal, name)
    }
    try:
        yield is_over
    finally:
        for name, handler in kept.items():
            signal.signal(getattr(signal, name), handler)


def _obey(line: str, simulator: Simulator) -> str:
    """Do what somebody has typed; return what became of it."""
    stations = simulator.names
    if line == HELP:
        return "\n".join(help_lines(stations))
    try:
        order = read_line(line, stations)
        simulator.act(order.station, order.action)
    except ValueError as mistake:
        return f"{NOT_DONE}{mistake}"
    return f"{order.station}: {order.action}"


def _tell_typist(answer: str, simulator: Simulator, level: int) -> None:
    """Show what the log does not show anyway."""
    is_done = answer.partition(": ")[0] in simulator.names
    if level > logging.INFO or not is_done:
        _tell(answer)


def _wait(
    simulator: Simulator,
    control: Control,
    is_over: threading.Event,
    seconds: float | None,
) -> None:
    ends_at = math.inf if seconds is None else time.monotonic() + seconds
    while simulator.failure is None and not is_over.is_set():
        left_s = ends_at - time.monotonic()
        if left_s <= 0:
            return
        # In short spans, so that a signal and a dead thread are noticed.
        control.wait(min(LOOK_S, left_s))


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
    profiles: dict[str, Profile | str] = {}
    scenarios: dict[str, Scenario | str] = {}
    for place in options.places:
        profiles[place.name] = place.profile or options.profile
        scenarios[place.name] = place.scenario or scenario
    recording = read_recording(options.replay) if options.replay else None
    return Simulator(
        {place.name: place.address for place in options.places},
        profile=profiles,
        scenario=scenarios,
        speed=options.speed,
        seed=options.seed,
        faults=options.faults,
        strict=options.strict,
        port=options.port,
        broadcast=options.broadcast,
        others={
            name: recording.station(name, port=options.port)
            for name in profiles
        }
        if recording
        else None,
    )


def _faults(options: argparse.Namespace) -> LinkFaults:
    """Return what is wrong with the network.

    Raises
    ------
    ValueError
        If that is impossible.
    """
    burst = None
    if options.burst:
        burst = Burst(probability=options.burst[0], seconds=options.burst[1])
    return LinkFaults(
        loss=options.loss,
        duplication=options.duplication,
        corruption=options.corruption,
        reordering=options.reordering,
        delay_s=tuple(options.delay),
        burst=burst,
        outages=tuple(map(tuple, options.outage)),
    )


def _places(options: argparse.Namespace) -> list[Place]:
    """Return all stations.

    Raises
    ------
    ValueError
        If there is none, or two have the same name or address.
    """
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
    parser.add_argument(
        "--version", action="version", version=f"simulator {__version__}"
    )
    parser.add_argument(
        "--station",
        action="append",
        default=[],
        type=_station,
        metavar="NAME=ADDRESS[,PROFILE[,SCENARIO]]",
        help="a station and the address it listens on; may be repeated",
    )
    parser.add_argument(
        "--fleet",
        action="append",
        default=[],
        type=fleet,
        metavar="COUNT@ADDRESS",
        help="so many stations on this address and those that follow; "
        "may be repeated",
    )
    parser.add_argument("--profile", default="p30-c", type=_profile_name)
    parser.add_argument("--scenario", default="idle", type=_scenario_name)
    parser.add_argument(
        "--scenario-file", type=Path, metavar="FILE", help="TOML or JSON"
    )
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FILE",
        help="answer as recorded, instead of simulating",
    )
    parser.add_argument(
        "--speed",
        default=1.0,
        type=number(SMALLEST_SPEED, LARGEST_SPEED),
        help="inside time per real time. It shortens all that clients rely "
        "on as well: at 60 a failsafe of 60 s trips after 1 s",
    )
    parser.add_argument("--seed", default=1, type=int)
    parser.add_argument("--seconds", type=number(0.0), help="end after so long")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="look for broken pauses; exit code 1 if there are any",
    )
    parser.add_argument(
        "--quiet",
        dest="level",
        action="store_const",
        const=logging.WARNING,
        default=logging.INFO,
        help="log broken pauses only",
    )
    parser.add_argument(
        "--verbose",
        dest="level",
        action="store_const",
        const=logging.DEBUG,
        help="log reports in full, and each status message of energy",
    )
    parser.add_argument("--port", default=KEBA_PORT, type=port)
    parser.add_argument(
        "--broadcast",
        type=address,
        metavar="ADDRESS",
        help="hear broadcasts there",
    )
    parser.add_argument(
        "--control",
        type=Path,
        metavar="PATH",
        help="a Unix socket that takes what may also be typed, such as "
        "`plug garage`; see python -m simulator.tell",
    )
    network = parser.add_argument_group("network faults, in both directions")
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
    options = parser.parse_args(arguments)
    try:
        options.places = _places(options)
        options.faults = _faults(options)
    except ValueError as mistake:
        parser.error(str(mistake))
    return options


def _epilog() -> str:
    profiles = "\n".join(
        f"  {profile.name:22} {profile.about}" for profile in PROFILES.values()
    )
    return f"profiles:\n{profiles}\n\nscenarios: {', '.join(SCENARIOS)}"


def _station(text: str) -> Place:
    name, found, rest = text.partition("=")
    parts = rest.split(",")
    if not name or not found or len(parts) > 3:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not NAME=ADDRESS[,PROFILE[,SCENARIO]]"
        )
    own_address = address(parts[0])
    profile = _profile_name(parts[1]) if len(parts) > 1 else None
    scenario = _scenario_name(parts[2]) if len(parts) > 2 else None
    return Place(name, own_address, profile, scenario)


def _profile_name(name: str) -> str:
    try:
        return find_profile(name).name
    except ValueError as mistake:
        raise argparse.ArgumentTypeError(str(mistake)) from mistake


def _scenario_name(name: str) -> str:
    try:
        find_scenario(name, seed="")
    except ValueError as mistake:
        raise argparse.ArgumentTypeError(str(mistake)) from mistake
    return name


if __name__ == "__main__":
    sys.exit(main())
