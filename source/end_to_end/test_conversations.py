"""Fleet and simulated stations talk through a bad network, on fake time."""

import statistics
from random import Random

import pytest
from hypothesis import settings

from connector.keba.protocol.commands import (
    Command,
    DeciWattHour,
    Display,
    Enable,
    Milliampere,
    Seconds,
    SetCurrent,
    SetCurrentTimed,
    SetEnergyLimit,
    SetOutput,
    Stop,
)
from connector.keba.station.events import Outcome
from end_to_end.conversing import (
    FakeNetwork,
    Line,
    assert_all_is_told,
    assert_books_agree,
)
from end_to_end.fake_time import Site
from simulator import (
    NO_FAULTS,
    PROFILES,
    SCENARIOS,
    Burst,
    LinkFaults,
    Scenario,
    SimulatedStation,
    Step,
)
from simulator.actions import PlugIn, Silence, Unplug
from simulator.vehicle import Vehicle

IS_THOROUGH = settings.get_current_profile_name() == "thorough"
HOUR_S = 3600.0
DAY_S = (24 if IS_THOROUGH else 2) * HOUR_S
OUTAGE_S = 360.0
POLL_S = 60.0
QUIET_S = 90.0

BAD = LinkFaults(
    loss=0.05,
    duplication=0.02,
    reordering=0.02,
    delay_s=(0.0, 0.03),
    burst=Burst(probability=0.002, seconds=20.0),
    outages=((0.3 * DAY_S, 0.3 * DAY_S + OUTAGE_S),),
)

# All of these obey `curr` as the guide says.
PROFILES_OF_THE_DAY = (
    "p30-c",
    "p30-x",
    "p30-3.9",
    "p30-3.08",
    "p30-de",
    "p20",
    "p20-slow",
    "bmw",
    "p30-mixed-layout",
    "p30-garbage-tail",
)


def current(limit: int) -> SetCurrent:
    return SetCurrent(Milliampere(limit))


def garage(profile: str = "p30-c") -> SimulatedStation:
    return SimulatedStation("garage", PROFILES[profile], seed=1)


def one_line(network: FakeNetwork) -> Line:
    (line,) = network.lines.values()
    return line


def heal(network: FakeNetwork) -> None:
    for name in network.lines:
        network.worsen(name)
    network.advance(QUIET_S)


def visitor(chance: Random) -> Scenario:
    """Somebody comes, charges what the day's way took, and leaves."""
    vehicle = Vehicle(
        phases=chance.choice((1, 3, 3)),
        max_current=chance.choice((16_000, 16_000, 32_000)),
        needs_wh=chance.randrange(6_000, 30_000) * DAY_S / (24 * HOUR_S),
    )
    arrives_s = chance.uniform(10.0, 120.0)
    leaves_s = chance.uniform(0.54, 0.58) * DAY_S
    steps = (Step(arrives_s, PlugIn(vehicle)), Step(leaves_s, Unplug()))
    return Scenario("visitor", steps)


# The long day takes a minute where others want the processor, too.
@pytest.mark.timeout(600)
@pytest.mark.thorough
def test_a_bad_day_of_ten_stations_breaks_no_promise() -> None:
    stations = [
        SimulatedStation(
            f"place-{number}",
            PROFILES[profile],
            seed=7,
            scenario=visitor(Random(number)),
        )
        for number, profile in enumerate(PROFILES_OF_THE_DAY)
    ]
    network = FakeNetwork(
        stations, to_station=BAD, to_client=BAD, seed=7, poll_interval_s=POLL_S
    )
    chance = Random(7)
    end = network.now + DAY_S

    while network.now < end:
        network.advance(chance.uniform(1.0, 600.0))
        name = chance.choice(list(network.lines))
        network.submit(name, current(chance.randrange(6_000, 33_000)))
    for name in network.lines:
        network.submit(name, current(14_000))
    heal(network)

    assert_books_agree(network.lines)
    assert_all_is_told(network.lines)
    for line in network.lines.values():
        assert line.newest("curr").outcomes[-1] is Outcome.APPLIED
        assert line.shown()["Curr user"] == 14_000
        assert line.state is not None
        assert line.state.online
        assert line.state.requests_unanswered == line.unanswered
        assert line.state.requests_sent <= len(line.requests)
        # The outage costs some rounds, and bursts do.
        rounds = (DAY_S * 0.9625 - OUTAGE_S) / POLL_S
        assert min(line.reports.values()) > rounds
        assert line.miscredited == []


@pytest.mark.parametrize("profile", PROFILES)
def test_every_model_is_understood_and_every_command_gets_its_result(
    profile: str,
) -> None:
    network = FakeNetwork([garage(profile)])
    network.advance(40.0)
    commands: list[Command] = [
        current(10_000),
        SetCurrentTimed(Milliampere(8_000), Seconds(1)),
        SetEnergyLimit(DeciWattHour(50_000)),
        Display("Hello"),
        SetOutput(1),
        Stop(),
        Enable(on=False),
        Enable(on=True),
    ]

    for command in commands:
        network.submit("garage", command)
        network.advance(35.0)
    network.advance(QUIET_S)

    assert_books_agree(network.lines)
    assert_all_is_told(network.lines)
    assert one_line(network).miscredited == []
    assert one_line(network).reports["report 1"] > 5


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("loss", [0.1, 0.5])
def test_the_newest_setpoint_arrives_or_its_loss_is_told(
    loss: float, seed: int
) -> None:
    faults = LinkFaults(loss=loss)
    network = FakeNetwork(
        [garage()], to_station=faults, to_client=faults, seed=seed
    )
    for limit in range(6_000, 16_000, 500):
        network.submit("garage", current(limit))
        network.advance(1.7)
    network.advance(QUIET_S)

    line = one_line(network)
    newest = line.newest("curr")
    assert_all_is_told(network.lines)
    if newest.outcomes[-1] is Outcome.APPLIED:
        assert line.shown()["Curr user"] == 15_500
    else:
        assert newest.outcomes[-1] in {Outcome.NO_REPLY, Outcome.RECEIVED}
    assert_books_agree(network.lines)


def soon(limit: int) -> SetCurrentTimed:
    return SetCurrentTimed(Milliampere(limit), Seconds(1))


@pytest.mark.parametrize(
    "written",
    [
        [soon(20_000), current(10_000)],
        [current(10_000), soon(20_000)],
        [soon(20_000), current(10_000), soon(16_000)],
        [current(10_000), soon(20_000), current(12_000)],
        [soon(20_000), soon(16_000), current(10_000)],
    ],
    ids=lambda written: ", ".join(map(str, written)),
)
@pytest.mark.parametrize("apart_s", [0.0, 0.05, 0.5])
def test_the_newest_limit_rules_whichever_command_brings_it(
    written: list[Command], apart_s: float
) -> None:
    """`currtime` rules after a second, `curr` at once."""
    network = FakeNetwork([garage()], seed=1)
    network.act("garage", PlugIn(Vehicle()))
    network.advance(60.0)

    for command in written:
        order = network.submit("garage", command)
        network.advance(apart_s)
    network.advance(QUIET_S)

    line = one_line(network)
    newest = written[-1]
    assert isinstance(newest, SetCurrent | SetCurrentTimed)
    assert line.shown()["Curr user"] == newest.limit
    assert order.outcomes == [Outcome.APPLIED]
    assert_books_agree(network.lines)
    assert_all_is_told(network.lines)


def test_doubled_and_reordered_answers_change_no_result() -> None:
    bad = LinkFaults(duplication=1.0, reordering=0.3, reordering_s=0.03)
    network = FakeNetwork([garage()], to_station=NO_FAULTS, to_client=bad)
    network.advance(10.0)
    for number in range(10):
        network.submit("garage", current(6_000 + number))
        network.submit("garage", Display(str(number)))
        network.advance(20.0)

    line = one_line(network)
    assert line.miscredited == []
    assert_books_agree(network.lines)
    assert {tuple(order.outcomes) for order in line.orders} == {
        (Outcome.APPLIED,),
        (Outcome.RECEIVED,),
    }


def test_on_a_good_line_everything_is_answered_and_counted() -> None:
    network = FakeNetwork([garage()])
    network.act("garage", PlugIn(Vehicle()))
    for _ in range(60):
        network.advance(30.0)

    line = one_line(network)
    assert line.state is not None
    assert line.state.requests_unanswered == 0
    assert line.state.requests_sent == 60 * 3
    assert line.reports == {f"report {n}": 60 for n in (1, 2, 3)}


def test_a_damaged_command_is_never_called_applied() -> None:
    corrupt = LinkFaults(corruption=0.5)
    network = FakeNetwork([garage()], to_station=corrupt, seed=3)
    for number in range(40):
        network.submit("garage", current(10_000 + number * 10))
        network.advance(23.0)
        line = one_line(network)
        told = line.newest("curr").outcomes
        if told[-1:] == [Outcome.APPLIED]:
            assert line.shown()["Curr user"] == 10_000 + number * 10

    heal(network)
    assert_all_is_told(network.lines)
    outcomes = {order.outcomes[-1] for order in one_line(network).orders}
    assert {Outcome.APPLIED, Outcome.NOT_APPLIED} <= outcomes


def test_dead_and_mute_stations_cost_the_others_nothing() -> None:
    names = [f"place-{number}" for number in range(10)]

    def rounds_of(trouble: bool) -> list[int]:
        network = FakeNetwork([SimulatedStation(name) for name in names])
        if trouble:
            network.act("place-0", Silence())
            network.act("place-1", Silence(("report 2",)))
            network.worsen("place-2", to_client=LinkFaults(delay_s=(5.0, 5.0)))
        network.advance(HOUR_S / 4)
        assert_books_agree(network.lines)
        return [
            sum(line.reports.values()) for line in list(network.lines.values())
        ][3:]

    assert rounds_of(trouble=True) == rounds_of(trouble=False)


def test_a_hundred_stations_are_asked_side_by_side() -> None:
    network = FakeNetwork(
        [SimulatedStation(f"s{number}") for number in range(100)]
    )

    network.advance(5.0)

    spans = []
    for line in network.lines.values():
        asked = [request.text for request in line.requests]
        assert asked == ["report 1", "report 2", "report 3"]
        spans.append(line.requests[-1].at - line.requests[0].at)
    assert statistics.median(spans) <= 0.35
    assert_books_agree(network.lines)


def test_doubled_and_reordered_replies_leave_the_values_right() -> None:
    total = "garage__report 3__E total"
    serial = "garage__report 1__Serial"
    scenario = SCENARIOS["always-charging"](Random(1))
    garage = SimulatedStation("garage", scenario=scenario)
    # Copies overtake each other: some come after the answers of the next round.
    faults = LinkFaults(duplication=1.0, reordering=0.5, reordering_s=5.4)
    with Site(garage, network={"to_client": faults}) as here:
        here.controller.select(total, serial)
        here.advance(600.0)

        values = here.controller.values(total)
        assert len(set(values)) >= 30
        assert values == sorted(values), "an older one came after a newer one"
        assert set(here.controller.values(serial)) == {garage.serial}
        assert not any("restarted" in line for line in here.controller.logs())
