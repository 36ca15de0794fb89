"""Good inputs of the connector, and how to make them a little wrong."""

import json
from collections.abc import Sequence
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

FAULTS_AT_MOST = 5
FAULTS = (
    "a bit flipped",
    "something more",
    "a part left out",
    "a part doubled",
    "cut off",
    "a part of another one",
    "another word",
)

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
    for _ in range(chance.randint(1, FAULTS_AT_MOST)):
        data = _with_a_fault(data, chance, others)
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


def _with_a_fault(
    data: bytes, chance: Random, others: Sequence[bytes]
) -> bytes:
    """Return an input with one thing wrong."""
    before, part, after = _cut(data, chance)
    match chance.choice(FAULTS):
        case "a bit flipped":
            flipped = (one ^ 1 << chance.randrange(8) for one in part[:1])
            part = bytes(flipped) + part[1:]
        case "something more":
            token = chance.choice((chance.randbytes(3), chance.choice(TOKENS)))
            part = token + part
        case "a part left out":
            part = b""
        case "a part doubled":
            part += part
        case "cut off":
            part = after = b""
        case "a part of another one":
            _, stolen, _ = _cut(chance.choice(others), chance)
            part = stolen + part
        case "another word":
            words = data.split(b" ")
            words[chance.randrange(len(words))] = chance.choice(TOKENS)
            return b" ".join(words)
    return before + part + after


def _cut(data: bytes, chance: Random) -> tuple[bytes, bytes, bytes]:
    """Cut into three parts, of which each may be empty."""
    begin = chance.randrange(len(data) + 1)
    end = chance.randrange(begin, len(data) + 1)
    return data[:begin], data[begin:end], data[end:]
