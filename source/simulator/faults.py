"""A network that loses, doubles, delays, reorders and damages datagrams."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Burst:
    """Losses that come together.

    Parameters
    ----------
    probability
        That a datagram is the first of a burst.
    seconds
        How long everything is lost then.
    """

    probability: float
    seconds: float

    def __post_init__(self) -> None:
        _check_probability("burst", self.probability)
        _check_span("burst", 0.0, self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFaults:
    """What is wrong with one direction of a link.

    Parameters
    ----------
    loss, duplication, corruption, reordering
        Probability for each datagram, 0 to 1.
    delay_s
        Least and longest delay of each datagram.
    reordering_s
        How much later a reordered datagram comes, so that others overtake it.
    burst
        Losses that come together.
    outages
        Spans in which nothing passes: begin and end in seconds since the
        link was made or changed. An end may be infinite.

    Raises
    ------
    ValueError
        If a probability, a delay or a span is impossible.
    """

    loss: float = 0.0
    duplication: float = 0.0
    corruption: float = 0.0
    reordering: float = 0.0
    delay_s: tuple[float, float] = (0.0, 0.0)
    reordering_s: float = 0.25
    burst: Burst | None = None
    outages: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("loss", "duplication", "corruption", "reordering"):
            _check_probability(name, getattr(self, name))
        _check_span("delay_s", *self.delay_s)
        _check_span("reordering_s", 0.0, self.reordering_s)
        if math.inf in {self.delay_s[1], self.reordering_s}:
            raise ValueError("faults: a delay is infinite")
        for begin, end in self.outages:
            _check_span("outage", begin, end)


def _check_probability(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"faults: {name} is {value}, not within 0...1")


def _check_span(name: str, begin: float, end: float) -> None:
    """Refuse what is negative, reversed or no number."""
    if not 0.0 <= begin <= end:
        raise ValueError(
            f"faults: {name} is {begin} to {end} s: neither may be negative, "
            "and the second not less than the first"
        )


NO_FAULTS = LinkFaults()


class FaultyLink:
    """One direction between one station and its clients.

    Parameters
    ----------
    seed
        The same seed and the same datagrams give the same faults.
    start
        The moment from which outages are counted, on the caller's clock.
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
        """Send a datagram.

        Returns
        -------
        list of tuple
            When and how it arrives: nothing, once, or twice.
        """
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
