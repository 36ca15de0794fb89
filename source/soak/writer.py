"""Writes setpoints all the time, and says what was written."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from soak.events import Written

if TYPE_CHECKING:
    from random import Random

    from soak.testbed import Testbed


class Writer:
    """Chooses setpoints; no two of a station are the same for long.

    Attributes
    ----------
    newest
        What was written last, by station and actuator.
    """

    def __init__(self, testbed: Testbed, chance: Random) -> None:
        self._testbed = testbed
        self._chance = chance
        self._numbers: Counter[str] = Counter()
        self.newest: dict[tuple[str, str], int] = {}

    def write_any(self) -> None:
        name = self._chance.choice([*self._testbed.stations])
        if self._chance.random() < 0.6:
            self.write_current(name)
        else:
            self._write_enable(name)

    def write_all(self) -> None:
        for name in self._testbed.stations:
            self.write_current(name)
            self._write_enable(name)

    def write_current(self, name: str, *, retain: bool = False) -> str:
        """Write the next current of a station; return the actuator's key."""
        one = self._testbed.stations[name]
        self._numbers[name] += 1
        # A stride without common divisor: stations in time differ much.
        value = one.setpoint(self._numbers[name] * 171)
        return self._write(name, one.current_word, value, retain=retain)

    def _write_enable(self, name: str) -> None:
        self._write(name, "ena", self._chance.randrange(2))

    def _write(
        self, name: str, word: str, value: int, *, retain: bool = False
    ) -> str:
        self.newest[name, word] = value
        # It is noted first, hence before anything that comes of it.
        setpoint = Written(time.monotonic(), name, word, value)
        self._testbed.queue.put(setpoint)
        key = f"{name}__{word}"
        self._testbed.controller.write(key, value, retain=retain)
        return key
