"""No value is credited to the wrong station, and nothing forged appears."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from soak.events import Event, Said, Value
from soak.invariants.breach import Invariant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soak.stations import Station

REMEMBERED_S = 600.0
"""A report is told at once; what a broker's outage held back comes later."""

_PAIR = re.compile(r'"([^"{}:]*)"\s*:\s*("[^"]*"|[^",}\s][^,}\n]*)', re.ASCII)
"""Our own reading, more tolerant than any station is wrong on purpose."""

FORGED = frozenset({1_666_600_001, 1_666_600_002, 1_666_600_003})
"""Numbers that only forged reports hold: no meter goes so far."""


def pairs_of(data: bytes) -> dict[str, str]:
    """Read fields and values of a datagram, as lower-case and plain text."""
    text = data.decode("latin-1")
    return {
        key.strip().casefold(): value.strip().strip('"').strip()
        for key, value in _PAIR.findall(text)
    }


class Attribution(Invariant):
    """Each field of a report under a station is one that it has said.

    So is what follows from fields: of that, only the meter's total is judged.
    """

    sees = (Said, Value)
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
        self._owners = {serial: name for name, serial in serials.items()}
        self._told: defaultdict[tuple[str, str], dict[str, float]]
        self._told = defaultdict(dict)
        self.uncertain = 0

    def see(self, event: Event) -> None:
        match event:
            case Said():
                self._note(event)
            case Value(value=int(number)) if number in FORGED:
                self.breach(
                    event.at,
                    f"{event.key} = {number} was forged by an unknown sender",
                )
            case Value() if event.group.startswith("report "):
                self._judge_field(event)
            case Value(group="readings", field="energy_total"):
                self._judge_total(event)

    def _note(self, said: Said) -> None:
        for field, value in pairs_of(said.data).items():
            told = self._told[said.station, field]
            # Taken out first, so that the oldest stands in front.
            told.pop(value, None)
            told[value] = said.at
            while told[oldest := next(iter(told))] < said.at - REMEMBERED_S:
                del told[oldest]

    def _judge_field(self, one: Value) -> None:
        value = one.value
        shown = value.strip() if isinstance(value, str) else json.dumps(value)
        if shown in self._told[one.station, one.field.casefold()]:
            self.judged += 1
            return
        if one.is_certain:
            self.breach(
                one.at, f"{one.station} never said {one.field} = {value!r}"
            )
            return
        self.uncertain += 1
        owner = self._owners.get(shown) if one.field == "Serial" else None
        if owner not in (None, one.station):
            self.breach(
                one.at, f"{one.station} has the serial number of {owner}"
            )

    def _judge_total(self, one: Value) -> None:
        station = self._stations[one.station]
        if not isinstance(one.value, int | float):
            self.breach(one.at, f"{one.key} is {one.value!r}")
        elif (
            station.profile.has_meter
            and one.is_certain
            # Values are in kWh, the range in 0.1 Wh.
            and round(one.value * 10_000) not in station.total_range
        ):
            self.breach(one.at, f"{one.key} {one.value!r} is another meter's")

    def measured(self) -> str:
        return (
            f"{self.judged} fields said by their station, {self.uncertain} "
            "from damaged datagrams"
        )
