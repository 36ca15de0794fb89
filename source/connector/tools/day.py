"""What the stations did over a day, from the values of their datapoints.

Pure: values with their times go in; curves, spans and sums come out. Moments
are ms since 1970 UTC, as on MQTT.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from connector.bemcom.actuators import ACTUATORS, FLEET
from connector.bemcom.keys import split_key
from connector.diagnosis.causes import (
    CAUSES,
    Cause,
    Code,
    Severity,
    needs_somebody,
)
from connector.keba.protocol.fields import State
from connector.tools.figures import is_number, word_of

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS

GAP_MS = 10 * 60 * 1000
"""A value older than this is no value: nobody knows what was."""

SHORTEST_MS = 2 * 60 * 1000
"""What is shown at least, where hardly anything is known yet."""

POWER = "report 3__P"
ENERGY = "report 3__E total"
LIMIT = "report 2__Max curr"
STATE = "report 2__State"
REASON = "connection__reason"
WHY_NOT = "readings__not_charging_reason"
ERROR = "readings__error"
RESULTS = "results__"

_NAMES = {str(state.value): str(word_of(State, state)) for state in State}
STATES = (*_NAMES.values(), "offline")

_LASTING = (POWER, ENERGY, LIMIT, STATE, REASON, WHY_NOT, ERROR)
"""What is as it was told until something else is told."""

_TELLING = ACTUATORS.keys() - {"start", "stop"}
"""Commands whose value is shown; those of the others are cards."""


def is_shown(key: str) -> bool:
    """Tell whether a datapoint says something about a day."""
    _, name = split_key(key)
    return name in _LASTING or name in _TELLING or name.startswith(RESULTS)


class Sample(NamedTuple):
    """A value, when it came, and when it was last told again."""

    at_ms: int
    value: Any
    until_ms: int


class Span(NamedTuple):
    """A time during which something was the same."""

    begins_ms: int
    ends_ms: int
    what: str


class Peak(NamedTuple):
    """The greatest power of a time, and when it was reached."""

    kw: float
    at_ms: int


class CommandResult(NamedTuple):
    """What became of a command; its value is empty where nobody told it."""

    at_ms: int
    word: str
    value: str
    outcome: str


@dataclass(frozen=True, slots=True)
class StationDay:
    """One station's day.

    Parameters
    ----------
    power_kw
        Mean power in equal steps of the day; None where nothing is known.
    limit_a
        Current offered to the vehicle, in the same steps.
    states
        ``charging``, ``ready`` … and ``offline``.
    energy_kwh
        Energy taken; None where nothing tells.
    online_share
        Share of the known time in which the station was online, 0 to 1.
    state
        Now: one of the above, or ``unknown``.
    is_online
        Now; None where nothing tells.
    causes
        What is wrong now, or why it does not charge.
    error
        What the station calls its error, empty if there is none.
    power_now_kw
        As it was told last; None where that is too long ago.
    peak
        Greatest power that was told; None where none was.
    """

    name: str
    power_kw: tuple[float | None, ...]
    limit_a: tuple[float | None, ...]
    states: tuple[Span, ...]
    energy_kwh: float | None
    online_share: float | None
    results: tuple[CommandResult, ...]
    state: str
    is_online: bool | None
    causes: tuple[Cause, ...]
    error: str
    power_now_kw: float | None
    peak: Peak | None

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look at it."""
        return self.state == "error" or any(
            needs_somebody(cause.code, cause.severity) for cause in self.causes
        )


@dataclass(frozen=True, slots=True)
class Day:
    """All stations over the same time."""

    begins_ms: int
    ends_ms: int
    stations: tuple[StationDay, ...]
    peak: Peak | None


class History:
    """The values of the last day, of those datapoints that are shown."""

    def __init__(self, span_ms: int = DAY_MS) -> None:
        self._span_ms = span_ms
        self._samples: dict[str, list[Sample]] = {}
        self._newest_ms = 0

    def add(
        self, key: str, at_ms: int, value: Any, until_ms: int = 0
    ) -> Sample | None:
        """Take a value; return what is kept of it, if anything.

        Equal times replace each other. A value that is told again only
        lasts longer: most of a day is that.
        """
        if not is_shown(key):
            return None
        sample = Sample(at_ms, value, max(at_ms, until_ms))
        samples = self._samples.setdefault(key, [])
        place = bisect.bisect_right(samples, at_ms, key=_moment)
        if place and (last := _together(samples[place - 1], sample, key)):
            place -= 1
            sample = last
            del samples[place]
        samples.insert(place, sample)
        self._newest_ms = max(self._newest_ms, sample.until_ms)
        self._forget(samples, self._newest_ms - self._span_ms)
        return sample

    @property
    def newest_ms(self) -> int:
        """When the newest value came."""
        return self._newest_ms

    def known_since(self, otherwise_ms: int) -> int:
        """Return since when something is known, or else a moment."""
        begins = (
            samples[0].at_ms
            for key, samples in self._living()
            if split_key(key)[1] in (POWER, STATE, REASON)
        )
        return min(begins, default=otherwise_ms)

    @property
    def stations(self) -> list[str]:
        """Names of all stations."""
        names = {split_key(key)[0] for key, _ in self._living()}
        return sorted(names - {FLEET})

    def samples(self, key: str) -> Sequence[Sample]:
        """Return the values of a datapoint, oldest first."""
        return self._samples.get(key, ())

    def keys_with(self, prefix: str) -> list[str]:
        """Return the keys that begin like this."""
        return [key for key in self._samples if key.startswith(prefix)]

    def all(self) -> Iterator[tuple[str, Sample]]:
        """Yield everything that is kept."""
        for key, samples in self._living():
            for sample in samples:
                yield key, sample

    def _living(self) -> Iterator[tuple[str, list[Sample]]]:
        """Yield what has been told since the day began."""
        begins_ms = self._newest_ms - self._span_ms
        for key, samples in self._samples.items():
            if samples[-1].until_ms >= begins_ms:
                yield key, samples

    def _forget(self, samples: list[Sample], before_ms: int) -> None:
        # The last older one stays: it tells what was at the beginning.
        while len(samples) > 1 and samples[1].at_ms <= before_ms:
            del samples[0]


def _moment(sample: Sample) -> int:
    return sample.at_ms


def _together(earlier: Sample, later: Sample, key: str) -> Sample | None:
    """Return one sample for two where that tells as much."""
    if earlier.at_ms == later.at_ms:
        is_same = earlier.value == later.value
        return max(earlier, later, key=_end) if is_same else later
    is_told_again = (
        earlier.value == later.value
        and later.at_ms <= earlier.until_ms + GAP_MS
        and split_key(key)[1] in _LASTING
    )
    if not is_told_again:
        return None
    return earlier._replace(until_ms=max(earlier.until_ms, later.until_ms))


def _end(sample: Sample) -> int:
    return sample.until_ms


def day_of(history: History, ends_ms: int, steps: int = 144) -> Day:
    """Return what the stations did in the 24 hours before a moment.

    It begins later where nothing is known of the first hours. The curves
    divide it into so many steps.
    """
    latest_ms = ends_ms - SHORTEST_MS
    known_ms = min(history.known_since(latest_ms), latest_ms)
    begins_ms = max(known_ms, ends_ms - DAY_MS)
    stations = tuple(
        _station_day(history, name, begins_ms, ends_ms, steps)
        for name in history.stations
    )
    powers = [
        history.samples(f"{station.name}__{POWER}") for station in stations
    ]
    now = [one.power_now_kw for one in stations if one.power_now_kw is not None]
    peak = _peak(powers, begins_ms, ends_ms, sum(now) if now else None)
    return Day(begins_ms, ends_ms, stations, peak)


def _station_day(
    history: History, name: str, begins_ms: int, ends_ms: int, steps: int
) -> StationDay:
    def samples(key: str) -> Sequence[Sample]:
        return history.samples(f"{name}__{key}")

    def means(key: str, factor: float) -> tuple[float | None, ...]:
        return _means(samples(key), begins_ms, ends_ms, steps, factor)

    def now(key: str) -> Any:
        last = samples(key)[-1:]
        return next(
            (one.value for one in last if ends_ms < one.until_ms + GAP_MS), None
        )

    links = _spans(samples(REASON), begins_ms, ends_ms)
    states = _spans(samples(STATE), begins_ms, ends_ms)
    reason = now(REASON)
    is_online = reason == Code.OK if reason else None
    is_offline = is_online is False
    power = now(POWER)
    power_now = power * 1e-6 if is_number(power) and not is_offline else None
    codes = (reason,) if is_offline else (now(WHY_NOT),)
    return StationDay(
        name=name,
        power_kw=means(POWER, 1e-6),
        limit_a=means(LIMIT, 1e-3),
        states=tuple(_with_offline(states, links)),
        energy_kwh=_energy_kwh(
            samples(ENERGY),
            samples(POWER),
            begins_ms,
            ends_ms,
        ),
        online_share=_online_share(links),
        results=tuple(_results(history, name, begins_ms)),
        state="offline" if is_offline else _state_name(now(STATE)),
        is_online=is_online,
        causes=tuple(_cause(code) for code in codes if code),
        error="" if is_offline else str(now(ERROR) or ""),
        power_now_kw=power_now,
        peak=_peak([samples(POWER)], begins_ms, ends_ms, power_now),
    )


def _cause(code: Any) -> Cause:
    """Return what the one table says, or what a newer connector tells."""
    try:
        return CAUSES[Code(code)]
    except ValueError:
        words = str(code).replace("_", " ")
        return Cause(Code.UNKNOWN, Severity.WARNING, words, "")


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
        if not is_number(value):
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
    the_end = Sample(ends_ms, None, ends_ms)
    for sample, following in pairwise([*samples, the_end]):
        end = min(following.at_ms, sample.until_ms + GAP_MS, ends_ms)
        if end > sample.at_ms:
            yield sample.at_ms, end, sample.value


def _peak(
    powers: Iterable[Sequence[Sample]],
    begins_ms: int,
    ends_ms: int,
    now_kw: float | None,
) -> Peak | None:
    """Return the greatest sum of what was told; now counts as well."""
    changes: dict[int, float] = defaultdict(float)
    for samples in powers:
        for begin, end, value in _holding(samples, ends_ms):
            if is_number(value) and end > begins_ms:
                changes[max(begin, begins_ms)] += value * 1e-6
                changes[end] -= value * 1e-6
    moments = [] if now_kw is None else [Peak(round(now_kw, 6), ends_ms)]
    total = 0.0
    for at_ms in sorted(changes):
        total += changes[at_ms]
        moments.append(Peak(round(total, 6), at_ms))
    return max(moments, default=None, key=lambda one: (one.kw, -one.at_ms))


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
    states: Iterable[Span], links: Iterable[Span]
) -> Iterator[Span]:
    """Yield the states in words, and above them when the station was off."""
    for span in states:
        yield span._replace(what=_state_name(span.what))
    for span in links:
        if span.what != Code.OK:
            yield span._replace(what="offline")


def _state_name(value: Any) -> str:
    return "unknown" if value is None else _NAMES.get(str(value), str(value))


def _online_share(links: Sequence[Span]) -> float | None:
    known_ms = sum(span.ends_ms - span.begins_ms for span in links)
    ok_ms = sum(
        span.ends_ms - span.begins_ms for span in links if span.what == Code.OK
    )
    return ok_ms / known_ms if known_ms else None


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
        if is_number(value)
    )
    numbers = [one.value for one in totals if is_number(one.value)]
    if not numbers:
        return by_power if powers else None
    by_meter = float(numbers[-1] - numbers[0]) / 1e4
    return by_power if by_meter < 0.9 * by_power else by_meter


def _results(
    history: History, name: str, begins_ms: int
) -> list[CommandResult]:
    prefix = f"{name}__{RESULTS}"
    return sorted(
        CommandResult(at_ms, word, _value_of(history, name, word, at_ms), text)
        for key in history.keys_with(prefix)
        for word in [key.removeprefix(prefix)]
        for at_ms, text, _ in history.samples(key)
        if at_ms >= begins_ms
    )


def _value_of(history: History, name: str, word: str, at_ms: int) -> str:
    """Return the value that `News` has put beside the result."""
    values = history.samples(f"{name}__{word}")
    return next((str(one.value) for one in values if one.at_ms == at_ms), "")
