import pytest

from soak.events import FaultEnded, Settings
from soak.invariants.calm import RECOVERY_S, SETTLING_S, Recovery, Settled
from soak.stations import MODELS, make_stations
from soak.tests.seen import FREE, fed, phase, value


@pytest.fixture
def recovery() -> Recovery:
    both = Recovery(["s00", "s01"])
    for name in ("s00", "s01"):
        hears(both, name, 1.0)
        fed(both, value(f"{name}__connection__online", True))
    return both


def hears(
    recovery: Recovery, station: str, at: float, age_s: float = 0.0
) -> None:
    fed(recovery, value(f"{station}__report 2__State", 3, at, age_s))


def test_all_have_recovered_once_each_has_told_something_new(
    recovery: Recovery,
) -> None:
    recovery.calm_begins(10.0)
    hears(recovery, "s00", 11.0)
    assert not recovery.look(12.0)
    # Kept since before the calm.
    hears(recovery, "s01", 12.0, age_s=3.0)
    assert not recovery.look(12.0)

    hears(recovery, "s01", 12.5)
    assert recovery.look(13.0)

    assert recovery.measured() == "slowest 3.0 s"
    assert recovery.look(100.0), "a calm is judged once"
    assert recovery.verdict == "kept"


def test_values_of_a_station_that_is_offline_are_no_recovery(
    recovery: Recovery,
) -> None:
    recovery.calm_begins(10.0)
    fed(recovery, value("s01__connection__online", False))
    hears(recovery, "s00", 11.0)
    hears(recovery, "s01", 11.0)
    assert not recovery.look(12.0)

    fed(recovery, value("s01__connection__online", True))
    assert recovery.look(12.1)


def test_a_station_that_does_not_come_back_is_a_breach(
    recovery: Recovery,
) -> None:
    recovery.calm_begins(10.0)
    hears(recovery, "s00", 11.0)

    assert recovery.look(10.1 + RECOVERY_S)

    (breach,) = recovery.breaches
    assert "['s01']" in breach.evidence


def test_each_fault_has_its_slowest_recovery(recovery: Recovery) -> None:
    fed(
        recovery,
        FaultEnded(10.0, phase("outage", "s01")),
        FaultEnded(11.0, phase("broker killed")),
    )
    hears(recovery, "s01", 12.0)
    recovery.look(12.0)
    hears(recovery, "s00", 15.0)
    recovery.look(15.0)

    assert recovery.slowest_s == {"outage": 2.0, "broker killed": 4.0}


NAMES = {model: f"s{number:02d}" for number, model in enumerate(MODELS)}
IN_TIME = 10.0 + SETTLING_S
LATE = 10.1 + SETTLING_S


def settled(model: str, word: str, setpoint: int, *results: str) -> Settled:
    """Write a setpoint at a station of a model, at 10 s; tell its results."""
    judge = Settled({one.name: one for one in make_stations(len(MODELS))})
    judge.write(10.0, {(NAMES[model], word): setpoint})
    return fed(
        judge,
        *(value(f"{NAMES[model]}__results__{word}", one) for one in results),
    )


@pytest.mark.parametrize("results", [(), ("superseded",)])
def test_a_setpoint_is_settled_when_it_is_in_force_and_said_to_be(
    results: tuple[str, ...],
) -> None:
    judge = settled("p30-c", "curr", 6100, *results)
    now_set = {NAMES["p30-c"]: Settings(6100, enable_user=True)}
    assert not judge.look(11.0, now_set)
    fed(judge, value(f"{NAMES['p30-c']}__results__curr", "applied"))
    assert judge.look(13.0, now_set)

    assert judge.broken == 0
    assert judge.measured() == "1 setpoints, slowest 3.0 s"


@pytest.mark.parametrize(
    ("model", "word", "setpoint", "result"),
    [
        pytest.param("p30-c", "curr", 6100, "applied", id="not in force"),
        ("p30-c", "ena", 1, "not_applied"),
        ("p30-c", "ena", 1, "no_reply"),
        ("p30-c", "ena", 1, "received"),
        ("p30-confirms-only", "curr", 6100, "applied"),
    ],
)
def test_a_setpoint_not_in_force_or_a_wrong_result_is_a_breach(
    model: str, word: str, setpoint: int, result: str
) -> None:
    judge = settled(model, word, setpoint, result)

    assert not judge.look(IN_TIME, {NAMES[model]: FREE})
    assert judge.look(LATE, {NAMES[model]: FREE})

    (breach,) = judge.breaches
    assert f"{word} {setpoint}" in breach.evidence


@pytest.mark.parametrize(
    ("model", "word", "setpoint", "result"),
    [
        ("p30-confirms-only", "curr", 6100, "not_applied"),
        ("p30-confirms-only", "ena", 0, "not_applied"),
        # It is enabled anyway.
        ("p30-confirms-only", "ena", 1, "applied"),
        ("p30-refuses", "curr", 6100, "rejected: not allowed now"),
    ],
)
def test_stations_that_do_not_obey_have_their_own_right_result(
    model: str, word: str, setpoint: int, result: str
) -> None:
    judge = settled(model, word, setpoint, result)

    assert judge.look(11.0, {NAMES[model]: FREE})
    assert judge.broken == 0
