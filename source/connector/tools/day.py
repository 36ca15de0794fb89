"""What the stations did over a day, from the values of their datapoints.

Pure: values with their times go in; curves, spans and sums come out. Moments
are ms since 1970 UTC, as on MQTT.
"""

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from connector.bemcom.keys import split_key
from connector.keba.protocol.fields import State

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS

GAP_MS = 10 * 60 * 1000
"""A value older than this is no value: nobody knows what was."""


POWER = "report 3__P"
ENERGY = "report 3__E total"
LIMIT = "report 2__Max curr"
STATE = "report 2__State"
REASON = "connection__reason"
ERROR = "readings__error"
RESULTS = "results__"

_SHOWN = (POWER, ENERGY, LIMIT, STATE, REASON, ERROR)


def is_shown(key: str) -> bool:
    """Tell whether a datapoint says something about a day."""
    _, name = split_key(key)
    return name in _SHOWN or name.startswith(RESULTS)


class Sample(NamedTuple):
    """A value and when it came."""

    at_ms: int
    value: Any


class Span(NamedTuple):
    """A time during which something was the same."""

    begins_ms: int
    ends_ms: int
    what: str


class CommandResult(NamedTuple):
    """What became of a command."""

    at_ms: int
    word: str
    outcome: str


@dataclass(frozen=True, slots=True)
class StationDay:
    """One station's day.

    Parameters
    ----------
    name
        Of the station.
    power_kw
        Mean power in equal steps of the day; None where nothing is known.
    limit_a
        Current offered to the vehicle, in the same steps.
    states
        ``charging``, ``ready`` … and ``offline``.
    energy_kwh
        Energy taken; None where nothing tells.
    availability
        Share of the known time in which the station was online, 0 to 1.
    results
        Results of commands.
    state, reason, power_now_kw
        As they were last.
    error
        What the station calls its error, empty if there is none.
    """

    name: str
    power_kw: tuple[float | None, ...]
    limit_a: tuple[float | None, ...]
    states: tuple[Span, ...]
    energy_kwh: float | None
    availability: float | None
    results: tuple[CommandResult, ...]
    state: str
    reason: str
    power_now_kw: float | None
    error: str

    @property
    def peak_kw(self) -> float:
        """Greatest mean power of a step."""
        known = [power for power in self.power_kw if power is not None]
        return max(known, default=0.0)

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look at it."""
        return self.reason not in ("ok", "") or self.state == "error"


@dataclass(frozen=True, slots=True)
class Day:
    """All stations over the same time."""

    begins_ms: int
    ends_ms: int
    stations: tuple[StationDay, ...]


class History:
    """The values of the last day, of those datapoints that are shown.

    Parameters
    ----------
    span_ms
        How long values are kept.
    """

    def __init__(self, span_ms: int = DAY_MS) -> None:
        self._span_ms = span_ms
        self._samples: dict[str, list[Sample]] = {}
        self._newest_ms = 0

    def add(self, key: str, at_ms: int, value: Any) -> None:
        """Take a value; equal times replace each other."""
        if not is_shown(key):
            return
        samples = self._samples.setdefault(key, [])
        place = bisect.bisect_left(samples, at_ms, key=_moment)
        if place < len(samples) and samples[place].at_ms == at_ms:
            samples[place] = Sample(at_ms, value)
        else:
            samples.insert(place, Sample(at_ms, value))
        self._newest_ms = max(self._newest_ms, at_ms)
        self._forget(samples, self._newest_ms - self._span_ms)

    @property
    def newest_ms(self) -> int:
        """When the newest value came."""
        return self._newest_ms

    @property
    def stations(self) -> list[str]:
        """Names of all stations."""
        return sorted({split_key(key)[0] for key in self._samples})

    def samples(self, key: str) -> Sequence[Sample]:
        """Return the values of a datapoint, oldest first."""
        return self._samples.get(key, ())

    def keys_with(self, prefix: str) -> list[str]:
        """Return the keys that begin like this."""
        return [key for key in self._samples if key.startswith(prefix)]

    def all(self) -> Iterator[tuple[str, Sample]]:
        """Yield everything that is kept."""
        for key, samples in self._samples.items():
            for sample in samples:
                yield key, sample

    def _forget(self, samples: list[Sample], before_ms: int) -> None:
        # The last older one stays: it tells what was at the beginning.
        while len(samples) > 1 and samples[1].at_ms <= before_ms:
            del samples[0]


def _moment(sample: Sample) -> int:
    return sample.at_ms


def day_of(history: History, ends_ms: int, steps: int = 288) -> Day:
    """Return what the stations did in the 24 hours before a moment.

    Parameters
    ----------
    history
        The values.
    ends_ms
        End of the day.
    steps
        Into how many parts the curves divide it.
    """
    begins_ms = ends_ms - DAY_MS
    stations = tuple(
        _station_day(history, name, begins_ms, ends_ms, steps)
        for name in history.stations
    )
    return Day(begins_ms, ends_ms, stations)


def _station_day(
    history: History, name: str, begins_ms: int, ends_ms: int, steps: int
) -> StationDay:
    def samples(key: str) -> Sequence[Sample]:
        return history.samples(f"{name}__{key}")

    def means(key: str, factor: float) -> tuple[float | None, ...]:
        return _means(samples(key), begins_ms, ends_ms, steps, factor)

    def last(key: str) -> Any:
        found = samples(key)
        return found[-1].value if found else None

    online = _spans(samples(REASON), begins_ms, ends_ms)
    states = _spans(samples(STATE), begins_ms, ends_ms)
    power_now = last(POWER)
    return StationDay(
        name=name,
        power_kw=means(POWER, 1e-6),
        limit_a=means(LIMIT, 1e-3),
        states=tuple(_with_offline(states, online)),
        energy_kwh=_energy_kwh(
            samples(ENERGY),
            samples(POWER),
            begins_ms,
            ends_ms,
        ),
        availability=_availability(online),
        results=tuple(_results(history, name, begins_ms)),
        state=_state_name(last(STATE)),
        reason=str(last(REASON) or ""),
        power_now_kw=power_now * 1e-6 if _is_number(power_now) else None,
        error=str(last(ERROR) or ""),
    )


# --- curves ------------------------------------------------------------------


def _means(
    samples: Sequence[Sample],
    begins_ms: int,
    ends_ms: int,
    steps: int,
    factor: float,
) -> tuple[float | None, ...]:
    """Return the mean of each step; a value holds until the next one."""
    sums = [0.0] * steps
    weights = [0] * steps
    step_ms = (ends_ms - begins_ms) // steps
    for begin, end, value in _holding(samples, ends_ms):
        if not _is_number(value):
            continue
        at = max(begin, begins_ms)
        while at < end:
            step = min((at - begins_ms) // step_ms, steps - 1)
            step_ends = begins_ms + (step + 1) * step_ms
            until = min(end, max(step_ends, at + 1))
            sums[step] += value * (until - at)
            weights[step] += until - at
            at = until
    return tuple(
        total / weight * factor if weight else None
        for total, weight in zip(sums, weights, strict=True)
    )


def _holding(
    samples: Sequence[Sample], ends_ms: int
) -> Iterator[tuple[int, int, Any]]:
    """Yield from when to when each value holds."""
    for sample, following in pairwise([*samples, Sample(ends_ms, None)]):
        end = min(following.at_ms, sample.at_ms + GAP_MS, ends_ms)
        if end > sample.at_ms:
            yield sample.at_ms, end, sample.value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- spans -------------------------------------------------------------------


def _spans(
    samples: Sequence[Sample], begins_ms: int, ends_ms: int
) -> list[Span]:
    """Return for how long each value held; equal neighbours are one."""
    spans: list[Span] = []
    for begin, end, value in _holding(samples, ends_ms):
        if end <= begins_ms:
            continue
        span = Span(max(begin, begins_ms), end, str(value))
        if spans and spans[-1][1:] == (span.begins_ms, span.what):
            span = span._replace(begins_ms=spans.pop().begins_ms)
        spans.append(span)
    return spans


def _with_offline(
    states: Iterable[Span], online: Iterable[Span]
) -> Iterator[Span]:
    """Yield the states in words, and above them when the station was off."""
    for span in states:
        value = int(span.what) if span.what.isdigit() else span.what
        yield span._replace(what=_state_name(value))
    for span in online:
        if span.what != "ok":
            yield span._replace(what="offline")


def _state_name(value: Any) -> str:
    known = {state.value: state.name for state in State}
    if value is None:
        return ""
    return known.get(value, str(value)).lower().replace("_", " ")


def _availability(online: Sequence[Span]) -> float | None:
    known_ms = sum(span.ends_ms - span.begins_ms for span in online)
    if not known_ms:
        return None
    ok_ms = sum(
        span.ends_ms - span.begins_ms for span in online if span.what == "ok"
    )
    return ok_ms / known_ms


def _energy_kwh(
    totals: Sequence[Sample],
    powers: Sequence[Sample],
    begins_ms: int,
    ends_ms: int,
) -> float | None:
    """Return the energy of the day, by the meter or else by the power.

    Older firmware counts a session only at its end: then the power tells
    more.
    """
    by_power = sum(
        value * 1e-6 * max(0, end - max(begin, begins_ms)) / HOUR_MS
        for begin, end, value in _holding(powers, ends_ms)
        if _is_number(value)
    )
    numbers = [one.value for one in totals if _is_number(one.value)]
    if len(numbers) < 2:
        return by_power if powers else None
    by_meter = float(numbers[-1] - numbers[0]) / 1e4
    return by_power if by_meter < 0.9 * by_power else by_meter


def _results(
    history: History, name: str, begins_ms: int
) -> list[CommandResult]:
    prefix = f"{name}__{RESULTS}"
    return sorted(
        CommandResult(sample.at_ms, key.removeprefix(prefix), str(sample.value))
        for key in history.keys_with(prefix)
        for sample in history.samples(key)
        if sample.at_ms >= begins_ms
    )
