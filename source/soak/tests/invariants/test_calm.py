import pytest

from soak.events import Settings
from soak.invariants.calm import RECOVERY_S, SETTLING_S, Recovery, Settled
from soak.stations import MODELS, make_stations
from soak.tests.seen import FREE
from soak.timeline import Family, Kind, Phase

OUTAGE = Phase(0.0, 5.0, Kind("outage", Family.LINK), ("s01",))
KILL = Phase(0.0, 5.0, Kind("broker killed", Family.BROKER))


@pytest.fixture
def recovery() -> Recovery:
    both = Recovery(["s00", "s01"])
    for name in ("s00", "s01"):
        both.online(name, is_online=True)
        both.value(1.0, name)
    return both


def test_all_have_recovered_once_each_has_told_something_new(
    recovery: Recovery,
) -> None:
    recovery.calm_begins(10.0)
    recovery.value(11.0, "s00")
    assert not recovery.look(12.0)

    recovery.value(12.5, "s01")
    assert recovery.look(13.0)

    assert recovery.measured() == "slowest 3.0 s"
    assert recovery.look(100.0), "a calm is judged once"
    assert recovery.broken == 0


def test_values_of_a_station_that_is_offline_are_no_recovery(
    recovery: Recovery,
) -> None:
    recovery.calm_begins(10.0)
    recovery.online("s01", is_online=False)
    for name in ("s00", "s01"):
        recovery.value(11.0, name)
    assert not recovery.look(12.0)

    recovery.online("s01", is_online=True)
    assert recovery.look(12.1)


def test_a_station_that_does_not_come_back_is_a_breach(
    recovery: Recovery,
) -> None:
    recovery.calm_begins(10.0)
    recovery.value(11.0, "s00")

    assert recovery.look(10.1 + RECOVERY_S)

    (breach,) = recovery.breaches
    assert "['s01']" in breach.evidence


def test_each_fault_has_its_slowest_recovery(recovery: Recovery) -> None:
    recovery.fault_ended(OUTAGE, 10.0)
    recovery.fault_ended(KILL, 11.0)
    recovery.value(12.0, "s01")
    recovery.look(12.0)
    recovery.value(15.0, "s00")
    recovery.look(15.0)

    assert recovery.slowest_s == {"outage": 2.0, "broker killed": 4.0}


def station_number(model: str) -> int:
    return MODELS.index(model)


def settled(model: str, word: str, value: int) -> tuple[Settled, str]:
    """Let a setpoint be written at a station of a model, at 10 s."""
    stations = {one.name: one for one in make_stations(len(MODELS))}
    name = f"s{station_number(model):02d}"
    judge = Settled(stations)
    judge.write(10.0, {(name, word): value})
    return judge, name


def test_a_setpoint_is_settled_when_it_is_in_force_and_said_to_be() -> None:
    judge, name = settled("p30-c", "curr", 6100)
    now_set = {name: Settings(6100, enable_user=True)}
    assert not judge.look(11.0, now_set), "no result yet"
    judge.result(name, "curr", "superseded")
    assert not judge.look(12.0, now_set)
    judge.result(name, "curr", "applied")
    assert judge.look(13.0, now_set)

    assert judge.broken == 0
    assert judge.measured() == "1 setpoints, slowest 3.0 s"


def test_a_setpoint_that_is_not_in_force_in_time_is_a_breach() -> None:
    judge, name = settled("p30-c", "curr", 6100)
    judge.result(name, "curr", "applied")

    assert not judge.look(10.0 + SETTLING_S, {name: FREE})
    assert judge.look(10.1 + SETTLING_S, {name: FREE})

    (breach,) = judge.breaches
    assert "curr 6100" in breach.evidence


@pytest.mark.parametrize("result", ["not_applied", "no_reply", "received"])
def test_a_wrong_result_is_a_breach_though_the_station_obeyed(
    result: str,
) -> None:
    judge, name = settled("p30-c", "ena", 1)
    judge.result(name, "ena", result)

    judge.look(10.1 + SETTLING_S, {name: FREE})

    assert judge.broken == 1


@pytest.mark.parametrize(
    ("model", "word", "value", "result"),
    [
        ("p30-confirms-only", "curr", 6100, "not_applied"),
        ("p30-confirms-only", "ena", 0, "not_applied"),
        # It is enabled anyway.
        ("p30-confirms-only", "ena", 1, "applied"),
        ("p30-refuses", "curr", 6100, "rejected: not allowed now"),
    ],
)
def test_stations_that_do_not_obey_have_their_own_right_result(
    model: str, word: str, value: int, result: str
) -> None:
    judge, name = settled(model, word, value)
    judge.result(name, word, result)

    assert judge.look(11.0, {name: FREE})
    assert judge.broken == 0


def test_applied_at_a_station_that_only_confirms_is_a_breach() -> None:
    judge, name = settled("p30-confirms-only", "curr", 6100)
    judge.result(name, "curr", "applied")

    judge.look(10.1 + SETTLING_S, {name: FREE})

    assert judge.broken == 1
