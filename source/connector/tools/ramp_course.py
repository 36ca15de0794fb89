"""The course of a commissioning test, sans-I/O.

What a station says goes in, with the time; the next command comes out. Each
wait is one for a report, and ends after a while without it. Whatever ends the
course, what was set before is set back.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from connector.diagnosis.causes import BROKEN_LINK, Code
from connector.diagnosis.charging import limited_by
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.findings import Finding, station_findings
from connector.keba.protocol.commands import (
    CURRENT_MIN_MA,
    Command,
    Enable,
    Milliampere,
    Seconds,
    SetCurrent,
    SetCurrentTimed,
)
from connector.keba.protocol.fields import (
    CURRENT_MAX_MA,
    POLLED_REPORTS,
    State,
)
from connector.keba.station.events import (
    CommandFinished,
    Event,
    Outcome,
    ReportReceived,
    SettingChanged,
    StationRestarted,
)

PHASES = (1, 2, 3)

TOLERANCE_MA = 1_000
TOLERANCE_IN_WORDS = (
    "A phase may draw 1.0 A more than is offered: a percent of the pilot "
    "signal, which tells the vehicle its limit, is 0.6 A, and station, "
    "vehicle and meter each err a little. A vehicle may always draw less."
)

IN_USE_MA = 500
"""Unused phases were seen to show 5 mA (openhab-addons#10232)."""

OFFERED_MA = 300
"""Half a percent of the pilot signal: so much may the station round."""

STEADY_MA = 500
"""Two readings that differ by less show a current that has settled."""

COMMAND_S = 60.0
"""The engine tells what became of a command well before."""

OFFER_S = 20.0
"""A new limit is offered after 6 to 7 s (guide V2.01, page 13)."""

CLIMB_S = 30.0
"""Vehicles need about so long to follow (mschlappa/KebaWallboxSteuerung)."""

FOLLOW_S = 60.0
STOP_S = 20.0

FORBIDDING_S = 6.0
"""So long must something forbid charging: two readings, no passing state."""

ATTEMPTS_TO_SET_BACK = 3

FORBIDDING = BROKEN_LINK | {
    Code.STARTING_UP,
    Code.ERROR,
    Code.NO_VEHICLE,
    Code.AUTHORIZATION,
    Code.ENERGY_LIMIT,
    Code.DISABLED,
    Code.INPUT,
    Code.FAILSAFE,
    Code.STATION,
}
"""Causes that no limit of the test's changes."""

AT_ONCE = {Code.ERROR, Code.NO_VEHICLE}
"""What ends the test without a second look."""


OF_A_STOP = {Code.DISABLED, Code.AUTHORIZATION}
"""What a stop brings about: with cards it may end the authorisation."""


class Verdict(StrEnum):
    """What a step has shown."""

    AS_OFFERED = "as offered"
    LESS = "draws less"
    NOTHING = "draws nothing"
    NOT_MEASURED = "not measured"
    TOO_MUCH = "DRAWS MORE"
    NOT_OFFERED = "NOT OFFERED"
    STOPPED = "stopped"
    STILL_DRAWS = "STILL DRAWS"
    NOT_DONE = "not done"


FAILURES = {Verdict.TOO_MUCH, Verdict.NOT_OFFERED, Verdict.STILL_DRAWS}
SHOWN = {Verdict.AS_OFFERED, Verdict.LESS}


class Result(StrEnum):
    """What the test as a whole has shown."""

    PASSED = "passed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Load:
    """What was offered and drawn at one moment: mA, V, mW."""

    offered: int
    currents: tuple[int, ...]
    voltages: tuple[int, ...]
    power: int

    @property
    def phases(self) -> int:
        """How many phases draw a current."""
        return sum(current > IN_USE_MA for current in self.currents)

    @property
    def reaches_offer(self) -> bool:
        return max(self.currents) >= self.offered - TOLERANCE_MA

    @property
    def exceeds_offer(self) -> bool:
        return max(self.currents) > self.offered + TOLERANCE_MA

    @property
    def is_uneven(self) -> bool:
        """Whether the phases that are used differ."""
        used = [one for one in self.currents if one > IN_USE_MA]
        return bool(used) and max(used) - min(used) > TOLERANCE_MA

    def is_like(self, other: "Load | None") -> bool:
        """Tell whether another reading shows the same currents."""
        return other is not None and all(
            abs(mine - its) <= STEADY_MA
            for mine, its in zip(self.currents, other.currents, strict=True)
        )


@dataclass(slots=True)
class Step:
    """A limit, and what came of it; the stop is one of 0 mA."""

    wanted: int
    load: Load | None = None
    took_s: float | None = None
    verdict: Verdict = Verdict.NOT_DONE
    limited_by: str = ""


def judge(wanted: int, load: Load | None, *, is_charging: bool) -> Verdict:
    """Compare what was wanted, offered and drawn."""
    if load is None:
        return Verdict.NOT_MEASURED
    if load.exceeds_offer:
        return Verdict.TOO_MUCH
    if abs(load.offered - wanted) > OFFERED_MA:
        return Verdict.NOT_OFFERED
    if not load.phases:
        # Without a meter report 3 is all zeros (evcc-io/evcc#1520).
        return Verdict.NOT_MEASURED if is_charging else Verdict.NOTHING
    return Verdict.AS_OFFERED if load.reaches_offer else Verdict.LESS


def obstacle(facts: StationFacts) -> Finding | None:
    """Return what forbids charging, in the words of the table of causes."""
    for finding in station_findings(facts):
        if finding.code in FORBIDDING:
            return finding
    if facts.has_vehicle is False:
        return Finding(facts.station, Code.NO_VEHICLE)
    return None


def is_known(facts: StationFacts) -> bool:
    """Tell whether enough is known to begin, or to refuse."""
    if obstacle(facts) is not None:
        return True
    has_all = all(
        f"report {number}" in facts.came_at_ms for number in POLLED_REPORTS
    )
    is_decided = limited_by(facts) is not None
    # `Curr HW` was seen to be 0 for a moment (dannerph/keba-kecontact).
    return has_all and is_decided and bool(facts.number("Curr HW"))


class _End(Exception):  # noqa: N818 - no error of the program
    """The course ends before its time; says why."""


class Ramp:
    """Steps the limit of one station, and sets back what was set before.

    Parameters
    ----------
    facts
        What is known of the station; whoever calls fills it on.
    steps, highest
        The limits to set, and what this station may be given, in mA.

    Attributes
    ----------
    activity
        What it does now, in words.
    ended_by
        Why it has ended before its time; empty if it has not.
    left
        What could not be set back, and what to do; empty if all was.
    afterwards
        What forbids charging now, although all was set back: with cards a
        stop may end the authorisation.
    """

    def __init__(
        self,
        facts: StationFacts,
        steps: Sequence[int],
        *,
        highest: int = CURRENT_MAX_MA,
    ) -> None:
        self._facts = facts
        self.steps = [Step(wanted) for wanted in steps]
        self.stop = Step(0)
        self.activity = ""
        self.ended_by = ""
        self.left = ""
        self.afterwards: Finding | None = None
        self.is_over = False
        self.set_back: tuple[Command, ...] = ()
        self._is_interrupted = False
        self.current_before = facts.number("Curr user") or CURRENT_MAX_MA
        self.highest = highest
        self._was_timed = self.current_before == facts.number("Curr timer")
        # There `curr` switches to three phases (ioBroker.kecontact#380).
        self._has_phase_switch = facts.number("X2 phaseSwitch source") == 4
        # A P20 does not know `currtime`.
        self._knows_timer = "Curr timer" in facts.fields
        self._now = 0.0
        self._readings = 0
        self._outbox: list[Command] = []
        self._finished: dict[Command, tuple[Outcome, str]] = {}
        self._trouble = ""
        self._forbidden_since: float | None = None
        self._has_limited = False
        self._has_stopped = False
        self._is_overruled = False
        self._course = self._run()

    # --- what goes in and comes out -----------------------------------------

    def advance(self, now: float) -> list[Command]:
        """Return what is to be sent now, in this order."""
        self._now = now
        with suppress(StopIteration):
            next(self._course)
        commands, self._outbox = self._outbox, []
        return commands

    def note(self, event: Event) -> None:
        """Take an event, after the facts have."""
        match event:
            case ReportReceived(request="report 3"):
                self._readings += 1
            case CommandFinished(command=command, outcome=outcome):
                if outcome is not Outcome.WAITING:
                    self._finished[command] = (outcome, event.detail)
            case SettingChanged(command=command, seen=seen):
                self._is_overruled = True
                self._trouble = (
                    f"somebody else has changed what `{command}` had set: "
                    f"{seen}"
                )
            case StationRestarted():
                self._trouble = "the station has restarted"

    def cancel(self, why: str) -> None:
        """End the course soon; what was set before is set back."""
        self._trouble = why
        self._is_interrupted = True

    @property
    def result(self) -> Result:
        """What the test has shown as a whole."""
        verdicts = [step.verdict for step in (*self.steps, self.stop)]
        if self.left or not FAILURES.isdisjoint(verdicts):
            return Result.FAILED
        if self.ended_by:
            is_interrupted = self._is_interrupted
            return Result.INCOMPLETE if is_interrupted else Result.FAILED
        if Verdict.NOT_MEASURED in verdicts or SHOWN.isdisjoint(verdicts):
            return Result.INCOMPLETE
        return Result.PASSED

    # --- the course ---------------------------------------------------------

    def _run(self) -> Iterator[None]:
        try:
            for step in self.steps:
                yield from self._take(step)
            yield from self._stop_charging()
        except _End as end:
            self.ended_by = str(end)
        yield from self._set_back()
        self.is_over = True

    def _take(self, step: Step) -> Iterator[None]:
        began_at = self._now
        amperes = f"{step.wanted / 1000:g} A"
        self.activity = f"{amperes}: setting the limit"
        yield from self._carry_out(self._limiting(step.wanted))
        self.activity = f"{amperes}: waiting until the station offers it"
        yield from self._until(lambda: self._offers(step.wanted), OFFER_S)
        self.activity = f"{amperes}: waiting until the vehicle has followed"
        yield from self._measure(step)
        step.took_s = self._now - began_at
        step.limited_by = limited_by(self._facts) or ""
        step.verdict = judge(
            step.wanted,
            step.load,
            is_charging=self._facts.number("State") == State.CHARGING,
        )

    def _limiting(self, current: int) -> Command:
        """Return what limits the current until the vehicle is unplugged.

        So nothing stays behind if this program cannot set it back, and it
        leaves the phases alone (ioBroker.kecontact#380).
        """
        if self._knows_timer:
            return SetCurrentTimed(Milliampere(current), Seconds(1))
        return SetCurrent(Milliampere(current))

    def _offers(self, wanted: int) -> bool:
        return abs(self._number("Max curr") - wanted) <= OFFERED_MA

    def _measure(self, step: Step) -> Iterator[None]:
        """Wait until the current has settled, or the time is up.

        Below the offer it may only pause on its way up.
        """
        climbs_until = self._now + CLIMB_S
        ends_at = self._now + FOLLOW_S
        while self._now < ends_at:
            readings = self._readings
            yield from self._next_reading(ends_at)
            if self._readings == readings:
                return
            load, before = self._load(), step.load
            step.load = load
            has_followed = load.reaches_offer or self._now >= climbs_until
            if load.phases and load.is_like(before) and has_followed:
                return

    def _next_reading(self, ends_at: float) -> Iterator[None]:
        readings = self._readings
        yield from self._until(
            lambda: self._readings > readings, ends_at - self._now
        )

    def _load(self) -> Load:
        return Load(
            offered=self._number("Max curr"),
            currents=tuple(self._number(f"I{phase}") for phase in PHASES),
            voltages=tuple(self._number(f"U{phase}") for phase in PHASES),
            power=self._number("P"),
        )

    def _number(self, key: str) -> int:
        return self._facts.number(key) or 0

    def _stop_charging(self) -> Iterator[None]:
        step, began_at = self.stop, self._now
        self.activity = "stopping"
        stopping: Command = Enable(on=False)
        if self._knows_timer:
            # KEBA warns that `ena 0` makes some vehicles report an error
            # (guide V2.00, page 13).
            stopping = SetCurrentTimed(Milliampere(0), Seconds(1))
        yield from self._carry_out(stopping, is_stop=True)
        ends_at = self._now + STOP_S
        while self._now < ends_at:
            yield from self._next_reading(ends_at)
            step.load = self._load()
            is_charging = self._facts.number("State") == State.CHARGING
            if not is_charging and not step.load.phases:
                step.verdict = Verdict.STOPPED
                break
        else:
            step.verdict = Verdict.STILL_DRAWS
        step.took_s = self._now - began_at

    def _carry_out(
        self, command: Command, *, is_stop: bool = False
    ) -> Iterator[None]:
        # `currtime` would lift a stop that somebody has just set.
        yield from self._until(self._may_go_on, COMMAND_S)
        if not self._may_go_on():
            self._end("its reports do not come, or change all the time")
        self._has_limited = True
        self._has_stopped |= is_stop
        self._send(command)
        yield from self._until(lambda: command in self._finished, COMMAND_S)
        outcome, detail = self._finished.get(command, (Outcome.NO_REPLY, ""))
        if not _is_good(outcome):
            more = f" ({detail})" if detail else ""
            self._end(f"`{command}` {_in_words(outcome)}{more}")

    def _may_go_on(self) -> bool:
        return obstacle(self._facts) is None and not self._facts.outdated

    def _send(self, command: Command) -> None:
        self._finished.pop(command, None)
        self._outbox.append(command)

    def _until(
        self, condition: Callable[[], bool], patience_s: float
    ) -> Iterator[None]:
        """Wait until something is true, or the patience is at its end."""
        ends_at = self._now + patience_s
        while not condition() and self._now < ends_at:
            self._end_if_in_trouble()
            yield
        self._end_if_in_trouble()

    def _end_if_in_trouble(self) -> None:
        if self._trouble:
            self._end(self._trouble)
        found = obstacle(self._facts)
        if found is None or (self._has_stopped and found.code in OF_A_STOP):
            self._forbidden_since = None
            return
        if self._forbidden_since is None:
            self._forbidden_since = self._now
        forbidden_s = self._now - self._forbidden_since
        if found.code in AT_ONCE or forbidden_s >= FORBIDDING_S:
            self._end(f"{found.about} {found.text}")

    def _end(self, why: str) -> NoReturn:
        raise _End(why)

    # --- setting back -------------------------------------------------------

    def _set_back(self) -> Iterator[None]:
        """Set what was set before; end only with that, or with the reason."""
        if not self._has_limited:
            return
        commands = [*self._restoring()]
        self.set_back = tuple(commands)
        words = " and ".join(map(str, commands))
        self.activity = f"setting back: {words}" if words else "nothing to do"
        for _ in range(ATTEMPTS_TO_SET_BACK):
            for command in commands:
                yield from self._send_unguarded(command)
            commands = [one for one in commands if not self._has_worked(one)]
            if not commands:
                break
        self.left = "; ".join(map(self._advice, commands))
        if not self.left and not self.ended_by:
            self.afterwards = obstacle(self._facts)

    def _restoring(self) -> Iterator[Command]:
        """Yield what sets back, the limit first.

        Only what this test has set: a stop or a limit that somebody else has
        set meanwhile stays.
        """
        if not self._is_overruled:
            yield self._former_limit()
        if self._has_stopped:
            yield Enable(on=True)

    def _former_limit(self) -> Command:
        current = min(self.current_before, self.highest)
        if self._was_timed and self._facts.has_vehicle is False:
            # It would have ended with the session.
            current = self.highest
        is_enabled = self._facts.number("Enable user") != 0
        if self.current_before == CURRENT_MAX_MA:
            # That is no limit; how long it lasts makes no difference.
            uses_timer = self._has_phase_switch
        else:
            uses_timer = self._was_timed
        if uses_timer and (is_enabled or self._has_stopped):
            return SetCurrentTimed(Milliampere(current), Seconds(1))
        # Unlike `currtime` it lifts nobody's stop.
        return SetCurrent(Milliampere(current))

    def _send_unguarded(self, command: Command) -> Iterator[None]:
        self._send(command)
        ends_at = self._now + COMMAND_S
        while command not in self._finished and self._now < ends_at:
            yield

    def _has_worked(self, command: Command) -> bool:
        outcome, _ = self._finished.get(command, (Outcome.NO_REPLY, ""))
        return _is_good(outcome)

    def _advice(self, command: Command) -> str:
        outcome, _ = self._finished.get(command, (Outcome.NO_REPLY, ""))
        return (
            f"`{command}` {_in_words(outcome)}: say `keba send "
            f"{self._facts.station} {command}` when the station answers"
        )


def _is_good(outcome: Outcome) -> bool:
    return outcome in (Outcome.APPLIED, Outcome.RECEIVED)


def _in_words(outcome: Outcome) -> str:
    words = {
        Outcome.NO_REPLY: "was not answered",
        Outcome.NOT_APPLIED: "was confirmed, but not applied",
        Outcome.REJECTED: "was refused",
    }
    return words.get(outcome, f"was {outcome}")


def can_be_set_back(facts: StationFacts) -> bool:
    """Tell whether what rules now can be set again by a command."""
    current = facts.number("Curr user") or 0
    return CURRENT_MIN_MA <= current <= CURRENT_MAX_MA and not facts.number(
        "Tmo CT"
    )
