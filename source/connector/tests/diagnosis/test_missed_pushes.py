"""Trouble that no station reports itself."""

import pytest

from connector.diagnosis.missed_pushes import CHANGES_BEFORE_HINT, PushWatch

IDLE = {"State": 1, "Plug": 3, "Enable sys": 1, "Max curr": 0}
CHARGING = {"State": 3, "Plug": 7, "Enable sys": 1, "Max curr": 16_000}


@pytest.fixture
def watch() -> PushWatch:
    watch = PushWatch()
    assert not watch.note_report(IDLE)
    return watch


def test_changes_without_a_push_hint_at_another_client(
    watch: PushWatch,
) -> None:
    polls = [CHARGING, IDLE, CHARGING]
    assert len(polls) == CHANGES_BEFORE_HINT

    assert [watch.note_report(poll) for poll in polls] == [False, False, True]


def test_values_that_do_not_change_hint_at_nothing(watch: PushWatch) -> None:
    assert not any(watch.note_report(IDLE) for _ in range(100))


def test_changes_that_were_pushed_hint_at_nothing(watch: PushWatch) -> None:
    for poll in [CHARGING, IDLE] * 20:
        watch.note_push(poll)
        assert not watch.note_report(poll)


def test_any_push_shows_that_they_come_to_us(watch: PushWatch) -> None:
    """Single ones may be lost like any datagram."""
    for poll in [CHARGING, IDLE] * 20:
        assert not watch.note_report(poll)
        watch.note_push({"Plug": poll["Plug"]})


def test_fields_that_are_never_pushed_hint_at_nothing(
    watch: PushWatch,
) -> None:
    for seconds in range(100):
        assert not watch.note_report(
            IDLE | {"Sec": seconds, "Curr user": seconds}
        )


def test_the_hint_comes_again_only_after_as_many_changes(
    watch: PushWatch,
) -> None:
    polls = [CHARGING, IDLE] * CHANGES_BEFORE_HINT

    hints = [watch.note_report(poll) for poll in polls]

    assert hints.count(True) == 2


def test_the_first_report_is_no_change() -> None:
    watch = PushWatch()

    assert not any(watch.note_report({"State": n}) for n in range(3))
