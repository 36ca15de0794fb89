"""In each calm all is well again, and the newest setpoint is in force."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from soak.events import Event, FaultBegan, FaultEnded, Value
from soak.invariants.breach import Invariant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from soak.events import Settings
    from soak.stations import Station
    from soak.timeline import Phase

RECOVERY_S = 30.0
"""Two rounds of polls and replies that do not come, the broker's retries (5 s
at most) and a start of the connector, on a busy machine."""

SETTLING_S = 30.0
"""A pause of 2 s after a stop, a reading every 5 s, two of them for a verdict,
and one more of each where nobody knew of an older command."""


class Recovery(Invariant):
    """After a fault all stations are online and their values flow.

    Attributes
    ----------
    lasted_s, slowest_s
        By the name of a fault: how long it lasted each time it came, and the
        slowest recovery from it.
    """

    sees = (FaultBegan, FaultEnded, Value)
    name = "Recovery after each fault"
    limit = f"{RECOVERY_S:g} s after the last fault has ended"

    def __init__(self, stations: list[str]) -> None:
        super().__init__()
        self.lasted_s: defaultdict[str, list[float]] = defaultdict(list)
        self.slowest_s: dict[str, float] = {}
        self._began_at: dict[Phase, float] = {}
        self._value_at: dict[str, float] = {}
        self._online: dict[str, bool] = {}
        self._stations = stations
        self._ended: list[tuple[Phase, float]] = []
        self._calm_at: float | None = None

    def see(self, event: Event) -> None:
        match event:
            case FaultBegan(at=at, phase=phase):
                self._began_at[phase] = at
            case FaultEnded(at=at, phase=phase):
                self._ended.append((phase, at))
                lasted_s = at - self._began_at.pop(phase, at)
                self.lasted_s[phase.kind.name].append(lasted_s)
            case Value(group="report 2"):
                # Kept for the broker, it is older than it comes.
                told_at = event.at - max(0.0, event.age_s)
                self._value_at[event.station] = told_at
            case Value(group="connection", field="online"):
                self._online[event.station] = bool(event.value)

    def calm_begins(self, at: float) -> None:
        self._calm_at = at

    def look(self, now: float) -> bool:
        """Tell whether all has recovered; complain if that takes too long."""
        for phase, ended_at in [*self._ended]:
            if not self._missing(phase.stations or self._stations, ended_at):
                self._ended.remove((phase, ended_at))
                self._note(phase.kind.name, now - ended_at)
        if self._calm_at is None:
            return True
        self.judged += 1
        missing = self._missing(self._stations, self._calm_at)
        if not missing:
            self._note("all of a cycle", now - self._calm_at)
        elif now - self._calm_at > RECOVERY_S:
            self.breach(now, f"not back after {RECOVERY_S:g} s: {missing}")
            self._ended.clear()
        else:
            return False
        self._calm_at = None
        return True

    def _note(self, what: str, took_s: float) -> None:
        self.slowest_s[what] = max(took_s, self.slowest_s.get(what, 0.0))

    def _missing(self, stations: Iterable[str], since: float) -> list[str]:
        return [
            name
            for name in stations
            if self._value_at.get(name, -1.0) <= since
            or not self._online.get(name, False)
        ]

    def measured(self) -> str:
        slowest_s = self.slowest_s.get("all of a cycle", 0.0)
        return f"slowest {slowest_s:.1f} s"


class Settled(Invariant):
    """What is written in calm is in force soon, and said to be.

    Commands that were written while the broker or the connector was down are
    lost, as MQTT has it; so one more is written in each calm, and that one
    counts.
    """

    sees = (Value,)
    name = "Newest setpoint in force in each calm"
    limit = f"{SETTLING_S:g} s after it was written, with the right result"

    def __init__(self, stations: Mapping[str, Station]) -> None:
        super().__init__()
        self.slowest_s = 0.0
        self._stations = stations
        self._written_at: float | None = None
        self._wanted: dict[tuple[str, str], int] = {}
        self._results: dict[tuple[str, str], str] = {}

    def write(self, at: float, wanted: Mapping[tuple[str, str], int]) -> None:
        """These setpoints were written, by station and actuator."""
        self._written_at = at
        self._wanted = dict(wanted)
        self._results.clear()

    def see(self, event: Event) -> None:
        match event:
            case Value(group="results", value=result):
                word = str(result).partition(":")[0]
                self._results[event.station, event.field] = word

    def look(self, now: float, settings: Mapping[str, Settings]) -> bool:
        """Tell whether all is in force; complain if that takes too long."""
        if self._written_at is None:
            return True
        took_s = now - self._written_at
        wrong = self._wrong(settings)
        if wrong and took_s <= SETTLING_S:
            return False
        for one in wrong:
            self.breach(now, f"after {SETTLING_S:g} s: {one}")
        self.judged += len(self._wanted)
        self.slowest_s = max(self.slowest_s, took_s)
        self._written_at = None
        return True

    def _wrong(self, settings: Mapping[str, Settings]) -> list[str]:
        wrong = []
        for (station, word), value in self._wanted.items():
            one = self._stations[station]
            is_in_force = settings[station].shows(word, value)
            right = one.right_results(is_in_force=is_in_force)
            result = self._results.get((station, word))
            if result not in right or (one.obeys and not is_in_force):
                wrong.append(
                    f"{station} {word} {value}: result {result!r}, in force "
                    f"{settings[station]}"
                )
        return wrong

    def measured(self) -> str:
        return f"{self.judged} setpoints, slowest {self.slowest_s:.1f} s"
