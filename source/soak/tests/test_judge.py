from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from soak.events import (
    FaultBegan,
    FaultEnded,
    LinkChanged,
    Published,
    Settings,
    Started,
    Tick,
    Written,
)
from soak.judge import UNCERTAIN_S
from soak.tests.seen import NOON, a_judge, heard, phase, published, said
from soak.tests.seen import published_value as value

if TYPE_CHECKING:
    from soak.judge import Judge


BEAT = {"this_heartbeats_timestamp": 0, "next_heartbeats_timestamp": 30_000}
ROW = {"msg": "s00 is online", "timestamp": 1}


@pytest.fixture
def judge() -> Judge:
    return a_judge()


def broken(judge: Judge, *events: Any) -> list[str]:
    """Let a judge see events; return what is broken by then."""
    for event in events:
        judge.see(event)
    return [one.name for one in judge.invariants if one.broken]


PAUSES = "KEBA's pauses"
ATTRIBUTION = "No wrong attribution"
TIMESTAMPS = "Plausible timestamps"
HEARTBEATS = "Heartbeats keep their promise"


@pytest.mark.parametrize(
    ("seen", "invariant"),
    [
        ([heard("report 1", 1.0), heard("report 2", 1.05)], PAUSES),
        ([value("s00__report 2__State", 4)], ATTRIBUTION),
        ([value("s00__connection__online", True, age_s=11.0)], TIMESTAMPS),
        ([heard("curr 6500")], "Newest setpoint wins on the way"),
        (
            [value("s00__results__curr", "applied")],
            "Results tell the truth",
        ),
        ([published("keba/raw_message_to_db", b"")], "Payloads on MQTT"),
        (
            [published("keba/value/s00__report 2__State", {})],
            "Payloads on MQTT",
        ),
        ([published("keba/heartbeat", BEAT, 0.0), Tick(32.0)], HEARTBEATS),
        (
            [
                published("keba/logs", ROW | {"timestamp": number}, 1.0)
                for number in range(150)
            ],
            "Log rows",
        ),
    ],
)
def test_each_breach_reaches_its_invariant(
    judge: Judge, seen: list[Any], invariant: str
) -> None:
    judge.see(Started(0.0, 0.0))

    assert broken(judge, *seen) == [invariant]
    (one,) = (one for one in judge.invariants if one.broken)
    assert judge.broken == one.broken
    assert len(judge.new_breaches()) == len(judge.breaches)
    assert judge.new_breaches() == []


def test_a_good_life_breaks_nothing(judge: Judge) -> None:
    in_force = Settings(6100, enable_user=True)
    assert not broken(
        judge,
        Written(4.0, "s00", "curr", 6100),
        heard("curr 6100", 5.0),
        said(b"TCH-OK :done\n", 5.01, settings=in_force),
        heard("report 2", 5.2, settings=in_force),
        said(b'{"ID": "2", "State": 3}', 5.21, settings=in_force),
        value("s00__report 2__State", 3, 5.3),
        value("s00__results__curr", "applied", 5.3),
        value("s00__readings__energy_total", 100.5, 5.3),
        value("s00__connection__online", True, 5.3),
    )

    assert judge.values == 4
    verdicts = {one.name: one.verdict for one in judge.invariants}
    assert verdicts[PAUSES] == verdicts["Results tell the truth"] == "kept"
    assert verdicts["Memory"] == verdicts[HEARTBEATS] == "not judged"


def test_without_anything_seen_only_the_life_of_the_process_is_judged(
    judge: Judge,
) -> None:
    kept = [one.name for one in judge.invariants if one.verdict == "kept"]

    assert kept == [judge.alive.name]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [
                FaultBegan(10.0, phase("broker frozen")),
                Tick(10.0),
                FaultEnded(40.0, phase("broker frozen")),
                Tick(50.0),
            ],
            id="a fault of the broker",
        ),
        pytest.param(
            [LinkChanged(20.0, is_up=False), Tick(82.0)], id="a lost link"
        ),
    ],
)
def test_heartbeats_are_not_judged_while_the_broker_is_disturbed(
    judge: Judge, events: list[Any]
) -> None:
    assert not broken(judge, published("keba/heartbeat", BEAT, 0.0), *events)

    again = published("keba/heartbeat", BEAT, 100.0)
    assert broken(judge, again, Tick(132.0)) == [HEARTBEATS]


def test_a_value_that_goes_back_is_excused_by_an_outage_or_a_start(
    judge: Judge,
) -> None:
    later, earlier = (
        value("s00__connection__online", True, 50.0, age_s=age_s)
        for age_s in (0.0, 0.5)
    )
    assert not broken(
        judge,
        later,
        LinkChanged(51.0, is_up=False),
        earlier,
        later,
        Started(49.0, NOON + 49.0),
        earlier,
    )

    long_after = (
        value("s00__connection__online", True, 200.0, age_s=age_s)
        for age_s in (0.0, 0.5)
    )
    assert broken(judge, *long_after) == [TIMESTAMPS]


def test_the_first_connection_of_our_own_is_no_outage(judge: Judge) -> None:
    old = value("s00__connection__online", True, 10.0, age_s=11.0)
    up = LinkChanged(1.0, is_up=True)
    assert broken(judge, up, old) == [TIMESTAMPS]

    broken(judge, up, old)
    assert judge.broken == 1


def test_damaging_faults_leave_doubt_about_their_stations_for_a_while(
    judge: Judge,
) -> None:
    nonsense = phase("nonsense from a station", "s00")
    until = 9.0 + nonsense.duration_s + UNCERTAIN_S
    damaged = FaultBegan(9.0, nonsense)
    in_doubt = value("s00__report 2__State", 4, until)
    assert not broken(judge, damaged, in_doubt)

    broken(judge, value("s01__report 2__State", 4))
    broken(judge, value("s00__report 2__State", 4, until + 0.1))
    assert [one.evidence.split()[0] for one in judge.breaches] == ["s01", "s00"]


@pytest.mark.parametrize(
    ("message", "judged"),
    [
        pytest.param(
            Published(9.0, "keba/value/s00__report 2__State", b"{}", True),
            1,
            id="what the broker kept was judged when it was new",
        ),
        pytest.param(published("keba/ours", b"\0"), 0, id="ours"),
        pytest.param(published("keba/datapoint_map", b""), 0, id="our map"),
    ],
)
def test_other_messages_are_not_judged(
    judge: Judge, message: Published, judged: int
) -> None:
    assert not broken(judge, message)
    assert judge.payloads.judged == judged
