"""Trouble that no station reports itself."""

from collections.abc import Mapping

import pytest

from connector.diagnosis.facts import StationFacts
from connector.diagnosis.missed_pushes import (
    CHANGES_BEFORE_HINT,
    ENERGY_STEP_DWH,
)

IDLE = {"State": 1, "Plug": 3, "Enable sys": 1, "Max curr": 0}
CHARGING = {"State": 3, "Plug": 7, "Enable sys": 1, "Max curr": 16_000}


class Watch:
    """The facts of a station, which take its messages and its reports."""

    def __init__(self) -> None:
        self._facts = StationFacts("garage")
        self.pushes = self._facts.pushes

    def note_push(self, fields: Mapping[str, int]) -> None:
        self._facts.note_fields(fields)

    def note_report(self, fields: Mapping[str, int]) -> bool:
        """Take a report; tell whether enough changes came without message."""
        known = self.pushes.signs
        self._facts.note_fields({"ID": "2", **fields})
        return self.pushes.signs > known


@pytest.fixture
def watch() -> Watch:
    watch = Watch()
    assert not watch.note_report(IDLE)
    return watch


def test_changes_without_a_push_hint_at_another_client(
    watch: Watch,
) -> None:
    polls = [CHARGING, IDLE, CHARGING]
    assert len(polls) == CHANGES_BEFORE_HINT

    assert not watch.pushes.is_suspected
    assert [watch.note_report(poll) for poll in polls] == [False, False, True]


def test_pushed_changes_hint_at_nothing(watch: Watch) -> None:
    for poll in [CHARGING, IDLE] * 20:
        watch.note_push(poll)
        assert not watch.note_report(poll)


def test_any_push_shows_that_they_come_to_us(watch: Watch) -> None:
    """Single ones may be lost like any datagram."""
    for poll in [CHARGING, IDLE] * 20:
        assert not watch.note_report(poll)
        watch.note_push({"Plug": poll["Plug"]})


@pytest.mark.parametrize(
    "polls",
    [
        [IDLE] * 100,
        # These are never pushed.
        [IDLE | {"Sec": n, "Curr user": n} for n in range(100)],
        # A new session begins at zero.
        [{"E pres": energy} for energy in (65_302, 0, 0, 90, 90, 150)],
    ],
    ids=["no change", "fields that are never pushed", "a new session"],
)
def test_what_needs_no_push_hints_at_nothing(
    watch: Watch, polls: list[dict[str, int]]
) -> None:
    assert not any(watch.note_report(poll) for poll in polls)


def test_the_first_report_is_no_change() -> None:
    watch = Watch()

    assert not any(watch.note_report({"State": n}) for n in range(3))


def test_the_hint_comes_again_only_after_as_many_changes(
    watch: Watch,
) -> None:
    polls = [CHARGING, IDLE] * CHANGES_BEFORE_HINT

    hints = [watch.note_report(poll) for poll in polls]

    assert hints.count(True) == 2


# --- energy ------------


def test_energy_that_grows_without_a_message_hints_however_slowly(
    watch: Watch,
) -> None:
    """A step of 10 Wh takes six polls at 200 W and 30 s."""
    polls = [{"E pres": 1_000 + 17 * n} for n in range(60)]

    assert any(watch.note_report(poll) for poll in polls)
    assert watch.pushes.is_found


def test_energy_whose_steps_are_told_hints_at_nothing(
    watch: Watch,
) -> None:
    for step in range(100):
        energy = {"E pres": step * ENERGY_STEP_DWH}
        watch.note_push(energy)
        assert not watch.note_report(energy)


def test_a_message_ends_the_suspicion(watch: Watch) -> None:
    watch.note_report(CHARGING)
    assert watch.pushes.is_suspected
    for poll in [IDLE, CHARGING]:
        watch.note_report(poll)
    assert watch.pushes.is_found

    watch.note_push({"State": 3})

    assert not watch.pushes.is_found
