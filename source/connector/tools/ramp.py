"""`ramp`: a commissioning test of one station with its vehicle."""

import contextlib
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from connector.bemcom.actuators import command_from_value
from connector.diagnosis.causes import Code
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.findings import Finding, station_findings
from connector.diagnosis.site import SiteFacts
from connector.keba.io.gateway import Gateway, GatewayError
from connector.keba.protocol.commands import InvalidCommandError
from connector.keba.protocol.fields import CURRENT_MAX_MA, POLLED_REPORTS
from connector.settings import Station
from connector.tools import terminal
from connector.tools.figures import now_ms
from connector.tools.problems import EXIT_FINDINGS, Problem, UsageProblem
from connector.tools.ramp_course import (
    Ramp,
    Result,
    can_be_set_back,
    is_known,
    obstacle,
)
from connector.tools.ramp_record import WIDTH, record_of, view_of
from connector.tools.stations import PATIENCE_S, learn, open_gateway
from connector.tools.terminal import AsJson, Tell, line_printer, working
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

IsWanted = Callable[[], str]


def read_steps(text: str, station: Station) -> list[int]:
    """Read limits in A; return them in mA.

    Raises
    ------
    UsageProblem
        If that is no list of numbers.
    Problem
        If the station must not be given one of them.
    """
    try:
        amperes = [float(part) for part in text.split(",")]
        steps = [round(1000 * ampere) for ampere in amperes]
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


def check(facts: StationFacts, steps: list[int]) -> None:
    """Refuse a station that cannot be tested now.

    Raises
    ------
    Problem
        With the cause, and what to do; nothing was sent yet.
    """
    finding = obstacle(facts) or _spoiler(facts)
    if finding is not None:
        raise Problem(
            f"{finding.about} {finding.text}; nothing was changed",
            finding.advice or "Plug a vehicle in and call again.",
            finding.code,
        )
    hardware = facts.number("Curr HW") or 0
    if max(steps) > hardware:
        raise Problem(
            f"refused: a step of {max(steps) / 1000:g} A is more than the "
            f"hardware of {facts.station} bears, Curr HW is "
            f"{hardware / 1000:g} A; nothing was changed",
            "Choose smaller --steps.",
            "invalid",
        )
    if not can_be_set_back(facts):
        shown = ", ".join(
            f"{key} {facts.fields.get(key)}" for key in ("Curr user", "Tmo CT")
        )
        raise Problem(
            f"what rules at {facts.station} now could not be set back "
            f"({shown}); nothing was changed",
            "`currtime 0 0` ends a delayed currtime, `curr` sets a limit.",
            "invalid",
        )


def _spoiler(facts: StationFacts) -> Finding | None:
    """Return what spoils a test, although it forbids nothing."""
    spoilers = {Code.SECOND_CLIENT}
    if not is_known(facts):
        spoilers |= {Code.REPORT_MISSING, Code.UNKNOWN}
    for finding in station_findings(facts):
        if finding.code in spoilers:
            return finding
    if is_known(facts):
        return None
    return Finding(facts.station, Code.UNKNOWN)


# --- with a station -----------------------------------------------------------


@dataclass(slots=True)
class Bench:
    """A station that is tested, and what is known of it."""

    gateway: Gateway
    name: str
    end_wanted: IsWanted
    site: SiteFacts = field(default_factory=SiteFacts)

    def look(self) -> StationFacts:
        """Learn of the station until it is clear whether it can be tested."""
        facts = self.site.station(self.name)
        until = time.monotonic() + PATIENCE_S
        while not is_known(facts) and time.monotonic() < until:
            self._hear()
            if self.end_wanted():
                raise Problem("ended; nothing was changed", code="interrupted")
        return facts

    def carry_out(self, ramp: Ramp, tell: Tell) -> None:
        """Go through the test; whatever happens, set back what was before."""
        try:
            self._drive(ramp, tell)
        except BaseException as error:
            ramp.cancel(f"this program has failed: {error!r}")
            with contextlib.suppress(GatewayError):
                # Without a word: it may be the terminal that is gone.
                self._drive(ramp, lambda _: None)
            was_set_back = ramp.is_over and not ramp.left
            error.add_note(
                f"{self.name} was set back"
                if was_set_back
                else f"{self.name} was NOT set back: "
                f"{ramp.left or ramp.activity}"
            )
            raise

    def _drive(self, ramp: Ramp, tell: Tell) -> None:
        told = ""
        while not ramp.is_over:
            reason = self.end_wanted()
            if reason:
                ramp.cancel(reason)
            commands = ramp.advance(time.monotonic())
            for command in commands:
                self.gateway.submit(self.name, command)
            if ramp.activity != told:
                told = ramp.activity
                tell(told)
            for command in commands:
                tell(f">> {command}")
            if not ramp.is_over:
                self._hear(ramp)

    def _hear(self, ramp: Ramp | None = None) -> None:
        """Take what happens next, if anything does."""
        delivery = self.gateway.next_event(TICK_S)
        if delivery is None:
            return
        for number in learn(self.site, delivery):
            self.gateway.ask(self.name, number)
        if ramp is not None:
            ramp.note(delivery.event)


@contextmanager
def end_signals() -> Iterator[IsWanted]:
    """Turn the signals that end a program into a reason to end well.

    A second one changes nothing: setting back is under way, and ends soon.
    """
    came: list[str] = []
    words: dict[int, str] = {
        signal.SIGINT: "Ctrl-C",
        signal.SIGTERM: "SIGTERM",
        signal.SIGHUP: "SIGHUP",
    }
    kept = {
        number: signal.signal(number, lambda *told: came.append(words[told[0]]))
        for number in words
    }
    try:
        yield lambda: came[0] if came else ""
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


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
    as_json: AsJson = False,
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
    tell = line_printer(terminal.console(stderr=True))
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
    with working("testing; Ctrl-C ends it and sets back", tell) as tell_of_it:
        ramp, record = _test(settings, name, target, currents, tell_of_it)
    if as_json:
        terminal.print_json(record)
    else:
        terminal.console().print(view_of(record, ramp), width=WIDTH)
    if ramp.result is not Result.PASSED:
        raise typer.Exit(EXIT_FINDINGS)


def _test(
    settings: ToolSettings,
    name: str,
    target: Station,
    steps: list[int],
    tell: Tell,
) -> tuple[Ramp, dict[str, Any]]:
    # It imports the whole connector.
    from connector.main import __version__

    began_ms = now_ms()
    with (
        end_signals() as end_wanted,
        open_gateway(settings, {name: target}, polls=POLLED_REPORTS) as gateway,
    ):
        bench = Bench(gateway, name, end_wanted)
        facts = bench.look()
        check(facts, steps)
        before: Mapping[str, object] = dict(facts.fields)
        highest = target.max_curr or CURRENT_MAX_MA
        ramp = Ramp(facts, steps, highest=highest)
        bench.carry_out(ramp, tell)
    record = record_of(
        ramp,
        before,
        station=name,
        host=target.host,
        version=__version__,
        began_ms=began_ms,
    )
    return ramp, record
