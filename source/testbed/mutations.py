"""Good inputs of the connector, and how to make them a little wrong."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from random import Random

from connector.bemcom.actuators import ACTUATORS
from testbed.plain_station import LARGEST_DATAGRAM
from testbed.recordings import all_texts

STATION = "garage"

TOPICS = {
    f"keba/messages/{number}/value": f"{STATION}__{word}"
    for number, word in enumerate(ACTUATORS)
}

MUTATIONS_AT_MOST = 6

TOKENS = (
    b"1e999",
    b"-1e999",
    b"NaN",
    b"Infinity",
    b"9" * 400,
    b"-0",
    b"0x26",
    b"null",
    b"true",
    b'"\\ud800"',
    b'"\\u0000"',
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"[" * 2_000,
    b'{"a":' * 500,
    b'"ID": "2"',
    b'"ID": 4294967296,',
    b"TCH-OK :done\n",
    b"TCH-ERR:",
    b"}",
    b",",
    b"\r\n",
)


@cache
def samples(target: str) -> Sequence[bytes]:
    """Return good inputs for a target: `datagram`, `value` or `map`."""
    if target == "datagram":
        return [text.encode() for text in all_texts()]
    if target == "value":
        return [
            b'{"value": %b, "timestamp": 1600000000000}'
            % json.dumps(value).encode()
            for actuator in ACTUATORS.values()
            for value in (actuator.example, str(actuator.example), 0, None)
        ]
    datapoint_map = {
        "sensor": {f"garage__report 3__U{n}": f"m/{n}" for n in (1, 2, 3)},
        "actuator": TOPICS,
    }
    return [json.dumps(datapoint_map).encode(), b'{"sensor":{},"actuator":{}}']


def mutant(target: str, chance: Random) -> bytes:
    """Return a good input with a few things wrong."""
    others = samples(target)
    data = chance.choice(others)
    for _ in range(chance.randrange(1, MUTATIONS_AT_MOST)):
        data = chance.choice(_MUTATIONS)(data, chance, others)
    return data


def nonsense(chance: Random) -> list[bytes]:
    """Return datagrams that no station would send, each wrong in its way."""
    return [
        b"",
        b"\0" * 40,
        chance.randbytes(200),
        chance.randbytes(LARGEST_DATAGRAM),
        b'{"ID": "2", "State": 4' + b" " * 65_000,
        b'{"ID": -2, "State": 4}',
        b'{"ID": "two", "State": 4}',
        b'{"ID": "4711", "State": 4}',
        b'{"ID": ' + b"9" * 5000 + b"}",
        b"[" * 20_000,
        b"TCH-ERR:",
        b"report 2",
        b"curr 6000",
        b"i",
        b"\xff\xfe\x00",
    ]


def _flip(data: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    if not data:
        return data
    place = chance.randrange(len(data))
    flipped = bytes([data[place] ^ 1 << chance.randrange(8)])
    return data[:place] + flipped + data[place + 1 :]


def _insert(data: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    place = chance.randrange(len(data) + 1)
    token = chance.choice((chance.randbytes(3), chance.choice(TOKENS)))
    return data[:place] + token + data[place:]


def _cut(data: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    begin, end = _slice(data, chance)
    return data[:begin] + data[end:]


def _double(data: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    begin, end = _slice(data, chance)
    return data[:end] + data[begin:]


def _truncate(data: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _splice(data: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    begin, end = _slice(other := chance.choice(others), chance)
    place = chance.randrange(len(data) + 1)
    return data[:place] + other[begin:end] + data[place:]


def _replace_word(data: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    words = data.split(b" ")
    words[chance.randrange(len(words))] = chance.choice(TOKENS)
    return b" ".join(words)


_MUTATIONS: tuple[Callable[[bytes, Random, Sequence[bytes]], bytes], ...] = (
    _flip,
    _insert,
    _cut,
    _double,
    _truncate,
    _splice,
    _replace_word,
)


def _slice(data: bytes, chance: Random) -> tuple[int, int]:
    begin = chance.randrange(len(data) + 1)
    return begin, chance.randrange(begin, len(data) + 1)
