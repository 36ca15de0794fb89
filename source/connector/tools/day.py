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
    what: Any


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
    """One station's day; None stands for what nothing tells.

    States are KEBA's in words, and ``offline``. At the end of the day hold
    `state`, which may be ``unknown``, `is_online`, `causes` (what is wrong, or
    why it does not charge), `error` in the station's words, and
    `power_now_kw`. The share is of the known time, 0 to 1.
    """

    name: str
    power_kw: Sequence[Span]
    limit_a: Sequence[Span]
    states: Sequence[Span]
    energy_kwh: float | None
    online_share: float | None
    results: Sequence[CommandResult]
    state: str
    is_online: bool | None
    causes: Sequence[Cause]
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
    stations: Sequence[StationDay]
    peak: Peak | None


class History:
    """The values of the last day, of those datapoints that are shown."""

    def __init__(self, span_ms: int = DAY_MS) -> None:
        self._span_ms = span_ms
        self._samples: dict[str, list[Sample]] = {}
        self.newest_ms = 0
        """When the newest value came."""

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
        place = bisect.bisect_right(samples, at_ms, key=lambda one: one.at_ms)
        earlier = samples[place - 1] if place else None
        if earlier and _is_told_again(earlier, sample, key):
            until_ms = max(earlier.until_ms, sample.until_ms)
            sample = samples[place - 1] = earlier._replace(until_ms=until_ms)
        elif earlier and earlier.at_ms == at_ms:
            samples[place - 1] = sample
        else:
            samples.insert(place, sample)
        self.newest_ms = max(self.newest_ms, sample.until_ms)
        # The last older one stays: it tells what was at the beginning.
        while len(samples) > 1 and samples[1].at_ms <= self._begins_ms:
            del samples[0]
        return sample

    def known_since(self, at_the_latest_ms: int) -> int:
        """Return since when something is known, or else a moment."""
        begins = [
            samples[0].at_ms
            for key, samples in self._living()
            if split_key(key)[1] in (POWER, STATE, REASON)
        ]
        return min([*begins, at_the_latest_ms])

    @property
    def stations(self) -> list[str]:
        """Names of all stations."""
        names = {split_key(key)[0] for key, _ in self._living()}
        return sorted(names - {FLEET})

    def samples(self, key: str) -> Sequence[Sample]:
        """Return the values of a datapoint, oldest first."""
        return self._samples.get(key, ())

    def all(self) -> Iterator[tuple[str, Sample]]:
        """Yield everything that is kept."""
        for key, samples in self._living():
            for sample in samples:
                yield key, sample

    @property
    def _begins_ms(self) -> int:
        return self.newest_ms - self._span_ms

    def _living(self) -> Iterator[tuple[str, list[Sample]]]:
        """Yield what has been told since the day began."""
        for key, samples in self._samples.items():
            if samples[-1].until_ms >= self._begins_ms:
                yield key, samples


def _is_told_again(earlier: Sample, later: Sample, key: str) -> bool:
    """Tell whether one sample says as much as two."""
    if earlier.value != later.value:
        return False
    is_lasting = split_key(key)[1] in _LASTING
    return earlier.at_ms == later.at_ms or (
        is_lasting and later.at_ms <= earlier.until_ms + GAP_MS
    )


def day_of(history: History, ends_ms: int) -> Day:
    """Return what the stations did in the 24 hours before a moment.

    It begins later where nothing is known of the first hours.
    """
    known_ms = history.known_since(ends_ms - SHORTEST_MS)
    begins_ms = max(known_ms, ends_ms - DAY_MS)
    stations = [
        _station_day(history, name, begins_ms, ends_ms)
        for name in history.stations
    ]
    powers = [span for station in stations for span in station.power_kw]
    now = [one.power_now_kw for one in stations if one.power_now_kw is not None]
    peak = _peak(powers, ends_ms, sum(now) if now else None)
    return Day(begins_ms, ends_ms, stations, peak)


def _station_day(
    history: History, name: str, begins_ms: int, ends_ms: int
) -> StationDay:
    def samples(key: str) -> Sequence[Sample]:
        return history.samples(f"{name}__{key}")

    def spans(key: str) -> list[Span]:
        return _spans(samples(key), begins_ms, ends_ms)

    def now(key: str) -> Any:
        for last in samples(key)[-1:]:
            if ends_ms < last.until_ms + GAP_MS:
                return last.value
        return None

    links = spans(REASON)
    offline = [link for link in links if link.what != Code.OK]
    reason = now(REASON)
    is_online = reason == Code.OK if reason else None
    is_offline = is_online is False
    code = reason if is_offline else now(WHY_NOT)
    power_kw = _numbers(spans(POWER), 1e-6)
    power = now(POWER)
    power_now = power * 1e-6 if is_number(power) and not is_offline else None
    share = 1 - _length_ms(offline) / _length_ms(links) if links else None
    return StationDay(
        name=name,
        power_kw=power_kw,
        limit_a=_numbers(spans(LIMIT), 1e-3),
        states=[
            *(one._replace(what=_state_name(one.what)) for one in spans(STATE)),
            # They are drawn above what the station had told last.
            *(link._replace(what="offline") for link in offline),
        ],
        energy_kwh=_energy_kwh(samples(ENERGY), power_kw),
        online_share=share,
        results=_results(history, name, begins_ms),
        state="offline" if is_offline else _state_name(now(STATE)),
        is_online=is_online,
        causes=[_cause(code)] if code else [],
        error="" if is_offline else str(now(ERROR) or ""),
        power_now_kw=power_now,
        peak=_peak(power_kw, ends_ms, power_now),
    )


def _cause(code: Any) -> Cause:
    """Return what the one table says, or what a newer connector tells."""
    try:
        return CAUSES[Code(code)]
    except ValueError:
        words = str(code).replace("_", " ")
        return Cause(Code.UNKNOWN, Severity.WARNING, words, "")


def _state_name(value: Any) -> str:
    return "unknown" if value is None else _NAMES.get(str(value), str(value))


def _results(
    history: History, name: str, begins_ms: int
) -> list[CommandResult]:
    results = []
    for word in ACTUATORS:
        # `News` has put the value beside the result, at the same moment.
        values = {
            at_ms: str(value)
            for at_ms, value, _ in history.samples(f"{name}__{word}")
        }
        results += [
            CommandResult(at_ms, word, values.get(at_ms, ""), outcome)
            for at_ms, outcome, _ in history.samples(f"{name}__{RESULTS}{word}")
            if at_ms >= begins_ms
        ]
    return sorted(results)


# --- spans, and what is reckoned of them -------------------------------------


def _spans(
    samples: Sequence[Sample], begins_ms: int, ends_ms: int
) -> list[Span]:
    """Return for how long each value held; equal neighbours are one."""
    spans: list[Span] = []
    the_end = Sample(ends_ms, None, ends_ms)
    for sample, following in pairwise([*samples, the_end]):
        begin = max(sample.at_ms, begins_ms)
        end = min(following.at_ms, sample.until_ms + GAP_MS, ends_ms)
        if end <= begin:
            continue
        if spans and spans[-1][1:] == (begin, sample.value):
            begin = spans.pop().begins_ms
        spans.append(Span(begin, end, sample.value))
    return spans


def _numbers(spans: Iterable[Span], factor: float) -> list[Span]:
    """Return those with a number, in a greater unit."""
    return [
        span._replace(what=span.what * factor)
        for span in spans
        if is_number(span.what)
    ]


def _length_ms(spans: Iterable[Span]) -> int:
    return sum(span.ends_ms - span.begins_ms for span in spans)


def _peak(
    powers_kw: Iterable[Span], ends_ms: int, now_kw: float | None
) -> Peak | None:
    """Return the greatest sum of what was told; now counts as well."""
    changes: dict[int, float] = defaultdict(float)
    for begins_ms, until_ms, kw in powers_kw:
        changes[begins_ms] += kw
        changes[until_ms] -= kw
    moments = [] if now_kw is None else [Peak(round(now_kw, 6), ends_ms)]
    total = 0.0
    for at_ms in sorted(changes):
        total += changes[at_ms]
        moments.append(Peak(round(total, 6), at_ms))
    return max(moments, default=None, key=lambda one: (one.kw, -one.at_ms))


def _energy_kwh(
    totals: Sequence[Sample], powers_kw: Sequence[Span]
) -> float | None:
    """Return the energy of the day, by the meter or else by the power.

    Older firmware counts a session only at its end: then the power tells
    more.
    """
    by_power = sum(
        kw * (ends_ms - begins_ms) / HOUR_MS
        for begins_ms, ends_ms, kw in powers_kw
    )
    numbers = [one.value for one in totals if is_number(one.value)]
    if not numbers:
        return by_power if powers_kw else None
    by_meter = float(numbers[-1] - numbers[0]) / 1e4
    return by_power if by_meter < 0.9 * by_power else by_meter
