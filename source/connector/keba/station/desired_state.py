"""Takes care that a station keeps what this run has set.

A station forgets limits and the like when it restarts; somebody else may
change them at any time, by app, card or another client. The first is mended
if asked for, the second is respected and told. The station's failsafe mode, if
asked for, watches over us: see `connector.keba.station.failsafe`.
"""

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from connector.keba.protocol.commands import (
    Command,
    SetFailsafe,
)
from connector.keba.protocol.ordering import is_overtaken
from connector.keba.station.events import (
    Event,
    FailsafeTookOver,
    SettingChanged,
    SettingRestored,
)
from connector.keba.station.failsafe import Watchdog

REMEMBERED = frozenset({"ena", "curr", "failsafe"})


@dataclass(frozen=True, slots=True)
class Care:
    """What is to be done and told now.

    Parameters
    ----------
    commands
        To be sent, and read back like a user's.
    beats
        To be sent, and forgotten.
    events
        To be told.
    look_s
        How long beats may wait for a look at report 2.
    """

    commands: list[Command] = field(default_factory=list)
    beats: list[Command] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    look_s: float = 0.0


class Caretaker:
    """Remembers what was set at one station, and keeps it so.

    Parameters
    ----------
    station
        Name of the station.
    restores
        Whether what an interruption has undone is sent again.
    failsafe
        What to arm the station's failsafe mode with, if at all.
    """

    def __init__(
        self,
        station: str,
        *,
        restores: bool = False,
        failsafe: SetFailsafe | None = None,
    ) -> None:
        self._station = station
        self._restores = restores
        self._watchdog = None if failsafe is None else Watchdog(failsafe)
        self._set: dict[str, Command] = {}
        self._was_interrupted = False

    def note_sent(self, command: Command, now: float) -> None:
        """A command is leaving."""
        if self._watchdog is not None:
            self._watchdog.note_sent(command, now)

    def note_accepted(self, command: Command, now: float) -> None:
        """The station has confirmed a command."""
        if self._watchdog is not None:
            self._watchdog.note_accepted(command, now)
        self.note_applied(command)

    def note_applied(self, command: Command) -> None:
        """A command has worked, confirmed or not."""
        # `currtime` lifts an `ena 0` and rules from now on, but KEBA means it
        # for one session only (UDP guide V2.01, page 21): it is not restored.
        self._set = {
            word: older
            for word, older in self._set.items()
            if not is_overtaken(older, command)
        }
        if command.word in REMEMBERED:
            self._set[command.word] = command

    def note_not_applied(self, word: str) -> None:
        """A confirmed command had no effect."""
        self._set.pop(word, None)

    def note_interruption(self) -> None:
        """The station has restarted, or has come back from silence."""
        self._was_interrupted = True
        if self._watchdog is not None:
            self._watchdog.note_interruption()

    def set_in_charge(self, *, is_in_charge: bool, now: float) -> None:
        """Hear whether somebody is in charge: the broker, the controller."""
        if self._watchdog is not None:
            self._watchdog.set_in_charge(is_in_charge=is_in_charge, now=now)

    def next_deadline(self) -> float:
        """Return when `beats` is worth a call."""
        if self._watchdog is None:
            return math.inf
        return self._watchdog.next_deadline()

    def beat(self, now: float) -> Care:
        """Return what keeps the station from falling back."""
        if self._watchdog is None:
            return Care()
        care = Care(look_s=self._watchdog.look_s)
        self._feed(self._watchdog, self._watchdog.beat(now), care)
        return care

    def farewell(self) -> list[Command]:
        """Return what is to be said before a clean end."""
        disarming = self._watchdog and self._watchdog.disarming()
        return [disarming] if disarming else []

    def review(
        self, fields: Mapping[str, object], in_question: Set[str]
    ) -> Care:
        """Compare a fresh report 2 with what was set.

        Parameters
        ----------
        fields
            Of the report.
        in_question
            Words of commands on their way, whose fields may change.
        """
        care = self._review_settings(fields, in_question)
        if self._watchdog is None:
            return care
        self._watchdog.review(fields, in_question)
        if "failsafe" not in in_question:
            arming = self._watchdog.arming()
            if arming is not None:
                care.commands.append(arming)
        self._feed(self._watchdog, self._watchdog.beat_on_its_way(), care)
        return care

    def _feed(
        self, watchdog: Watchdog, commands: list[Command], care: Care
    ) -> None:
        """Add what feeds the station; after a bite it is read back and told."""
        if not commands or not watchdog.notices_bite():
            care.beats.extend(commands)
            return
        care.commands.extend(commands)
        care.events.append(FailsafeTookOver(self._station))

    def _review_settings(
        self, fields: Mapping[str, object], in_question: Set[str]
    ) -> Care:
        undone = [
            command
            for command in self._set.values()
            if command.is_shown_by(fields) is False
        ]
        was_interrupted, self._was_interrupted = self._was_interrupted, False
        if was_interrupted and self._restores:
            # Also what the station had no time to show before it restarted.
            return Care(
                commands=undone,
                events=[SettingRestored(self._station, c) for c in undone],
            )
        undone = [c for c in undone if c.word not in in_question]
        for command in undone:
            del self._set[command.word]
        if was_interrupted:
            return Care()
        return Care(
            events=[
                SettingChanged(self._station, command, _seen(command, fields))
                for command in undone
            ]
        )


def _seen(command: Command, fields: Mapping[str, object]) -> str:
    return ", ".join(
        f"{key} {fields.get(key)}" for key in command.expected_fields()
    )
