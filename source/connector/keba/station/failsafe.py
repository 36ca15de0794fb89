"""Keeps KEBA's failsafe mode armed, and from tripping while we are there.

The station limits itself when it has not received `curr`, `currtime` or `ena`
for its failsafe timeout; reports do not count (UDP guide V2.01, pages 34 and
35). So the limit that rules is repeated at a third of the timeout, as long as
somebody controls the station; else the station is left to limit itself.

A keepalive must change nothing. It says what the newest report 2 shows, or
what was confirmed since: never what somebody has replaced in the meantime. So
it begins early enough for a look at report 2 before it leaves. What a command
without a reply may have changed is not known until such a look, so it is left
out: `ena` refreshes the station without naming a limit.

After a trip KEBA wants both current and enable again: these are to be
reapplied, not only refreshed.
"""

import math
from collections.abc import Mapping, Set
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from connector.keba.protocol.commands import (
    CURRENT_MIN_MA,
    Command,
    Enable,
    Milliampere,
    Seconds,
    SetCurrent,
    SetCurrentTimed,
    SetFailsafe,
)
from connector.keba.protocol.fields import (
    CURRENT_MAX_MA,
    offers_failsafe_current,
)
from connector.keba.protocol.numbers import whole_number
from connector.keba.station.events import FailsafeFacts
from connector.keba.station.pacing import REPEAT_PAUSE_S

KEEPALIVES_PER_TIMEOUT = 3
"""One may be lost and its repetition late."""

LOOK_S = REPEAT_PAUSE_S + 0.5
"""So long a look at report 2 may take: it may have been read just before."""

LARGEST_LOOK = 0.6
"""The part of the time between two keepalives that a look may take."""

REFRESHING_WORDS = frozenset({"ena", "curr", "currtime"})

_BY_UDP = 4
"""The value of `x2src` that lets us switch phases."""

_DISARMED = SetFailsafe(Seconds(0), Milliampere(0))

_failsafe_facts = lru_cache(FailsafeFacts)
"""There are few, and they are asked for with each report."""


class _Confirmed(NamedTuple):
    """What a field will show, and the word of the newest command for it."""

    value: int
    word: str


class FailsafeKeepalive:
    """Arms the failsafe mode of one station and keeps it from tripping.

    Parameters
    ----------
    failsafe
        What to arm the station with; a `failsafe` command that the station
        confirms later takes its place. None leaves both to others.
    """

    def __init__(self, failsafe: SetFailsafe | None) -> None:
        self._is_wanted = failsafe is not None
        self._failsafe = failsafe or _DISARMED
        self._next_keepalive_at = math.inf
        self._refreshed_before = self._refreshed_at = -math.inf
        self._is_armed = False
        self._is_arming_sent = False
        self._is_controlled = True
        self._unarmed_reports = 0
        self._fields: Mapping[str, object] = {}
        self._timeout_s = 0
        self._confirmed: dict[str, _Confirmed] = {}
        # What a command that has left may have set, while nothing proves it.
        self._unproven: dict[str, _Confirmed] = {}
        self._is_keepalive_waiting = False
        self._to_reapply: set[str] = set()
        self._is_trip_reported = False

    @property
    def look_s(self) -> float:
        """How long a keepalive may wait for a look at report 2."""
        return min(LOOK_S, LARGEST_LOOK * self._interval_s)

    @property
    def _interval_s(self) -> float:
        return self._failsafe.timeout / KEEPALIVES_PER_TIMEOUT

    def facts(self, now: float, *, is_armed_by_user: bool) -> FailsafeFacts:
        """Return who feeds the station, as far as we know."""
        if not self._is_wanted:
            is_fed = self._is_fed_by_user(now)
            return _failsafe_facts(is_ours=is_armed_by_user, is_fed=is_fed)
        return _failsafe_facts(
            is_ours=self._is_armed,
            is_fed=self._is_armed and self._is_controlled,
            is_starved=self._is_starved(now),
        )

    def _is_fed_by_user(self, now: float) -> bool:
        """Tell whether a user's commands come often enough.

        One alone does not feed: the next may never come.
        """
        moments = (self._refreshed_before, self._refreshed_at, now)
        return bool(self._timeout_s) and all(
            later - earlier <= self._timeout_s
            for earlier, later in pairwise(moments)
        )

    def _is_starved(self, now: float) -> bool:
        """Whether we have left it alone for longer than its timeout."""
        if not self._is_armed or self._refreshed_at == -math.inf:
            return False
        return now - self._refreshed_at > self._failsafe.timeout

    def next_deadline(self) -> float:
        """Return when `keepalive` is worth a call."""
        if not (self._is_armed and self._is_controlled):
            return math.inf
        return self._next_keepalive_at

    def set_controlled(self, *, is_controlled: bool, now: float) -> None:
        if is_controlled and not self._is_controlled:
            self._next_keepalive_at = now
        self._is_controlled = is_controlled

    def note_interruption(self) -> None:
        """The station has restarted, or has come back from silence.

        Nothing is known of it until the next report 2.
        """
        self._unarmed_reports = 0
        self._fields = {}
        self._confirmed.clear()
        self._unproven.clear()

    def note_sent(self, command: Command, now: float) -> None:
        if isinstance(command, SetFailsafe) and self._is_wanted:
            self._is_arming_sent = command.timeout > 0
        if command.word in REFRESHING_WORDS:
            self._is_keepalive_waiting = False
            self._plan_keepalive(now)
            for key, value in _effect_of(command).items():
                self._unproven[key] = _Confirmed(value, command.word)

    def note_accepted(self, command: Command, now: float) -> None:
        if isinstance(command, SetFailsafe) and self._is_wanted:
            self._failsafe = command
            self._is_armed = command.timeout > 0
            self._refreshed_at = now
            self._plan_keepalive(now)
        if command.word in REFRESHING_WORDS:
            self._refreshed_before, self._refreshed_at = self._refreshed_at, now
            self._is_trip_reported = False
            self._to_reapply.discard(command.word)
            self._forget({command.word})
            for key, value in _effect_of(command).items():
                self._confirmed[key] = _Confirmed(value, command.word)
                self._unproven.pop(key, None)

    def take_reading(
        self, fields: Mapping[str, object], pending_words: Set[str]
    ) -> None:
        """Take a fresh report 2; it may not show pending words yet."""
        self._fields = fields
        self._timeout_s = whole_number(fields.get("Tmo FS")) or 0
        self._forget(REFRESHING_WORDS - pending_words)
        is_settled = pending_words.isdisjoint(REFRESHING_WORDS)
        if self._is_armed and is_settled and _has_tripped(fields):
            self._reapply()

    def arming(self) -> Command | None:
        """Return the command that arms the station, if it is not armed.

        A station that does not let itself be armed is asked again after 1, 2,
        4, 8… reports.
        """
        if self._failsafe.timeout == 0:
            return None
        is_shown = self._failsafe.is_shown_by(self._fields)
        if is_shown:
            self._find_armed()
            return None
        if is_shown is None and self._is_armed:
            return None
        self._is_armed = self._is_arming_sent = False
        self._is_keepalive_waiting = False
        self._to_reapply.clear()
        self._unarmed_reports += 1
        is_power_of_two = self._unarmed_reports.bit_count() == 1
        return self._failsafe if is_power_of_two else None

    def keepalive(self, now: float) -> list[Command]:
        """Return the commands that are due now."""
        if now < self.next_deadline():
            return []
        if self._is_starved(now):
            # Long enough without us for the station to have tripped.
            self._reapply()
        self._is_keepalive_waiting = True
        # If it does not leave: KEBA's pauses and the look take their time.
        self._next_keepalive_at = now + 2 * self._interval_s
        return self._commands_to_repeat()

    def waiting_keepalive(self) -> list[Command]:
        """Return what the last one should repeat by now, if it has not left."""
        if not self._is_keepalive_waiting:
            return []
        return self._commands_to_repeat()

    def notices_trip(self) -> bool:
        """Tell, once, that the station must have tripped."""
        if not self._to_reapply or self._is_trip_reported:
            return False
        self._is_trip_reported = True
        return True

    def disarming(self) -> Command | None:
        """Return the command for a clean end, if the station may be armed."""
        if not (self._is_armed or self._is_arming_sent):
            return None
        return replace(_DISARMED, stored=self._failsafe.stored)

    def _plan_keepalive(self, now: float) -> None:
        self._next_keepalive_at = now + self._interval_s - self.look_s

    def _reapply(self) -> None:
        self._to_reapply = {"ena", "curr"}

    def _find_armed(self) -> None:
        """Take over a station that is armed already.

        It may have tripped since whoever armed it fell silent.
        """
        self._unarmed_reports = 0
        if self._is_armed:
            return
        self._is_armed = True
        self._is_trip_reported = True
        self._next_keepalive_at = -math.inf
        self._reapply()

    def _commands_to_repeat(self) -> list[Command]:
        shown = self._shown()
        unproven = {
            key: one.value
            for key, one in self._unproven.items()
            if shown.get(key) != one.value
        }
        known = {key: shown[key] for key in shown.keys() - unproven.keys()}
        limit, enable = _limit_of(known), _enable_of(known)
        if self._to_reapply:
            commands = [enable, limit]
        elif limit is None or _disturbs({**shown, **unproven}):
            commands = [enable or limit]
        else:
            commands = [limit]
        return [command for command in commands if command is not None]

    def _shown(self) -> Mapping[str, object]:
        """Return what a report 2 would show now, as far as is known."""
        confirmed = {key: one.value for key, one in self._confirmed.items()}
        return {**self._fields, **confirmed}

    def _forget(self, words: Set[str]) -> None:
        """Forget what commands of these words have set, or may have set."""
        self._confirmed = _without(self._confirmed, words)
        self._unproven = _without(self._unproven, words)


def _without(
    effects: Mapping[str, _Confirmed], words: Set[str]
) -> dict[str, _Confirmed]:
    return {key: one for key, one in effects.items() if one.word not in words}


def _effect_of(command: Command) -> Mapping[str, int]:
    if not isinstance(command, SetCurrentTimed):
        return command.expected_fields()
    if command.delay != 1:
        return {"Tmo CT": command.delay}
    if command.limit == 0:
        return {"Enable user": 0}
    return {"Curr user": command.limit, "Enable user": 1}


def _limit_of(shown: Mapping[str, object]) -> Command | None:
    """Repeat a limit with `curr`: `currtime` would also enable charging."""
    limit = shown.get("Curr user")
    if isinstance(limit, int) and CURRENT_MIN_MA <= limit <= CURRENT_MAX_MA:
        return SetCurrent(Milliampere(limit))
    return None


def _enable_of(shown: Mapping[str, object]) -> Command | None:
    is_off = Enable(on=False).is_shown_by(shown)
    return None if is_off is None else Enable(on=not is_off)


def _disturbs(shown: Mapping[str, object]) -> bool:
    """Tell whether repeating `curr` would do more than that.

    It may undo a `currtime` whose delay has just ended, and it was seen to
    switch to three phases (ioBroker.kecontact#380).
    """
    has_timer = shown.get("Tmo CT") not in (None, 0)
    is_on_one_phase = (
        shown.get("X2 phaseSwitch source") == _BY_UDP
        and shown.get("X2 phaseSwitch") == 0
    )
    return has_timer or is_on_one_phase


def _has_tripped(fields: Mapping[str, object]) -> bool:
    """Tell whether the failsafe current rules (UDP guide V2.01, page 35).

    Nothing else offers a current while charging is not enabled.
    """
    return (
        fields.get("Enable sys") == 0
        and fields.get("Enable user") == 1
        and offers_failsafe_current(fields)
    )
