from itertools import combinations, pairwise

import pytest

from simulator import SimulatedStation
from simulator.wire import read_words
from soak.invariants.attribution import FORGED, pairs_of
from soak.stations import (
    MODELS,
    MOST_STATIONS,
    SETPOINTS,
    Station,
    make_stations,
)

ALL = make_stations(MOST_STATIONS)


def test_no_two_stations_share_a_setpoint_or_a_meter_reading() -> None:
    setpoints = [{one.setpoint(n) for n in range(SETPOINTS)} for one in ALL]
    for mine, yours in combinations(setpoints, 2):
        assert not mine & yours
    for one, other in pairwise(ALL):
        assert one.total_range.stop <= other.total_range.start


def test_setpoints_are_currents_that_keba_allows_and_no_default() -> None:
    for one in ALL:
        values = {one.setpoint(n) for n in range(SETPOINTS)}
        assert len(values) == SETPOINTS
        assert all(6_000 < value < 63_000 for value in values)


def test_no_station_can_say_a_forged_number() -> None:
    for one in ALL:
        assert one.total_range.stop < min(FORGED)


@pytest.mark.parametrize("one", ALL[: len(MODELS)], ids=MODELS)
def test_a_station_shows_its_own_values(one: Station) -> None:
    station = SimulatedStation(one.name, one.profile)
    fields: dict[str, str] = {}
    for number in (2, 3):
        (reply,) = station.receive(b"report %d" % number, float(number))
        fields |= pairs_of(reply.data)

    if one.profile.has_meter:
        assert int(fields["e total"]) in one.total_range
    limits = [other.profile.current_limit for other in ALL]
    assert limits.count(one.profile.current_limit) == 1


@pytest.mark.parametrize("one", ALL[: len(MODELS)], ids=MODELS)
def test_a_station_understands_the_words_that_are_written(
    one: Station,
) -> None:
    station = SimulatedStation(one.name, one.profile)
    value = one.setpoint(3)
    text = f"{one.current_word} {value}"
    if one.current_word == "currtime":
        text += " 1"
    assert read_words(text.encode())[0] == one.current_word

    station.receive(text.encode(), 0.0)
    station.advance(3.0)

    assert (station.point.limits.curr_user == value) is one.obeys
