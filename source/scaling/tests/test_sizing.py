from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling.campus import COSTS, Campus, Costs, load_of
from scaling.selections import (
    ALL,
    ENERGY_MANAGER,
    MINIMAL,
    SELECTIONS,
    Selection,
)
from scaling.sizing import (
    age_when_stored_s,
    fits_queue,
    largest_selection,
    largest_size,
    overflow_after_s,
    share_lost,
    shortest_interval_s,
    writers_needed,
)

THOUSAND = Campus(
    stations=1000, connectors=2, poll_interval_s=10, selection=MINIMAL
)
PER_HUNDRED = Costs(values_per_writer_s=100, api_queue=10_000)

campuses = st.builds(
    Campus,
    stations=st.integers(10, 20_000),
    connectors=st.integers(1, 10),
    poll_interval_s=st.integers(5, 3600),
    selection=st.sampled_from([*SELECTIONS.values()]),
    charging_share=st.floats(0, 1),
    publish_unchanged_every=st.integers(1, 100),
)


def test_writers_are_busy_for_four_fifths_of_the_time_at_most() -> None:
    # 400 values/s, and each writer stores 80 of them.
    assert writers_needed(THOUSAND, PER_HUNDRED) == 5
    assert shortest_interval_s(THOUSAND, 5, PER_HUNDRED) == 10
    assert shortest_interval_s(THOUSAND, 1, PER_HUNDRED) == 50


@given(campuses, st.integers(1, 64))
def test_the_shortest_interval_is_one_that_the_writers_bear(
    campus: Campus, writers: int
) -> None:
    interval_s = shortest_interval_s(campus, writers)
    if interval_s is None:
        hour = replace(campus, poll_interval_s=3600)
        assert writers_needed(hour) >= writers
        return
    assert writers_needed(replace(campus, poll_interval_s=interval_s)) <= (
        writers
    )
    if interval_s > 5:
        shorter = replace(campus, poll_interval_s=interval_s - 1)
        assert writers_needed(shorter) > writers


def test_no_interval_is_shorter_than_keba_allows() -> None:
    ten = replace(THOUSAND, stations=10)

    assert shortest_interval_s(ten, 8) == 5


def test_no_interval_helps_where_status_messages_are_too_much() -> None:
    charging = replace(THOUSAND, selection=ALL, charging_share=1.0)

    assert shortest_interval_s(charging, 1) is None


def test_the_largest_selection_is_bounded_by_writers_and_by_the_queue() -> None:
    # 100 polls/s and 400 values/s that may be stored.
    assert largest_size(THOUSAND, 5, PER_HUNDRED) == 4
    assert largest_selection(THOUSAND, 5, PER_HUNDRED) is MINIMAL
    assert largest_selection(THOUSAND, 4, PER_HUNDRED) is None
    # Many writers, but ten values of each station fill the queue.
    assert largest_size(THOUSAND, 500, PER_HUNDRED) == 10
    assert largest_selection(THOUSAND, 500, PER_HUNDRED) is MINIMAL
    long_queue = replace(PER_HUNDRED, api_queue=12_000)
    assert largest_selection(THOUSAND, 500, long_queue) is ENERGY_MANAGER


def test_what_is_stored_in_time_is_not_lost() -> None:
    assert share_lost(THOUSAND, 4, PER_HUNDRED) == 0
    assert overflow_after_s(THOUSAND, 4, PER_HUNDRED) is None
    assert age_when_stored_s(THOUSAND, 4, PER_HUNDRED) == 10


def test_what_is_too_much_is_lost_once_the_queue_is_full() -> None:
    # 400 values/s come, 100 are stored.
    assert share_lost(THOUSAND, 1, PER_HUNDRED) == pytest.approx(0.75)
    # In the first 40 s 16,000 come and 4,000 are stored. 10,000 wait after
    # the last round and 9,000 at its end.
    assert share_lost(THOUSAND, 1, PER_HUNDRED, within_s=40) == pytest.approx(
        3 / 16
    )
    # 4,000 at once, and 3,000 more in each round: 7,000, 10,000, too many.
    assert overflow_after_s(THOUSAND, 1, PER_HUNDRED) == 30
    shorter = replace(PER_HUNDRED, api_queue=9_999)
    assert overflow_after_s(THOUSAND, 1, shorter) == 20


def test_a_round_that_is_larger_than_the_queue_overflows_at_once() -> None:
    everything = replace(THOUSAND, selection=ALL)

    assert not fits_queue(everything, PER_HUNDRED)
    assert overflow_after_s(everything, 1000, PER_HUNDRED) == 0
    idle = replace(everything, charging_share=0.0)
    lost = share_lost(idle, 1000, PER_HUNDRED)
    assert lost == pytest.approx(1 - 10_000 / 66_000)
    assert fits_queue(everything, COSTS)


@given(campuses, st.integers(1, 64))
def test_writers_that_suffice_lose_nothing(
    campus: Campus, writers: int
) -> None:
    if writers_needed(campus) <= writers and fits_queue(campus):
        assert share_lost(campus, writers) == pytest.approx(0)
        assert overflow_after_s(campus, writers) is None


def test_unchanged_values_less_often_need_fewer_writers() -> None:
    needed = [
        writers_needed(
            replace(THOUSAND, publish_unchanged_every=every), PER_HUNDRED
        )
        for every in (1, 2, 10, 60)
    ]

    assert needed == sorted(needed, reverse=True)
    assert needed[0] > needed[-1]


def test_a_selection_without_measurements_gains_the_most() -> None:
    still = Selection("still", ("connection__online",))
    campus = replace(THOUSAND, selection=still, publish_unchanged_every=60)

    assert load_of(campus).values_per_s == pytest.approx(100 / 60)
