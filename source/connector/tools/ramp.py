"""`ramp`: a commissioning test of one station with its vehicle."""

import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Annotated

import typer

from connector.bemcom.actuators import command_from_value
from connector.diagnosis.site import SiteFacts
from connector.keba.io.gateway import Gateway, GatewayError
from connector.keba.protocol.commands import (
    InvalidCommandError,
)
from connector.keba.protocol.fields import CURRENT_MAX_MA, POLLED_REPORTS
from connector.settings import Station
from connector.tools import terminal
from connector.tools.figures import now_ms
from connector.tools.problems import EXIT_FINDINGS, Problem, UsageProblem
from connector.tools.ramp_course import (
    Ramp,
    Result,
)
from connector.tools.ramp_record import record_of, sheet_of
from connector.tools.stations import follow, open_gateway
from connector.tools.terminal import Tell
from connector.tools.tool_settings import (
    StationName,
    ToolSettings,
    chosen_stations,
    require_commands_allowed,
    tool_settings,
)

TICK_S = 0.2
"""So soon a signal is noticed."""

DEFAULT_STEPS = "6,10,16"

SIGNALS = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "SIGTERM",
    signal.SIGHUP: "SIGHUP",
}


def read_steps(text: str, station: Station) -> list[int]:
    """Read limits in A that the station may be given; return them in mA."""
    try:
        steps = [round(1000 * float(part)) for part in text.split(",")]
    except (ValueError, OverflowError):
        raise UsageProblem(
            f"--steps {text}: write limits in A with commas between them, "
            f"for instance --steps {DEFAULT_STEPS}"
        ) from None
    for step in steps:
        try:
            command_from_value("curr", step, station.max_curr)
        except InvalidCommandError as error:
            raise Problem(
                f"refused: --steps {text}: {error}",
                "A step is 6 to 63 A, and no more than max_curr.",
                "invalid",
            ) from None
    return steps


@contextmanager
def end_signals() -> Iterator[Callable[[], str]]:
    """Turn the signals that end a program into a reason to end well.

    A second one changes nothing: setting back is under way, and ends soon.
    """
    came: list[str] = []
    with ExitStack() as kept:
        for number, word in SIGNALS.items():
            before = signal.signal(
                number, lambda *_, word=word: came.append(word)
            )
            kept.callback(signal.signal, number, before)
        yield lambda: came[0] if came else ""


# --- the command --------------------------------------------------------------


def command(
    station: StationName,
    steps: Annotated[
        str,
        typer.Option(help="Limits in A, with commas between them."),
    ] = DEFAULT_STEPS,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Do it; without this it says what it would do."
        ),
    ] = False,
    as_json: terminal.AsJson = False,
) -> None:
    """Test a station with its vehicle: step the limit, stop, set back.

    For each step it waits until the station offers the current and the
    vehicle has followed, and compares both on each phase. Ctrl-C ends it at
    any time; what was set before is set back. The record goes to standard
    output, to be filed. Needs port 7090: stop the connector meanwhile.

    Example: `keba ramp garage --yes`, `keba ramp garage --steps 6,13.5`
    """
    settings = tool_settings()
    [(name, target)] = chosen_stations(settings, [station]).items()
    currents = read_steps(steps, target)
    tell = terminal.line_printer(terminal.console(stderr=True))
    amperes = ", ".join(f"{current / 1000:g}" for current in currents)
    place = terminal.place_in_words(name, target.host)
    tell(
        f"{place}: limit to {amperes} A in turn, compare what is offered with "
        "what the vehicle draws, stop, set back what was set before; "
        f"takes {math.ceil(len(currents) / 2)} to "
        f"{len(currents) * 2} minutes"
    )
    require_commands_allowed(settings)
    if not yes:
        raise UsageProblem("nothing was done: say --yes to do it")
    # It imports the whole connector.
    from connector.main import __version__

    began_ms = now_ms()
    what = "testing; Ctrl-C ends it and sets back"
    with terminal.working(what, tell) as tell_meanwhile:
        ramp = _test(settings, name, target, currents, tell_meanwhile)
    record = record_of(
        ramp, host=target.host, version=__version__, began_ms=began_ms
    )
    if as_json:
        terminal.print_json(record)
    else:
        sys.stdout.write(sheet_of(record, ramp))
    if ramp.result is not Result.PASSED:
        raise typer.Exit(EXIT_FINDINGS)


def _test(
    settings: ToolSettings,
    name: str,
    target: Station,
    steps: list[int],
    tell: Tell,
) -> Ramp:
    """Go through the test; whatever happens, set back what was before."""
    site = SiteFacts()
    highest = target.max_curr or CURRENT_MAX_MA
    ramp = Ramp(site.station(name), steps, highest)
    with (
        end_signals() as end_wanted,
        open_gateway(settings, {name: target}, polls=POLLED_REPORTS) as gateway,
    ):
        drive = partial(_drive, ramp, site, gateway, end_wanted)
        try:
            drive(tell)
        except BaseException as error:
            ramp.cancel(f"this program has failed: {error!r}")
            with suppress(GatewayError):
                # Without a word: it may be the terminal that is gone.
                drive(lambda _: None)
            is_done = ramp.is_over and not ramp.left
            left = ramp.left or ramp.activity
            error.add_note(
                f"{name} was set back" if is_done else f"NOT SET BACK: {left}"
            )
            raise
    if ramp.refusal is not None:
        raise ramp.refusal
    return ramp


def _drive(
    ramp: Ramp,
    site: SiteFacts,
    gateway: Gateway,
    end_wanted: Callable[[], str],
    tell: Tell,
) -> None:
    """Take the course to the station, and what happens there to the course."""
    name, told = ramp.facts.station, ""
    while not ramp.is_over:
        if reason := end_wanted():
            ramp.cancel(reason)
        commands = ramp.advance(time.monotonic())
        for command in commands:
            gateway.submit(name, command)
        if ramp.activity != told:
            told = ramp.activity
            tell(told)
        for command in commands:
            tell(f">> {command}")
        for event in follow(gateway, site, time.monotonic() + TICK_S):
            ramp.note(event)
