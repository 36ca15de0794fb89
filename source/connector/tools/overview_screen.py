"""The screen of `watch`: what is known, for a terminal's size; sans-I/O.

Nothing is cut: columns that have no room are left out, the least important
first.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group, JustifyMethod
from rich.table import Column, Table
from rich.text import Text

from connector.diagnosis.causes import CAUSES, Code, Severity
from connector.tools.figures import age_in_words
from connector.tools.overview import Summary
from connector.tools.station_rows import Row
from connector.tools.terminal import (
    GAP,
    SEVERITY_STYLES,
    plain_table,
    printable,
)

MISSING = "–"
KEYS = "↑ ↓ PgUp PgDn Home End choose   q ends"

NOTICE_LINES = 5
DETAIL_LINES = 6
"""So many at the most: stations are what is looked at."""

LEAST_HEIGHT_WITH_DETAILS = 20

STATE_STYLES = {
    "charging": "green",
    "error": "bold red",
    "interrupted": "yellow",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to be shown, at one moment.

    While there is trouble nothing new comes in. Notices are what was found
    beside the stations.
    """

    title: str
    stations: Sequence[Summary]
    now_ms: int
    old_after_ms: float
    trouble: str = ""
    notices: Sequence[Row] = ()

    def age(self, timestamp_ms: int | None) -> str:
        """Say how long ago something was."""
        if timestamp_ms is None:
            return MISSING
        return age_in_words((self.now_ms - timestamp_ms) / 1000)

    def is_old(self, summary: Summary) -> bool:
        """Whether its values say little about now."""
        seen_ms = summary.last_seen_ms
        is_late = (
            seen_ms is not None and self.now_ms - seen_ms > self.old_after_ms
        )
        return bool(self.trouble) or summary.is_offline or is_late


# --- the table ------------------------------------------------------------

USUAL_WIDTHS = {
    "station": 7,
    "link": 7,
    "state": 11,
    "power": 8,
    "limit": 6,
    "cause": 13,
    "seen": 10,
    "session": 9,
    "plug": 14,
    "wanted": 6,
    "limited by": 13,
    "last command": 22,
    "total": 11,
}
"""Columns in the order in which they stand, and in which they are kept; so
wide at least that they do not come and go with the values."""

NUMBERS = frozenset({"power", "limit", "seen", "session", "wanted", "total"})
"""They stand at the right."""

ALWAYS_TRUE = frozenset({"station", "link", "cause"})
"""They look the same when the values are old."""

FEWEST = 2
"""So many are shown in any case: a station, and whether it is there."""


def table_of(
    scene: Scene,
    shown: Sequence[Summary],
    width: int,
    selected: Summary | None = None,
) -> Table:
    """Show some of the stations, with the columns that have room."""
    rows = [_cells(one, scene) for one in shown]
    columns: list[Column] = []
    left = width + GAP
    for heading, usual in USUAL_WIDTHS.items():
        needed = max([usual, *(row[heading].cell_len for row in rows)])
        left -= needed + GAP
        if left < 0 and len(columns) >= FEWEST:
            break
        side: JustifyMethod = "right" if heading in NUMBERS else "left"
        column = Column(heading, width=needed, no_wrap=True, justify=side)
        columns.append(column)
    table = plain_table(*columns, has_head=True)
    for one, row in zip(shown, rows, strict=True):
        cells = [row[str(column.header)] for column in columns]
        table.add_row(*cells, style="reverse" if one is selected else "")
    return table


def _cells(one: Summary, scene: Scene) -> dict[str, Text]:
    """Return what each column shows of a station."""
    link = None if one.connection is None else "ok"
    cause, severity = "", Severity.FINE
    if one.cause:
        cause, severity = one.cause.code, one.cause.severity
    outcome, _, _ = (one.result or "none").partition(":")
    when = f", {scene.age(one.result_at_ms)}" if one.result else ""
    cells = {
        "station": (one.station, "bold"),
        "link": ("offline", "bold red") if one.is_offline else (link, "green"),
        "state": (one.state, STATE_STYLES.get(one.state or "", "")),
        "power": (_in("{:.2f} kW", one.power_kw), ""),
        "limit": (_in("{:.1f} A", one.offered_a), ""),
        "cause": (cause, SEVERITY_STYLES[severity]),
        "seen": (scene.age(one.last_seen_ms), ""),
        "session": (_in("{:.2f} kWh", one.session_kwh), ""),
        "plug": (one.plug, ""),
        "wanted": (_in("{:.1f} A", one.wanted_a), ""),
        "limited by": (one.limited_by, ""),
        "last command": (f"{outcome}{when}", ""),
        "total": (_in("{:.1f} kWh", one.total_kwh), ""),
    }
    is_old = scene.is_old(one)
    shown = {}
    for column, (text, style) in cells.items():
        is_dim = scene.trouble or (is_old and column not in ALWAYS_TRUE)
        shown[column] = Text(
            MISSING if text is None else printable(text),
            "dim" if is_dim else style,
        )
    return shown


def _in(form: str, value: float | None) -> str | None:
    return None if value is None else form.format(value)


# --- the whole ------------------------------------------------------------


def whole_of(scene: Scene, width: int) -> Group:
    """Return all stations, for a width that may be endless."""
    return Group(*_head(scene, width), table_of(scene, scene.stations, width))


def screen_of(
    scene: Scene, width: int, height: int, selected: str | None = None
) -> tuple[Group, int]:
    """Return the page with the selected station, or else the first one.

    And how many stations are on a page.
    """
    stations = scene.stations
    place = place_of(stations, selected)
    chosen = stations[place] if stations else None
    head = [*_head(scene, width)]
    details: list[Text] = []
    if chosen and height >= LEAST_HEIGHT_WITH_DETAILS:
        told = _details(chosen, scene, width)
        details = [Text(), *told, *[Text()] * (DETAIL_LINES - len(told))]
    heading_and_footer = 2
    room = height - len(head) - len(details) - heading_and_footer
    per_page = max(1, room)
    # The last page is a full one as well.
    last_page = max(0, len(stations) - per_page)
    first = min(place // per_page * per_page, last_page)
    shown = stations[first : first + per_page]
    table = table_of(scene, shown, width, chosen)
    blanks = [Text()] * (per_page - len(shown))
    footer = _footer(scene, first, len(shown), width)
    return Group(*head, table, *blanks, *details, footer), per_page


def place_of(stations: Sequence[Summary], selected: str | None) -> int:
    """Return where a station stands; 0 for one that is not there."""
    names = [one.station for one in stations]
    return names.index(selected) if selected in names else 0


def moved(
    stations: Sequence[Summary], selected: str | None, key: str, page: int
) -> str | None:
    """Return which station is selected after a key."""
    if not stations:
        return None
    last = len(stations) - 1
    place = place_of(stations, selected)
    aims = {
        "up": place - 1,
        "down": place + 1,
        "page up": place - page,
        "page down": place + page,
        "home": 0,
        "end": last,
    }
    aim = aims.get(key, place)
    return stations[min(max(aim, 0), last)].station


def _head(scene: Scene, width: int) -> Iterator[Text]:
    yield from _wrapped(_counts(scene), "bold", width)
    yield from _wrapped(scene.trouble, "bold red", width)
    notices = [line for row in scene.notices for line in _sentences(row, width)]
    yield from _shortened(notices, NOTICE_LINES, "keba doctor")


def _counts(scene: Scene) -> str:
    stations = scene.stations
    offline = sum(one.is_offline for one in stations)
    more = sum(one.urgency > 0 and not one.is_offline for one in stations)
    parts = [
        scene.title,
        f"{len(stations)} station{'' if len(stations) == 1 else 's'}",
    ]
    if offline:
        parts.append(f"{offline} offline")
    if more:
        parts.append(f"{more} {'needs' if more == 1 else 'need'} somebody")
    return ", ".join(parts)


def _details(summary: Summary, scene: Scene, width: int) -> Sequence[Text]:
    """Return all about one station, and what to do."""
    lines = [
        line
        for row in summary.findings or _nothing_found(summary)
        for line in _sentences(row, width, f"{summary.station}: ")
    ]
    facts = []
    if summary.last_seen_ms is not None:
        facts.append(f"seen {scene.age(summary.last_seen_ms)}")
    if summary.plug:
        facts.append(summary.plug)
    if summary.wanted_a is not None:
        facts.append(f"wanted {summary.wanted_a:.1f} A")
    if summary.result:
        age = scene.age(summary.result_at_ms)
        facts.append(f"last command {summary.result}, {age}")
    about = _wrapped("; ".join(facts), "dim", width)
    room = DETAIL_LINES - len(about)
    more = f"keba doctor {summary.station}"
    return [*_shortened(lines, room, more), *about][:DETAIL_LINES]


def _nothing_found(summary: Summary) -> Sequence[Row]:
    if summary.connection is None:
        return [Row("", Severity.NOTE, "nothing has come from it yet")]
    return [Row("", Severity.FINE, CAUSES[Code.OK].meaning)]


def _footer(scene: Scene, first: int, count: int, width: int) -> Text:
    total = len(scene.stations)
    where = f"{first + 1} to {first + count} of {total}" if total else ""
    gap = width - len(KEYS) - len(where)
    text = f"{KEYS}{' ' * gap}{where}" if gap > 1 else "q ends"
    return Text(text, "dim")


def _sentences(row: Row, width: int, about: str = "") -> list[Text]:
    style = SEVERITY_STYLES[row.severity]
    return _wrapped(f"{about}{row.sentences}", style, width)


def _wrapped(text: str, style: str, width: int) -> list[Text]:
    lines = textwrap.wrap(
        printable(text), max(1, width), break_on_hyphens=False
    )
    return [Text(line, style) for line in lines]


def _shortened(
    lines: Sequence[Text], most: int, tells_more: str
) -> Sequence[Text]:
    """Return the first lines; where more is left, who tells it."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], Text(f"… {tells_more} tells the rest", "dim")]
