"""What happens in a run, made short for tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from soak.events import (
    MIB,
    Event,
    Heard,
    Published,
    Said,
    Sample,
    Settings,
    Value,
)
from soak.judge import Judge
from soak.stations import make_stations
from soak.timeline import KINDS, Phase

if TYPE_CHECKING:
    from soak.invariants.breach import Invariant

NOON = 1_700_000_000.0

FREE = Settings(curr_user=63_000, enable_user=True)

AnyInvariant = TypeVar("AnyInvariant", bound="Invariant")


def fed(invariant: AnyInvariant, *events: Event) -> AnyInvariant:
    """Let an invariant see what happens."""
    for event in events:
        assert isinstance(event, invariant.sees)
        invariant.see(event)
    return invariant


def heard(
    text: str,
    at: float = 0.0,
    station: str = "s00",
    settings: Settings = FREE,
) -> Heard:
    """A station was told something."""
    return Heard(at, at, station, "127.0.6.1", text, settings)


def said(
    data: bytes,
    at: float = 0.0,
    station: str = "s00",
    settings: Settings = FREE,
) -> Said:
    """A station has said something."""
    return Said(at, station, data, settings)


def value(
    key: str,
    content: object,
    at: float = 11.0,
    age_s: float = 0.0,
    *,
    is_certain: bool = True,
) -> Value:
    """A value came whose datagram is so old by the true clock."""
    station, group, field = key.split("__")
    stamp_ms = round((NOON + at - age_s) * 1000)
    return Value(
        at, station, group, field, content, stamp_ms, age_s, is_certain
    )


def published(topic: str, content: Any, at: float = 0.0) -> Published:
    """A message came; bytes are taken as they are."""
    if not isinstance(content, bytes):
        content = json.dumps(content).encode()
    return Published(at, topic, content)


def published_value(
    key: str, content: object, at: float = 10.0, age_s: float = 0.0
) -> Published:
    """A value came on MQTT."""
    stamp_ms = value(key, content, at, age_s).timestamp_ms
    message = {"value": content, "timestamp": stamp_ms}
    return published(f"keba/value/{key}", message, at)


def phase(name: str, *stations: str) -> Phase:
    """A fault of five seconds."""
    kind = next(kind for kind in KINDS if kind.name == name)
    return Phase(0.0, 5.0, kind, stations)


def sample(
    at: float,
    mib: float = 40.0,
    *,
    life: int = 1,
    threads: int = 5,
    files: int = 11,
) -> Sample:
    """A process as old as the run."""
    return Sample(at, life, at, round(mib * MIB), threads, files, at / 100)


class Controller:
    """Plays BEMCom: sensors stand in the names of their topics."""

    def sensor_of(self, topic: str) -> str | None:
        return topic.partition("keba/value/")[2] or None

    def writes_on(self, topic: str) -> bool:
        return topic in ("keba/ours", "keba/datapoint_map")


def a_judge() -> Judge:
    """A judge of two stations, whose monotonic clock began at noon."""
    controller: Any = Controller()
    return Judge(
        {one.name: one for one in make_stations(2)},
        {"s00": "20000000", "s01": "20000001"},
        controller,
        unix_ahead_s=NOON,
    )
