from collections import Counter
from itertools import combinations, pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soak.faults import FAULTS
from soak.timeline import (
    KINDS,
    MOST_AT_ONCE,
    SHORTEST_CYCLE_S,
    WARM_UP_S,
    Cycle,
    plan,
)

STATIONS = [f"s{number:02d}" for number in range(20)]


def cycles(seconds: float = 3600.0, seed: int = 1) -> list[Cycle]:
    return list(plan(seconds, STATIONS, Random(seed)))


def test_the_same_seed_gives_the_same_timeline() -> None:
    assert cycles(seed=5) == cycles(seed=5)
    assert cycles(seed=5) != cycles(seed=6)


def test_each_kind_of_fault_can_be_played() -> None:
    assert {kind.name for kind in KINDS} == set(FAULTS)


def test_in_an_hour_each_fault_comes_and_none_much_more_often() -> None:
    times = Counter(p.kind for c in cycles() for p in c.phases)

    assert set(times) == set(KINDS)
    often = [times[kind] for kind in KINDS if not kind.is_rare]
    assert min(often) >= 3
    assert max(often) - min(often) <= 2
    assert all(times[kind] < min(often) for kind in KINDS if kind.is_rare)


@given(
    st.floats(WARM_UP_S + SHORTEST_CYCLE_S, 1500.0),
    st.integers(1, 99),
    st.integers(),
)
def test_faults_of_a_cycle_overlap_sometimes_and_are_followed_by_calm(
    seconds: float, count: int, seed: int
) -> None:
    stations = [f"s{number:02d}" for number in range(count)]

    played = list(plan(seconds, stations, Random(seed)))

    assert played
    assert played[-1].end_s <= seconds + 1e-6
    ends = [WARM_UP_S, *(cycle.end_s for cycle in played)]
    for begin, cycle in zip(ends, played, strict=False):
        assert 1 <= len(cycle.phases) <= MOST_AT_ONCE
        assert all(phase.start_s >= begin for phase in cycle.phases)
        calm_s = cycle.end_s - max(phase.end_s for phase in cycle.phases)
        assert calm_s >= 0.5 * (cycle.end_s - begin)
        for one, other in pairwise(cycle.phases):
            assert one.start_s <= other.start_s
        for one, other in combinations(cycle.phases, 2):
            assert one.kind.family != other.kind.family


def test_some_faults_overlap() -> None:
    overlaps = [
        (one, other)
        for cycle in cycles()
        for one, other in pairwise(cycle.phases)
        if other.start_s < one.end_s
    ]
    assert len(overlaps) > 20


def test_faults_of_links_and_stations_name_some_stations() -> None:
    for phase in (p for c in cycles() for p in c.phases):
        is_about_stations = phase.kind.family in {"link", "station"}
        assert bool(phase.stations) is is_about_stations
        assert set(phase.stations) <= set(STATIONS)
        assert len(phase.stations) <= 6


def test_a_fault_lasts_as_long_as_its_kind_says_where_there_is_time() -> None:
    for phase in (p for c in cycles() for p in c.phases):
        assert phase.kind.least_s <= phase.duration_s <= phase.kind.most_s


def test_a_run_too_short_for_a_whole_cycle_gets_a_short_one() -> None:
    (cycle,) = cycles(25.0)

    assert cycle.end_s == pytest.approx(25.0)
    assert all(phase.duration_s <= 6.0 for phase in cycle.phases)


def test_a_phase_says_what_it_is() -> None:
    phases = [p for c in cycles() for p in c.phases]
    outage = next(p for p in phases if p.kind.name == "outage")
    frozen = next(p for p in phases if p.kind.name == "broker frozen")

    assert str(outage) == f"outage ({', '.join(outage.stations)})"
    assert str(frozen) == "broker frozen"
