"""Which commands have worked: report 2 shows it, TCH-OK does not.

KEBA says to check the effect of every command oneself (UDP guide V2.01,
page 14). A reading that was asked for before the station had answered the
command, and had the time to carry it out, shows nothing.
"""

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass

from connector.keba.protocol.commands import Command, SetCurrentTimed
from connector.keba.protocol.numbers import whole_number
from connector.keba.protocol.ordering import is_overtaken
from connector.keba.station.events import CommandFinished, Outcome

READINGS_BEFORE_NOT_APPLIED = 2
"""A station may be slow: only the second contradicting reading counts."""

MISSING_READINGS = 3
"""So often may report 2 stay away in a row before nobody waits any more."""

AFTER_DELAY_S = 1.0
"""`Tmo CT` counts whole seconds: so much later a delay is surely over."""


@dataclass(slots=True)
class _Watched:
    command: Command
    readable_at: float
    is_answered: bool
    readings_left: int = READINGS_BEFORE_NOT_APPLIED
    is_overtaken: bool = False
    is_waiting: bool = False
    ends_at: float = math.inf

    def is_shown_by(self, fields: Mapping[str, object]) -> bool | None:
        """Tell whether a reading shows its effect."""
        command = self.command
        if isinstance(command, SetCurrentTimed):
            if self.is_waiting:
                # Its delay has ended, or was ended by somebody else.
                return command.is_in_force(fields)
            if self.is_overtaken:
                return command.is_partly_shown_by(fields)
        return command.is_shown_by(fields)


class Verification:
    """The commands of one station whose effect is not known yet."""

    def __init__(self, station: str) -> None:
        self._station = station
        self._watched: dict[str, _Watched] = {}
        self._missing_readings = 0

    @property
    def needs_reading(self) -> bool:
        """Whether a confirmed command still waits for a reading."""
        return any(
            watched.is_answered and not watched.is_waiting
            for watched in self._watched.values()
        )

    @property
    def words(self) -> Set[str]:
        """Words of commands whose effect may show with any reading."""
        return {
            word
            for word, watched in self._watched.items()
            if not watched.is_waiting
        }

    @property
    def next_look_at(self) -> float:
        """When the first delay ends that counts down."""
        return min(
            (watched.ends_at for watched in self._watched.values()),
            default=math.inf,
        )

    def is_worth_a_look(self, now: float) -> bool:
        """Tell, once, that a delay has ended and report 2 shows how."""
        over = [one for one in self._watched.values() if one.ends_at <= now]
        for watched in over:
            watched.ends_at = math.inf
        return bool(over)

    def watch(
        self, command: Command, now: float, *, is_answered: bool
    ) -> list[CommandFinished]:
        """Watch for the effect of a command that was answered, or given up.

        One that was given up can only turn out to be applied after all. The
        result comes at once if no reading can show it.
        """
        if not command.expected_fields():
            if is_answered:
                return [self._finished(command, Outcome.RECEIVED)]
            return []
        for watched in self._watched.values():
            if is_overtaken(watched.command, command):
                watched.is_overtaken = True
        # What was given up has long had its time to take effect.
        readable_at = now + command.settle_s if is_answered else now
        self._watched[command.word] = _Watched(
            command, readable_at, is_answered
        )
        return []

    def supersede(self, word: str) -> list[CommandFinished]:
        """Forget the command of this word: a newer one takes its place."""
        watched = self._watched.pop(word, None)
        if watched is None or not watched.is_answered:
            return []
        return [self._finished(watched.command, Outcome.SUPERSEDED)]

    def check(
        self, fields: Mapping[str, object], asked_at: float, now: float
    ) -> list[CommandFinished]:
        """Compare with a report 2, asked for at `asked_at`, that came now."""
        self._missing_readings = 0
        results: list[CommandFinished] = []
        for watched in [*self._watched.values()]:
            if asked_at >= watched.readable_at:
                results += self._check(watched, fields, now)
        return results

    def note_missing_reading(self) -> list[CommandFinished]:
        """Report 2 has not come; end all waiting if that goes on."""
        self._missing_readings += 1
        if self._missing_readings < MISSING_READINGS:
            return []
        # A delay goes on whether we see it or not.
        counting_down = {
            word: watched
            for word, watched in self._watched.items()
            if watched.is_waiting
        }
        for word in counting_down:
            del self._watched[word]
        results = self.abandon("report 2 does not come")
        self._watched |= counting_down
        return results

    def abandon(self, why: str) -> list[CommandFinished]:
        """End all waiting: nothing more can be known."""
        abandoned = [*self._watched.values()]
        self._watched.clear()
        self._missing_readings = 0
        return [
            self._finished(watched.command, Outcome.RECEIVED, why)
            for watched in abandoned
            if watched.is_answered
        ]

    def _check(
        self, watched: _Watched, fields: Mapping[str, object], now: float
    ) -> list[CommandFinished]:
        """Return the result, if this reading shows one."""
        command = watched.command
        if isinstance(command, SetCurrentTimed) and command.is_waiting(fields):
            left_s = whole_number(fields.get("Tmo CT")) or 0
            watched.ends_at = now + left_s + AFTER_DELAY_S
            if watched.is_waiting:
                return []
            watched.is_waiting = True
            # That it is shown answers for an answer that was lost.
            watched.is_answered = True
            return [self._finished(command, Outcome.WAITING)]
        is_shown = watched.is_shown_by(fields)
        if is_shown is False:
            watched.readings_left -= 1
            if watched.readings_left > 0:
                return []
        del self._watched[command.word]
        if is_shown:
            return [self._finished(command, Outcome.APPLIED)]
        if not watched.is_answered:
            # `no_reply` was reported when it was given up.
            return []
        if is_shown is None:
            detail = "no field of report 2 shows it"
            return [self._finished(command, Outcome.RECEIVED, detail)]
        if watched.is_overtaken:
            return [self._finished(command, Outcome.SUPERSEDED)]
        wanted = command.describe(command.expected_fields())
        detail = f"wanted {wanted}, seen {command.describe(fields)}"
        return [self._finished(command, Outcome.NOT_APPLIED, detail)]

    def _finished(
        self, command: Command, outcome: Outcome, detail: str = ""
    ) -> CommandFinished:
        return CommandFinished(self._station, command, outcome, detail)
