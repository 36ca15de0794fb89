"""The curves of the status page, as SVG that pygal draws.

What pygal brings along besides, a script and styles, is left out: the page has
no scripts, and one style for light and dark.
"""

import bisect
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pygal
from markupsafe import Markup
from pygal.style import Style
from pygal.view import Box

from connector.tools.day import Day, Peak, Span, StationDay
from connector.tools.figures import clock, local

STEPS = 144
"""Of ten minutes, where the day is a whole one."""

WIDTH = 480
HEIGHT = 190
LABEL_SIZE = 14
MOST_TIMES = 6
TICKS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 240)
ROUND = (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10)
LEAST_LIMIT_A = 16
IDLE_TOP_KW = 4.0

_RIM = Box.margin / (1 + 2 * Box.margin)
"""The share of its width that pygal leaves free on each side of curves."""


class Curves(NamedTuple):
    """A picture, and where in it the day begins and how wide it is, in %."""

    svg: Markup
    left: float
    width: float


def site_curves(day: Day) -> Curves:
    """Return the power of all stations, one upon the other."""
    # As high as the list of stations beside it.
    height = HEIGHT + 14 * min(max(len(day.stations) - 6, 0), 18)
    chart = _chart(day, day.peak, height=height)
    totals = [0.0] * STEPS
    layers = []
    for station in day.stations:
        more = _known(means(day, station.power_kw))
        totals = [sum(both) for both in zip(totals, more, strict=True)]
        layers.append((station.name, totals))
    # Each hides what of the higher one is below it.
    for name, layer in reversed(layers):
        chart.add(name, _steps(day, layer), fill=True)
    return _drawn(chart, "power of all stations")


def station_curves(day: Day, station: StationDay) -> Curves:
    """Return power and current limit of a station."""
    limit = max((span.what for span in station.limit_a), default=0)
    # A power of two: half of it is a round number as well.
    top = 2 ** math.ceil(math.log2(max(limit, LEAST_LIMIT_A)))
    chart = _chart(day, station.peak, secondary_range=(0, top))
    power_kw = _known(means(day, station.power_kw))
    chart.add("power", _steps(day, power_kw), fill=True)
    if station.limit_a:
        chart.add(
            "current limit",
            _steps(day, means(day, station.limit_a)),
            secondary=True,
            allow_interruptions=True,
        )
    return _drawn(chart, f"power and current limit of {station.name}")


def means(
    day: Day, spans: Iterable[Span], steps: int = STEPS
) -> list[float | None]:
    """Return the mean of each step of the day; None where nothing is known."""
    length_ms = day.ends_ms - day.begins_ms
    edges = [day.begins_ms + length_ms * n // steps for n in range(steps + 1)]
    sums, known_ms = [0.0] * steps, [0] * steps
    for begins_ms, ends_ms, value in spans:
        at_ms = begins_ms
        step = bisect.bisect(edges, begins_ms) - 1
        while at_ms < ends_ms:
            until_ms = min(ends_ms, edges[step + 1])
            sums[step] += value * (until_ms - at_ms)
            known_ms[step] += until_ms - at_ms
            at_ms = until_ms
            step += 1
    return [
        total / known if known else None
        for total, known in zip(sums, known_ms, strict=True)
    ]


# --- inside ------------------------------------------------------------------


def _chart(
    day: Day, peak: Peak | None, height: int = HEIGHT, **more: Any
) -> Any:
    top = _round_top(peak.kw if peak and peak.kw > 0 else IDLE_TOP_KW)
    return pygal.XY(
        width=WIDTH,
        height=height,
        margin=8,
        explicit_size=False,
        show_legend=False,
        show_dots=False,
        truncate_label=-1,
        style=Style(label_font_size=LABEL_SIZE),
        xrange=(day.begins_ms, day.ends_ms),
        range=(0, top),
        x_labels=list(_times(day)),
        y_labels=[0, top / 2, top],
        value_formatter="{:g}".format,
        x_value_formatter=clock,
        **more,
    )


def _drawn(chart: Any, label: str) -> Curves:
    root = chart.render_tree()
    graph = root.find("g")
    root[:] = [graph]
    root.attrib.pop("id")
    root.attrib.update({"role": "img", "aria-label": label})
    for path in root.iter("path"):
        # A tenth of a point is enough, and half as long.
        path.set("d", re.sub(r"(\.\d)\d+", r"\1", path.get("d")))
    plot = graph.find("g[@class='plot']")
    left = float(re.findall(r"[\d.]+", plot.get("transform"))[0])
    width = float(plot.find("rect").get("width"))
    svg = ElementTree.tostring(root, "unicode")
    return Curves(
        Markup(svg),  # noqa: S704, names in it are escaped
        (left + width * _RIM) / WIDTH * 100,
        width * (1 - 2 * _RIM) / WIDTH * 100,
    )


def _steps(
    day: Day, values: Sequence[float | None]
) -> list[tuple[float, float | None]]:
    """Return the corners of a curve that holds each value for a step."""
    step_ms = (day.ends_ms - day.begins_ms) / len(values)
    corners = []
    for value, same in groupby(enumerate(values), key=itemgetter(1)):
        numbers = [number for number, _ in same]
        corners += [
            (day.begins_ms + edge * step_ms, value)
            for edge in (numbers[0], numbers[-1] + 1)
        ]
    return corners


def _known(values: Sequence[float | None]) -> list[float]:
    return [value or 0.0 for value in values]


def _times(day: Day) -> Iterator[dict[str, Any]]:
    """Yield round local times, and how they are written."""
    minutes = (day.ends_ms - day.begins_ms) / 60_000
    every = next(
        (one for one in TICKS_MIN if minutes / one <= MOST_TIMES),
        TICKS_MIN[-1],
    )
    first_ms = -(-day.begins_ms // 60_000) * 60_000
    for at_ms in range(first_ms, day.ends_ms + 1, 60_000):
        at = local(at_ms)
        if (at.hour * 60 + at.minute) % every == 0:
            yield {"value": at_ms, "label": clock(at_ms)}


def _round_top(value: float) -> float:
    """Return the next number whose half is round as well."""
    unit = 10.0 ** math.floor(math.log10(value))
    return next(top * unit for top in ROUND if top * unit >= value)
