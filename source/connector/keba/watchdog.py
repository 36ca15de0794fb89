"""KEBA's failsafe mode as a watchdog over this connector.

The station limits itself when it has not heard `curr`, `currtime` or `ena` for
its failsafe timeout; reports do not count (UDP guide V2.01, pages 34 and 35).
So the limit that rules is repeated at a third of the timeout, as long as
somebody is in charge; else the station falls back by itself.
"""

import math
from collections.abc import Mapping

from connector.keba.commands import (
    CURRENT_MIN_MA,
    Command,
    Enable,
    SetCurrent,
    SetCurrentTimed,
    SetFailsafe,
)
from connector.keba.fields import CURRENT_MAX_MA
from connector.keba.units import Milliampere, Seconds

BEATS_PER_TIMEOUT = 3
FEEDING_WORDS = frozenset({"ena", "curr", "currtime"})


class Watchdog:
    """Arms the failsafe mode of one station and keeps it from biting.

    Parameters
    ----------
    failsafe
        What to arm the station with.
    """

    def __init__(self, failsafe: SetFailsafe) -> None:
        self._failsafe = failsafe
        self._interval_s = failsafe.timeout / BEATS_PER_TIMEOUT
        self._next_beat_at = math.inf
        self._fed_at = -math.inf
        self._is_armed = False
        self._is_in_charge = True
        self._limit: Command | None = None
        self._enable: Enable | None = None

    @property
    def is_armed(self) -> bool:
        """Whether the station watches over us."""
        return self._is_armed

    def next_deadline(self) -> float:
        """Return when the station wants to be fed again."""
        if not (self._is_armed and self._is_in_charge):
            return math.inf
        return self._next_beat_at

    def set_in_charge(self, *, is_in_charge: bool, now: float) -> None:
        """Hear whether somebody is in charge: the broker, the controller."""
        if is_in_charge and not self._is_in_charge:
            self._next_beat_at = now
        self._is_in_charge = is_in_charge

    def note_sent(self, command: Command, now: float) -> None:
        """A command is leaving."""
        if command.word in FEEDING_WORDS:
            self._next_beat_at = now + self._interval_s

    def note_accepted(self, command: Command, now: float) -> None:
        """The station has confirmed a command."""
        if isinstance(command, SetFailsafe):
            self._is_armed = command.timeout > 0
            self._fed_at = now
            self._next_beat_at = now + self._interval_s
        if command.word in FEEDING_WORDS:
            self._fed_at = now
        if isinstance(command, Enable):
            self._enable = command
        if isinstance(command, SetCurrent | SetCurrentTimed):
            self._limit = command

    def arming(self, fields: Mapping[str, object]) -> Command | None:
        """Return the command that arms the station, if it is not armed."""
        if self._failsafe.is_shown_by(fields):
            return None
        self._is_armed = False
        return self._failsafe

    def beat(self, fields: Mapping[str, object], now: float) -> list[Command]:
        """Return the commands that are due now.

        After a time without us that was long enough for the station to fall
        back, KEBA wants both current and enable again.
        """
        if now < self.next_deadline():
            return []
        self._next_beat_at = now + self._interval_s
        limit = self._ruling_limit(fields)
        if not self.has_bitten(now):
            return [limit]
        enable = self._enable or Enable(on=fields.get("Enable user") != 0)
        return list({c.word: c for c in (enable, limit)}.values())

    def has_bitten(self, now: float) -> bool:
        """Tell whether the station must have fallen back by now."""
        return self._is_armed and now - self._fed_at > self._failsafe.timeout

    def disarming(self) -> Command | None:
        """Return the command for a clean end, if the station is armed."""
        if not self._is_armed:
            return None
        return SetFailsafe(Seconds(0), Milliampere(0), self._failsafe.stored)

    def _ruling_limit(self, fields: Mapping[str, object]) -> Command:
        if self._limit is not None and not _is_delayed(self._limit):
            return self._limit
        limit = fields.get("Curr user")
        if isinstance(limit, int) and CURRENT_MIN_MA <= limit <= CURRENT_MAX_MA:
            return SetCurrent(Milliampere(limit))
        return self._enable or Enable(on=fields.get("Enable user") != 0)


def _is_delayed(command: Command) -> bool:
    return isinstance(command, SetCurrentTimed) and command.delay > 1
