"""The screen of `watch`: from what is known to lines of text; sans-I/O.

Nothing is cut: columns that have no room are left out, the least important
first; a name that leaves no room stands on a line of its own.
"""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from connector.diagnosis.causes import CAUSES, Code, Severity
from connector.tools.figures import age_in_words
from connector.tools.overview import Summary
from connector.tools.station_rows import Row
from connector.tools.terminal import SEVERITY_STYLES, printable

MISSING = "–"
GAP = "  "

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
    """What there is to be shown.

    Parameters
    ----------
    title
        Whose stations these are.
    stations
        In their order.
    now_ms
        The moment, ms since 1970 UTC.
    old_after_ms
        Age from which values are old.
    trouble
        Why nothing new comes in; empty while it does.
    notices
        What was found beside the stations.
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


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Parameters
    ----------
    style
        How it looks while the values are fresh.
    least
        Its usual width; then columns do not come and go with the values.
    is_number
        Whether it stands at the right.
    stays
        Whether it looks the same when the values are old.
    """

    heading: str
    text: Callable[[Summary, Scene], str]
    style: Callable[[Summary], str] = lambda _: ""
    least: int = 0
    is_number: bool = False
    stays: bool = False


def _number(name: str, digits: int, unit: str) -> Callable[..., str]:
    def text(summary: Summary, _scene: Scene) -> str:
        value = getattr(summary, name)
        return MISSING if value is None else f"{value:.{digits}f} {unit}"

    return text


def _link(summary: Summary, _scene: Scene) -> str:
    if summary.connection is None:
        return MISSING
    return "offline" if summary.is_offline else "ok"


def _cause(summary: Summary, _scene: Scene) -> str:
    return summary.cause.code if summary.cause else ""


def _cause_style(summary: Summary) -> str:
    return SEVERITY_STYLES[summary.cause.severity] if summary.cause else ""


def _command(summary: Summary, scene: Scene) -> str:
    if summary.result is None:
        return "none"
    outcome, _, _ = summary.result.partition(":")
    return f"{outcome}, {scene.age(summary.result_at_ms)}"


COLUMNS = (
    Column("station", lambda one, _: one.station, lambda _: "bold", stays=True),
    Column(
        "link",
        _link,
        lambda one: "bold red" if one.is_offline else "green",
        least=7,
        stays=True,
    ),
    Column(
        "state",
        lambda one, _: one.state or MISSING,
        lambda one: STATE_STYLES.get(one.state or "", ""),
        least=11,
    ),
    Column("power", _number("power_kw", 2, "kW"), least=8, is_number=True),
    Column("limit", _number("offered_a", 1, "A"), least=6, is_number=True),
    Column("cause", _cause, _cause_style, least=13, stays=True),
    Column(
        "seen",
        lambda one, scene: scene.age(one.last_seen_ms),
        least=10,
        is_number=True,
    ),
    Column(
        "session", _number("session_kwh", 2, "kWh"), least=9, is_number=True
    ),
    Column("plug", lambda one, _: one.plug or MISSING, least=14),
    Column("wanted", _number("wanted_a", 1, "A"), least=6, is_number=True),
    Column("limited by", lambda one, _: one.limited_by or MISSING, least=13),
    Column("last command", _command, least=22),
    Column("total", _number("total_kwh", 1, "kWh"), least=11, is_number=True),
    Column(
        "finding",
        lambda one, _: one.cause.text if one.cause else "",
        stays=True,
    ),
)
"""In the order in which they stand, and in which they are kept."""

KEPT_FIRST = 6
"""A station takes two lines rather than going without one of these."""


# --- the table ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Table:
    """The columns that have room, with their widths.

    It is stacked where names stand on lines of their own.
    """

    columns: Sequence[tuple[Column, int]]
    is_stacked: bool = False

    @property
    def lines_per_station(self) -> int:
        """How many lines a station takes."""
        return 2 if self.is_stacked else 1

    def heading(self) -> Text:
        """Return the first line."""
        heads = [
            (column.heading, "dim", width, column.is_number)
            for column, width in self.columns
        ]
        return _line(heads)

    def lines_of(self, summary: Summary, scene: Scene) -> Iterator[Text]:
        """Yield the line of a station, or both."""
        if self.is_stacked:
            style = "dim" if scene.trouble else "bold"
            yield Text(printable(summary.station), style)
        is_old = scene.is_old(summary)
        cells = []
        for column, width in self.columns:
            style = column.style(summary)
            if scene.trouble or (is_old and not column.stays):
                style = "dim"
            text = column.text(summary, scene)
            cells.append((text, style, width, column.is_number))
        yield _line(cells)


def table_for(scene: Scene, width: int) -> Table:
    """Choose the columns for a width."""
    wide = [(column, _width_of(column, scene)) for column in COLUMNS]
    in_line = _fitting(wide, width)
    if in_line[:KEPT_FIRST] == wide[:KEPT_FIRST]:
        return Table(in_line)
    stacked = _fitting(wide[1:], width)
    has_room = stacked[: KEPT_FIRST - 1] == wide[1:KEPT_FIRST]
    if has_room or in_line[:2] != wide[:2]:
        return Table(stacked, is_stacked=True)
    return Table(in_line)


def _width_of(column: Column, scene: Scene) -> int:
    texts = (
        cell_len(printable(column.text(one, scene))) for one in scene.stations
    )
    return max(column.least, len(column.heading), *texts, 0)


def _fitting(
    wide: Sequence[tuple[Column, int]], width: int
) -> list[tuple[Column, int]]:
    fitting, left = [], width + len(GAP)
    for column, needed in wide:
        if needed + len(GAP) <= left:
            fitting.append((column, needed))
            left -= needed + len(GAP)
    return fitting


def _line(cells: Sequence[tuple[str, str, int, bool]]) -> Text:
    line = Text()
    for text, style, width, is_number in cells:
        shown = printable(text)
        gap = " " * (width - cell_len(shown))
        padded = f"{gap}{shown}" if is_number else f"{shown}{gap}"
        line.append(GAP if line else "").append(padded, style)
    line.rstrip()
    return line


# --- the whole ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Screen:
    """What a terminal shows, and how far a page key goes."""

    lines: Sequence[Text]
    stations_per_page: int


def whole_of(scene: Scene, width: int) -> list[Text]:
    """Return all stations, for a width that may be endless."""
    table = table_for(scene, width)
    lines = [*_head(scene, width)]
    if scene.stations:
        lines.append(table.heading())
    for summary in scene.stations:
        lines += table.lines_of(summary, scene)
    return lines


def screen_of(
    scene: Scene, width: int, height: int, selected: str | None = None
) -> Screen:
    """Return the page with the selected station, or else the first one."""
    table = table_for(scene, width)
    head = [*_head(scene, width)]
    has_details = height >= LEAST_HEIGHT_WITH_DETAILS and scene.stations
    details_height = 1 + DETAIL_LINES if has_details else 0
    room = height - len(head) - 1 - details_height - 1
    per_page = max(1, room // table.lines_per_station)
    place = place_of(scene.stations, selected)
    # The last page is a full one as well.
    last_page = max(0, len(scene.stations) - per_page)
    first = min(place // per_page * per_page, last_page)
    shown = scene.stations[first : first + per_page]

    lines = [*head]
    if shown:
        lines.append(table.heading())
    for number, summary in enumerate(shown, first):
        for line in table.lines_of(summary, scene):
            if number == place:
                line.pad_right(width - line.cell_len)
                line.stylize("reverse")
            lines.append(line)
    details = (
        _details(scene.stations[place], scene, width) if has_details else []
    )
    lines += [Text()] * (height - 1 - details_height - len(lines))
    if has_details:
        details += [Text()] * (DETAIL_LINES - len(details))
        lines += [Text(), *details]
    lines = lines[: height - 1]
    lines.append(_footer(scene, first, len(shown), width))
    for line in lines:
        # A line more would push the others out of the screen.
        line.no_wrap, line.overflow = True, "crop"
    return Screen(lines, per_page)


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
    if scene.trouble:
        yield from _wrapped(scene.trouble, "bold red", width)
    notices = [
        line
        for row in scene.notices
        for line in _wrapped(
            row.sentences, SEVERITY_STYLES[row.severity], width
        )
    ]
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


def _details(summary: Summary, scene: Scene, width: int) -> list[Text]:
    """Return all about one station, and what to do."""
    lines = []
    for row in summary.findings or _nothing_found(summary):
        text = f"{summary.station}: {row.sentences}"
        style = SEVERITY_STYLES[row.severity]
        lines += _wrapped(text, style, width)
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
    more = f"keba doctor {summary.station}"
    about = _wrapped("; ".join(facts), "dim", width)
    room = DETAIL_LINES - len(about)
    return [*_shortened(lines, room, more), *about][:DETAIL_LINES]


def _nothing_found(summary: Summary) -> Sequence[Row]:
    if summary.connection is None:
        return [Row("", Severity.NOTE, "nothing has come from it yet")]
    return [Row("", Severity.FINE, CAUSES[Code.OK].meaning)]


def _footer(scene: Scene, first: int, count: int, width: int) -> Text:
    keys = "↑ ↓ PgUp PgDn Home End choose   q ends"
    total = len(scene.stations)
    where = f"{first + 1} to {first + count} of {total}" if total else ""
    gap = width - len(keys) - len(where)
    text = f"{keys}{' ' * gap}{where}" if gap > 1 else "q ends"
    return Text(text, "dim")


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
