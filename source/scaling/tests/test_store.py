import pytest

from scaling.store import Arrival, Stored, share_moving, store_all


def burst(count: int, at: float) -> list[Arrival]:
    return [
        Arrival(at, f"topic {n}", n, round(at * 1000)) for n in range(count)
    ]


def stored(
    arrivals: list[Arrival], *, until: float, writers: int = 1, limit: int = 100
) -> Stored:
    return store_all(
        arrivals,
        until=until,
        writers=writers,
        values_per_writer_s=10,
        limit=limit,
    )


def test_a_writer_stores_one_value_after_the_other() -> None:
    done = stored(burst(5, at=100.0), until=110.0)

    assert (done.stored, done.dropped, done.waiting) == (5, 0, 0)
    assert done.mean_age_s == pytest.approx(0.3)
    assert done.highest_age_s == pytest.approx(0.5)
    # The first of them was begun at once.
    assert done.longest_queue == 4


def test_two_writers_need_half_the_time() -> None:
    done = stored(burst(6, at=100.0), until=110.0, writers=2)

    assert done.highest_age_s == pytest.approx(0.3)


def test_writers_rest_while_nothing_waits() -> None:
    arrivals = burst(1, at=100.0) + burst(1, at=150.0)

    assert stored(arrivals, until=160.0).highest_age_s == pytest.approx(0.1)


def test_what_finds_the_queue_full_is_dropped() -> None:
    # Of the first 30, one is begun at once and 20 wait.
    arrivals = burst(20, at=100.0) + burst(10, at=100.05)
    done = stored(arrivals, until=100.05, limit=20)

    assert done.dropped == 9
    assert done.longest_queue == done.waiting == 20
    assert done.first_drop_after_s == pytest.approx(0.05)


def test_the_first_drop_is_counted_from_an_empty_queue() -> None:
    arrivals = burst(2, at=100.0) + burst(25, at=150.0) + burst(9, at=150.5)
    done = stored(arrivals, until=151.0, limit=24)

    # 24 wait from 150 on, 5 of them are begun; 4 of the next 9 find no room.
    assert done.dropped == 4
    assert done.first_drop_after_s == pytest.approx(0.5)


def test_what_writers_do_not_reach_in_time_waits() -> None:
    done = stored(burst(30, at=100.0), until=100.95)

    assert (done.stored, done.waiting) == (10, 20)


def test_every_value_is_stored_dropped_or_waits() -> None:
    arrivals = [
        value for second in range(20) for value in burst(15, at=float(second))
    ]
    done = stored(arrivals, until=20.0, limit=50)

    assert done.dropped > 0
    assert done.stored + done.dropped + done.waiting == len(arrivals)


def test_the_age_counts_from_the_measurement_not_from_the_arrival() -> None:
    late = [Arrival(100.0, "topic", 1, 97_000)]

    assert stored(late, until=101.0).mean_age_s == pytest.approx(3.1)


def test_a_value_moves_when_it_differs_from_the_one_before() -> None:
    values = [("a", 1), ("b", 1), ("a", 1), ("b", 2), ("a", 2), ("b", 2)]
    arrivals = [Arrival(0.0, topic, value, 0) for topic, value in values]

    assert share_moving(arrivals) == pytest.approx(2 / 4)
    assert share_moving(arrivals[:2]) == 0
