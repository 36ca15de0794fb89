"""A policy against load: unchanged values are held back for a while."""

from collections import Counter
from itertools import pairwise

import pytest

from connector.bemcom.filters import ChangeFilter

POWER = "garage__report 3__P"


def test_a_changed_value_is_published_at_once() -> None:
    unchanged = ChangeFilter(10)
    for power in range(30):
        assert unchanged.select({POWER: power}) == {POWER: power}


def test_a_new_datapoint_is_published_at_once() -> None:
    unchanged = ChangeFilter(10)
    unchanged.select({POWER: 0})
    values = {POWER: 0, "garage__report 3__U1": 230}
    assert "garage__report 3__U1" in unchanged.select(values)


def test_an_unchanged_value_is_published_each_so_many_polls() -> None:
    unchanged = ChangeFilter(10)
    polls = [poll for poll in range(100) if unchanged.select({POWER: 7})]
    pauses = [later - poll for poll, later in pairwise(polls[1:])]
    assert polls[0] == 0
    assert polls[1] <= 10
    assert set(pauses) == {10}


def test_a_change_begins_the_count_anew() -> None:
    unchanged = ChangeFilter(3)
    powers = [0, 5, 5, 5, 5, 6, 6, 6, 6]
    published = [bool(unchanged.select({POWER: power})) for power in powers]
    assert published[1:] == [True, False, False, True] * 2


def test_the_repetitions_of_many_values_spread_over_the_polls() -> None:
    unchanged = ChangeFilter(10)
    values = {f"s{number}__report 3__P": 0 for number in range(1000)}
    unchanged.select(values)
    sizes = [len(unchanged.select(values)) for _ in range(10)]
    assert sum(sizes) == 1000
    assert max(sizes) < 200


def test_one_and_true_are_not_the_same_value() -> None:
    unchanged = ChangeFilter(10)
    unchanged.select({POWER: 1})
    assert unchanged.select({POWER: True}) == {POWER: True}


@pytest.mark.parametrize("station", ["garage", "garage_", "_", "results"])
def test_results_and_finished_sessions_are_news_also_when_they_repeat(
    station: str,
) -> None:
    unchanged = ChangeFilter(10)
    news = {f"{station}__results__ena": "ok", f"{station}__session__id": "35"}
    seen = Counter(key for _ in range(5) for key in unchanged.select(news))
    assert set(seen.values()) == {5}


def test_what_was_forgotten_is_published_again() -> None:
    unchanged = ChangeFilter(10)
    unchanged.select({POWER: 1})
    unchanged.forget()
    assert unchanged.select({POWER: 1}) == {POWER: 1}


def test_what_is_forgotten_amid_a_comparison_is_published_again() -> None:
    class Meddler:
        """Lets the broker's thread in while it is compared."""

        def __eq__(self, other: object) -> bool:
            unchanged.forget()
            return True

        __hash__ = object.__hash__

    unchanged = ChangeFilter(1000)
    unchanged.select({POWER: Meddler()})
    unchanged.select({POWER: Meddler()})
    assert POWER in unchanged.select({POWER: Meddler()})
