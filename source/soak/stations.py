"""The stations of a run, each with values that only it can have."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulator import PROFILES, Profile

MOST_STATIONS = 99
"""More would not have values of their own."""

CONNECTOR = "127.0.6.1"
UNKNOWN_SENDERS = tuple(f"127.0.8.{number}" for number in range(1, 21))

# Different makes and habits. What needs a person to go on (a card, a switch,
# a power cycle) is left out: it could never recover by itself.
MODELS = (
    "p30-c",
    "p20-slow",
    "bmw",
    "p30-3.08",
    "p30-x",
    "p30-padded-keys",
    "p30-de",
    "p30-source-port",
    "p20",
    "p30-garbage-tail",
    "p30-3.9",
    "p30-mixed-layout",
    "p30-numeric-id",
    "p30-confirms-only",
    "p30-pushes-twice",
    "p30-refuses",
    "p30-stays-interrupted",
    "p30-wrong-id",
)

LOWEST_SETPOINT = 6_100
SETPOINTS = 569
_STRIDE = 100

_FIRST_TOTAL = 1_000_000
_TOTALS_EACH = 9_900_000
"""E total overflows at 10^9 (UDP guide V2.01, page 19)."""


@dataclass(frozen=True, slots=True)
class Station:
    """A station of a run.

    Parameters
    ----------
    number
        Its number, from 0; its values follow from it.
    """

    number: int
    name: str
    address: str
    profile: Profile

    @property
    def current_word(self) -> str:
        """The actuator that sets its current: `curr` or `currtime`."""
        is_odd = self.number % 2 == 1
        knows = "currtime" not in self.profile.lacks_commands
        return "currtime" if is_odd and knows else "curr"

    @property
    def words(self) -> tuple[str, str]:
        return (self.current_word, "ena")

    @property
    def total_range(self) -> range:
        """What its meter can show during a run, in 0.1 Wh."""
        first = _FIRST_TOTAL + self.number * _TOTALS_EACH
        return range(first, first + _TOTALS_EACH)

    def setpoint(self, number: int) -> int:
        """Return one of its currents in mA; no other station has it."""
        step = number % SETPOINTS
        return LOWEST_SETPOINT + self.number + _STRIDE * step

    def right_results(self, *, is_in_force: bool) -> frozenset[str]:
        """Return what may become of a command in calm."""
        if self.profile.refuses:
            return frozenset({"rejected"})
        if self.profile.confirms_only and not is_in_force:
            # `ena` behind `currtime` takes its place, as far as anybody can
            # tell: an effect that does not show may have been replaced.
            return frozenset({"not_applied", "superseded"})
        return frozenset({"applied"})

    @property
    def obeys(self) -> bool:
        return not (self.profile.refuses or self.profile.confirms_only)


def make_stations(count: int) -> tuple[Station, ...]:
    """Make the stations of a run, at most `MOST_STATIONS`."""
    return tuple(map(_make_station, range(count)))


def _make_station(number: int) -> Station:
    model = PROFILES[MODELS[number % len(MODELS)]]
    bare = Station(number, f"s{number:02d}", f"127.0.6.{100 + number}", model)
    profile = replace(
        model,
        first_total=bare.total_range.start,
        # mA: too little to matter, enough to tell them apart.
        current_limit=model.current_limit - number,
    )
    return replace(bare, profile=profile)
