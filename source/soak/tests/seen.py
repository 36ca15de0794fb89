"""What invariants are fed with, made short for tests."""

from __future__ import annotations

import json
from typing import Any

from soak.events import Heard, Published, Said, Settings
from soak.invariants.process import MIB, Sample
from soak.judge import Judge
from soak.stations import make_stations

NOON = 1_700_000_000.0

FREE = Settings(curr_user=63_000, enable_user=True)


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


def published(topic: str, content: Any, at: float = 0.0) -> Published:
    """A message came; bytes are taken as they are."""
    data = content if isinstance(content, bytes) else json.dumps(content)
    payload = data if isinstance(data, bytes) else data.encode()
    return Published(at, topic, payload, is_retained=False)


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


def a_judge() -> Judge:
    """A judge of two stations, whose monotonic clock began at noon."""
    return Judge(
        "keba",
        {one.name: one for one in make_stations(2)},
        {"s00": "20000000", "s01": "20000001"},
        sensor_of=lambda topic: topic.partition("keba/value/")[2] or None,
        is_ours=lambda topic: topic in ("keba/ours", "keba/datapoint_map"),
        unix_ahead_s=NOON,
    )
