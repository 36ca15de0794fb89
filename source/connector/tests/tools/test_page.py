"""The status page, and the file behind it."""

import json
from pathlib import Path

import pytest

from connector.keba.station.events import Outcome
from connector.tools.connector_view import Reading
from connector.tools.day import DAY_MS, History, day_of
from connector.tools.history_file import (
    FEWEST_TO_REWRITE,
    HistoryFile,
    News,
)
from connector.tools.page_html import html_of
from connector.tools.problems import UsageProblem

POWER = "garage__report 3__P"


def test_a_station_that_was_offline_all_day_counts() -> None:
    history = History()
    for hour in range(25):
        at_ms = hour * DAY_MS // 24
        history.add("garage__connection__reason", at_ms, "ok")
        history.add("yard__connection__reason", at_ms, "timeout")

    page = html_of(day_of(history, DAY_MS), "keba")

    assert "<span>Stations online</span><b>50.0</b>" in page


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
    history = History()
    history.add("garage__results__currtime", 1000, str(outcome))

    page = html_of(day_of(history, DAY_MS), "keba")

    assert f'class="{kind}"' in page.partition("<tbody>")[2]


def line(at_ms: int, value: float = 1.0) -> str:
    return json.dumps({"timestamp": at_ms, "key": POWER, "value": value})


def news_of(*moments: int) -> News:
    news = News()
    for at_ms in moments:
        news.put((POWER, Reading(1.0, at_ms, is_retained=False)))
    return news


def test_a_power_cut_costs_one_half_written_line(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text(line(1000) + "\n" + line(2000)[:20])
    history = History()

    HistoryFile(path, history).add(news_of(3000))

    assert [one.at_ms for one in history.samples(POWER)] == [1000, 3000]
    assert len(path.read_text().splitlines()) == 2


def test_a_line_that_is_no_value_is_told(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text(line(1000) + "\nnonsense\n" + line(2000) + "\n")

    with pytest.raises(UsageProblem, match="line 2"):
        HistoryFile(path, History())


def test_values_of_yesterday_leave_the_file(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    book = HistoryFile(path, History(span_ms=100))

    for start in range(0, 10 * FEWEST_TO_REWRITE, 50):
        book.add(news_of(*range(start, start + 50)))
        assert len(path.read_text().splitlines()) <= FEWEST_TO_REWRITE + 200
