"""Nobody can push the others aside, and nothing grows without bound."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from connector.keba.io.fair_queue import FairQueue


def _take_all(queue: FairQueue[str]) -> list[str]:
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
    return taken


def test_lanes_take_turns() -> None:
    queue: FairQueue[str] = FairQueue(lane_length=9)
    for number in range(3):
        queue.put("flooding", f"flood {number}")
    queue.put("garage", "report 1")
    queue.put("garage", "report 2")
    assert _take_all(queue) == [
        "flood 0",
        "report 1",
        "flood 1",
        "report 2",
        "flood 2",
    ]


def test_a_full_lane_drops_its_own_oldest_and_counts_them() -> None:
    queue: FairQueue[str] = FairQueue(lane_length=2)
    queue.put("garage", "safe")
    for number in range(5):
        queue.put("flooding", f"flood {number}")
    assert queue.dropped == 3
    assert _take_all(queue) == ["safe", "flood 3", "flood 4"]


_LANES = st.sampled_from("abcd")
_STEPS = st.lists(st.none() | _LANES, max_size=80)


@given(_STEPS, st.integers(1, 4))
def test_nothing_is_lost_but_what_is_counted_and_no_order_is_broken(
    steps: list[str | None], lane_length: int
) -> None:
    """Steps are a lane to put into, or None to take."""
    queue: FairQueue[tuple[str, int]] = FairQueue(lane_length)
    put: Counter[str] = Counter()
    taken: list[tuple[str, int]] = []
    for lane in [*steps, *[None] * len(steps)]:
        if lane is not None:
            put[lane] += 1
            queue.put(lane, (lane, put[lane]))
        elif (item := queue.take()) is not None:
            taken.append(item)

    assert queue.take() is None
    assert len(taken) + queue.dropped == put.total()
    for lane in put:
        numbers = [number for owner, number in taken if owner == lane]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == put[lane], "the newest item is never dropped"


@given(st.lists(_LANES, min_size=1, max_size=60), st.integers(1, 5))
def test_a_waiting_lane_is_served_within_one_turn_of_all_lanes(
    lanes: list[str], lane_length: int
) -> None:
    queue: FairQueue[str] = FairQueue(lane_length)
    for lane in lanes:
        queue.put(lane, lane)
    first_turn = [queue.take() for _ in set(lanes)]
    assert set(first_turn) == set(lanes)


def test_a_queue_knows_how_many_items_wait() -> None:
    queue: FairQueue[int] = FairQueue(2)
    for number in range(3):
        queue.put("garage", number)
    queue.put("yard", 1)
    assert len(queue) == 3
    queue.take()
    assert len(queue) == 2
