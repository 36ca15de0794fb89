"""A network that loses, doubles, delays, reorders and damages datagrams."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Burst:
    """Losses that come together."""

    probability: float  # that a datagram is the first of a burst
    seconds: float  # how long everything is lost then


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFaults:
    """What is wrong with one direction of a link.

    An impossible span raises a ValueError.
    """

    # Probabilities for each datagram, 0 to 1.
    loss: float = 0.0
    duplication: float = 0.0
    corruption: float = 0.0
    reordering: float = 0.0
    delay_s: tuple[float, float] = (0.0, 0.0)  # least and longest
    reordering_s: float = 0.25  # so much later it comes, behind others
    burst: Burst | None = None
    # Spans in which nothing passes: begin and end in seconds since the link was
    # made or changed. An end may be infinite.
    outages: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        for begin, end in (self.delay_s, *self.outages):
            if not 0.0 <= begin <= end:
                raise ValueError(
                    f"faults: a span is {begin} to {end} s: neither may be "
                    "negative, and the second not less than the first"
                )


NO_FAULTS = LinkFaults()


class FaultyLink:
    """One direction between one station and its clients.

    The same seed and the same datagrams give the same faults. Outages are
    counted from `start` on, or from the last change.
    """

    def __init__(
        self, faults: LinkFaults, seed: int | str, start: float = 0.0
    ) -> None:
        self._faults = faults
        self._start = start
        self._chance = Random(f"{seed} link")  # noqa: S311  (no secret)
        self._burst_until = -math.inf

    def change(self, faults: LinkFaults, now: float) -> None:
        """Let something else be wrong with it from now on."""
        self._faults = faults
        self._start = now
        self._burst_until = -math.inf

    def carry(self, data: bytes, at: float) -> list[tuple[float, bytes]]:
        """Send a datagram; return when and how it arrives, if it does."""
        if self._faults is NO_FAULTS:
            return [(at, data)]
        if self._swallows(at):
            return []
        copies = 2 if self._happens(self._faults.duplication) else 1
        return [self._deliver(data, at) for _ in range(copies)]

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._chance.random() < probability

    def _swallows(self, at: float) -> bool:
        burst = self._faults.burst
        if burst and self._happens(burst.probability):
            self._burst_until = at + burst.seconds
        passed_s = at - self._start
        return (
            any(begin <= passed_s < end for begin, end in self._faults.outages)
            or at < self._burst_until
            or self._happens(self._faults.loss)
        )

    def _deliver(self, data: bytes, at: float) -> tuple[float, bytes]:
        delay_s = self._chance.uniform(*self._faults.delay_s)
        if self._happens(self._faults.reordering):
            delay_s += self._faults.reordering_s
        if self._happens(self._faults.corruption):
            data = self._damage(data)
        return at + delay_s, data

    def _damage(self, data: bytes) -> bytes:
        if not data:
            return data
        place = self._chance.randrange(len(data))
        if self._chance.random() < 0.5:
            return data[:place]
        flipped = data[place] ^ (1 << self._chance.randrange(8))
        return data[:place] + bytes((flipped,)) + data[place + 1 :]
