import pytest

from soak.invariants.attribution import (
    FORGED,
    REMEMBERED_S,
    UNCERTAIN_S,
    Attribution,
    pairs_of,
)
from soak.stations import make_stations
from soak.tests.seen import said

SERIALS = {"s00": "20000000", "s01": "20000001"}


@pytest.fixture
def judge() -> Attribution:
    stations = {one.name: one for one in make_stations(2)}
    judge = Attribution(stations, SERIALS)
    judge.say(said(b'{\n"ID": "1",\n"Serial": "20000000"\n}\n', 10.0))
    judge.say(said(b'{"ID": "1", "Serial": "20000001"}', 10.0, station="s01"))
    return judge


@pytest.mark.parametrize(
    ("data", "pairs"),
    [
        (b'{"State": 3}', {"state": "3"}),
        (b'{\n"E Start   ": 17,\n}\n', {"e start": "17"}),
        (
            b'{ "Product": "KC-P20   ", "U1": 230 }',
            {"product": "KC-P20", "u1": "230"},
        ),
        (b'"Firmware":"P30 v 3"\n', {"firmware": "P30 v 3"}),
        (b"TCH-OK :done\n", {}),
        (b'{"Stat', {}),
    ],
)
def test_datagrams_are_read_without_the_connectors_help(
    data: bytes, pairs: dict[str, str]
) -> None:
    assert pairs_of(data) == pairs


def test_a_value_that_its_station_has_said_is_right(judge: Attribution) -> None:
    judge.judge(11.0, "s00__report 1__Serial", "20000000")

    assert judge.broken == 0
    assert judge.exact == 1


def test_a_value_of_another_station_is_a_breach(judge: Attribution) -> None:
    judge.judge(11.0, "s00__report 1__Serial", "20000001")

    (breach,) = judge.breaches
    assert breach.evidence == "s00 never said Serial = '20000001'"


def test_a_value_that_nobody_has_said_is_a_breach(judge: Attribution) -> None:
    judge.judge(11.0, "s00__report 2__State", 4)

    assert judge.broken == 1


def test_a_value_said_long_ago_is_a_breach(judge: Attribution) -> None:
    late = 10.0 + REMEMBERED_S + 1.0
    judge.say(said(b'{"Serial": "29999999"}', late))

    judge.judge(late, "s00__report 1__Serial", "20000000")

    assert judge.broken == 1


def test_a_forged_number_is_a_breach_even_in_doubt(judge: Attribution) -> None:
    judge.damage(["s00"], until=20.0)

    judge.judge(11.0, "s00__report 3__P", min(FORGED))

    assert judge.broken == 1


def test_damaged_datagrams_leave_doubt_for_a_while(judge: Attribution) -> None:
    judge.damage(["s00"], until=20.0)

    judge.judge(20.0 + UNCERTAIN_S, "s00__report 2__State", 4)
    assert (judge.broken, judge.uncertain) == (0, 1)

    judge.judge(20.1 + UNCERTAIN_S, "s00__report 2__State", 4)
    assert judge.broken == 1


def test_in_doubt_another_stations_serial_is_still_a_breach(
    judge: Attribution,
) -> None:
    judge.damage(["s00"], until=20.0)

    judge.judge(11.0, "s00__report 1__Serial", "20000001")
    judge.judge(11.0, "s00__report 1__Serial", "20000009")

    (breach,) = judge.breaches
    assert "serial number of s01" in breach.evidence


def test_a_total_in_kwh_must_lie_in_the_stations_own_range(
    judge: Attribution,
) -> None:
    key = "s00__readings__energy_total"
    judge.judge(11.0, key, 100.5)
    assert judge.broken == 0

    judge.judge(11.0, key, 1_090.5)
    judge.judge(11.0, key, "much")

    assert judge.broken == 2
