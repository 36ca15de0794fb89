"""A vehicle and how its charger draws current."""

from __future__ import annotations

import math
from dataclasses import dataclass

STAIR_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A vehicle as the station sees it."""

    phases: int = 3  # that its charger uses
    max_current: int = 16_000  # mA on each
    needs_wh: float = 20_000.0  # before it is full
    hesitation_s: float = 5.0  # between the station's offer and first current
    # Until a higher limit is used fully: about 30 s were seen
    # (mschlappa/KebaWallboxSteuerung).
    ramp_s: float = 30.0


class Charger:
    """The charger in the vehicle: follows the limit that it is offered.

    The current climbs in stairs of one second and falls at once. Between two
    stairs it is constant, so that energy can be reckoned exactly.
    """

    def __init__(self, vehicle: Vehicle) -> None:
        self.vehicle = vehicle
        self.current = 0
        self.is_drawing = False
        self.is_full = False
        self._offered = 0
        self._start = 0
        self._goal = 0
        self._climbs_from = 0.0
        self._stair = 0
        self._next_at = math.inf

    def next_moment(self) -> float:
        """Return when the current changes next by itself, or infinity."""
        return self._next_at

    def offer(self, limit: int, now: float) -> None:
        """Tell the charger how many mA it may draw; 0 means none."""
        if limit == self._offered or self.is_full:
            return
        self._offered = limit
        if limit == 0:
            self._stop()
        elif self.is_drawing:
            self._aim(now)
        elif self._next_at == math.inf:
            self._next_at = now + self.vehicle.hesitation_s

    def climb_again(self, now: float) -> None:
        """Begin at 0 again, as if current had only begun to flow."""
        if self.is_drawing:
            self.current = 0
            self._aim(now)

    def become_full(self) -> None:
        """Take nothing any more until the vehicle comes again."""
        self.is_full = True
        self._stop()

    def advance(self, now: float) -> None:
        """Climb the stairs that are due."""
        if now < self._next_at:
            return
        if self.is_drawing:
            self._climb()
        else:
            self.is_drawing = True
            self._aim(now)

    def _stop(self) -> None:
        self.current = 0
        self.is_drawing = False
        self._next_at = math.inf

    def _aim(self, now: float) -> None:
        self._goal = min(self._offered, self.vehicle.max_current)
        if self._goal <= self.current:
            self.current = self._goal
            self._next_at = math.inf
            return
        self._start = self.current
        self._climbs_from = now
        self._stair = 0
        self._next_at = now + STAIR_S

    def _climb(self) -> None:
        stairs = max(1, round(self.vehicle.ramp_s / STAIR_S))
        self._stair += 1
        rise = (self._goal - self._start) * self._stair // stairs
        self.current = min(self._start + rise, self._goal)
        self._next_at = self._climbs_from + (self._stair + 1) * STAIR_S
        if self.current == self._goal:
            self._next_at = math.inf
