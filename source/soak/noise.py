"""What nobody should send: datagrams, maps and values, each wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from soak.invariants.attribution import FORGED
from testbed.mutations import mutant, nonsense
from testbed.plain_station import LARGEST_DATAGRAM

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random


def damaged_datagram(chance: Random) -> bytes:
    """Return a recording with a few things wrong, or plain nonsense."""
    if chance.random() < 0.2:
        return chance.choice(nonsense(chance))
    return mutant("datagram", chance)[:LARGEST_DATAGRAM]


def forged_report(serial: str, chance: Random) -> bytes:
    """Return a report that claims to come from a station.

    Its numbers stand in no other datagram.
    """
    number = chance.choice(sorted(FORGED))
    fields = chance.choice(
        (
            {"ID": "1", "Product": number, "Serial": serial},
            {"ID": "2", "State": number, "Curr user": number, "Serial": serial},
            {"ID": "3", "P": number, "E total": number, "Serial": serial},
            {"State": number},
            {"E pres": number},
        )
    )
    return json.dumps(fields).encode()


_ODD_FOR_ALL: Sequence[object] = (
    b"",
    b"\0",
    b"{",
    b"[]",
    b"null",
    b"7000",
    b'{"timestamp": 1}',
    b'{"value": NaN, "timestamp": 1}',
    b'{"value": 1e999, "timestamp": 1}',
    b'{"value": -Infinity}',
    b'{"value": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"value": "' + b"9" * 70_000 + b'"}',
    b'{"value": "\\ud800"}',
    {"value": [1]},
    {"value": {"a": 1}},
    {"value": -1},
    {"value": 0.5},
    {"value": "yes please"},
    {"value": "1\ncurr 6000"},
    {"value": 10**400},
)

_ODD_FOR: dict[str, Sequence[object]] = {
    "ena": ({"value": 2}, {"value": "on"}),
    "curr": ({"value": 0}, {"value": 5999}, {"value": 63001}, {"value": True}),
    "currtime": ({"value": 5999}, {"value": "7000 900000"}, {"value": "1 2 3"}),
}


def odd_message(word: str, chance: Random) -> object:
    """Return a message that is no command for an actuator."""
    return chance.choice((*_ODD_FOR_ALL, *_ODD_FOR[word]))
