import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.faults import NO_FAULTS, Burst, FaultyLink, LinkFaults

NAN = math.nan
DATA = b'{"E pres": 1945}'


def carried(faults: LinkFaults) -> list[float]:
    """Return when each of a thousand datagrams arrives, one sent a second."""
    link = FaultyLink(faults, seed=3)
    return [
        at
        for number in range(1_000)
        for at, _ in link.carry(DATA, float(number))
    ]


def test_a_link_without_faults_carries_everything_unchanged() -> None:
    link = FaultyLink(NO_FAULTS, seed=1)
    assert link.carry(DATA, 5.0) == [(5.0, DATA)]


def test_about_the_given_share_is_lost() -> None:
    assert 850 <= len(carried(LinkFaults(loss=0.1))) <= 950


def test_about_the_given_share_comes_twice() -> None:
    assert 1_050 <= len(carried(LinkFaults(duplication=0.1))) <= 1_150


def test_each_datagram_is_delayed_within_the_limits() -> None:
    arrivals = carried(LinkFaults(delay_s=(0.1, 0.2)))
    delays = [at - number for number, at in enumerate(arrivals)]
    assert min(delays) >= 0.1 - 1e-9
    assert max(delays) <= 0.2 + 1e-9
    assert max(delays) - min(delays) > 0.05


def test_a_reordered_datagram_is_overtaken() -> None:
    link = FaultyLink(LinkFaults(reordering=0.5, reordering_s=1.0), seed=3)
    arrivals = [link.carry(DATA, number * 0.1)[0][0] for number in range(50)]
    assert arrivals != sorted(arrivals)


def test_a_damaged_datagram_arrives_with_other_content() -> None:
    link = FaultyLink(LinkFaults(corruption=1.0), seed=3)
    arrived = [link.carry(DATA, 0.0)[0][1] for _ in range(100)]
    assert DATA not in arrived
    assert any(len(data) == len(DATA) for data in arrived)
    assert any(len(data) < len(DATA) for data in arrived)
    assert link.carry(b"", 0.0) == [(0.0, b"")]


def test_a_burst_swallows_everything_for_its_time() -> None:
    link = FaultyLink(LinkFaults(burst=Burst(0.05, 10.0)), seed=3)
    through = [bool(link.carry(DATA, float(at))) for at in range(500)]
    first_loss = through.index(False)
    assert not any(through[first_loss : first_loss + 10])
    assert any(through)


def test_nothing_passes_in_an_outage() -> None:
    link = FaultyLink(LinkFaults(outages=((5.0, 8.0),)), seed=1)
    passed = [at for at in range(10) if link.carry(DATA, float(at))]
    assert passed == [0, 1, 2, 3, 4, 8, 9]


def test_outages_are_counted_from_the_start_of_the_link() -> None:
    faults = LinkFaults(outages=((5.0, 8.0),))
    link = FaultyLink(faults, seed=1, start=1_000.0)
    assert link.carry(DATA, 1_004.0)
    assert not link.carry(DATA, 1_005.0)
    link.change(faults, 1_006.0)
    assert link.carry(DATA, 1_006.0)
    assert not link.carry(DATA, 1_011.0)


@given(st.integers())
def test_the_same_seed_gives_the_same_faults(seed: int) -> None:
    faults = LinkFaults(
        loss=0.2, duplication=0.2, corruption=0.2, delay_s=(0.0, 1.0)
    )
    one, two = FaultyLink(faults, seed), FaultyLink(faults, seed)
    for at in range(20):
        assert one.carry(DATA, float(at)) == two.carry(DATA, float(at))


@pytest.mark.parametrize(
    "span", [(-1.0, 1.0), (2.0, 1.0), (NAN, 1.0), (0.0, NAN)]
)
def test_an_impossible_span_is_refused(span: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="a span is"):
        LinkFaults(delay_s=span)
    with pytest.raises(ValueError, match="a span is"):
        LinkFaults(outages=(span,))


def test_an_outage_may_last_for_ever() -> None:
    link = FaultyLink(LinkFaults(outages=((5.0, math.inf),)), seed=1)
    assert link.carry(DATA, 4.0)
    assert not link.carry(DATA, 1e9)


def test_what_is_wrong_with_a_link_can_change() -> None:
    link = FaultyLink(LinkFaults(burst=Burst(1.0, seconds=60.0)), seed=1)
    assert link.carry(DATA, 1.0) == []

    link.change(NO_FAULTS, 2.0)
    assert link.carry(DATA, 2.0) == [(2.0, DATA)]

    link.change(LinkFaults(loss=0.001), 3.0)
    assert link.carry(DATA, 3.0) == [(3.0, DATA)], "the burst is forgotten"
