"""`page`: a status page of all stations, made of one template.

One file without scripts, fonts or pictures from elsewhere: it can be mailed,
printed and opened in ten years.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from connector.keba.station.events import GOOD_OUTCOMES
from connector.tools.curves import site_curves, station_curves
from connector.tools.day import DAY_MS, GAP_MS, STATES, Day
from connector.tools.figures import clock, local

RESULTS_SHOWN = 5


def html_of(
    day: Day, title: str, notes: Sequence[str] = (), refresh_s: float = 0
) -> str:
    """Return the page, headed by what must be known of all of it.

    After `refresh_s` a browser looks for a newer one; with 0 never.
    """
    stations = day.stations

    def share(at_ms: int) -> str:
        """Return how much of the day is over, in percent."""
        part = (at_ms - day.begins_ms) / (day.ends_ms - day.begins_ms)
        return f"{min(max(part, 0.0), 1.0) * 100:.2f}"

    return _PAGE.render(
        day=day,
        title=title,
        notes=notes,
        refresh_s=refresh_s,
        is_whole_day=day.ends_ms - day.begins_ms > DAY_MS - GAP_MS,
        colours=station_colours(len(stations)),
        by_urgency=sorted(stations, key=lambda one: not one.needs_attention),
        site_curves=site_curves,
        station_curves=station_curves,
        share=share,
    )


def station_colours(count: int) -> list[str]:
    """Return a colour for each station, in hues that no state has.

    From blue to pink in steps of brightness, so that neighbours differ.
    """
    return [
        f"hsl({200 + 120 * number / max(count - 1, 1):.0f},"
        f"{(65, 75, 80)[number % 3]}%,{(42, 60, 76)[number % 3]}%)"
        for number in range(count)
    ]


def figure(value: float | None) -> str:
    """Return a number with the digits that can be read at a glance."""
    if value is None:
        return "–"
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}" if value else "0"


def percent(share: float) -> str:
    """Return a share; only what is whole is 100 %."""
    return f"{math.floor(share * 1000) / 10:g}"


def total(values: Iterable[float | None]) -> float | None:
    """Return the sum of what is known, None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def period(day: Day) -> str:
    """Return from when to when, in words."""
    begin, end = local(day.begins_ms), local(day.ends_ms)
    first = f"{begin:%A %d %B, %H:%M}"
    last = f"{end:%A %d %B %Y, %H:%M}"
    if begin.date() == end.date():
        first, last = f"{end:%A %d %B %Y}, {begin:%H:%M}", f"{end:%H:%M}"
    return f"{first} to {last} ({end:%Z})"


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(
    clock=clock, figure=figure, percent=percent, period=period, total=total
)
_ENVIRONMENT.globals.update(
    states=STATES, good=GOOD_OUTCOMES, results_shown=RESULTS_SHOWN
)
_PAGE = _ENVIRONMENT.get_template("page.html")
