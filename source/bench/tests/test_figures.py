"""From what went over the wire to figures."""

import json
import math

import pytest

from bench import figures
from bench.figures import Group, Key, Round
from bench.fleet import Heard, Said
from bench.recorder import Arrival

KEYS = {
    "topic/1": Key(0, "report 3__Sec"),
    "topic/2": Key(0, "report 3__P"),
    "topic/3": Key(0, "report 3__E pres"),
    "topic/4": Key(1, "report 3__Sec"),
    "topic/5": Key(0, "readings__power"),
    "topic/6": Key(0, "connection__online"),
}


def arrival(at: float, topic: str, value: object, timestamp: int) -> Arrival:
    message = {"value": value, "timestamp": timestamp}
    return Arrival(at, topic, json.dumps(message).encode())


def a_poll(station: int, at: float) -> tuple[list[Heard], list[Said]]:
    heard = [
        Heard(at + 0.1 * (n - 1), station, f"report {n}") for n in (1, 2, 3)
    ]
    said = [
        Said(one.at + 0.001, station, n, n) for n, one in enumerate(heard, 1)
    ]
    return heard, said


def test_a_round_lasts_from_the_first_request_to_the_last_answer() -> None:
    heard, said = a_poll(0, 10.0)
    (one,) = figures.station_rounds(heard, said)[0]
    assert one == pytest.approx((10.0, 10.201))


def test_a_round_without_its_last_answer_is_none() -> None:
    heard, said = a_poll(0, 10.0)
    assert figures.station_rounds(heard, said[:-1]) == {}


def test_each_poll_of_a_station_is_a_round() -> None:
    (heard, said), (heard_later, said_later) = a_poll(0, 10.0), a_poll(0, 15.0)
    rounds = figures.station_rounds(heard + heard_later, said + said_later)
    assert len(rounds[0]) == 2


def test_polls_that_the_measurement_has_cut_are_left_out() -> None:
    (heard, said), (heard_later, said_later) = a_poll(0, 10.0), a_poll(0, 15.0)
    cut = [Said(9.9, 0, 3, 0), *said, said_later[0]]
    rounds = figures.station_rounds(heard + heard_later, cut)

    assert figures.of_whole_rounds(cut, rounds) == said


def test_the_first_round_over_all_ends_with_the_last_station() -> None:
    heard, said = a_poll(0, 10.0)
    for later_heard, later_said in (a_poll(1, 10.3), a_poll(0, 15.0)):
        heard += later_heard
        said += later_said
    assert figures.first_round_of_all(heard, said) == pytest.approx(0.501)
    assert math.isnan(figures.first_round_of_all([], []))


def begun(*moments: float) -> list[Round]:
    return [Round(at, at + 0.2) for at in moments]


@pytest.mark.parametrize(
    ("rounds", "missing"),
    [
        ({0: begun(0.1, 5.1, 10.1), 1: begun(4.9, 9.9, 14.9)}, 0),
        ({0: begun(0.1, 10.1), 1: begun(4.9, 9.9, 14.9)}, 1),
        ({0: begun(0.1, 5.1, 10.1), 1: begun(14.9)}, 2),
        ({0: begun(0.1, 5.1, 10.1), 1: begun(4.9)}, 1),
        ({0: begun(0.1, 5.1, 10.1)}, 3),
    ],
)
def test_a_poll_is_missing_where_two_are_too_far_apart(
    rounds: dict[int, list[Round]], missing: int
) -> None:
    assert figures.missing_polls(rounds, 2, 0.0, 15.0, 5.0) == missing


def test_the_highest_cpu_share_is_that_of_the_worst_100_ms() -> None:
    idle = [(0.02 * n, 0.0) for n in range(10)]
    busy = [(0.2 + 0.02 * n, 0.01 * n) for n in range(6)]
    assert figures.highest_cpu_share([*idle, *busy]) == pytest.approx(0.5)
    assert math.isnan(figures.highest_cpu_share(idle[:5]))


def test_values_of_one_datagram_are_found_by_station_and_timestamp() -> None:
    groups = figures.group_values(
        [
            arrival(1.01, "topic/1", 7, 1000),
            arrival(1.02, "topic/4", 7, 1000),
            arrival(1.03, "topic/2", 5000, 1000),
            arrival(1.04, "topic/elsewhere", 1, 1000),
        ],
        KEYS,
    )
    assert groups[0, 1000] == Group(
        1.03, {"report 3__Sec": 7, "report 3__P": 5000}
    )
    assert groups[1, 1000] == Group(1.02, {"report 3__Sec": 7})


def test_an_answer_is_paired_with_the_values_it_brought() -> None:
    said = [Said(1.0, 0, 3, 7), Said(6.0, 0, 3, 8)]
    groups = figures.group_values([arrival(1.01, "topic/1", 7, 1000)], KEYS)
    (pair,) = figures.find_groups(said, groups)
    assert pair == (said[0], groups[0, 1000])


def count(said: list[Said], arrivals: list[Arrival]) -> tuple[int, int]:
    groups = figures.group_values(arrivals, KEYS)
    return figures.count_values(said, groups, KEYS)


def a_full_answer(sec: int) -> list[Arrival]:
    values = {"topic/1": sec, "topic/2": 0, "topic/3": 0, "topic/5": 0}
    return [arrival(1.0, topic, value, 1000) for topic, value in values.items()]


def test_all_values_of_an_answer_are_due_and_no_others() -> None:
    said = [Said(0.0, 0, 1, 6), Said(0.0, 0, 2, 6), Said(0.0, 0, 3, 7)]
    arrivals = [*a_full_answer(7), arrival(1.0, "topic/6", True, 1000)]
    assert count(said, arrivals) == (4, 4)


@pytest.mark.parametrize("index", [1, 2, 3])
def test_a_value_that_never_comes_is_missed(index: int) -> None:
    arrivals = a_full_answer(7)
    del arrivals[index]
    assert count([Said(0.0, 0, 3, 7)], arrivals) == (4, 3)


def test_an_answer_without_any_value_is_missed() -> None:
    said = [Said(0.0, 0, 3, 7), Said(5.0, 0, 3, 8)]
    assert count(said, a_full_answer(7)) == (8, 4)


def test_a_reading_of_several_reports_is_due_with_each_of_them() -> None:
    keys = {"topic": Key(0, "readings__limited_by")}
    said = [Said(0.0, 0, 1, 6), Said(0.2, 0, 2, 7)]
    assert figures.count_values(said, {}, keys) == (2, 0)


def test_values_of_a_neighbour_are_missed() -> None:
    said = [Said(0.0, 0, 3, 7), Said(0.0, 1, 3, 100_007)]
    exchanged = [
        *a_full_answer(100_007),
        arrival(1.0, "topic/4", 7, 1000),
    ]
    assert count(said, exchanged) == (5, 0)


def test_a_command_takes_until_it_first_arrives_or_is_lost() -> None:
    sent = {(0, "currtime 6000 1"): 1.0, (1, "currtime 6001 1"): 1.0}
    heard = [
        Heard(1.5, 0, "currtime 6000 1"),
        Heard(2.5, 0, "currtime 6000 1"),
        Heard(2.6, 1, "currtime 6000 1"),
    ]
    assert figures.command_latencies(sent, heard) == {
        (0, "currtime 6000 1"): 0.5
    }


def test_broken_pauses_are_counted_for_each_station_alone() -> None:
    heard = [Heard(1.0, 0, "report 1"), Heard(1.05, 1, "report 1")]
    assert figures.broken_pauses(heard) == 0
    heard.append(Heard(1.09, 0, "report 2"))
    assert figures.broken_pauses(heard) == 1


def test_a_spread_names_the_value_below_which_so_many_are() -> None:
    spread = figures.spread(range(1, 101))
    assert spread == pytest.approx({"p50": 50.5, "p95": 95.05, "p99": 99.01})


def test_a_single_number_does_not_spread() -> None:
    assert figures.spread([3.0]) == {"p50": 3.0, "p95": 3.0, "p99": 3.0}


def test_nothing_has_no_spread() -> None:
    assert math.isnan(figures.spread([])["p99"])
