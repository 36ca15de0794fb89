import pytest

from soak.events import Event, Settings, Value, Written
from soak.invariants.setpoints import NewestWins, TrueResults, read_command
from soak.tests.seen import fed, heard, said, value


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


def written(*setpoints: str) -> list[Event]:
    return [
        Written(0.0, "s00", word, int(number))
        for word, number in map(str.split, setpoints)
    ]


def told(*texts: str) -> list[Event]:
    return [heard(text) for text in texts]


TWO = written("curr 6100", "curr 6200")


GOOD = {
    "repeated": [*TWO, *told("curr 6100", "curr 6100", "curr 6200")],
    "left out": [*TWO, *told("curr 6200")],
    "written again": [
        *TWO,
        *told("curr 6200"),
        *written("curr 6100"),
        *told("curr 6100"),
    ],
}


@pytest.mark.parametrize("events", GOOD.values(), ids=GOOD)
def test_setpoints_in_the_order_of_writing_are_right(
    events: list[Event],
) -> None:
    assert fed(NewestWins(), *events).broken == 0


def test_an_older_setpoint_after_a_newer_one_is_a_breach() -> None:
    newest = fed(
        NewestWins(), *TWO, *told("curr 6200"), heard("curr 6100", at=3.0)
    )

    (breach,) = newest.breaches
    assert breach.at == 3.0
    assert "after a newer one" in breach.evidence


@pytest.mark.parametrize(
    "one",
    [
        *told("curr 6000", "ena 1", "output 1", "curr"),
        heard("curr 6100", station="s01"),
    ],
)
def test_a_command_that_nobody_wrote_is_a_breach(one: Event) -> None:
    assert fed(NewestWins(), *TWO, one).broken == 1


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        # It says what is in force already.
        ("failsafe 10 6000 0", 0),
        ("ena 1", 0),
        ("curr 63000", 0),
        ("ena 0", 1),
        ("curr 10000", 1),
        ("output 1", 1),
    ],
)
def test_an_armed_station_is_kept_from_falling_back_and_not_changed(
    text: str, broken: int
) -> None:
    assert fed(NewestWins(is_armed=True), heard(text)).broken == broken


def test_an_armed_station_is_fed_with_the_newest_limit_of_a_currtime() -> None:
    """A station that has confirmed it need not show it."""
    newest = fed(
        NewestWins(is_armed=True),
        *written("currtime 6100", "currtime 6200"),
        *told("currtime 6100 1", "curr 6100", "currtime 6200 1"),
    )
    assert newest.broken == 0

    assert fed(newest, *told("curr 6100")).broken == 1


def shows(curr_user: int, *, enable_user: bool = True) -> Event:
    return said(b"", settings=Settings(curr_user, enable_user))


def applied(word: str, at: float = 1.0, result: str = "applied") -> Value:
    return value(f"s00__results__{word}", result, at)


def test_applied_is_true_if_the_station_had_it_after_it_was_told() -> None:
    results = fed(
        TrueResults(),
        heard("curr 6100"),
        shows(6100),
        shows(63_000),
        applied("curr"),
    )

    assert (results.broken, results.judged) == (0, 1)


def test_applied_is_a_lie_if_the_station_never_had_it() -> None:
    results = fed(
        TrueResults(), heard("curr 6100"), shows(6000), applied("curr")
    )

    (breach,) = results.breaches
    assert "[6100]" in breach.evidence


def test_applied_without_any_command_is_a_lie() -> None:
    assert fed(TrueResults(), applied("ena")).broken == 1


def test_an_old_success_does_not_excuse_a_new_lie() -> None:
    disabled = Settings(1, enable_user=False)
    results = fed(
        TrueResults(),
        heard("ena 0"),
        shows(63_000, enable_user=False),
        applied("ena"),
        heard("ena 1", settings=disabled),
        heard("ena 1", settings=disabled),
        applied("ena", 2.0, "not_applied"),
        applied("ena", 130.0),
    )

    assert results.broken == 1


@pytest.mark.parametrize(
    "one",
    [
        *(
            applied("curr", result=result)
            for result in ("no_reply", "superseded", "rejected: x")
        ),
        pytest.param(
            value("s00__results__curr", "applied", is_certain=False),
            id="a station that says what is not true proves nothing",
        ),
    ],
)
def test_other_results_claim_nothing(one: Value) -> None:
    assert fed(TrueResults(), one).broken == 0
