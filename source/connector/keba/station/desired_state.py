"""What this run has set at a station, reconciled with what report 2 shows.

A station forgets limits and the like when it restarts; somebody else may
change them at any time, by app, card or another client. The first is mended
if asked for, the second is respected and reported: two controllers that each
restore their own value would fight without end.
"""

from collections.abc import Mapping, Set

from connector.keba.protocol.commands import (
    Command,
    SetCurrentTimed,
    SetFailsafe,
)
from connector.keba.protocol.fields import VEHICLE_PLUGGED
from connector.keba.protocol.ordering import is_overtaken
from connector.keba.station.events import SettingChanged, SettingRestored
from connector.keba.station.failsafe import REFRESHING_WORDS

REMEMBERED = frozenset({"ena", "curr", "failsafe"})
"""KEBA ends all other settings with the session (UDP guide V2.01, page 15):
what belonged to a session is not put on the next one."""


class DesiredState:
    """Remembers what was set at one station.

    `restores` as in `StationOptions`.
    """

    def __init__(self, station: str, *, restores: bool = False) -> None:
        self._station = station
        self._restores = restores
        self._set: dict[str, Command] = {}
        self._timed: SetCurrentTimed | None = None
        self._was_interrupted = False

    @property
    def is_armed(self) -> bool:
        """Whether a `failsafe` of this run is still in force."""
        command = self._set.get(SetFailsafe.word)
        return isinstance(command, SetFailsafe) and command.timeout > 0

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
        self._set.pop(word, None)
        if word == SetCurrentTimed.word:
            self._timed = None

    def note_interruption(self) -> None:
        self._was_interrupted = True

    def reconcile(
        self, fields: Mapping[str, object], pending_words: Set[str]
    ) -> list[SettingChanged | SettingRestored]:
        """Compare a fresh report 2 with what was set.

        Commands of `pending_words` are on their way: their fields may change.
        What is to be restored is the caller's to send.
        """
        timed = self._lost_timed(fields, pending_words)
        undone = [
            command
            for command in self._set.values()
            if command.is_shown_by(fields) is False
        ]
        was_interrupted, self._was_interrupted = self._was_interrupted, False
        if was_interrupted and self._restores:
            # Also what the station had no time to show before it restarted.
            return [SettingRestored(self._station, one) for one in undone]
        undone = [one for one in undone if one.word not in pending_words]
        for command in undone:
            del self._set[command.word]
        if was_interrupted:
            return []
        if timed is not None:
            undone.append(timed)
        return [
            SettingChanged(self._station, command, command.describe(fields))
            for command in undone
        ]

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
