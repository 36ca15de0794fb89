import pytest

from connector.datapoints import all_datapoints
from scaling.selections import (
    ALL,
    ALWAYS_MOVING,
    CONNECTION_KEYS,
    ENERGY_MANAGER,
    MINIMAL,
    MOVING_WHILE_CHARGING,
    PUSHED_WHILE_CHARGING,
    REPORTS_ONLY,
    SELECTIONS,
    Selection,
)
from scaling.tests.polling import SETTLED_S, poll, station

KNOWN = {one.key for one in all_datapoints() if one.kind == "sensor"}


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_a_selection_has_known_datapoints_once(selection: Selection) -> None:
    assert set(selection.keys) <= KNOWN
    assert len(set(selection.keys)) == selection.size


def test_what_moves_is_known() -> None:
    assert ALWAYS_MOVING | MOVING_WHILE_CHARGING <= KNOWN
    assert PUSHED_WHILE_CHARGING <= MOVING_WHILE_CHARGING
    assert ALWAYS_MOVING.isdisjoint(MOVING_WHILE_CHARGING)


def test_all_is_what_a_p30_brings() -> None:
    brought = poll(station("always-charging"), SETTLED_S)

    assert {*brought, *CONNECTION_KEYS} == set(ALL.keys)


@pytest.mark.parametrize(
    ("scenario", "may_move"),
    [
        ("idle", ALWAYS_MOVING),
        ("always-charging", ALWAYS_MOVING | MOVING_WHILE_CHARGING),
    ],
)
def test_nothing_else_moves_than_the_tables_say(
    scenario: str, may_move: frozenset[str]
) -> None:
    asked = station(scenario)
    before, after = poll(asked, SETTLED_S), poll(asked, SETTLED_S + 30.0)
    moved = {key for key in after if after[key] != before[key]}

    assert moved
    assert moved <= may_move


def test_a_share_of_charging_stations_moves_its_measurements() -> None:
    assert MINIMAL.moving(0.0) == 0
    assert MINIMAL.moving(0.5) == 1
    assert ALL.moving(1.0) == len(ALWAYS_MOVING | MOVING_WHILE_CHARGING)


def test_session_energy_is_pushed_and_left_out_where_many_are() -> None:
    assert ALL.pushed == 2
    assert REPORTS_ONLY.pushed == 1
    assert ENERGY_MANAGER.pushed == MINIMAL.pushed == 0
