"""How the tests talk to a station."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from simulator.actions import PlugIn
from simulator.charge_point import CHARGING
from simulator.profiles import PROFILES
from simulator.station import SimulatedStation
from simulator.vehicle import Vehicle

if TYPE_CHECKING:
    from simulator.wire import Outgoing

CLIENT = ("127.0.0.1", 7090)

# Its charger neither hesitates nor climbs: full current one second later.
BRISK = Vehicle(hesitation_s=1.0, ramp_s=1.0, needs_wh=1e6)


def ask(station: SimulatedStation, text: str, now: float) -> str | None:
    """Send a request; return the reply, or None if there is none."""
    return reply(station.receive(text.encode("ascii"), now, CLIENT))


def reply(leaving: list[Outgoing]) -> str | None:
    """Return the one reply among what leaves."""
    texts = [out.data.decode("ascii") for out in leaving]
    replies = [text for text in texts if not is_push(text)]
    assert len(replies) <= 1
    return replies[0] if replies else None


def pushes(leaving: list[Outgoing]) -> list[str]:
    """Return the status messages among what leaves."""
    texts = [out.data.decode("ascii") for out in leaving]
    return [text for text in texts if is_push(text)]


def is_push(text: str) -> bool:
    """Tell what a station says by itself from a reply."""
    return text.startswith(('{"', "started"))


def look(
    station: SimulatedStation, number: int, now: float
) -> dict[str, int | str]:
    """Return a report's fields."""
    text = ask(station, f"report {number}", now)
    assert text is not None, f"no report {number}"
    fields: dict[str, int | str] = json.loads(text)
    return fields


def shown(
    station: SimulatedStation, number: int, now: float, *names: str
) -> tuple[int | str, ...]:
    """Return some fields of a report."""
    fields = look(station, number, now)
    return tuple(fields[name] for name in names)


def charging(profile: str = "p30-c") -> SimulatedStation:
    """Return a station at which a brisk vehicle charges since 0 s."""
    station = SimulatedStation("garage", PROFILES[profile])
    start_charging(station, 0.0)
    return station


def start_charging(station: SimulatedStation, now: float) -> float:
    """Plug a vehicle in and wait until it draws; return that moment."""
    station.perform(PlugIn(BRISK), now)
    station.advance(now + 5.0)
    assert station.point.state == CHARGING
    return now + 5.0
