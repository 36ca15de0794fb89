"""The screen of `watch` at the sizes that terminals have."""

from collections.abc import Sequence
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from connector.diagnosis.causes import CAUSES, Code
from connector.tests.tools.told import a_station
from connector.tools.overview import Summary
from connector.tools.overview_screen import (
    Scene,
    moved,
    screen_of,
    whole_of,
)
from connector.tools.station_rows import Row

SIZES = pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
NOW_MS = 1_000_000_000


def station(name: str = "garage", *codes: Code, seen_s: float = 3) -> Summary:
    """Return a station with values as wide as they come."""
    return replace(
        a_station(name, *codes),
        state="interrupted",
        plug="cable locked at station",
        power_kw=22.08,
        session_kwh=100.25,
        total_kwh=12_345.6,
        wanted_a=63.0,
        offered_a=32.0,
        limited_by="authorization",
        result="curr applied",
        result_at_ms=NOW_MS - 60_000,
        last_seen_ms=NOW_MS - round(seen_s * 1000),
    )


def fleet(count: int) -> list[Summary]:
    return [station(f"bay-{number}") for number in range(1, count + 1)]


def scene(
    *stations: Summary, trouble: str = "", notices: Sequence[Row] = ()
) -> Scene:
    return Scene("keba 1.2.0", stations, NOW_MS, 60_000, trouble, notices)


def drawn(content: RenderableType, width: int) -> list[Text]:
    """Return the lines that a terminal shows, with their styles."""
    console = Console(width=width, file=StringIO(), color_system="standard")
    return [
        Text.assemble(*((part.text, part.style or "") for part in line))
        for line in console.render_lines(content, pad=False)
    ]


def screen(
    shown: Scene, width: int = 80, height: int = 24, selected: str | None = None
) -> list[Text]:
    content, _ = screen_of(shown, width, height, selected)
    return drawn(content, width)


def text(lines: Sequence[Text]) -> list[str]:
    return [line.plain.rstrip() for line in lines]


def styles(line: Text, part: str) -> set[str]:
    """Return all styles of the letters of a part of a line."""
    begin = line.plain.index(part)
    return {
        word
        for span in line.spans
        if span.start < begin + len(part) and span.end > begin
        for word in str(span.style).split()
    }


def line_of(lines: Sequence[Text], beginning: str) -> Text:
    (line,) = [one for one in lines if one.plain.startswith(f"{beginning} ")]
    return line


# --- whole ------------------------------------------------------------------


@SIZES
@pytest.mark.parametrize("count", [0, 1, 3, 30, 300])
def test_a_screen_fits_exactly(width: int, height: int, count: int) -> None:
    lines = text(screen(scene(*fleet(count)), width, height))
    assert len(lines) == height
    assert max(map(len, lines)) <= width


@SIZES
def test_what_is_kept_first_is_whole(width: int, height: int) -> None:
    garage = station("garage", Code.AUTHORIZATION)
    line = line_of(screen(scene(garage), width, height), "garage").plain
    for part in (
        "ok  ",
        "interrupted",
        "22.08 kW",
        "32.0 A",
        "authorization",
        "3 s ago",
    ):
        assert part in line
    assert ("100.25 kWh" in line) == (width == 120)


def parts_of(line: str) -> list[str]:
    return [part.strip() for part in line.split("  ") if part]


@pytest.mark.parametrize("width", range(20, 301, 7))
def test_at_no_width_is_a_value_cut(width: int) -> None:
    garage = scene(station("garage", Code.DIP_SWITCH_OFF))
    lines = text(drawn(whole_of(garage, width), width))
    assert all(len(line) <= width for line in lines)
    values = parts_of(lines[-1])
    assert "offline" in values
    # The least important have gone.
    assert (
        values
        == parts_of(text(drawn(whole_of(garage, 999), 999))[-1])[: len(values)]
    )


def test_the_longest_name_leaves_room_for_the_link() -> None:
    longest = scene(station("n" * 64, Code.NO_REPLY))
    assert "offline" in line_of(screen(longest), "n" * 64).plain
    # Where there is none the rest of the screen stays where it is.
    assert len(screen(longest, 60, 24)) == 24


def test_letters_may_be_as_wide_as_two() -> None:
    stations = scene(station("車庫"), station("yard"))
    wide, usual = drawn(whole_of(stations, 80), 80)[-2:]
    assert wide.cell_len == usual.cell_len


def test_a_narrow_terminal_keeps_name_and_link() -> None:
    lines = screen(scene(station()), 20, 10)
    assert "station  link" in text(lines)
    assert line_of(lines, "garage").plain.startswith("garage   ok")


def test_nothing_steers_the_terminal() -> None:
    garage = replace(station(), result="curr \x1b[2J\nodd")
    for line in text(screen(scene(garage), 200)):
        assert line.isprintable()


# --- pages ------------------------------------------------------------------


@SIZES
def test_pages_show_all_stations(width: int, height: int) -> None:
    stations = fleet(300)
    seen: list[str] = []
    selected = None
    while len(set(seen)) < len(stations):
        page, count = screen_of(scene(*stations), width, height, selected)
        lines = text(drawn(page, width))
        seen += [
            line.split()[0]
            for line in lines
            if line.startswith("bay-") and "kW" in line
        ]
        assert count >= height // 2
        selected = moved(stations, selected, "page down", count)
    assert "of 300" in lines[-1]


def test_keys_are_told_and_so_is_the_way_out() -> None:
    footer = text(screen(scene(*fleet(30))))[-1]
    for part in ("PgDn", "q ends", "1 to 14 of 30"):
        assert part in footer


def test_the_last_page_is_full() -> None:
    footer = text(screen(scene(*fleet(30)), selected="bay-30"))[-1]
    assert "17 to 30 of 30" in footer


@pytest.mark.parametrize(
    ("selected", "key", "then"),
    [
        (None, "down", "bay-2"),
        ("bay-2", "up", "bay-1"),
        ("bay-1", "up", "bay-1"),
        ("bay-1", "page down", "bay-11"),
        ("bay-25", "page down", "bay-30"),
        ("bay-25", "home", "bay-1"),
        ("bay-25", "end", "bay-30"),
        ("has-gone", "down", "bay-2"),
    ],
)
def test_keys_select_a_station(
    selected: str | None, key: str, then: str
) -> None:
    assert moved(fleet(30), selected, key, 10) == then


def test_keys_do_nothing_where_no_station_is() -> None:
    assert moved([], None, "down", 10) is None


def test_the_selected_station_is_told_with_what_to_do() -> None:
    stations = [station("attic"), station("garage", Code.NO_REPLY)]
    lines = screen(scene(*stations), selected="garage")
    told = " ".join(text(lines))
    assert f"garage: {CAUSES[Code.NO_REPLY].meaning}." in told
    assert CAUSES[Code.NO_REPLY].advice in told
    assert "last command curr applied, 60 s ago" in told
    assert "reverse" in styles(line_of(lines, "garage"), "offline")


def test_too_much_to_tell_says_who_tells_the_rest() -> None:
    codes = (Code.SECOND_CLIENT, Code.LATE_ANSWERS, Code.FAILSAFE)
    told = " ".join(text(screen(scene(station("garage", *codes)))))
    assert "keba doctor garage tells the rest" in told


# --- old --------------------------------------------------------------------


def test_old_values_look_old_and_say_their_age() -> None:
    stations = [station("attic", seen_s=12), station("yard", seen_s=7200)]
    lines = screen(scene(*stations))
    assert "dim" not in styles(line_of(lines, "attic"), "12 s ago")
    assert styles(line_of(lines, "yard"), "2 h ago") == {"dim"}


def test_the_values_of_an_offline_station_look_old_its_cause_does_not() -> None:
    lines = screen(scene(station("attic"), station("yard", Code.NO_REPLY)))
    yard = line_of(lines, "yard")
    assert styles(yard, "no_reply") == {"bold", "red"}
    assert styles(yard, "22.08 kW") == {"dim"}


@SIZES
def test_when_nothing_comes_in_that_is_said_and_all_is_dim(
    width: int, height: int
) -> None:
    stations = [station("attic"), station("yard", Code.NO_REPLY)]
    trouble = "broker 127.0.0.1:1883 lost 2 s ago"
    lines = screen(scene(*stations, trouble=trouble), width, height)
    assert trouble in text(lines)[1]
    for name in ("attic", "yard"):
        line = line_of(lines, name)
        assert styles(line, line.plain) <= {"dim", "reverse", "none"}
        for part in parts_of(line.plain):
            assert "dim" in styles(line, part)


# --- beside the stations ------------------------------------------------------


def test_the_head_counts_who_needs_somebody() -> None:
    stations = [
        station("attic"),
        station("garage", Code.AUTHORIZATION),
        station("yard", Code.NO_REPLY),
    ]
    head = text(screen(scene(*stations)))[0]
    assert head == "keba 1.2.0, 3 stations, 1 offline, 1 needs somebody"


@SIZES
def test_what_is_found_beside_the_stations_is_told(
    width: int, height: int
) -> None:
    cause = CAUSES[Code.NO_MAP]
    row = Row("", cause.severity, cause.meaning, cause.code, cause.advice)
    lines = screen(scene(station(), notices=[row]), width, height)
    told = " ".join(text(lines))
    assert cause.meaning in told
    assert "AdminUI" in told
