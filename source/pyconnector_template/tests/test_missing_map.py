"""A datapoint map that does not come is noticed, and the reason looked for."""

from __future__ import annotations

import pytest

from pyconnector_template.datapoint_map import (
    LOOK_S,
    PATIENCE_S,
    MissingMap,
    Step,
)


@pytest.fixture
def missing() -> MissingMap:
    return MissingMap("keba-garage")


def steps(
    missing: MissingMap, *moments: float, is_connected: bool = True
) -> list[Step]:
    return [
        missing.next_step(now, is_connected=is_connected) for now in moments
    ]


def test_after_a_while_it_looks_and_then_tells_once(
    missing: MissingMap,
) -> None:
    looks = PATIENCE_S + 5
    assert steps(missing, 5, looks - 0.1) == [Step.WAIT] * 2
    assert steps(missing, looks, looks + 1) == [Step.LOOK, Step.WAIT]
    assert steps(missing, looks + LOOK_S) == [Step.REPORT]
    assert steps(missing, looks + 100, looks + 9999) == [Step.WAIT] * 2


def test_a_map_that_has_come_is_not_missing(missing: MissingMap) -> None:
    steps(missing, 0)
    missing.has_come = True
    assert steps(missing, PATIENCE_S, 9999) == [Step.WAIT] * 2


def test_the_wait_begins_with_the_connection(missing: MissingMap) -> None:
    steps(missing, 0, 20)
    assert steps(missing, 25, is_connected=False) == [Step.WAIT]
    assert steps(missing, 30, 59) == [Step.WAIT] * 2
    assert steps(missing, 60) == [Step.LOOK]


def test_a_connection_that_breaks_while_it_looks_begins_anew(
    missing: MissingMap,
) -> None:
    assert steps(missing, 0, PATIENCE_S)[-1] is Step.LOOK
    steps(missing, 31, is_connected=False)
    assert steps(missing, 32, 32 + PATIENCE_S) == [Step.WAIT, Step.LOOK]


@pytest.mark.parametrize(
    "other", ["keba_garage", "Keba-Garage", "keba-garag", "kebagarage"]
)
def test_a_similar_name_is_found(missing: MissingMap, other: str) -> None:
    missing.note_other("modbus-heatpump")
    missing.note_other(other)
    assert missing.similar_name() == other


def test_a_name_that_is_not_similar_is_no_help(missing: MissingMap) -> None:
    assert missing.similar_name() is None
    missing.note_other("modbus-heatpump")
    assert missing.similar_name() is None
