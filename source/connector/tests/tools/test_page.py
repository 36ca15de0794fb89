"""The status page, and the file behind it."""

import colorsys
import json
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest

from connector.diagnosis.causes import CAUSES, Code
from connector.keba.station.events import Outcome
from connector.tests.tools.told import finding, view_of
from connector.tools.connector_view import Reading
from connector.tools.day import DAY_MS, STATES, History, day_of
from connector.tools.history_file import (
    FEWEST_TO_REWRITE,
    HistoryFile,
    News,
)
from connector.tools.page import notes_of
from connector.tools.page_html import html_of, station_colours
from connector.tools.problems import UsageProblem

POWER = "garage__report 3__P"


def page_of(*values: tuple[str, int, object]) -> str:
    """Return the page of these keys, moments and values."""
    history = History()
    for value in values:
        history.add(*value)
    return html_of(day_of(history, DAY_MS), "keba")


def words_of(page: str) -> str:
    """Return what a reader of the page reads."""
    body = page.partition("<body>")[2]
    return " ".join(re.sub("<[^>]*>", " ", body).split())


def test_a_station_that_was_offline_all_day_counts() -> None:
    page = page_of(
        *(
            (f"{name}__connection__reason", hour * DAY_MS // 24, reason)
            for hour in range(25)
            for name, reason in (("garage", "ok"), ("yard", "timeout"))
        )
    )

    assert "Online now 1 of 2 50 % of the time" in words_of(page)
    assert "offline" in words_of(page)


def test_a_short_name_does_not_break_at_its_hyphen() -> None:
    page = page_of(
        ("depot-east__report 2__State", DAY_MS, 1),
        ("station-at-the-northern-gate__report 2__State", DAY_MS, 1),
    )

    in_rows = re.findall(r'<td><a href="#s\d" class="(.*?)"', page)
    assert in_rows == ["whole", ""]
    assert ".whole { white-space: nowrap; }" in page


def test_the_first_that_need_attention_are_named() -> None:
    page = page_of(
        *((f"bay-{n}__connection__reason", DAY_MS, "no_reply") for n in "1234")
    )

    # A blank stands for each end of a tag.
    named = words_of(page).replace(" ,", ",")

    assert "Need attention 4 bay-1, bay-2, bay-3, …" in named


def test_an_empty_day_says_so() -> None:
    assert "Nothing is known of this time" in words_of(page_of())


def test_a_day_without_a_vehicle_says_so() -> None:
    assert "nothing was charged" in words_of(page_of((POWER, DAY_MS, 0)))


def test_a_command_is_shown_with_its_value() -> None:
    page = page_of(
        ("garage__curr", DAY_MS - 1, "10000"),
        ("garage__results__curr", DAY_MS - 1, "not_applied"),
    )

    assert "curr 10000 → not applied" in words_of(page)


@pytest.mark.parametrize(
    ("status", "silence_s", "words"),
    [
        ("online", 0.0, CAUSES[Code.NO_MAP].meaning),
        ("offline", 0.0, "no connector is online as keba"),
        ("online", 2.0, "broker 192.0.2.5:1883 lost"),
    ],
)
def test_the_page_says_why_nothing_new_comes(
    status: str, silence_s: float, words: str
) -> None:
    view = view_of(status={"status": status})

    (note,) = notes_of(view, view.trouble("192.0.2.5:1883", silence_s))

    assert words in note
    assert words in html_of(day_of(History(), DAY_MS), "keba", [note])


def test_what_no_datapoint_tells_of_a_station_is_a_note() -> None:
    found = [finding("garage", Code.SECOND_CLIENT), finding("garage", Code.OK)]
    view = view_of(
        {POWER: 1}, status={"status": "online"}, diagnosis={"findings": found}
    )

    (note,) = notes_of(view, "")

    assert note.startswith("garage is used by another client as well.")


@pytest.mark.parametrize(
    ("kilowatt", "labels"),
    [
        (0.1, ["0", "0.05", "0.1"]),
        (3.68, ["0", "2", "4"]),
        (22.1, ["0", "15", "30"]),
        (500.0, ["0", "250", "500"]),
    ],
)
def test_the_axis_fits_any_power(kilowatt: float, labels: list[str]) -> None:
    page = page_of((POWER, DAY_MS, kilowatt * 1e6))

    axis = page.partition('class="axis y ')[2].partition('class="axis x')[0]
    assert re.findall(r"<text[^>]*>([^<]*)<", axis) == labels
    (left,) = re.findall(r"translate\((\d+), \d+\)\" class=\"plot\"", page)
    assert int(left) > 8 * max(map(len, labels))


def test_the_page_needs_nothing_beside_it() -> None:
    page = page_of((POWER, DAY_MS, 11e6))

    assert "default-src 'none'" in page
    assert "<script" not in page
    assert set(re.findall('https?://[^"]*', page)) <= {
        "http://www.w3.org/2000/svg"
    }


def hue_and_lightness(colour: str) -> tuple[float, float]:
    hue, _, lightness = re.findall(r"\d+", colour)
    return float(hue), float(lightness)


@pytest.mark.parametrize("count", [1, 9, 20, 40])
def test_stations_differ_from_each_other_and_from_states(count: int) -> None:
    colours = station_colours(count)

    assert len(set(colours)) == count
    for one, other in pairwise(colours):
        lightness = [hue_and_lightness(colour)[1] for colour in (one, other)]
        assert abs(lightness[0] - lightness[1]) > 15
    hues = [hue_and_lightness(colour)[0] for colour in colours]
    for red, green, blue in (
        (int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16))
        for digits in state_colours()
    ):
        hue, _, saturation = colorsys.rgb_to_hls(
            red / 255, green / 255, blue / 255
        )
        if saturation > 0.15:
            assert not min(hues) - 25 < hue * 360 < max(hues) + 25


def state_colours() -> list[str]:
    """Return the plain colours of all states, of day and night."""
    style = page_of()
    colours = []
    for state in STATES:
        name = state.replace(" ", "-")
        found = re.findall(rf"--{name}: (#\w+|repeating)", style)
        assert found
        colours += [one.strip("#") for one in found if one[0] == "#"]
    return colours


def test_offline_looks_different_in_the_dark() -> None:
    day, _, night = page_of().partition("prefers-color-scheme: dark")

    assert "--offline: repeating-linear-gradient" in day
    assert "--offline: repeating-linear-gradient" in night


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.APPLIED, "good"),
        (Outcome.RECEIVED, "good"),
        (Outcome.WAITING, "good"),
        (f"{Outcome.REJECTED}: not now", "bad"),
        (Outcome.NO_REPLY, "bad"),
    ],
)
def test_the_page_calls_good_what_send_calls_good(
    outcome: str, kind: str
) -> None:
    page = page_of(("garage__results__currtime", DAY_MS - 1000, str(outcome)))

    assert f'currtime  →\n<span class="{kind}"' in page


def line(at_ms: int) -> str:
    return json.dumps({"timestamp": at_ms, "key": POWER, "value": 1.0})


def news_of(*moments: int) -> News:
    news = News()
    for at_ms in moments:
        news.receive(POWER, Reading(at_ms, at_ms, is_retained=False))
    return news


@pytest.mark.parametrize(
    ("commands", "outcome", "value"),
    [
        ([("garage__curr", 10000)], "applied", "10000"),
        ([("all__curr", 10000)], "applied", "10000"),
        # Neither of another station nor of another word.
        ([("yard__curr", 10000), ("garage__ena", 1)], "applied", None),
        # What a newer command supersedes is an older one.
        (
            [("garage__curr", 10000), ("garage__curr", 12000)],
            "superseded",
            "10000",
        ),
    ],
)
def test_a_result_tells_the_value_of_its_command(
    commands: list[tuple[str, object]], outcome: str, value: str | None
) -> None:
    news = News()
    messages = [*commands, ("garage__results__curr", outcome)]
    for at_ms, (key, sent) in enumerate(messages):
        news.receive(key, Reading(sent, at_ms, is_retained=False))

    told = {key: what for key, _, what in news.take()}

    expected = {"garage__results__curr": outcome}
    assert told == expected | ({"garage__curr": value} if value else {})


def test_the_card_in_a_command_is_kept_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    history, news = History(), News()
    news.receive(
        "garage__start", Reading("04A1B2C3", DAY_MS - 2, is_retained=False)
    )
    news.receive(
        "garage__results__start", Reading("received", DAY_MS - 1, False)
    )

    HistoryFile(path, history).add(news)

    page = html_of(day_of(history, DAY_MS), "keba")
    assert "04A1B2C3" not in path.read_text() + page
    assert "start → received" in words_of(page)


@pytest.mark.parametrize(
    "torn",
    [
        b'{"timestamp": 2000, ',
        # In the middle of a letter.
        '{"key": "küche'.encode()[:-4],
    ],
)
def test_a_power_cut_costs_one_half_written_line(
    tmp_path: Path, torn: bytes
) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(line(1000).encode() + b"\n" + torn)
    history = History()

    HistoryFile(path, history).add(news_of(3000))

    assert [one.at_ms for one in history.samples(POWER)] == [1000, 3000]
    assert len(path.read_text().splitlines()) == 2


def test_a_clock_ahead_of_ours_makes_nothing_be_forgotten() -> None:
    history = History()
    HistoryFile(None, history).add(news_of(1000, 10**13, 1001))
    assert history.newest_ms <= time.time_ns() // 1_000_000


def test_what_is_told_again_is_one_line_and_lasts_over_restarts(
    tmp_path: Path,
) -> None:
    path = tmp_path / "day.jsonl"
    news = News()
    for at_ms in range(0, 30 * 60_000, 10_000):
        news.receive("garage__report 2__State", Reading(3, at_ms, False))
    HistoryFile(path, History()).add(news)

    again = History()
    HistoryFile(path, again)

    assert len(path.read_text().splitlines()) == 1
    (sample,) = again.samples("garage__report 2__State")
    assert (sample.at_ms, sample.until_ms) == (0, 30 * 60_000 - 10_000)


@pytest.mark.parametrize(
    "nonsense",
    [
        "nonsense",
        "[1]",
        *(line(0).replace(": 0,", f": {odd},") for odd in ("1e999", "-1")),
    ],
)
def test_a_line_that_is_no_value_is_told(tmp_path: Path, nonsense: str) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text(f"{line(1000)}\n{nonsense}\n{line(2000)}\n")

    with pytest.raises(UsageProblem, match="line 2"):
        HistoryFile(path, History())


def test_values_of_yesterday_leave_the_file(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    book = HistoryFile(path, History(span_ms=100))

    for start in range(0, 10 * FEWEST_TO_REWRITE, 50):
        book.add(news_of(*range(start, start + 50)))
        assert len(path.read_text().splitlines()) <= FEWEST_TO_REWRITE + 200
