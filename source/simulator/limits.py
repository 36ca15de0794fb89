"""What clients have asked for, failsafe, and how long each wish lives."""

from __future__ import annotations

import math
from typing import NamedTuple

NO_LIMIT = 63_000
LOWEST_CURRENT = 6_000

ENABLE_DELAY_S = 1.0
"""UDP guide V2.01, page 31: `ena` takes about one second."""


def is_current(milliampere: int) -> bool:
    """Tell whether a current is within KEBA's range."""
    return LOWEST_CURRENT <= milliampere <= NO_LIMIT


BOTH = frozenset({"current", "enable"})
"""What must be sent after failsafe has tripped."""


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


class Limits:
    """Current, timer, enable, energy limit and failsafe.

    `curr` and `ena` last until the restart. What `currtime` and `setenergy`
    did ends with the session: back to enabled and 63000 mA (UDP guide V2.00,
    pages 13 and 14). A `curr` out of range sets `invalid_curr_becomes`.
    """

    def __init__(self, *, invalid_curr_becomes: int) -> None:
        self._invalid_curr_becomes = invalid_curr_becomes
        self.failsafe = Failsafe()
        self.curr_user = NO_LIMIT
        self.enable_user = True
        self.curr_timer = 0
        self.setenergy = 0
        self._energy_spent = False
        self._timer_due_at = math.inf
        self._enable_due_at = math.inf
        self._enable_wish = True
        self._current_ends_with_session = False
        self._stop_ends_with_session = False

    def set_current(self, milliampere: int, now: float) -> None:
        """`curr`: limit the current at once."""
        if not is_current(milliampere):
            milliampere = self._invalid_curr_becomes
        self.curr_user = milliampere
        self._current_ends_with_session = False
        self.failsafe.feed(now, "current")

    def set_current_later(
        self, milliampere: int, delay_s: int, now: float
    ) -> None:
        """`currtime`: limit the current, or stop with 0, after a delay.

        0 mA after 0 s cancels the timer. A current after 0 s takes effect
        with the next `advance`, at the same moment: "active after the delay"
        (UDP guide V2.01, page 21), which ioBroker.kecontact relies on.
        """
        self.failsafe.feed(now, "current", "enable")
        self.curr_timer = milliampere
        is_cancelled = milliampere == 0 and delay_s == 0
        self._timer_due_at = math.inf if is_cancelled else now + delay_s

    def enable(self, *, wish: bool, now: float) -> None:
        """`ena`: allow or forbid charging, in about a second."""
        self._enable_wish = wish
        self._enable_due_at = now + ENABLE_DELAY_S
        self.failsafe.feed(now, "enable")

    def limit_energy(self, units: int) -> None:
        """`setenergy`: stop after so many units of 0.1 Wh; 0 is no limit."""
        self.setenergy = units
        self._energy_spent = False

    @property
    def energy_limit(self) -> float:
        """Units of 0.1 Wh that may flow in this session, or infinity."""
        if self.setenergy == 0 or self._energy_spent:
            return math.inf
        return self.setenergy

    def spend_energy(self) -> None:
        """Stop because the energy limit is reached, as `ena 0` would.

        Lost with the session like the limit itself (guessed).
        """
        self._energy_spent = True
        self.enable_user = False
        self._stop_ends_with_session = True

    def timer_left_s(self, now: float) -> int:
        """`Tmo CT`: seconds until `currtime` takes effect, 0 without one."""
        if self._timer_due_at == math.inf:
            return 0
        return math.ceil(self._timer_due_at - now)

    def next_moment(self) -> float:
        """Return when something takes effect by itself, or infinity."""
        return min(
            self._timer_due_at,
            self._enable_due_at,
            self.failsafe.next_moment(),
        )

    def advance(self, now: float) -> None:
        """Let take effect what is due."""
        self.failsafe.advance(now)
        if now >= self._enable_due_at:
            self._enable_due_at = math.inf
            self.enable_user = self._enable_wish
            self._stop_ends_with_session = False
            # UDP guide V2.01, page 24: after the limit was reached, `ena 1`
            # continues without limit.
            if self._enable_wish and self._energy_spent:
                self.limit_energy(0)
        if now >= self._timer_due_at:
            self._timer_due_at = math.inf
            self._apply_timer()

    def end_session(self) -> None:
        """Drop what lasts only as long as the vehicle is plugged in."""
        self.curr_timer = 0
        self._timer_due_at = math.inf
        self.limit_energy(0)
        if self._current_ends_with_session:
            self.curr_user = NO_LIMIT
            self._current_ends_with_session = False
        if self._stop_ends_with_session:
            self.enable_user = True
            self._stop_ends_with_session = False

    def restart(self, now: float) -> None:
        """Drop all but a stored failsafe."""
        self.end_session()
        self._enable_due_at = math.inf
        self.curr_user = NO_LIMIT
        self.enable_user = True
        self.failsafe.restart(now)

    def _apply_timer(self) -> None:
        if self.curr_timer == 0:
            # `Curr user` keeps its value after a stop (captures in State 5).
            # A stop by `ena 0` goes on forbidding the next session.
            if self.enable_user:
                self._stop_ends_with_session = True
            self.enable_user = False
            return
        self.curr_user = self.curr_timer
        self.enable_user = True
        self._current_ends_with_session = True
        self._stop_ends_with_session = False
