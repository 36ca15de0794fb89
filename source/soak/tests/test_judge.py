from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from soak.events import LinkChanged, Published, Settings
from soak.tests.seen import NOON, a_judge, heard, published, said
from soak.timeline import KINDS, Phase

if TYPE_CHECKING:
    from soak.judge import Judge


BEAT = {"this_heartbeats_timestamp": 0, "next_heartbeats_timestamp": 30_000}


@pytest.fixture
def judge() -> Judge:
    return a_judge()


def broken(judge: Judge) -> list[str]:
    return [one.name for one in judge.invariants if one.broken]


def value(
    key: str, content: object, at: float = 10.0, age_s: float = 0.0
) -> Published:
    stamp_ms = round((NOON + at - age_s) * 1000)
    message = {"value": content, "timestamp": stamp_ms}
    return published(f"keba/value/{key}", message, at)


def phase(name: str, *stations: str) -> Phase:
    kind = next(kind for kind in KINDS if kind.name == name)
    return Phase(0.0, 5.0, kind, stations)


def test_what_we_write_ourselves_is_not_judged(judge: Judge) -> None:
    judge.see(published("keba/ours", b"\0"))
    judge.see(published("keba/datapoint_map", b""))

    assert broken(judge) == []


@pytest.mark.parametrize(
    ("seen", "invariant"),
    [
        ([heard("report 1", 1.0), heard("report 2", 1.05)], "pauses"),
        ([value("s00__report 2__State", 4)], "attribution"),
        ([value("s00__connection__online", True, age_s=11.0)], "timestamps"),
        ([heard("curr 6500")], "newest"),
        ([value("s00__results__curr", "applied")], "results"),
        ([published("keba/raw_message_to_db", b"")], "payloads"),
        ([published("keba/value/s00__report 2__State", {})], "payloads"),
        (
            [
                published(
                    "keba/logs",
                    {"msg": f"s00 is online {number}", "timestamp": number},
                    1.0,
                )
                for number in range(150)
            ],
            "rows",
        ),
    ],
)
def test_each_breach_reaches_its_invariant(
    judge: Judge, seen: list[Any], invariant: str
) -> None:
    judge.connector_started(0.0, 0.0)
    for event in seen:
        judge.see(event)

    assert broken(judge) == [getattr(judge, invariant).name]
    assert judge.broken == getattr(judge, invariant).broken
    assert len(judge.new_breaches()) == len(judge.breaches)
    assert judge.new_breaches() == []


def test_a_good_life_breaks_nothing(judge: Judge) -> None:
    judge.newest.write("s00", "curr", 6100)
    in_force = Settings(6100, enable_user=True)
    for event in (
        heard("curr 6100", 5.0),
        said(b"TCH-OK :done\n", 5.01, settings=in_force),
        heard("report 2", 5.2, settings=in_force),
        said(b'{"ID": "2", "State": 3}', 5.21, settings=in_force),
        value("s00__report 2__State", 3, 5.3),
        value("s00__results__curr", "applied", 5.3),
        value("s00__readings__energy_total", 100.5, 5.3),
        value("s00__connection__online", True, 5.3),
    ):
        judge.see(event)

    assert broken(judge) == []
    assert judge.values == 4
    assert judge.results.applied == 1
    judged = {one.name for one in judge.invariants if one.is_judged}
    assert judge.slope.name not in judged
    assert judge.gain.name not in judged
    assert judge.heartbeats.name not in judged
    assert {judge.pauses.name, judge.results.name} <= judged


def test_without_anything_seen_nothing_was_judged(judge: Judge) -> None:
    verdicts = {one.name: one.verdict for one in judge.invariants}
    for one in (
        judge.pauses,
        judge.attribution,
        judge.timestamps,
        judge.newest,
        judge.results,
        judge.settled,
        judge.baseline,
    ):
        assert verdicts[one.name] == "not judged"


def test_a_stations_silent_values_are_missed_in_calm(judge: Judge) -> None:
    judge.recovery.calm_begins(10.0)
    for name in ("s00", "s01"):
        judge.see(value(f"{name}__connection__online", True, 11.0))
    judge.see(said(b'{"ID": "2", "State": 3}', 11.0))
    judge.see(value("s00__report 2__State", 3, 11.0))
    # Kept since before the calm.
    judge.see(said(b'{"ID": "2", "State": 3}', 9.0, station="s01"))
    judge.see(value("s01__report 2__State", 3, 12.0, age_s=3.0))
    assert not judge.recovery.look(13.0)

    judge.see(value("s01__report 2__State", 3, 13.0))
    assert judge.recovery.look(13.0)


def test_heartbeats_are_not_judged_while_the_broker_is_disturbed(
    judge: Judge,
) -> None:
    frozen = phase("broker frozen")
    judge.see(published("keba/heartbeat", BEAT, 0.0))
    judge.phase_begins(frozen, 10.0)
    judge.look(10.0)
    judge.phase_ends(frozen, 40.0)
    judge.look(50.0)
    assert broken(judge) == []

    judge.see(published("keba/heartbeat", BEAT, 50.0))
    judge.look(82.0)
    assert broken(judge) == [judge.heartbeats.name]


def test_a_lost_connection_of_our_own_says_nothing_about_heartbeats(
    judge: Judge,
) -> None:
    judge.see(published("keba/heartbeat", BEAT, 0.0))
    judge.see(LinkChanged(20.0, is_up=False))
    judge.look(82.0)

    assert broken(judge) == []


def test_a_value_that_goes_back_is_excused_by_an_outage_or_a_start(
    judge: Judge,
) -> None:
    later, earlier = (
        value("s00__connection__online", True, 50.0, age_s=age_s)
        for age_s in (0.0, 0.5)
    )
    judge.see(later)
    judge.see(LinkChanged(51.0, is_up=False))
    judge.see(earlier)
    judge.see(later)
    judge.connector_started(49.0, NOON + 49.0)
    judge.see(earlier)
    assert broken(judge) == []

    for age_s in (0.0, 0.5):
        judge.see(value("s00__connection__online", True, 200.0, age_s=age_s))
    assert broken(judge) == [judge.timestamps.name]


def test_the_first_connection_of_our_own_is_no_outage(judge: Judge) -> None:
    old = value("s00__connection__online", True, 10.0, age_s=11.0)
    judge.see(LinkChanged(1.0, is_up=True))
    judge.see(old)
    assert broken(judge) == [judge.timestamps.name]

    judge.see(LinkChanged(9.0, is_up=True))
    judge.see(old)
    assert judge.broken == 1


def test_rows_that_come_again_after_an_outage_count_once(judge: Judge) -> None:
    row = {"msg": "s00 is online", "timestamp": 1}
    judge.see(published("keba/logs", row, 1.0))
    judge.phase_begins(phase("broker restarted"), 2.0)
    judge.look(3.0)
    judge.see(published("keba/logs", row, 4.0))
    assert judge.rows.rows == 1

    judge.see(LinkChanged(200.0, is_up=False))
    judge.see(published("keba/logs", row, 201.0))
    assert judge.rows.rows == 1


def test_damaging_faults_leave_doubt_about_their_stations_only(
    judge: Judge,
) -> None:
    judge.phase_begins(phase("corruption", "s00"), 9.0)
    judge.see(value("s00__report 2__State", 4))
    assert broken(judge) == []

    judge.see(value("s01__report 2__State", 4))
    assert broken(judge) == [judge.attribution.name]


def test_what_the_broker_kept_is_not_judged_again(judge: Judge) -> None:
    fresh = value("s00__report 2__State", 4, age_s=999.0)
    judge.see(Published(fresh.at, fresh.topic, fresh.payload, is_retained=True))

    assert broken(judge) == []
    assert judge.payloads.judged == 1
