from __future__ import annotations

import pytest

from soak.events import (
    BrokerAway,
    Event,
    FaultBegan,
    FaultEnded,
    LinkChanged,
    Published,
    Settings,
    Tick,
    Told,
    Value,
    Written,
)
from soak.invariants.breach import Invariant
from soak.judge import UNCERTAIN_S, Judge
from soak.tests.seen import (
    NOON,
    a_judge,
    heard,
    phase,
    published,
    published_value,
    said,
    sample,
)

FROZEN = phase("broker frozen")
NONSENSE = phase("nonsense from a station", "s00")
UNCERTAIN_UNTIL = 9.0 + NONSENSE.duration_s + UNCERTAIN_S
STATE = "s00__report 2__State"


class Noting(Invariant):
    """Notes what invariants see."""

    sees = (Event,)
    name = "notes"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Event] = []

    def see(self, event: Event) -> None:
        self.seen.append(event)


@pytest.fixture
def judge() -> Judge:
    return a_judge()


def meaning(*events: Event) -> list[Event]:
    """Return what a judge adds to events."""
    judge, notes = a_judge(), Noting()
    judge.invariants = (notes,)
    for event in events:
        judge.see(event)
    return [one for one in notes.seen if one not in events]


ROW = {"msg": "s00 is online", "timestamp": 1}
MEANINGS: dict[str, tuple[list[Event], list[Event]]] = {
    "a value": (
        [published_value(STATE, 4, 10.0, age_s=0.5)],
        [
            Value(
                10.0,
                *("s00", "report 2", "State", 4),
                timestamp_ms=round((NOON + 9.5) * 1000),
                age_s=0.5,
            )
        ],
    ),
    "a row": ([published("keba/logs", ROW, 1.0)], [Told(1.0, "logs", ROW)]),
    "no value": ([published(f"keba/value/{STATE}", {})], []),
    "no JSON": ([published("keba/raw_message_to_db", b"")], []),
    "what the broker kept was judged when it was new": (
        [Published(9.0, f"keba/value/{STATE}", b"{}", is_retained=True)],
        [],
    ),
    "ours": ([published("keba/ours", b"\0")], []),
    "the first connection of our own is no outage": (
        [LinkChanged(1.0, is_up=True), Tick(2.0)],
        [],
    ),
    "a connection of our own that is lost and back": (
        [LinkChanged(number, is_up=number != 2) for number in (1, 2, 3)],
        [BrokerAway(2), BrokerAway(3)],
    ),
    "a broker that is disturbed until the fault has ended": (
        [
            FaultBegan(10.0, FROZEN),
            Tick(11.0),
            FaultEnded(40.0, FROZEN),
            Tick(50.0),
        ],
        [BrokerAway(11.0), BrokerAway(40.0)],
    ),
    "other faults": (
        [FaultBegan(10.0, NONSENSE), Tick(11.0), FaultEnded(40.0, NONSENSE)],
        [],
    ),
}


@pytest.mark.parametrize(("events", "added"), MEANINGS.values(), ids=MEANINGS)
def test_invariants_are_told_what_events_mean(
    events: list[Event], added: list[Event]
) -> None:
    assert meaning(*events) == added


@pytest.mark.parametrize(
    ("station", "at", "is_certain"),
    [
        ("s00", UNCERTAIN_UNTIL, False),
        ("s00", UNCERTAIN_UNTIL + 0.1, True),
        ("s01", UNCERTAIN_UNTIL, True),
    ],
)
def test_damaging_faults_leave_doubt_about_their_stations_for_a_while(
    station: str, at: float, is_certain: bool
) -> None:
    message = published_value(f"{station}__report 2__State", 4, at)

    (value,) = meaning(FaultBegan(9.0, NONSENSE), message)

    assert isinstance(value, Value)
    assert value.is_certain is is_certain


@pytest.mark.parametrize(
    ("topic", "judged", "broken"),
    [
        ("keba/logs", 1, 1),
        (f"keba/value/{STATE}", 1, 1),
        ("keba/datapoint_map", 0, 0),
    ],
)
def test_payloads_are_judged_unless_they_are_ours(
    judge: Judge, topic: str, judged: int, broken: int
) -> None:
    judge.see(published(topic, b"{"))

    assert (judge.payloads.judged, judge.payloads.broken) == (judged, broken)


def test_a_good_life_breaks_nothing(judge: Judge) -> None:
    in_force = Settings(6100, enable_user=True)
    for event in (
        Written(4.0, "s00", "curr", 6100),
        heard("curr 6100", 5.0),
        said(b"TCH-OK :done\n", 5.01, settings=in_force),
        heard("report 2", 5.2, settings=in_force),
        said(b'{"ID": "2", "State": 3}', 5.21, settings=in_force),
        published_value("s00__report 2__State", 3, 5.3),
        published_value("s00__results__curr", "applied", 5.3),
        published_value("s00__readings__energy_total", 100.5, 5.3),
        published_value("s00__connection__online", True, 5.3),
    ):
        judge.see(event)

    assert judge.breaches == []
    assert judge.values == 4
    verdicts = [one.verdict for one in judge.invariants]
    # Settled, recovery, memory, threads, rows and heartbeats.
    assert verdicts.count("not judged") == 6
    assert verdicts.count("kept") == 7


def test_breaches_are_new_once(judge: Judge) -> None:
    judge.see(heard("curr 6500", 2.0))
    judge.see(sample(1.0, 129.0))

    assert judge.broken == 2
    assert [one.at for one in judge.breaches] == [1.0, 2.0]
    assert len(judge.new_breaches()) == 2
    assert judge.new_breaches() == []


def test_without_anything_seen_only_the_life_of_the_process_is_judged(
    judge: Judge,
) -> None:
    kept = [one.name for one in judge.invariants if one.verdict == "kept"]

    assert kept == [judge.alive.name]
