"""What this run has set at a station, reconciled with what report 2 shows.

A station forgets limits and the like when it restarts; somebody else may
change them at any time, by app, card or another client. The first is mended
if asked for, the second is respected and reported: two controllers that each
restore their own value would fight without end.
"""

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from connector.keba.protocol.commands import (
    Command,
    SetCurrentTimed,
    SetFailsafe,
)
from connector.keba.protocol.fields import VEHICLE_PLUGGED
from connector.keba.protocol.numbers import whole_number
from connector.keba.protocol.ordering import is_overtaken
from connector.keba.station.events import (
    Event,
    FailsafeFacts,
    FailsafeTookOver,
    SettingChanged,
    SettingRestored,
)
from connector.keba.station.failsafe import (
    REFRESHING_WORDS,
    FailsafeKeepalive,
)

REMEMBERED = frozenset({"ena", "curr", "failsafe"})
"""KEBA ends all other settings with the session (UDP guide V2.01, page 15):
what belonged to a session is not put on the next one."""


_failsafe_facts = lru_cache(FailsafeFacts)
"""There are few, and they are asked for with each report."""


@dataclass(frozen=True, slots=True)
class Actions:
    """What is to be sent and reported now.

    Commands are read back like a user's, keepalives are sent and forgotten;
    these may wait `look_s` for a look at report 2.
    """

    commands: list[Command] = field(default_factory=list)
    keepalives: list[Command] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    look_s: float = 0.0


class DesiredState:
    """Remembers what was set at one station, and keeps it so.

    `restores` and `failsafe` as in `StationOptions`.
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
        self._failsafe = (
            None if failsafe is None else FailsafeKeepalive(failsafe)
        )
        self._set: dict[str, Command] = {}
        self._timed: SetCurrentTimed | None = None
        self._refreshed_at = (-math.inf, -math.inf)
        self._timeout_s = 0
        self._was_interrupted = False

    def note_sent(self, command: Command, now: float) -> None:
        if self._failsafe is not None:
            self._failsafe.note_sent(command, now)

    def note_accepted(self, command: Command, now: float) -> None:
        if self._failsafe is not None:
            self._failsafe.note_accepted(command, now)
        if command.word in REFRESHING_WORDS:
            self._refreshed_at = (self._refreshed_at[-1], now)
        self.note_applied(command)

    def note_applied(self, command: Command) -> None:
        """A command has worked, confirmed or not."""
        if isinstance(command, SetCurrentTimed):
            self._timed = None if command.cancels else command
            if not command.rules_soon:
                # A timer for later undoes nothing before it rules.
                return
        elif self._timed is not None and is_overtaken(self._timed, command):
            self._timed = None
        self._forget_overtaken(command)
        if command.word in REMEMBERED:
            self._set[command.word] = command

    def _forget_overtaken(self, command: Command) -> None:
        # `currtime` lifts an `ena 0` and rules from now on, but KEBA means it
        # for one session only (UDP guide V2.01, page 21): it is not restored.
        self._set = {
            word: older
            for word, older in self._set.items()
            if not is_overtaken(older, command)
        }

    def note_not_applied(self, word: str) -> None:
        """A confirmed command had no effect."""
        self._set.pop(word, None)
        if word == SetCurrentTimed.word:
            self._timed = None

    def note_interruption(self) -> None:
        self._was_interrupted = True
        if self._failsafe is not None:
            self._failsafe.note_interruption()

    def set_controlled(self, *, is_controlled: bool, now: float) -> None:
        if self._failsafe is not None:
            self._failsafe.set_controlled(is_controlled=is_controlled, now=now)

    def next_deadline(self) -> float:
        """Return when `keepalive` is worth a call."""
        if self._failsafe is None:
            return math.inf
        return self._failsafe.next_deadline()

    def keepalive(self, now: float) -> Actions:
        """Return what keeps the station's failsafe from tripping."""
        if self._failsafe is None:
            return Actions()
        actions = Actions(look_s=self._failsafe.look_s)
        self._refresh(self._failsafe, self._failsafe.keepalive(now), actions)
        return actions

    def shutdown_commands(self) -> list[Command]:
        if self._failsafe is None:
            return []
        disarming = self._failsafe.disarming()
        return [] if disarming is None else [disarming]

    def failsafe_facts(self, now: float) -> FailsafeFacts:
        """Return who feeds the failsafe mode, as far as we know."""
        if self._failsafe is not None:
            return _failsafe_facts(
                is_ours=self._failsafe.is_armed,
                is_fed=self._failsafe.is_fed,
                is_starved=self._failsafe.is_starved(now),
            )
        command = self._set.get("failsafe")
        is_ours = isinstance(command, SetFailsafe) and command.timeout > 0
        return _failsafe_facts(is_ours=is_ours, is_fed=self._is_fed(now))

    def _is_fed(self, now: float) -> bool:
        """Tell whether a user's commands come often enough.

        One alone does not feed: the next may never come.
        """
        moments = (*self._refreshed_at, now)
        return bool(self._timeout_s) and all(
            later - earlier <= self._timeout_s
            for earlier, later in pairwise(moments)
        )

    def reconcile(
        self, fields: Mapping[str, object], pending_words: Set[str]
    ) -> Actions:
        """Compare a fresh report 2 with what was set.

        Commands of `pending_words` are on their way: their fields may change.
        """
        self._timeout_s = whole_number(fields.get("Tmo FS")) or 0
        timed = self._lost_timed(fields, pending_words)
        actions = self._reconcile_settings(fields, pending_words)
        if timed is not None:
            actions.events.append(
                SettingChanged(self._station, timed, _seen(timed, fields))
            )
        failsafe = self._failsafe
        if failsafe is None:
            return actions
        failsafe.take_reading(fields, pending_words)
        if "failsafe" not in pending_words:
            arming = failsafe.arming()
            if arming is not None:
                actions.commands.append(arming)
        self._refresh(failsafe, failsafe.waiting_keepalive(), actions)
        return actions

    def _refresh(
        self,
        failsafe: FailsafeKeepalive,
        commands: list[Command],
        actions: Actions,
    ) -> None:
        """Add keepalives; after a trip they are read back and reported."""
        if not commands or not failsafe.notices_trip():
            actions.keepalives.extend(commands)
            return
        actions.commands.extend(commands)
        actions.events.append(FailsafeTookOver(self._station))

    def _lost_timed(
        self, fields: Mapping[str, object], pending_words: Set[str]
    ) -> SetCurrentTimed | None:
        """Return the `currtime` that somebody else has replaced, if any.

        It holds as long as the vehicle stays plugged in, and ends with a
        restart (UDP guide V2.01, page 21): then nobody has changed it.
        """
        timed = self._timed
        if timed is None or not pending_words.isdisjoint(REFRESHING_WORDS):
            return None
        plug = fields.get("Plug")
        is_over = isinstance(plug, int) and not plug & VEHICLE_PLUGGED
        if is_over or timed.is_in_force(fields) is False:
            self._timed = None
            is_changed = not is_over and not self._was_interrupted
            return timed if is_changed else None
        if timed.is_in_force(fields) and not timed.is_waiting(fields):
            self._forget_overtaken(timed)
        return None

    def _reconcile_settings(
        self, fields: Mapping[str, object], pending_words: Set[str]
    ) -> Actions:
        undone = [
            command
            for command in self._set.values()
            if command.is_shown_by(fields) is False
        ]
        was_interrupted, self._was_interrupted = self._was_interrupted, False
        if was_interrupted and self._restores:
            # Also what the station had no time to show before it restarted.
            return Actions(
                commands=undone,
                events=[SettingRestored(self._station, c) for c in undone],
            )
        undone = [c for c in undone if c.word not in pending_words]
        for command in undone:
            del self._set[command.word]
        if was_interrupted:
            return Actions()
        return Actions(
            events=[
                SettingChanged(self._station, command, _seen(command, fields))
                for command in undone
            ]
        )


def _seen(command: Command, fields: Mapping[str, object]) -> str:
    return ", ".join(
        f"{key} {fields.get(key)}" for key in command.expected_fields()
    )
