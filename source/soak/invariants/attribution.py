"""No value is credited to the wrong station, and nothing forged appears."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from soak.invariants.breach import Invariant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from soak.events import Said
    from soak.stations import Station

REMEMBERED_S = 600.0
"""A report is told at once; what a broker's outage held back comes later."""

UNCERTAIN_S = 60.0
"""After damaged datagrams nobody can tell what a station has said; values that
were on their way, or kept for the broker, come later."""

_PAIR = re.compile(rb'"([^"{}:]*)"\s*:\s*("[^"]*"|[^",}\s][^,}\n]*)')
"""Our own reading, more tolerant than any station is wrong on purpose."""

FORGED = frozenset({1_666_600_001, 1_666_600_002, 1_666_600_003})
"""Numbers that only forged reports hold: no meter goes so far."""


def pairs_of(data: bytes) -> dict[str, str]:
    """Read fields and values of a datagram, as lower-case and plain text."""
    return {
        key.decode("latin-1").strip().casefold(): _plain(value)
        for key, value in _PAIR.findall(data)
    }


def _plain(value: bytes) -> str:
    return value.decode("latin-1").strip().strip('"').strip()


class Attribution(Invariant):
    """Each field of a report under a station is one that it has said.

    So is what follows from fields: of that, only the meter's total is judged.
    """

    name = "No wrong attribution"
    limit = (
        "each field of a report was said by its own station, each energy_total "
        "is its own meter's; no forged number under any key"
    )

    def __init__(
        self, stations: Mapping[str, Station], serials: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._stations = stations
        self._serials = serials
        self._told: defaultdict[tuple[str, str], dict[str, float]]
        self._told = defaultdict(dict)
        self._uncertain_until: dict[str, float] = {}
        self.exact = 0
        self.uncertain = 0

    def damage(self, stations: Iterable[str], until: float) -> None:
        """Hear that datagrams of stations are damaged until a moment."""
        for name in stations:
            earlier = self._uncertain_until.get(name, until)
            self._uncertain_until[name] = max(until + UNCERTAIN_S, earlier)

    def say(self, said: Said) -> None:
        for field, value in pairs_of(said.data).items():
            told = self._told[said.station, field]
            # Taken out first, so that the oldest stands in front.
            told.pop(value, None)
            told[value] = said.at
            _forget(told, said.at - REMEMBERED_S)

    def judge(self, at: float, key: str, value: object) -> None:
        """A value was published under a sensor key."""
        station, group, field = key.split("__", 2)
        if isinstance(value, int) and value in FORGED:
            self.breach(at, f"{key} = {value!r} was forged by a unknown sender")
        elif group.startswith("report "):
            self._judge_field(at, station, field, value)
        elif (group, field) == ("readings", "energy_total"):
            self._judge_total(at, station, value)

    def _judge_field(
        self, at: float, station: str, field: str, value: object
    ) -> None:
        shown = _as_text(value)
        if shown in self._told[station, field.casefold()]:
            self.exact += 1
            return
        if not self._is_uncertain(station, at):
            self.breach(at, f"{station} never said {field} = {value!r}")
            return
        self.uncertain += 1
        owner = self._owner_of(shown) if field == "Serial" else None
        if owner not in (None, station):
            self.breach(at, f"{station} has the serial number of {owner}")

    def _judge_total(self, at: float, station: str, value: object) -> None:
        if not isinstance(value, int | float):
            self.breach(at, f"energy_total of {station} is {value!r}")
            return
        one = self._stations[station]
        if not one.profile.has_meter or self._is_uncertain(station, at):
            return
        # Values are in kWh, the range in 0.1 Wh.
        if round(value * 10_000) not in one.total_range:
            self.breach(at, f"energy_total {value!r} is not {station}'s")

    def _is_uncertain(self, station: str, at: float) -> bool:
        return at <= self._uncertain_until.get(station, at - 1.0)

    def _owner_of(self, serial: str) -> str | None:
        owners = (name for name, own in self._serials.items() if own == serial)
        return next(owners, None)

    @property
    def is_judged(self) -> bool:
        return self.exact > 0

    def measured(self) -> str:
        return (
            f"{self.exact} fields said by their station, {self.uncertain} from "
            "damaged datagrams"
        )


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value)


def _forget(told: dict[str, float], before: float) -> None:
    while told:
        oldest = next(iter(told))
        if told[oldest] >= before:
            return
        del told[oldest]
