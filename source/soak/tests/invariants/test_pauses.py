import pytest

from soak.events import Event, Started
from soak.invariants.pauses import Pauses
from soak.tests.seen import fed, heard


def test_the_shortest_gap_is_told() -> None:
    pauses = fed(Pauses(), heard("report 1", 10.0), heard("report 2", 10.11))

    assert "shortest gap 110.0 ms in 2 datagrams" in pauses.measured()


def test_a_datagram_90_ms_after_another_is_a_breach() -> None:
    pauses = fed(Pauses(), heard("report 1", 10.0), heard("report 2", 10.09))

    (breach,) = pauses.breaches
    assert breach.at == 10.09
    assert "s00" in breach.evidence
    assert "90.0 ms" in breach.evidence


START = Started(12.0, 12.0)
STORIES: dict[str, tuple[list[Event], int, int]] = {
    "all pauses": ([heard("report 1", 10.0), heard("report 1", 15.1)], 0, 0),
    "stations have pauses of their own": (
        [heard("report 1", 10.0), heard("report 1", 10.0, station="s01")],
        0,
        0,
    ),
    "a poll right after a stop": (
        [heard("ena 0", 10.0), heard("report 2", 11.9)],
        1,
        0,
    ),
    "a new process cannot know": (
        [heard("report 1", 10.0), START, heard("report 1", 12.5)],
        0,
        1,
    ),
    "a new process keeps what it knows of": (
        [START, heard("report 1", 12.5), heard("report 1", 16.0)],
        1,
        0,
    ),
}


@pytest.mark.parametrize(
    ("events", "broken", "excused"), STORIES.values(), ids=STORIES
)
def test_broken_pauses_are_counted_and_those_across_a_start_excused(
    events: list[Event], broken: int, excused: int
) -> None:
    pauses = fed(Pauses(), *events)

    assert (pauses.broken, pauses.excused) == (broken, excused)
