from random import Random
from typing import Any
from unittest.mock import Mock

from soak.events import Written
from soak.stations import SETPOINTS, make_stations
from soak.writer import Writer


class Line:
    """A testbed that notes what is written."""

    def __init__(self) -> None:
        self.stations = {one.name: one for one in make_stations(4)}
        self.noted: list[Written] = []
        self.sent: list[tuple[str, Any, bool]] = []
        self.queue = Mock(put=self.note)
        self.controller = Mock(write=self.send)
        testbed: Any = self
        self.writer = Writer(testbed, Random(1))

    def note(self, setpoint: Written) -> None:
        assert len(self.noted) == len(self.sent), "noted before it is sent"
        self.noted.append(setpoint)

    def send(self, key: str, value: Any, *, retain: bool) -> None:
        self.sent.append((key, value, retain))


def test_what_is_sent_was_noted_before() -> None:
    line = Line()
    for _ in range(100):
        line.writer.write_any()

    assert [
        (f"{one.station}__{one.word}", one.value) for one in line.noted
    ] == [(key, value) for key, value, _ in line.sent]
    assert {one.word for one in line.noted} == {"curr", "currtime", "ena"}
    assert {one.station for one in line.noted} == set(line.stations)


def test_no_current_of_a_station_comes_again_before_all_have() -> None:
    line = Line()
    for _ in range(SETPOINTS):
        line.writer.write_current("s01")

    assert len({one.value for one in line.noted}) == SETPOINTS


def test_all_means_each_actuator_of_each_station_once() -> None:
    line = Line()
    line.writer.write_all()

    assert sorted(key for key, _, _ in line.sent) == [
        "s00__curr",
        "s00__ena",
        "s01__curr",
        "s01__ena",
        "s02__curr",
        "s02__ena",
        "s03__currtime",
        "s03__ena",
    ]
    assert len(line.writer.newest) == 8


def test_a_current_may_be_kept_by_the_broker() -> None:
    line = Line()

    assert line.writer.write_current("s00", retain=True) == "s00__curr"
    assert line.sent[0][2]
