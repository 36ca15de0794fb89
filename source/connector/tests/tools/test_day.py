"""Curves, spans and sums of a day."""

import math

import pytest

from connector.tools.curves import means
from connector.tools.day import (
    DAY_MS,
    GAP_MS,
    SHORTEST_MS,
    Day,
    History,
    Peak,
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
    "reason": "garage__connection__reason",
    "result": "garage__results__curr",
    "why": "garage__readings__not_charging_reason",
    "yard": "yard__report 3__P",
    "long_ago": "attic__report 3__P",
}


def garage(**values: list[tuple[int, object]]) -> StationDay:
    # Something is known of the first moment: the day is a whole one.
    history = history_of(long_ago=[(BEGIN - HOUR, 0)], **values)
    stations = day_of(history, END).stations
    return next(one for one in stations if one.name == "garage")


def means_of_power(station: StationDay, steps: int) -> list[float | None]:
    return means(Day(BEGIN, END, [station], None), station.power_kw, steps)


def watts(*values: float, begin: int = END - HOUR) -> list[tuple[int, object]]:
    """Return a power for each minute."""
    return [(begin + n * MINUTE, v * 1000) for n, v in enumerate(values)]


def every_minute(
    begin: int, end: int, value: object
) -> list[tuple[int, object]]:
    return [(at, value) for at in range(begin, end, MINUTE)]


def test_power_is_the_mean_of_each_step() -> None:
    power = [
        *every_minute(BEGIN, BEGIN + HOUR // 2, 10_000_000),
        *every_minute(BEGIN + HOUR // 2, BEGIN + HOUR, 20_000_000),
    ]
    station = garage(power=power)
    assert means_of_power(station, 24)[0] == pytest.approx(15.0)
    assert station.peak == Peak(20.0, BEGIN + HOUR // 2)


def test_the_peak_is_what_was_told_not_a_mean() -> None:
    station = garage(power=watts(11_000, 12_800, 11_000))

    assert station.peak == Peak(12.8, END - HOUR + MINUTE)


def test_the_peak_of_the_site_is_that_of_one_moment() -> None:
    day = day_of(
        history_of(
            power=watts(9000, 2000, 4000),
            yard=watts(1000, 7000, 6000),
        ),
        END,
    )

    assert day.peak == Peak(10.0, END - HOUR)


@pytest.mark.parametrize("last", [12_345, 1])
def test_the_peak_is_never_below_the_power_now(last: float) -> None:
    # The newest value has just come, so it has lasted no time yet.
    station = garage(power=[*watts(11_000), (END, last * 1000)])

    assert station.power_now_kw == pytest.approx(last / 1000)
    assert station.peak is not None
    assert station.peak.kw == max(11.0, last / 1000)


def test_what_is_told_no_more_is_not_now() -> None:
    station = garage(
        power=watts(11_000),
        state=[(END - HOUR, 3)],
        reason=[(END - HOUR, "ok")],
    )

    assert station.power_now_kw is None
    assert station.state == "unknown"
    assert station.is_online is None


def test_a_station_that_is_offline_draws_nothing_that_is_known() -> None:
    station = garage(
        power=watts(11_000, begin=END - MINUTE),
        state=[(END - MINUTE, 3)],
        reason=[(END, "no_reply")],
        why=[(END - MINUTE, "authorization")],
    )

    assert station.power_now_kw is None
    assert station.state == "offline"
    assert [cause.code for cause in station.causes] == ["no_reply"]


@pytest.mark.parametrize(
    ("why", "needs_attention"),
    [
        ("no_vehicle", False),
        ("disabled", False),
        ("failsafe", True),
        # As `watch` has it: nobody else will change that.
        ("authorization", True),
        ("a_new_reason", True),
    ],
)
def test_what_needs_attention_stands_in_the_table_of_causes(
    why: str, needs_attention: bool
) -> None:
    station = garage(reason=[(END, "ok")], why=[(END, why)])

    assert station.needs_attention == needs_attention


def begins_of(history: History) -> int:
    day: Day = day_of(history, END)
    return END - day.begins_ms


def test_the_day_begins_where_something_is_known() -> None:
    assert begins_of(history_of(state=[(END - HOUR, 1)])) == HOUR
    assert begins_of(history_of(state=[(END - 9 * DAY_MS, 1)])) == DAY_MS
    assert begins_of(history_of(state=[(END - 1, 1)])) == SHORTEST_MS
    # That of an old command says nothing about the hours since.
    assert begins_of(history_of(result=[(END - HOUR, "ok")])) == SHORTEST_MS
    assert begins_of(History()) == SHORTEST_MS


def test_an_old_value_is_no_value() -> None:
    station = garage(power=[(BEGIN, 10_000_000)])
    first, *others = means_of_power(station, 144)
    assert first == pytest.approx(10.0)
    assert others == [None] * 143
    assert GAP_MS == DAY_MS // 144


def test_a_state_lasts_until_the_next_one() -> None:
    state = [
        *every_minute(BEGIN, BEGIN + HOUR, 1),
        *every_minute(BEGIN + HOUR, BEGIN + 2 * HOUR, 3),
    ]
    assert garage(state=state).states == [
        Span(BEGIN, BEGIN + HOUR, "not ready"),
        Span(BEGIN + HOUR, BEGIN + 2 * HOUR + GAP_MS - MINUTE, "charging"),
    ]


def test_availability_is_the_share_of_the_known_time() -> None:
    reason = [
        *every_minute(BEGIN, BEGIN + 3 * HOUR, "ok"),
        *every_minute(BEGIN + 3 * HOUR, BEGIN + 4 * HOUR, "no_reply"),
    ]
    station = garage(reason=reason)
    assert station.online_share == pytest.approx(0.75, abs=0.03)
    assert station.states[-1].what == "offline"


def test_energy_comes_from_the_meter() -> None:
    total: list[tuple[int, object]] = [
        (BEGIN + HOUR, 1_000_000),
        (BEGIN + 2 * HOUR, 1_123_000),
    ]
    assert garage(total=total).energy_kwh == pytest.approx(12.3)


def test_energy_comes_from_the_power_where_the_meter_lags() -> None:
    # Older firmware adds a session to the total only at its end.
    station = garage(
        power=every_minute(BEGIN, BEGIN + 2 * HOUR, 11_000_000),
        total=every_minute(BEGIN, BEGIN + 2 * HOUR, 1_000_000),
    )
    assert station.energy_kwh == pytest.approx(22.0, rel=0.1)


def test_values_of_yesterday_are_forgotten_but_for_the_last() -> None:
    history = history_of(state=[(BEGIN - HOUR, 1), (BEGIN - MINUTE, 2)])
    history.add(KEYS["state"], END, 3)
    kept = [sample.value for sample in history.samples(KEYS["state"])]
    assert kept == [2, 3]


def test_what_is_told_again_takes_no_room() -> None:
    history = history_of(
        state=[
            *every_minute(BEGIN, BEGIN + HOUR, 1),
            *every_minute(BEGIN + 2 * HOUR, BEGIN + 3 * HOUR, 1),
        ]
    )

    first, second = history.samples(KEYS["state"])

    assert (first.at_ms, first.until_ms) == (BEGIN, BEGIN + HOUR - MINUTE)
    assert second.at_ms == BEGIN + 2 * HOUR


def test_a_station_that_is_gone_for_a_day_is_forgotten() -> None:
    history = history_of(state=[(BEGIN - 1, 1)], long_ago=[(END, 0)])

    assert history.stations == ["attic"]
    assert [key for key, _ in history.all()] == [KEYS["long_ago"]]


def test_equal_results_are_of_two_commands() -> None:
    station = garage(result=[(END - 2, "applied"), (END - 1, "applied")])

    assert len(station.results) == 2


def test_equal_times_replace_each_other() -> None:
    history = history_of(state=[(BEGIN, 1), (BEGIN, 2)])
    assert [sample.value for sample in history.samples(KEYS["state"])] == [2]


def test_results_of_commands_are_listed_in_order() -> None:
    station = garage(result=[(END - 5, "no_reply"), (END - 9, "applied")])
    assert [one.outcome for one in station.results] == ["applied", "no_reply"]


def test_odd_values_do_no_harm() -> None:
    odd: list[tuple[int, object]] = [
        (END - 3 * HOUR, None),
        (END - 2 * HOUR, "x"),
        (END - HOUR, True),
        (END - 8, 5000 * "9"),
        (END - 7, "²"),
        (END - 6, math.nan),
        (END - 5, 10**400),
        (END - 4, -(10**400)),
        (END - 1, [{}]),
        (END, -7.5),
    ]
    day = day_of(history_of(power=odd, state=odd, total=odd, reason=odd), END)
    assert "garage" in html_of(day, "title")


def test_names_cannot_smuggle_markup_into_the_page() -> None:
    history = History()
    history.add("<b>__report 2__State", END, "<script>")
    history.add("<b>__results__curr", END, "rejected: <script>")
    page = html_of(day_of(history, END), "<script>")
    assert "<script" not in page
    assert "<b>__" not in page
    assert "&lt;script&gt;" in page
