"""A million mutated captures and MQTT messages, on demand.

``python -m end_to_end.fuzz`` in the folder `source`, or ``make fuzz``. What
breaks a promise is kept in the folder `regressions`, whose files are tests
from then on. The same seed gives the same inputs.
"""

import argparse
import hashlib
import json
import logging
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random, SystemRandom

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from connector.bemcom.actuators import ACTUATORS
from connector.tests.recordings import all_texts
from end_to_end.fuzz_targets import TARGETS, TOPICS

REGRESSIONS = Path(__file__).parent / "regressions"

CRASHES_ENOUGH = 20
MUTATIONS_AT_MOST = 6
STEP = 1_000

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


def samples(target: str) -> list[bytes]:
    """Return good inputs for a target."""
    if target == "datagram":
        return [text.encode() for text in all_texts()]
    if target == "value":
        return [
            json.dumps(
                {"value": value, "timestamp": 1_600_000_000_000}
            ).encode()
            for actuator in ACTUATORS.values()
            for value in (actuator.example, str(actuator.example), 0, None)
        ]
    datapoint_map = {
        "sensor": {f"garage__report 3__U{n}": f"m/{n}" for n in (1, 2, 3)},
        "actuator": TOPICS,
    }
    return [json.dumps(datapoint_map).encode(), b'{"sensor":{},"actuator":{}}']


def mutate(data: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """Return an input with a few things wrong."""
    for _ in range(chance.randrange(1, MUTATIONS_AT_MOST)):
        data = chance.choice(_MUTATIONS)(data, chance, others)
    return data


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


def keep(target: str, data: bytes) -> Path:
    """Write an input down as a test."""
    REGRESSIONS.mkdir(exist_ok=True)
    digest = hashlib.sha256(data).hexdigest()[:12]
    path = REGRESSIONS / f"{target}-{digest}.bin"
    path.write_bytes(data)
    return path


def fuzz(count: int, seconds: float, seed: int, console: Console) -> int:
    """Try inputs until there were enough of them, or of crashes.

    Returns
    -------
    int
        How many inputs broke a promise.
    """
    chance = Random(seed)
    good = {target: samples(target) for target in TARGETS}
    targets = list(TARGETS)
    until = time.monotonic() + seconds
    crashes = 0
    with _progress(console) as progress:
        task = progress.add_task(f"seed {seed}", total=count, crashes=0)
        for number in range(count):
            target = targets[number % len(targets)]
            others = good[target]
            data = mutate(chance.choice(others), chance, others)
            crashes += not survives(target, data, console)
            if number % STEP == STEP - 1 or number == count - 1:
                progress.update(task, completed=number + 1, crashes=crashes)
                if time.monotonic() > until:
                    break
            if crashes >= CRASHES_ENOUGH:
                break
    return crashes


def survives(target: str, data: bytes, console: Console) -> bool:
    """Try an input; keep it if it breaks a promise."""
    try:
        TARGETS[target](data)
    except Exception:  # noqa: BLE001 - that is what we are looking for
        console.print(f"{keep(target, data).name}: {traceback.format_exc(-2)}")
        return False
    return True


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[crashes]} crashes"),
        TimeElapsedColumn(),
        console=console,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; return 1 if a promise was broken, else 0."""
    parser = argparse.ArgumentParser(prog="python -m end_to_end.fuzz")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument(
        "--seed", type=int, default=SystemRandom().getrandbits(32)
    )
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    crashes = fuzz(options.count, options.seconds, options.seed, Console())
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
