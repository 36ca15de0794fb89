"""Curves, spans and sums of a day."""

import pytest

from connector.tools.day import (
    DAY_MS,
    GAP_MS,
    History,
    Span,
    StationDay,
    day_of,
)
from connector.tools.page_html import html_of

END = 10 * DAY_MS
BEGIN = END - DAY_MS
MINUTE = 60_000
HOUR = 60 * MINUTE


def history_of(**values: list[tuple[int, object]]) -> History:
    """Return a history of station garage; `__` stands for a blank."""
    history = History()
    for key, samples in values.items():
        for at_ms, value in samples:
            history.add(KEYS[key], at_ms, value)
    return history


KEYS = {
    "power": "garage__report 3__P",
    "total": "garage__report 3__E total",
    "state": "garage__report 2__State",
    "limit": "garage__report 2__Max curr",
    "reason": "garage__connection__reason",
    "result": "garage__results__curr",
}


def garage(history: History, steps: int = 24) -> StationDay:
    [station] = day_of(history, END, steps).stations
    return station


def every_minute(
    begin: int, end: int, value: object
) -> list[tuple[int, object]]:
    return [(at, value) for at in range(begin, end, MINUTE)]


def test_power_is_the_mean_of_each_step() -> None:
    power = [
        *every_minute(BEGIN, BEGIN + HOUR // 2, 10_000_000),
        *every_minute(BEGIN + HOUR // 2, BEGIN + HOUR, 20_000_000),
    ]
    station = garage(history_of(power=power))
    assert station.power_kw[0] == pytest.approx(15.0)
    assert station.peak_kw == pytest.approx(20.0, rel=0.3)


def test_an_old_value_is_no_value() -> None:
    station = garage(history_of(power=[(BEGIN, 10_000_000)]), steps=144)
    assert station.power_kw[0] == pytest.approx(10.0)
    assert station.power_kw[1:] == (None,) * 143
    assert GAP_MS == DAY_MS // 144


def test_a_state_lasts_until_the_next_one() -> None:
    state = [
        *every_minute(BEGIN, BEGIN + HOUR, 1),
        *every_minute(BEGIN + HOUR, BEGIN + 2 * HOUR, 3),
    ]
    assert garage(history_of(state=state)).states == (
        Span(BEGIN, BEGIN + HOUR, "not ready"),
        Span(BEGIN + HOUR, BEGIN + 2 * HOUR + GAP_MS - MINUTE, "charging"),
    )


def test_availability_is_the_share_of_the_known_time() -> None:
    reason = [
        *every_minute(BEGIN, BEGIN + 3 * HOUR, "ok"),
        *every_minute(BEGIN + 3 * HOUR, BEGIN + 4 * HOUR, "no_reply"),
    ]
    station = garage(history_of(reason=reason))
    assert station.availability == pytest.approx(0.75, abs=0.03)
    assert station.needs_attention
    assert station.states[-1].what == "offline"


def test_energy_comes_from_the_meter() -> None:
    total: list[tuple[int, object]] = [
        (BEGIN + HOUR, 1_000_000),
        (BEGIN + 2 * HOUR, 1_123_000),
    ]
    assert garage(history_of(total=total)).energy_kwh == pytest.approx(12.3)


def test_energy_comes_from_the_power_where_the_meter_lags() -> None:
    # Older firmware adds a session to the total only at its end.
    station = garage(
        history_of(
            power=every_minute(BEGIN, BEGIN + 2 * HOUR, 11_000_000),
            total=every_minute(BEGIN, BEGIN + 2 * HOUR, 1_000_000),
        )
    )
    assert station.energy_kwh == pytest.approx(22.0, rel=0.1)


def test_values_of_yesterday_are_forgotten_but_for_the_last() -> None:
    history = history_of(state=[(BEGIN - HOUR, 1), (BEGIN - MINUTE, 2)])
    history.add(KEYS["state"], END, 3)
    kept = [sample.value for sample in history.samples(KEYS["state"])]
    assert kept == [2, 3]


def test_equal_times_replace_each_other() -> None:
    history = history_of(state=[(BEGIN, 1), (BEGIN, 2)])
    assert [sample.value for sample in history.samples(KEYS["state"])] == [2]


def test_results_of_commands_are_listed_in_order() -> None:
    station = garage(
        history_of(result=[(END - 5, "no_reply"), (END - 9, "applied")])
    )
    assert [one.outcome for one in station.results] == ["applied", "no_reply"]


def test_odd_values_do_no_harm() -> None:
    odd: list[tuple[int, object]] = [
        (END - 3 * HOUR, None),
        (END - 2 * HOUR, "x"),
        (END - HOUR, True),
        (END, 7.5),
    ]
    day = day_of(history_of(power=odd, state=odd, total=odd, reason=odd), END)
    assert "garage" in html_of(day, "title")


def test_the_page_of_nothing_is_a_page() -> None:
    assert "<!doctype html>" in html_of(day_of(History(), END), "nothing")


def test_names_cannot_smuggle_markup_into_the_page() -> None:
    history = History()
    history.add("<b>__report 2__State", END, "<script>")
    history.add("<b>__results__curr", END, "rejected: <script>")
    page = html_of(day_of(history, END), "<script>")
    assert "<script" not in page
    assert "<b>__" not in page
    assert "&lt;script&gt;" in page
