"""The course of a commissioning test, sans-I/O.

What a station says goes in, with the time; the next command comes out. Each
wait is one for a report, and ends after a while without it. Whatever ends the
course, what was set before is set back.
"""

import math
from collections.abc import Callable, Generator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum, auto

from connector.diagnosis.causes import BROKEN_LINK, CHARGING, Code
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
    GOOD_OUTCOMES,
    CommandFinished,
    Event,
    Outcome,
    ReportReceived,
    SettingChanged,
    StationRestarted,
)
from connector.tools.problems import Problem

CURRENTS = ("I1", "I2", "I3")
VOLTAGES = ("U1", "U2", "U3")

TOLERANCE_MA = 1_000
"""So much more than is offered may a phase draw: a percent of the pilot
signal, which tells the vehicle its limit, is 0.6 A, and station, vehicle and
meter each err a little."""

IN_USE_MA = 500
"""Unused phases were seen to show 5 mA (openhab-addons#10232)."""

OFFERED_MA = 300
"""Half a percent of the pilot signal: so much may the station round."""

STEADY_MA = 500
"""Two readings that differ by less show a current that has settled."""

LOOK_S = 40.0
"""So long it may take to learn whether a station can be tested."""

COMMAND_S = 60.0
"""The engine tells what became of a command well before."""

OFFER_S = 20.0
"""A new limit is offered after 6 to 7 s (guide V2.01, page 13)."""

CLIMB_S = 40.0
"""Vehicles need about 30 s to follow (mschlappa/KebaWallboxSteuerung)."""

FOLLOW_S = 70.0
"""So much time a vehicle has to begin, or to end."""

FORBIDDING_S = 6.0
"""So long must something forbid charging: two readings, no passing state."""

ATTEMPTS_TO_SET_BACK = 3

FORBIDDING = BROKEN_LINK | {one.code for one in CHARGING} - {
    Code.INTERRUPTED,
    Code.VEHICLE,
    Code.UNKNOWN,
}
"""Causes that no limit of the test's changes."""

SPOILING = FORBIDDING | {Code.SECOND_CLIENT, Code.REPORT_MISSING}
"""Causes with which no test begins, although some forbid no charging."""

OF_A_STOP = {Code.DISABLED, Code.AUTHORIZATION}
"""What a stop brings about: with cards it may end the authorisation."""


class Verdict(StrEnum):
    """What a step has shown."""

    AS_OFFERED = auto()
    DRAWS_LESS = auto()
    DRAWS_NOTHING = auto()
    NOT_MEASURED = auto()
    DRAWS_MORE = auto()
    NOT_OFFERED = auto()
    STOPPED = auto()
    STILL_DRAWS = auto()
    NOT_DONE = auto()


FAILURES = {Verdict.DRAWS_MORE, Verdict.NOT_OFFERED, Verdict.STILL_DRAWS}
SHOWN = {Verdict.AS_OFFERED, Verdict.DRAWS_LESS}


class Result(StrEnum):
    """What the test as a whole has shown."""

    PASSED = auto()
    FAILED = auto()
    INCOMPLETE = auto()


@dataclass(slots=True)
class Step:
    """A limit, what was offered and drawn, and what that shows.

    The stop is a limit of 0. None stands for what no reading has told.
    """

    wanted_ma: int
    offered_ma: int | None = None
    drawn_ma: list[int] | None = None
    volt: list[int] | None = None
    power_mw: int | None = None
    phases: int | None = None
    limited_by: str = ""
    took_s: float | None = None
    verdict: Verdict = Verdict.NOT_DONE

    def take(self, facts: StationFacts, waited_s: float) -> bool:
        """Take a reading; tell whether no more is to be expected."""
        offered_before, drawn_before = self.offered_ma, self.drawn_ma
        self.offered_ma = offered = _number(facts, "Max curr")
        self.drawn_ma = drawn = [_number(facts, key) for key in CURRENTS]
        self.volt = [_number(facts, key) for key in VOLTAGES]
        self.power_mw = _number(facts, "P")
        self.phases = sum(current > IN_USE_MA for current in drawn)
        if self.wanted_ma == 0:
            return not self.phases and not _is_charging(facts)
        if waited_s < OFFER_S and abs(offered - self.wanted_ma) > OFFERED_MA:
            return False
        if waited_s < CLIMB_S and max(drawn) < offered - TOLERANCE_MA:
            # It may only pause on its way up.
            return False
        is_steady = (
            drawn_before is not None
            and offered_before == offered
            and math.dist(drawn, drawn_before) <= STEADY_MA
        )
        return self.phases > 0 and is_steady

    def judge(self, facts: StationFacts) -> Verdict:
        """Compare what was wanted, offered and drawn."""
        if self.offered_ma is None or self.drawn_ma is None:
            return Verdict.NOT_MEASURED
        is_charging, highest = _is_charging(facts), max(self.drawn_ma)
        if self.wanted_ma == 0:
            is_on = self.phases or is_charging
            return Verdict.STILL_DRAWS if is_on else Verdict.STOPPED
        if highest > self.offered_ma + TOLERANCE_MA:
            return Verdict.DRAWS_MORE
        if abs(self.offered_ma - self.wanted_ma) > OFFERED_MA:
            return Verdict.NOT_OFFERED
        if not self.phases:
            # Without a meter report 3 is all zeros (evcc-io/evcc#1520).
            nothing = Verdict.DRAWS_NOTHING
            return Verdict.NOT_MEASURED if is_charging else nothing
        is_all = highest >= self.offered_ma - TOLERANCE_MA
        return Verdict.AS_OFFERED if is_all else Verdict.DRAWS_LESS


def _number(facts: StationFacts, key: str) -> int:
    return facts.number(key) or 0


def _is_charging(facts: StationFacts) -> bool:
    return facts.number("State") == State.CHARGING


def obstacle(
    facts: StationFacts, codes: Set[Code] = FORBIDDING
) -> Finding | None:
    """Return what forbids charging, in the words of the table of causes."""
    for finding in station_findings(facts):
        if finding.code in codes:
            return finding
    if facts.has_vehicle is False:
        return Finding(facts.station, Code.NO_VEHICLE)
    return None


def is_known(facts: StationFacts) -> bool:
    """Tell whether enough is known to begin, or to refuse."""
    if obstacle(facts) is not None:
        return True
    reports = {f"report {number}" for number in POLLED_REPORTS}
    is_decided = limited_by(facts) is not None
    # `Curr HW` was seen to be 0 for a moment (dannerph/keba-kecontact).
    is_settled = is_decided and bool(facts.number("Curr HW"))
    return is_settled and reports <= facts.came_at_ms.keys()


def refusal(facts: StationFacts, steps: Sequence[int]) -> Problem | None:
    """Return why a station cannot be tested now, and what to do."""
    finding = obstacle(facts, SPOILING)
    if finding is None and not is_known(facts):
        finding = Finding(facts.station, Code.UNKNOWN)
    hardware = facts.number("Curr HW") or 0
    current, delay_s = facts.number("Curr user") or 0, facts.number("Tmo CT")
    code = "invalid"
    if finding is not None:
        text = f"{finding.about} {finding.text}"
        advice = finding.advice or "Plug a vehicle in and call again."
        code = finding.code
    elif max(steps) > hardware:
        text = (
            f"refused: a step of {max(steps) / 1000:g} A is more than the "
            f"hardware of {facts.station} bears, Curr HW is "
            f"{hardware / 1000:g} A"
        )
        advice = "Choose smaller --steps."
    elif delay_s or not CURRENT_MIN_MA <= current <= CURRENT_MAX_MA:
        text = (
            f"what rules at {facts.station} now could not be set back (Curr "
            f"user {current}, Tmo CT {delay_s})"
        )
        advice = "`currtime 0 0` ends a delayed currtime, `curr` sets a limit."
    else:
        return None
    return Problem(f"{text}; nothing was changed", advice, code)


Wait = Generator[None, None, None]
Attempt = Generator[None, None, bool]
"""What is awaited; the latter tells whether it came about."""


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
    refusal
        Why nothing was done; None if something was.
    activity
        What it does now, in words.
    ended_by
        Why it has ended before its time; empty if it has not.
    left
        What could not be set back, and what to do; empty if all was.
    """

    def __init__(
        self, facts: StationFacts, steps: Sequence[int], highest: int
    ) -> None:
        self.facts = facts
        self.steps = [Step(wanted) for wanted in steps]
        self.stop = Step(0)
        self.highest = highest
        self.current_before = 0
        self.refusal: Problem | None = None
        self.activity = ""
        self.ended_by = ""
        self.set_back: list[Command] = []
        self.left = ""
        self.is_over = False
        self._now = 0.0
        self._has_reading = False
        self._outbox: list[Command] = []
        self._finished: dict[Command, CommandFinished] = {}
        self._trouble = ""
        self._forbidden_since: float | None = None
        self._was_timed = False
        self._is_interrupted = False
        self._is_overruled = False
        self._changes: list[Command] = []
        self._is_setting_back = False
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
                self._has_reading = True
            case CommandFinished(command=command, outcome=outcome):
                if outcome is not Outcome.WAITING:
                    self._finished[command] = event
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
        verdicts = {step.verdict for step in (*self.steps, self.stop)}
        was_hindered = self.ended_by and not self._is_interrupted
        if self.left or was_hindered or verdicts & FAILURES:
            return Result.FAILED
        is_shown = verdicts & SHOWN and Verdict.NOT_MEASURED not in verdicts
        if self.ended_by or not is_shown:
            return Result.INCOMPLETE
        return Result.PASSED

    # --- the course ---------------------------------------------------------

    def _run(self) -> Wait:
        facts = self.facts
        try:
            yield from self._until(lambda: is_known(facts), LOOK_S)
            self.refusal = refusal(facts, [one.wanted_ma for one in self.steps])
            if self.refusal is None:
                self.current_before = _number(facts, "Curr user")
                timed = _number(facts, "Curr timer")
                self._was_timed = self.current_before == timed
                for step in (*self.steps, self.stop):
                    yield from self._take(step)
        except _End as end:
            self.ended_by = str(end)
            if not self._changes:
                text = f"{end}; nothing was changed"
                self.refusal = Problem(text, code="interrupted")
        self._is_setting_back = True
        if self._changes:
            yield from self._set_back()
        self.is_over = True

    def _take(self, step: Step) -> Wait:
        began_at, amperes = self._now, f"{step.wanted_ma / 1000:g} A"
        self.activity = f"{amperes}: setting the limit"
        if step is self.stop:
            self.activity = "stopping"
        yield from self._change(self._limiting(step.wanted_ma))
        if step is not self.stop:
            self.activity = f"{amperes}: waiting until the vehicle has followed"
        set_at = self._now
        while (yield from self._next_reading(set_at + FOLLOW_S)):
            if step.take(self.facts, self._now - set_at):
                break
        step.took_s = round(self._now - began_at, 1)
        step.limited_by = limited_by(self.facts) or ""
        step.verdict = step.judge(self.facts)

    @property
    def _knows_timer(self) -> bool:
        """Whether it knows `currtime`; a P20 does not."""
        return "Curr timer" in self.facts.fields

    def _limiting(self, current: int) -> Command:
        """Return what limits the current until the vehicle is unplugged.

        So nothing stays behind if this program cannot set it back, and it
        leaves the phases alone (ioBroker.kecontact#380).
        """
        if self._knows_timer:
            return SetCurrentTimed(Milliampere(current), Seconds(1))
        # KEBA warns that `ena 0` makes some vehicles report an error (guide
        # V2.00, page 13), but `curr` takes no 0.
        if current == 0:
            return Enable(on=False)
        return SetCurrent(Milliampere(current))

    def _change(self, command: Command) -> Wait:
        """Send a command; end unless it is applied."""
        # `currtime` would lift a stop that somebody has just set.
        if not (yield from self._until(self._may_go_on, COMMAND_S)):
            raise _End("its reports do not come, or change all the time")
        self._changes.append(command)
        if not (yield from self._send(command)):
            raise _End(self._outcome_of(command))

    @property
    def _has_stopped(self) -> bool:
        return any(one.disables_charging() for one in self._changes)

    def _may_go_on(self) -> bool:
        return obstacle(self.facts) is None and not self.facts.outdated

    def _send(self, command: Command) -> Attempt:
        """Send a command; tell whether it has done what it should."""
        self._finished.pop(command, None)
        self._outbox.append(command)
        yield from self._until(lambda: command in self._finished, COMMAND_S)
        finished = self._finished.get(command)
        return finished is not None and finished.outcome in GOOD_OUTCOMES

    def _outcome_of(self, command: Command) -> str:
        finished = self._finished.get(command)
        outcome = finished.outcome if finished else Outcome.NO_REPLY
        more = f" ({finished.detail})" if finished and finished.detail else ""
        return f"`{command}`: {outcome.replace('_', ' ')}{more}"

    def _next_reading(self, ends_at: float) -> Attempt:
        """Wait for the next report 3; tell whether it has come in time."""
        self._has_reading = False
        patience_s = ends_at - self._now
        return (yield from self._until(lambda: self._has_reading, patience_s))

    def _until(
        self, condition: Callable[[], bool], patience_s: float
    ) -> Attempt:
        """Wait until something is true; tell whether it is."""
        ends_at = self._now + patience_s
        while not condition() and self._now < ends_at:
            self._end_if_in_trouble()
            yield
        self._end_if_in_trouble()
        return condition()

    def _end_if_in_trouble(self) -> None:
        if self._is_setting_back:
            return
        if self._trouble:
            raise _End(self._trouble)
        found = obstacle(self.facts)
        if found is None or (self._has_stopped and found.code in OF_A_STOP):
            self._forbidden_since = None
            return
        if self._forbidden_since is None:
            self._forbidden_since = self._now
        if self._now - self._forbidden_since >= FORBIDDING_S:
            raise _End(f"{found.about} {found.text}")

    def _set_back(self) -> Wait:
        """Set back what this test has changed, the limit first.

        A stop or a limit that somebody else has set meanwhile stays.
        """
        if not self._is_overruled:
            self.set_back.append(self._former_limit())
        if self._has_stopped:
            self.set_back.append(Enable(on=True))
        words = " and ".join(map(str, self.set_back))
        self.activity = f"setting back: {words}" if words else "nothing to do"
        waiting = [*self.set_back]
        for _ in range(ATTEMPTS_TO_SET_BACK):
            for command in [*waiting]:
                if (yield from self._send(command)):
                    waiting.remove(command)
        self.left = "; ".join(
            f"{self._outcome_of(command)}, say `keba send "
            f"{self.facts.station} {command}` when the station answers"
            for command in waiting
        )

    def _former_limit(self) -> Command:
        current = Milliampere(min(self.current_before, self.highest))
        uses_timer = self._was_timed
        if self._was_timed and self.facts.has_vehicle is False:
            # It would have ended with the session, and limits no other one.
            current = Milliampere(self.highest)
        if self.current_before == CURRENT_MAX_MA:
            # That is no limit; how long it lasts makes no difference. With a
            # phase switch `curr` was seen to switch to three phases
            # (ioBroker.kecontact#380).
            uses_timer = _number(self.facts, "X2 phaseSwitch source") == 4
        is_enabled = self.facts.number("Enable user") != 0
        if uses_timer and (is_enabled or self._has_stopped):
            return SetCurrentTimed(current, Seconds(1))
        # Unlike `currtime` it lifts nobody's stop.
        return SetCurrent(current)
