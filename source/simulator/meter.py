"""The energy meter: exact between two changes of the power."""

from __future__ import annotations

import math

MILLIWATT_SECONDS = 360_000.0
"""0.1 Wh = 360 J = 360 000 mW s: KEBA's unit of energy and KEBA's unit of
power."""

NOISE = 1e-3
"""Floating point noise, far below one unit of 0.1 Wh."""


class Meter:
    """Adds up energy, in 0.1 Wh.

    Power is constant from one call of `set_power` to the next, so the result
    does not depend on how often somebody looks.
    """

    def __init__(self, energy: float, now: float) -> None:
        self.power = 0
        self._energy = energy
        self._since = now

    def set_power(self, milliwatt: int, now: float) -> None:
        """Count with another power from now on."""
        if milliwatt == self.power:
            return
        self._energy = self.energy(now)
        self._since = now
        self.power = milliwatt

    def energy(self, now: float) -> float:
        """Return the energy in 0.1 Wh, with fractions."""
        passed = now - self._since
        return self._energy + self.power * passed / MILLIWATT_SECONDS

    def has_reached(self, energy: float, now: float) -> bool:
        """Tell whether so much has been counted."""
        return self.energy(now) >= energy - NOISE

    def when(self, energy: float) -> float:
        """Return when so much will have been counted, or infinity."""
        if self.power == 0:
            return math.inf
        missing = energy - self._energy
        return self._since + missing * MILLIWATT_SECONDS / self.power


def whole_units(energy: float) -> int:
    """Return whole units as a report shows them."""
    return math.floor(energy + NOISE)
