"""`page`: a status page of all stations over the last 24 hours.

One file without scripts, fonts or pictures from elsewhere: it can be mailed,
printed and opened in ten years.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from connector.keba.station.events import GOOD_OUTCOMES
from connector.tools.day import CommandResult, Day, Span, StationDay

WIDTH = 1000
LEFT = 46
RIGHT = 12
PLOT = WIDTH - LEFT - RIGHT
RESULTS_SHOWN = 8
REFRESH_S = 60

# Okabe and Ito's colours can be told apart by colour-blind people as well.
STATION_COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#8b7fd6",
    "#a6a600",
)
STATE_COLOURS = {
    "charging": "#009e73",
    "ready": "#56b4e9",
    "not ready": "#c3cad4",
    "startup": "#8b7fd6",
    "interrupted": "#e69f00",
    "error": "#d0342c",
    "offline": "#3a3f4b",
}


def html_of(day: Day, title: str) -> str:
    """Return the page.

    Parameters
    ----------
    day
        What to show.
    title
        Its heading, such as the name of the connector.
    """
    heading = escape(title)
    stations = day.stations
    colours = [
        STATION_COLOURS[number % len(STATION_COLOURS)]
        for number in range(len(stations))
    ]
    cards = [
        _station_card(day, station, colour)
        for station, colour in zip(stations, colours, strict=True)
    ]
    parts = [
        _HEAD.format(heading=heading, refresh_s=REFRESH_S, style=_STYLE),
        f"<header><h1>{heading}</h1><p>{_period(day)}</p></header>",
        f'<section class="tiles">{"".join(_site_tiles(stations))}</section>',
        '<section class="card"><h2>Power of the site</h2>',
        _legend(stations, colours),
        _site_chart(day, colours),
        "</section>",
        *cards,
        f"<footer>{_state_legend()}</footer></body></html>",
    ]
    return "\n".join(parts) + "\n"


# --- the site ----------------------------------------------------------------


def _site_tiles(stations: Sequence[StationDay]) -> Iterator[str]:
    power = sum(station.power_now_kw or 0.0 for station in stations)
    energy = sum(station.energy_kwh or 0.0 for station in stations)
    peak = max(map(sum, _stacks(stations)), default=0.0)
    charging = sum(station.state == "charging" for station in stations)
    known = [
        one.availability for one in stations if one.availability is not None
    ]
    attention = [one.name for one in stations if one.needs_attention]
    yield _tile("Power now", f"{power:.1f}", "kW")
    yield _tile("Energy in 24 h", f"{energy:.1f}", "kWh")
    yield _tile("Peak", f"{peak:.1f}", "kW")
    yield _tile("Charging now", str(charging), f"of {len(stations)}")
    if known:
        share = sum(known) / len(known)
        yield _tile("Stations online", f"{share * 100:.1f}", "%")
    names = ", ".join(attention)
    yield _tile(
        "Needs attention",
        names or "none",
        "",
        "bad" if names else "good",
    )


def _tile(label: str, value: str, unit: str, kind: str = "") -> str:
    return (
        f'<div class="tile {kind}"><span>{escape(label)}</span>'
        f"<b>{escape(value)}</b><small>{escape(unit)}</small></div>"
    )


def _stacks(stations: Sequence[StationDay]) -> list[list[float]]:
    """Return for each step the power of all stations, one after the other."""
    if not stations:
        return []
    return [
        [power or 0.0 for power in column]
        for column in zip(
            *(station.power_kw for station in stations), strict=True
        )
    ]


def _site_chart(day: Day, colours: Sequence[str]) -> str:
    stacks = _stacks(day.stations)
    top = _nice_top(max(map(sum, stacks), default=0.0), least=5.0)
    height = 220
    areas = []
    for number, station in enumerate(day.stations):
        below = [sum(stack[:number]) for stack in stacks]
        above = [sum(stack[: number + 1]) for stack in stacks]
        if below == above:
            continue
        areas.append(
            f'<path d="{_band(below, above, top, height)}" '
            f'fill="{colours[number]}" fill-opacity=".85">'
            f"<title>{escape(station.name)}</title></path>"
        )
    return _svg(
        height + 24,
        "power of all stations over 24 hours",
        _grid(day, top, height, "kW"),
        *areas,
    )


def _band(
    below: Sequence[float], above: Sequence[float], top: float, height: int
) -> str:
    """Return the outline of an area between two step curves."""
    upper = _steps(above, top, height)
    lower = _steps(below, top, height)
    points = [*upper, *reversed(lower)]
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points) + "Z"


def _steps(
    values: Sequence[float], top: float, height: int
) -> list[tuple[float, float]]:
    width = PLOT / len(values)
    points = []
    for number, value in enumerate(values):
        y = height - value / top * height
        points += [
            (LEFT + number * width, y),
            (LEFT + (number + 1) * width, y),
        ]
    return points


# --- a station ---------------------------------------------------------------


def _station_card(day: Day, station: StationDay, colour: str) -> str:
    return (
        f'<section class="card"><h2><i style="background:{colour}"></i>'
        f"{escape(station.name)} {_chips(station)}</h2>"
        f'<p class="facts">{_facts(station)}</p>'
        f"{_station_chart(day, station, colour)}"
        f"{_results_table(station.results)}</section>"
    )


def _chips(station: StationDay) -> str:
    state = station.error or station.state or "no data"
    colour = STATE_COLOURS.get(station.state, "#888")
    chips = [_chip(state, colour)]
    if station.reason and station.reason != "ok":
        text = station.reason.replace("_", " ")
        chips.append(_chip(f"offline: {text}", STATE_COLOURS["error"]))
    return "".join(chips)


def _chip(text: str, colour: str) -> str:
    ink = "#16202c" if colour in ("#c3cad4", "#56b4e9", "#e69f00") else "#fff"
    style = f"background:{colour};color:{ink}"
    return f'<span class="chip" style="{style}">{escape(text)}</span>'


def _facts(station: StationDay) -> str:
    facts = []
    if station.power_now_kw is not None:
        facts.append(f"<b>{station.power_now_kw:.2f}</b> kW now")
    if station.energy_kwh is not None:
        facts.append(f"<b>{station.energy_kwh:.1f}</b> kWh in 24 h")
    facts.append(f"<b>{station.peak_kw:.1f}</b> kW at most")
    if station.availability is not None:
        share = station.availability * 100
        facts.append(f"<b>{share:.1f}</b> % online")
    facts.append(f"dashed: current limit, {_top_of_limit(station):g} A on top")
    return " · ".join(facts)


def _top_of_limit(station: StationDay) -> float:
    known = [limit or 0.0 for limit in station.limit_a]
    return _nice_top(max(known, default=0.0), least=16.0)


def _station_chart(day: Day, station: StationDay, colour: str) -> str:
    height = 110
    known = [power or 0.0 for power in station.power_kw]
    top = _nice_top(station.peak_kw, least=4.0)
    return _svg(
        height + 50,
        f"power, current limit and state of {station.name} over 24 hours",
        _grid(day, top, height, "kW", bottom=height + 24),
        f'<path d="{_band([0.0] * len(known), known, top, height)}" '
        f'fill="{colour}" fill-opacity=".75"/>',
        *_limit_lines(station.limit_a, _top_of_limit(station), height),
        *_state_band(day, station.states, height + 8),
        *_result_marks(day, station.results, height + 8),
    )


def _limit_lines(
    limits: Sequence[float | None], top: float, height: int
) -> Iterator[str]:
    """Yield the limit as a line, with gaps where nothing is known."""
    width = PLOT / len(limits)
    points: list[str] = []
    for number, limit in enumerate([*limits, None]):
        if limit is not None:
            y = height - limit / top * height
            points += [
                f"{LEFT + number * width:.1f},{y:.1f}",
                f"{LEFT + (number + 1) * width:.1f},{y:.1f}",
            ]
        elif points:
            yield f'<polyline class="limit" points="{" ".join(points)}"/>'
            points = []


def _state_band(day: Day, states: Sequence[Span], y: int) -> Iterator[str]:
    for span in states:
        colour = STATE_COLOURS.get(span.what, "#888")
        x = _x(day, span.begins_ms)
        width = max(_x(day, span.ends_ms) - x, 0.8)
        times = f"{_clock(span.begins_ms)} to {_clock(span.ends_ms)}"
        yield (
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="16" '
            f'fill="{colour}"><title>{escape(span.what)}, {times}</title>'
            "</rect>"
        )


def _result_marks(
    day: Day, results: Sequence[CommandResult], y: int
) -> Iterator[str]:
    for result in results:
        x = _x(day, result.at_ms)
        kind = "good" if _is_good(result) else "bad"
        what = f"{result.word}: {result.outcome}, {_clock(result.at_ms)}"
        yield (
            f'<path class="mark {kind}" d="M{x:.1f},{y - 2}l-4.5,-8h9z">'
            f"<title>{escape(what)}</title></path>"
        )


def _results_table(results: Sequence[CommandResult]) -> str:
    if not results:
        return ""
    newest = list(reversed(results))[:RESULTS_SHOWN]
    rows = "".join(
        f"<tr><td>{_clock(one.at_ms)}</td><td>{escape(one.word)}</td>"
        f'<td class="{"good" if _is_good(one) else "bad"}">'
        f"{escape(one.outcome)}</td></tr>"
        for one in newest
    )
    more = len(results) - len(newest)
    rest = f"<caption>and {more} earlier ones</caption>" if more else ""
    return (
        f"<table>{rest}<thead><tr><th>time</th><th>command</th>"
        f"<th>what became of it</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _is_good(result: CommandResult) -> bool:
    return result.outcome in GOOD_OUTCOMES


# --- common ------------------------------------------------------------------


def _svg(height: int, label: str, *parts: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _grid(
    day: Day, top: float, height: int, unit: str, bottom: int | None = None
) -> str:
    lines = []
    for part in range(3):
        value = top * part / 2
        y = height - height * part / 2
        lines.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        label = f"{value:g}" + (f" {unit}" if part == 2 else "")
        lines.append(_text(LEFT - 6, max(y + 4, 11), label, "end"))
    foot = bottom or height
    for at_ms in _full_hours(day):
        x = _x(day, at_ms)
        lines.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{foot}"/>'
        )
        lines.append(_text(x, foot + 16, _clock(at_ms), "middle"))
    return "".join(lines)


def _full_hours(day: Day, every: int = 3) -> Iterator[int]:
    hour_ms = 3600 * 1000
    at_ms = -(-day.begins_ms // hour_ms) * hour_ms
    while at_ms <= day.ends_ms:
        is_inside = LEFT + 20 < _x(day, at_ms) < WIDTH - RIGHT - 20
        if is_inside and _local(at_ms).hour % every == 0:
            yield at_ms
        at_ms += hour_ms


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def _x(day: Day, at_ms: int) -> float:
    share = (at_ms - day.begins_ms) / (day.ends_ms - day.begins_ms)
    return LEFT + min(max(share, 0.0), 1.0) * PLOT


def _nice_top(value: float, least: float) -> float:
    """Return a round number not below a value, for the top of an axis."""
    top = least
    while top < value:
        top *= 2
    return top


def _local(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone()


def _clock(at_ms: int) -> str:
    return f"{_local(at_ms):%H:%M}"


def _period(day: Day) -> str:
    begin, end = _local(day.begins_ms), _local(day.ends_ms)
    return f"{begin:%A %d %B %Y, %H:%M} to {end:%A %d %B %Y, %H:%M} ({end:%Z})"


def _legend(stations: Sequence[StationDay], colours: Sequence[str]) -> str:
    items = "".join(
        f'<span><i style="background:{colour}"></i>'
        f"{escape(station.name)}</span>"
        for station, colour in zip(stations, colours, strict=True)
    )
    return f'<div class="legend">{items}</div>'


def _state_legend() -> str:
    items = "".join(
        f'<span><i style="background:{colour}"></i>{state}</span>'
        for state, colour in STATE_COLOURS.items()
    )
    return (
        f'<div class="legend">{items}<span>▼ result of a command</span>'
        "<span>┅ current limit</span></div>"
    )


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="{refresh_s}">
<title>{heading}</title><style>{style}</style></head><body>"""

_STYLE = """
:root{--back:#f4f6f9;--card:#fff;--ink:#16202c;--soft:#5b6777;--line:#dde3ea;
--good:#00795a;--bad:#c02a22}
@media(prefers-color-scheme:dark){:root{--back:#12161c;--card:#1b212a;
--ink:#e8edf3;--soft:#93a0b0;--line:#2c3541;--good:#3ecf9c;--bad:#ff7b72}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1120px;padding:24px;background:var(--back);
color:var(--ink);font:15px/1.45 system-ui,"Segoe UI",Roboto,"DejaVu Sans",
sans-serif}
header{margin-bottom:16px}h1{font-size:24px;margin:0}
header p,.facts{margin:2px 0;color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));
gap:12px;margin-bottom:12px}
.tile,.card{background:var(--card);border:1px solid var(--line);
border-radius:10px;padding:12px 16px}
.tile span{display:block;color:var(--soft);font-size:13px}
.tile b{font-size:24px;font-weight:600;margin-right:5px}
.tile small{color:var(--soft)}
.card{margin-bottom:12px}h2{font-size:17px;margin:0 0 2px;display:flex;
align-items:center;gap:8px}
h2 i,.legend i{display:inline-block;width:11px;height:11px;border-radius:3px}
.chip{font-size:12px;font-weight:600;border-radius:20px;padding:2px 10px}
.facts b{color:var(--ink);font-weight:600}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;
color:var(--soft)}
.legend i{margin-right:6px}
svg{display:block;width:100%;height:auto;margin-top:8px}
svg text{fill:var(--soft);font-size:12px}
.grid{stroke:var(--line);stroke-width:1}
.limit{fill:none;stroke:var(--ink);stroke-width:1.4;stroke-dasharray:4 3;
opacity:.75}
.mark.good{fill:var(--good)}.mark.bad{fill:var(--bad)}
td.good,.tile.good b{color:var(--good)}td.bad,.tile.bad b{color:var(--bad)}
table{border-collapse:collapse;font-size:13px;margin-top:8px}
caption{caption-side:bottom;text-align:left;color:var(--soft)}
th{text-align:left;color:var(--soft);font-weight:400}
th,td{padding:2px 18px 2px 0;border-bottom:1px solid var(--line)}
footer{padding:4px 2px}
@media print{body{background:#fff}.card,.tile{break-inside:avoid}}
"""
