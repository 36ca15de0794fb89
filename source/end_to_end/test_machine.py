"""Hypothesis looks for a story in which a promise is broken.

Two stations, so that what belongs to one could turn up at the other. The
network may do its worst within one limit: an acknowledgement names no command,
so nobody can tell one that is later than a request's timeout and rest together,
or a doubled one that comes after the next command has left.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

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
    SetFailsafe,
    SetOutput,
    SetPhases,
    Start,
    Stop,
    Unlock,
)
from connector.keba.station.events import Outcome
from end_to_end.conversing import (
    FakeNetwork,
    assert_all_is_told,
    assert_books_agree,
)
from simulator import NO_FAULTS, PROFILES, LinkFaults, SimulatedStation
from simulator.actions import Answer, PlugIn, Reboot, Silence, Unplug
from simulator.vehicle import Vehicle

STATIONS = ("garage", "yard")
QUIET_S = 150.0

# They answer commands fast enough for doubled acknowledgements, see above.
MODELS = (
    "p30-c",
    "p30-3.08",
    "p30-confirms-only",
    "p30-refuses",
    "p30-rfid",
    "p20",
)

currents = st.integers(6_000, 63_000).map(Milliampere)
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(SetCurrent, currents),
    st.builds(SetCurrent, currents),
    st.builds(Enable, on=st.booleans()),
    st.builds(
        SetCurrentTimed,
        st.one_of(st.just(Milliampere(0)), currents),
        st.integers(0, 20).map(Seconds),
    ),
    st.builds(SetEnergyLimit, st.integers(0, 10**6).map(DeciWattHour)),
    st.builds(Display, st.sampled_from(["Hello", "Good bye"])),
    st.builds(SetOutput, st.sampled_from([0, 1, 10])),
    st.builds(SetPhases, three=st.booleans()),
    st.builds(SetFailsafe, st.just(Seconds(30)), currents),
    st.builds(Start),
    st.builds(Stop),
    st.builds(Unlock),
)

lossy = st.sampled_from([0.0, 0.1, 0.3, 1.0])
slow_networks = st.builds(
    LinkFaults,
    loss=lossy,
    delay_s=st.sampled_from([(0.0, 0.5), (0.0, 2.3), (1.5, 2.3)]),
)
echoing_networks = st.builds(
    LinkFaults,
    loss=lossy,
    duplication=st.sampled_from([0.2, 1.0]),
    reordering=st.sampled_from([0.0, 0.5]),
    reordering_s=st.just(0.02),
    delay_s=st.just((0.0, 0.02)),
)
good = st.just(NO_FAULTS)
# There and back: an echo of what took long to come is beyond the limit.
networks = st.one_of(
    st.tuples(good | slow_networks, good | slow_networks),
    st.tuples(good | echoing_networks, good | echoing_networks),
)
names = st.sampled_from(STATIONS)


class Story(RuleBasedStateMachine):
    """What users, stations and the network may do."""

    network: FakeNetwork
    reset: set[str]
    timed: set[str]

    @initialize(
        models=st.tuples(st.sampled_from(MODELS), st.sampled_from(MODELS)),
        network=networks,
        seed=st.integers(0, 1000),
    )
    def begin(
        self,
        models: tuple[str, str],
        network: tuple[LinkFaults, LinkFaults],
        seed: int,
    ) -> None:
        self.reset = set()
        self.timed = set()
        to_station, to_client = network
        self.network = FakeNetwork(
            [
                SimulatedStation(name, PROFILES[model], seed)
                for name, model in zip(STATIONS, models, strict=True)
            ],
            to_station=to_station,
            to_client=to_client,
            seed=seed,
            poll_interval_s=10.0,
        )

    @rule(name=names, command=commands)
    def submit(self, name: str, command: Command) -> None:
        self.network.submit(name, command)
        if command.word == "curr":
            self.reset.discard(name)
        if command.word in {"currtime", "failsafe"}:
            # They change the limit whenever they like.
            self.timed.add(name)

    @rule(name=names, values=st.lists(currents, min_size=2, max_size=4))
    def insist(self, name: str, values: list[Milliampere]) -> None:
        for value in values:
            self.submit(name, SetCurrent(value))
            self.network.advance(1.7)

    @rule(seconds=st.one_of(st.floats(0.0, 0.3), st.floats(0.0, 60.0)))
    def advance(self, seconds: float) -> None:
        self.network.advance(seconds)

    @rule(seconds=st.floats(0.0, 10.0))
    def keep_busy(self, seconds: float) -> None:
        self.network.keep_busy(seconds)

    @rule(name=names, network=networks)
    def worsen(self, name: str, network: tuple[LinkFaults, LinkFaults]) -> None:
        # What is slow must be over before echoes begin, see above.
        to_station, to_client = network
        self.network.worsen(name)
        self.network.advance(10.0)
        self.network.worsen(name, to_station=to_station, to_client=to_client)

    @rule(name=names)
    def reboot(self, name: str) -> None:
        self.reset.add(name)
        self.network.act(name, Reboot())

    @rule(
        name=names,
        requests=st.sets(st.sampled_from(["report 1", "report 2", "report 3"])),
    )
    def silence(self, name: str, requests: set[str]) -> None:
        self.network.act(name, Silence(tuple(sorted(requests))))

    @rule(name=names)
    def answer(self, name: str) -> None:
        self.network.act(name, Answer())

    @rule(name=names, is_plugged=st.booleans())
    def drive(self, name: str, *, is_plugged: bool) -> None:
        vehicle = Vehicle(hesitation_s=1.0, ramp_s=3.0)
        self.network.act(name, PlugIn(vehicle) if is_plugged else Unplug())

    @rule(name=names)
    def lose_name(self, name: str) -> None:
        self.network.lose_name(name)

    @rule(name=names)
    def find_name(self, name: str) -> None:
        self.network.find_name(name)

    @invariant()
    def pauses_hold_and_one_request_is_in_flight(self) -> None:
        if hasattr(self, "network"):
            assert_books_agree(self.network.lines)

    @invariant()
    def no_answer_is_credited_to_the_wrong_command(self) -> None:
        if hasattr(self, "network"):
            for line in self.network.lines.values():
                assert line.miscredited == []

    def teardown(self) -> None:
        """Calm down: then everything must be told, and well again."""
        if not hasattr(self, "network"):
            return
        for name in STATIONS:
            self.network.worsen(name)
            self.network.act(name, Answer())
            self.network.find_name(name)
        self.network.advance(QUIET_S)
        assert_books_agree(self.network.lines)
        assert_all_is_told(self.network.lines)
        for name, line in self.network.lines.items():
            assert line.state is not None
            assert line.state.online, name
            assert line.state.requests_unanswered == line.unanswered
            assert set(line.reports) == {"report 1", "report 2", "report 3"}
            is_set = [o for o in line.orders if o.command.word == "curr"]
            if is_set and name not in self.reset | self.timed:
                newest = is_set[-1]
                is_shown = newest.command.is_shown_by(line.shown())
                assert is_shown or newest.outcomes[-1] is not Outcome.APPLIED


# Shrinking a counterexample takes minutes.
TestStory = pytest.mark.timeout(600)(Story.TestCase)
TestStory.settings = settings(stateful_step_count=30)
