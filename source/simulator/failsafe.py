"""Failsafe: what the station does when its client falls silent."""

from __future__ import annotations

import math
from typing import NamedTuple

BOTH = frozenset({"current", "enable"})
"""What must be sent after it has tripped."""


class FailsafeSetting(NamedTuple):
    """How long the client may be silent, and the limit after that, in mA."""

    timeout_s: int = 0  # 0 is off
    current: int = 0  # 0 stops


class Failsafe:
    """Watches that a client sends `curr`, `currtime` or `ena` in time.

    UDP guide V2.01, pages 34 and 35. Reading reports does not count. Once
    tripped, the current and the enable must both be sent again; a `currtime`
    says both at once (guessed: it sets the one and implies the other). One
    of them alone is not enough for long: after another silence both are
    missing again (guessed as well). Switched off it limits nothing any more.
    """

    def __init__(self) -> None:
        self.setting = FailsafeSetting()
        self._stored = FailsafeSetting()
        self._fed_at = 0.0
        self._missing: set[str] = set()

    @property
    def is_tripped(self) -> bool:
        """Whether the failsafe current rules."""
        return bool(self._missing)

    def configure(
        self, setting: FailsafeSetting, now: float, *, store: bool
    ) -> None:
        """Take a new setting, and keep it over restarts when asked to."""
        self.setting = setting
        self._fed_at = now
        if setting.timeout_s == 0:
            self._missing = set()
        if store:
            self._stored = setting

    def feed(self, now: float, *says: str) -> None:
        """Note a command that says `current`, `enable`, or both."""
        self._fed_at = now
        self._missing.difference_update(says)

    def next_moment(self) -> float:
        """Return when it trips if nobody says anything, or infinity."""
        if self._missing == BOTH or self.setting.timeout_s == 0:
            return math.inf
        return self._fed_at + self.setting.timeout_s

    def advance(self, now: float) -> None:
        """Trip if it is time."""
        if now >= self.next_moment():
            self._missing = set(BOTH)

    def restart(self, now: float) -> None:
        """Return to what was stored."""
        self.setting = self._stored
        self._fed_at = now
        self._missing = set()
