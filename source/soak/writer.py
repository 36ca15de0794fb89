"""Writes setpoints all the time, and says what was written."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from soak.stations import Station


class Writer:
    """Chooses setpoints; no two of a station are the same for long.

    Parameters
    ----------
    note
        Called with station, word and value before each is written.
    send
        Writes a value to an actuator: key, value, whether it is retained.
    """

    def __init__(
        self,
        stations: Mapping[str, Station],
        chance: Random,
        note: Callable[[str, str, int], None],
        send: Callable[..., object],
    ) -> None:
        self._stations = stations
        self._chance = chance
        self._note = note
        self._send = send
        self._numbers: Counter[str] = Counter()

    def write_any(self) -> None:
        name = self._chance.choice([*self._stations])
        if self._chance.random() < 0.6:
            self.write_current(name)
        else:
            self.write_enable(name)

    def write_current(self, name: str, *, retain: bool = False) -> str:
        """Write the next current of a station; return the actuator's key."""
        one = self._stations[name]
        self._numbers[name] += 1
        # A stride without common divisor: stations in time differ much.
        value = one.setpoint(self._numbers[name] * 171)
        return self._write(name, one.current_word, value, retain=retain)

    def write_enable(self, name: str) -> str:
        """Enable or disable a station; return the actuator's key."""
        return self._write(name, "ena", self._chance.randrange(2))

    def write_all(self) -> None:
        for name in self._stations:
            self.write_current(name)
            self.write_enable(name)

    def _write(
        self, name: str, word: str, value: int, *, retain: bool = False
    ) -> str:
        self._note(name, word, value)
        key = f"{name}__{word}"
        self._send(key, value, retain=retain)
        return key
