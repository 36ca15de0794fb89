import pytest

from soak.events import Value
from soak.invariants.attribution import (
    FORGED,
    REMEMBERED_S,
    Attribution,
    pairs_of,
)
from soak.stations import make_stations
from soak.tests.seen import fed, said, value

SERIAL = "s00__report 1__Serial"
TOTAL = "s00__readings__energy_total"


@pytest.fixture
def judge() -> Attribution:
    return fed(
        Attribution(
            {one.name: one for one in make_stations(2)},
            {"s00": "20000000", "s01": "20000001"},
        ),
        said(b'{\n"ID": "1",\n"Serial": "20000000"\n}\n', 10.0),
        said(b'{"ID": "1", "Serial": "20000001"}', 10.0, station="s01"),
    )


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


@pytest.mark.parametrize(
    "one", [value(SERIAL, "20000000"), value(TOTAL, 100.5)]
)
def test_what_its_station_has_said_is_right(
    judge: Attribution, one: Value
) -> None:
    assert fed(judge, one).broken == 0


@pytest.mark.parametrize(
    ("one", "evidence"),
    [
        (value(SERIAL, "20000001"), "s00 never said Serial = '20000001'"),
        (value("s00__report 2__State", 4), "s00 never said State = 4"),
        (value("s00__other__P", min(FORGED)), "forged by an unknown sender"),
        (
            value("s00__report 3__P", min(FORGED), is_certain=False),
            "forged by an unknown sender",
        ),
        (value(SERIAL, "20000001", is_certain=False), "serial number of s01"),
        (value(TOTAL, 1_090.5), "another meter's"),
        (value(TOTAL, "much"), "'much'"),
    ],
)
def test_what_its_station_never_said_is_a_breach(
    judge: Attribution, one: Value, evidence: str
) -> None:
    (breach,) = fed(judge, one).breaches

    assert evidence in breach.evidence


def test_a_value_said_long_ago_is_a_breach(judge: Attribution) -> None:
    late = 10.0 + REMEMBERED_S + 1.0
    fed(judge, said(b'{"Serial": "29999999"}', late))

    assert fed(judge, value(SERIAL, "20000000", late)).broken == 1


@pytest.mark.parametrize(
    "one",
    [
        value("s00__report 2__State", 4, is_certain=False),
        value(SERIAL, "20000009", is_certain=False),
    ],
)
def test_in_doubt_a_value_is_counted_only(
    judge: Attribution, one: Value
) -> None:
    fed(judge, one)

    assert (judge.broken, judge.uncertain) == (0, 1)
