import pytest

from soak.events import Settings
from soak.invariants.setpoints import NewestWins, TrueResults, read_command
from soak.tests.seen import heard, said


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("curr 6100", ("curr", 6100)),
        ("currtime 6100 1", ("currtime", 6100)),
        ("ena 0", ("ena", 0)),
        ("report 2", None),
        ("i", None),
        ("", None),
        ("curr", ("curr", -1)),
        ("curr -5", ("curr", -1)),
        ("output 1", ("output", -1)),
    ],
)
def test_setpoints_are_read_and_polls_are_not(
    text: str, command: tuple[str, int] | None
) -> None:
    assert read_command(text) == command


@pytest.fixture
def newest() -> NewestWins:
    one = NewestWins()
    one.write("s00", "curr", 6100)
    one.write("s00", "curr", 6200)
    return one


def test_setpoints_in_order_are_right_and_may_be_left_out_or_repeated(
    newest: NewestWins,
) -> None:
    newest.write("s00", "curr", 6300)
    for text in ("curr 6100", "curr 6100", "curr 6300"):
        newest.hear(heard(text))

    assert newest.broken == 0


def test_an_older_setpoint_after_a_newer_one_is_a_breach(
    newest: NewestWins,
) -> None:
    newest.hear(heard("curr 6200"))
    newest.hear(heard("curr 6100", at=3.0))

    (breach,) = newest.breaches
    assert breach.at == 3.0
    assert "after a newer one" in breach.evidence


def test_a_value_may_be_written_again_later(newest: NewestWins) -> None:
    newest.hear(heard("curr 6200"))
    newest.write("s00", "curr", 6100)
    newest.hear(heard("curr 6100"))

    assert newest.broken == 0


@pytest.mark.parametrize("text", ["curr 6000", "ena 1", "output 1", "curr"])
def test_a_command_that_nobody_wrote_is_a_breach(
    newest: NewestWins, text: str
) -> None:
    newest.hear(heard(text))

    assert newest.broken == 1


@pytest.mark.parametrize("text", ["failsafe 10 6000 0", "ena 1", "curr 63000"])
def test_what_keeps_a_station_from_falling_back_is_right_if_it_is_armed(
    text: str,
) -> None:
    """It says what is in force already."""
    newest = NewestWins(is_armed=True)
    newest.hear(heard(text))

    assert newest.broken == 0


def test_an_armed_station_is_fed_with_the_newest_limit_of_a_currtime() -> None:
    """A station that has confirmed it need not show it."""
    newest = NewestWins(is_armed=True)
    newest.write("s00", "currtime", 6100)
    newest.write("s00", "currtime", 6200)
    for text in ("currtime 6100 1", "curr 6100", "currtime 6200 1"):
        newest.hear(heard(text))
    assert newest.broken == 0

    newest.hear(heard("curr 6100"))
    assert newest.broken == 1


@pytest.mark.parametrize("text", ["ena 0", "curr 10000", "output 1"])
def test_what_changes_an_armed_station_must_have_been_written(
    text: str,
) -> None:
    newest = NewestWins(is_armed=True)
    newest.hear(heard(text))

    assert newest.broken == 1


def test_a_command_for_another_station_is_a_breach(newest: NewestWins) -> None:
    newest.hear(heard("curr 6100", station="s01"))

    assert newest.broken == 1


def in_force(curr_user: int, *, enable_user: bool = True) -> Settings:
    return Settings(curr_user, enable_user)


def test_applied_is_true_if_the_station_had_it_after_it_was_told() -> None:
    results = TrueResults()
    results.hear(heard("curr 6100"))
    results.say(said(b"", settings=in_force(6100)))
    results.say(said(b"", settings=in_force(63_000)))

    results.judge(1.0, "s00", "curr", "applied")

    assert (results.broken, results.applied) == (0, 1)


def test_applied_is_a_lie_if_the_station_never_had_it() -> None:
    results = TrueResults()
    results.hear(heard("curr 6100"))
    results.say(said(b"", settings=in_force(6000)))

    results.judge(1.0, "s00", "curr", "applied")

    (breach,) = results.breaches
    assert "[6100]" in breach.evidence


def test_applied_without_any_command_is_a_lie() -> None:
    results = TrueResults()

    results.judge(1.0, "s00", "ena", "applied")

    assert results.broken == 1


def test_an_old_success_does_not_excuse_a_new_lie() -> None:
    results = TrueResults()
    results.hear(heard("ena 0"))
    results.say(said(b"", settings=in_force(63_000, enable_user=False)))
    results.judge(1.0, "s00", "ena", "applied")
    results.hear(heard("ena 1", settings=in_force(1, enable_user=False)))
    results.hear(heard("ena 1", settings=in_force(1, enable_user=False)))
    results.judge(2.0, "s00", "ena", "not_applied")
    results.judge(130.0, "s00", "ena", "applied")

    assert results.broken == 1


def test_other_results_claim_nothing() -> None:
    results = TrueResults()
    for result in ("no_reply", "superseded", "not_applied", "rejected: x"):
        results.judge(1.0, "s00", "curr", result)

    assert results.broken == 0


def test_a_station_that_says_what_is_not_true_proves_nothing() -> None:
    results = TrueResults()
    results.damage(["s00"], until=5.0)

    results.judge(5.0, "s00", "curr", "applied")
    assert results.broken == 0

    results.judge(5.1, "s00", "curr", "applied")
    assert results.broken == 1
