import itertools
import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.diagnosis.causes import Code
from connector.diagnosis.link import link_cause
from connector.keba.fleet import (
    FLOOD_PER_S,
    STATIONS_IN_A_SLOT,
    UNKNOWN_SENDERS_REMEMBERED,
    Fleet,
    Outgoing,
    spread_rounds,
)
from connector.keba.protocol.commands import Command
from connector.keba.station.events import (
    AddressShared,
    CommandFinished,
    CommandUnanswered,
    ConnectionState,
    Event,
    OddDatagram,
    Outcome,
    ReportReceived,
    StationFloods,
    StatusReceived,
    UnknownSender,
)
from connector.keba.station.station import Station, StationOptions
from connector.tests.keba.commands import OFF, ON, TEN_AMPERES, amperes
from connector.tests.keba.station.conversation import (
    GAP_S,
    TCH_OK,
    assert_pauses_hold,
    report,
)

SERIAL = "12345678"
ELSEWHERE = "198.51.100.7"
PUSH = b'{"E pres": 1945}'


def address_of(number: int) -> str:
    return f"192.0.2.{number}"


def pushed_by(station: str) -> StatusReceived:
    return StatusReceived(station, PUSH.decode())


class Town:
    """A fleet on fake time; its stations answer as the test says."""

    def __init__(self, *names: str, spread_s: float = 0.0) -> None:
        self.fleet = Fleet(
            Station(name, StationOptions(first_round_at=spread_s * index))
            for index, name in enumerate(names)
        )
        self.now = 0.0
        self.sent: list[tuple[float, str, str]] = []
        self.events: list[Event] = []
        for number, name in enumerate(names, start=1):
            self.events += self.fleet.set_address(name, address_of(number), 0.0)

    def next_outgoing(self, until: float = math.inf) -> Outgoing | None:
        """Let time pass until a datagram leaves; return it."""
        while (deadline := self.fleet.next_deadline()) is not None:
            if deadline > until:
                break
            self.now = max(self.now, deadline)
            step = self.fleet.advance(self.now, self.now)
            assert step is not None, "the fleet was due and did nothing"
            self.events += step.events
            if step.outgoing is not None:
                self._note(step.outgoing)
                return step.outgoing
        self.now = max(self.now, until)
        return None

    def pass_time(self, until: float, answering: Sequence[str] = ()) -> None:
        """Let time pass; these stations answer after 2 ms."""
        while (outgoing := self.next_outgoing(until)) is not None:
            if outgoing.station in answering:
                self.answer(outgoing)

    def answer(self, outgoing: Outgoing) -> None:
        """Let a station answer at once."""
        word, _, number = outgoing.data.decode().partition(" ")
        reply = report(int(number)) if word == "report" else TCH_OK
        self.receive(reply, outgoing.address)

    def receive(
        self, data: bytes, address: str, *, is_behind: bool = False
    ) -> list[Event]:
        """Hand in a datagram."""
        events = self.fleet.receive(
            data, address, self.now, is_behind=is_behind
        )
        self.events += events
        return events

    def moments(self, station: str) -> list[tuple[float, str]]:
        """Return what was sent to a station, and when."""
        return [
            (round(at, 3), text)
            for at, name, text in self.sent
            if name == station
        ]

    def _note(self, outgoing: Outgoing) -> None:
        self.sent.append((self.now, outgoing.station, outgoing.data.decode()))


@pytest.fixture
def town() -> Town:
    return Town("garage", "yard", "attic")


# --- whose datagram is this? --------------------------------------------------


def test_a_datagram_belongs_to_the_station_at_its_source(town: Town) -> None:
    assert town.receive(PUSH, address_of(2)) == [pushed_by("yard")]


def test_what_leaves_names_station_address_and_datagram(town: Town) -> None:
    assert town.next_outgoing() == Outgoing(
        "garage", address_of(1), b"report 1"
    )


def test_a_late_report_of_one_station_is_never_credited_to_another(
    town: Town,
) -> None:
    town.pass_time(until=0.0)  # all three were asked for report 1

    events = town.receive(report(1, Serial="1"), address_of(1))

    reports = [one for one in events if isinstance(one, ReportReceived)]
    assert [one.station for one in reports] == ["garage"]
    town.pass_time(until=0.3, answering=["garage"])
    assert "report 2" not in [text for _, text in town.moments("yard")]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (report(2, State=4), UnknownSender(ELSEWHERE, is_keba=True)),
        (PUSH, UnknownSender(ELSEWHERE, is_keba=True)),
        (TCH_OK, UnknownSender(ELSEWHERE, is_keba=True)),
        (b'{"hello": 1}', UnknownSender(ELSEWHERE, is_keba=False)),
        (b"", UnknownSender(ELSEWHERE, is_keba=False)),
        (b"\0{", UnknownSender(ELSEWHERE, is_keba=False)),
        (b"report 2", UnknownSender(ELSEWHERE, request="report 2")),
    ],
)
def test_an_unknown_sender_is_told_once_and_changes_nothing(
    town: Town, data: bytes, told: UnknownSender
) -> None:
    assert town.receive(data, ELSEWHERE) == [told]
    assert town.receive(data, ELSEWHERE) == []


# --- answers from another place ---------------------------------------------


def _silent(serial: str | None = SERIAL) -> Fleet:
    """Two stations, neither of which answers from its address."""
    fleet = Fleet(
        Station(name, StationOptions(serial=number))
        for name, number in (("garage", serial), ("yard", "87654321"))
    )
    for number, name in enumerate(("garage", "yard"), start=1):
        fleet.set_address(name, address_of(number), 0.0)
    return fleet


def _causes(fleet: Fleet, until: float) -> dict[str, Code]:
    """Let time pass; return why each station is not heard."""
    causes = {}
    while (deadline := fleet.next_deadline()) is not None and deadline < until:
        step = fleet.advance(deadline, deadline)
        for event in step.events if step is not None else ():
            if isinstance(event, ConnectionState):
                causes[event.station] = link_cause(event.link)
    return causes


@pytest.mark.parametrize(
    ("serial", "cause"),
    # One that nobody knows is nobody's.
    [(SERIAL, Code.ANSWERS_ELSEWHERE), ("1", Code.NO_REPLY)],
)
def test_a_report_with_the_configured_serial_tells_where_a_station_is(
    serial: str, cause: Code
) -> None:
    fleet = _silent()
    fleet.receive(report(1, Serial=serial), ELSEWHERE, 1.0)

    assert _causes(fleet, until=20.0) == {
        "garage": cause,
        "yard": Code.NO_REPLY,
    }


def test_an_answer_from_the_right_address_ends_that() -> None:
    fleet = _silent()
    answer = report(1, Serial=SERIAL)
    fleet.receive(answer, ELSEWHERE, 1.0)
    fleet.receive(answer, address_of(1), 2.0)

    assert _causes(fleet, until=60.0)["garage"] is Code.NO_REPLY


def test_a_report_that_only_one_waits_for_is_taken_for_that_one() -> None:
    fleet = _silent(serial=None)
    while (step := fleet.advance(0.0, 0.0)) is not None:
        assert step.events == []
    fleet.receive(report(1), ELSEWHERE, 0.1)

    assert _causes(fleet, until=20.0)["garage"] is Code.ANSWERS_ELSEWHERE


def test_a_datagram_from_another_port_of_a_station_is_not_believed(
    town: Town,
) -> None:
    (event,) = town.fleet.receive(PUSH, address_of(1), 1.0, port=40_000)

    assert isinstance(event, OddDatagram)
    assert "port 40000" in event.reason


def test_answers_from_another_port_only_are_told_with_the_port() -> None:
    fleet = _silent()
    fleet.receive(report(1), address_of(1), 1.0, port=40_000)

    assert _causes(fleet, until=20.0)["garage"] is Code.ANSWERS_ELSEWHERE


def test_ever_more_unknown_senders_do_not_fill_the_memory(town: Town) -> None:
    for number in range(3 * UNKNOWN_SENDERS_REMEMBERED):
        town.receive(PUSH, f"198.51.{number // 250}.{number % 250}")

    assert len(town.events) == UNKNOWN_SENDERS_REMEMBERED
    assert len(town.fleet._unknown_senders) == UNKNOWN_SENDERS_REMEMBERED


# --- addresses ----------------------------------------------------------------


def test_two_stations_cannot_share_an_address(town: Town) -> None:
    events = town.fleet.set_address("yard", address_of(1), now=0.0)

    assert AddressShared("yard", "garage", address_of(1)) in events
    (state,) = (one for one in events if isinstance(one, ConnectionState))
    assert (state.station, link_cause(state.link)) == (
        "yard",
        Code.NAME_UNRESOLVED,
    )
    assert town.receive(PUSH, address_of(1)) == [pushed_by("garage")]
    town.pass_time(until=10.0)
    assert town.moments("garage")
    assert town.moments("yard") == []


def test_a_station_that_moves_is_heard_at_its_new_address(town: Town) -> None:
    town.fleet.set_address("garage", "192.0.2.77", now=0.0)

    assert town.receive(PUSH, "192.0.2.77") == [pushed_by("garage")]
    assert town.receive(PUSH, address_of(1)) == [
        UnknownSender(address_of(1), is_keba=True)
    ]
    outgoing = town.next_outgoing()
    assert outgoing is not None
    assert outgoing.address == "192.0.2.77"


def test_the_address_that_a_station_left_is_free_again(town: Town) -> None:
    town.fleet.set_address("garage", "192.0.2.77", now=0.0)
    events = town.fleet.set_address("yard", address_of(1), now=0.0)

    assert events == []
    assert town.fleet.address_of("yard") == address_of(1)


def test_hearing_the_same_address_again_is_no_news(town: Town) -> None:
    assert town.fleet.set_address("yard", address_of(2), now=1.0) == []
    assert town.receive(PUSH, address_of(2)) == [pushed_by("yard")]


def test_nothing_is_asked_before_the_first_lookup_has_ended() -> None:
    """A request without an address would only count as unanswered."""
    fleet = Fleet([Station("garage")])
    fleet.submit("garage", TEN_AMPERES, 0.0)

    assert fleet.next_deadline() is None
    assert fleet.advance(10.0, 10.0) is None

    fleet.set_address("garage", address_of(1), 10.0)
    step = fleet.advance(10.0, 10.0)
    assert step is not None
    assert step.outgoing == Outgoing("garage", address_of(1), b"curr 10000")


def test_a_command_for_a_station_without_address_ends_with_no_reply(
    town: Town,
) -> None:
    town.fleet.submit("yard", TEN_AMPERES, 0.0)

    events = town.fleet.set_address("yard", None, now=0.0)
    events += town.fleet.submit("yard", ON, 0.0)

    finished = [one for one in events if isinstance(one, CommandFinished)]
    assert [one.outcome for one in finished] == [Outcome.NO_REPLY] * 2


# --- side by side -------------------------------------------------------------


def test_the_first_round_is_spread_as_the_sessions_say() -> None:
    town = Town("garage", "yard", "attic", spread_s=0.02)
    town.pass_time(until=0.09)

    assert [(at, station) for at, station, _ in town.sent] == [
        (0.0, "garage"),
        (0.02, "yard"),
        (0.04, "attic"),
    ]


def test_a_round_over_many_stations_takes_as_long_as_over_one() -> None:
    names = [f"s{number}" for number in range(200)]
    town = Town(*names)

    town.pass_time(until=1.0, answering=names)

    assert len(town.sent) == 3 * 200
    assert town.sent[-1][0] == pytest.approx(2 * GAP_S, abs=0.001)


def test_nobody_is_served_twice_before_all_that_are_due_were_served() -> None:
    names = [f"s{number}" for number in range(20)]
    town = Town(*names)
    town.now = 1000.0  # the machine slept, everybody is due for long

    first = [town.next_outgoing() for _ in names]

    stations = [one.station for one in first if one is not None]
    assert sorted(stations) == sorted(names)


@pytest.mark.parametrize("has_address", [True, False])
def test_a_dead_station_costs_the_others_nothing(*, has_address: bool) -> None:
    town = Town("garage", "yard")
    if not has_address:
        town.fleet.set_address("yard", None, now=0.0)
    alone = Town("garage")

    for one in (town, alone):
        one.pass_time(until=100.0, answering=["garage"])

    assert bool(town.moments("yard")) is has_address
    assert town.moments("garage") == alone.moments("garage")


def test_a_chatty_station_costs_the_others_nothing() -> None:
    town = Town("garage", "chatty")
    alone = Town("garage")

    for step in range(1000):
        town.pass_time(until=step * 0.1, answering=["garage"])
        town.receive(b"started", address_of(2))
        alone.pass_time(until=step * 0.1, answering=["garage"])

    assert town.moments("garage") == alone.moments("garage")


def test_a_command_leaves_at_once_while_other_stations_are_silent(
    town: Town,
) -> None:
    town.pass_time(until=0.3, answering=["garage"])

    town.fleet.submit("garage", TEN_AMPERES, town.now)
    town.pass_time(until=10.0)

    at, text = town.moments("garage")[3]
    assert text == "curr 10000"
    assert at == pytest.approx(3 * GAP_S)


def test_a_request_is_not_given_up_before_the_socket_was_looked_at(
    town: Town,
) -> None:
    town.pass_time(until=0.3, answering=["garage"])
    town.now = 1.0
    town.fleet.submit("garage", TEN_AMPERES, town.now)
    town.next_outgoing(until=1.0)

    # The loop was busy for a minute: the answer lies in the socket.
    events: list[Event] = []
    while step := town.fleet.advance(60.0, received_until=1.5):
        events += step.events
    events += town.fleet.receive(TCH_OK, address_of(1), 60.0)

    assert not [one for one in events if isinstance(one, CommandUnanswered)]


def test_waiting_for_the_socket_does_not_spin(town: Town) -> None:
    town.pass_time(until=0.0)

    while town.fleet.advance(60.0, received_until=0.0):
        pass

    deadline = town.fleet.next_deadline()
    assert deadline is not None
    assert deadline > 60.0


def test_a_fleet_without_stations_is_never_due() -> None:
    fleet = Fleet([])

    assert fleet.next_deadline() is None
    assert fleet.advance(0.0, 0.0) is None


# --- floods -------------------------------------------------------------------


def _pushes(town: Town) -> int:
    return sum(isinstance(one, StatusReceived) for one in town.events)


def flood(town: Town, *, is_behind: bool = True) -> None:
    """Let the yard say a hundred things more than are read in a second."""
    for _ in range(FLOOD_PER_S + 100):
        town.receive(PUSH, address_of(2), is_behind=is_behind)


def test_a_flood_is_read_while_that_costs_nobody_anything(town: Town) -> None:
    flood(town, is_behind=False)
    assert len(town.events) == FLOOD_PER_S + 100


def test_a_flood_that_is_too_much_is_read_up_to_a_limit_each_second(
    town: Town,
) -> None:
    flood(town)
    assert _pushes(town) == FLOOD_PER_S

    town.now += 1.0
    town.receive(PUSH, address_of(2), is_behind=True)
    assert _pushes(town) == FLOOD_PER_S + 1


def test_what_is_not_read_of_a_flood_is_told_once_a_second(town: Town) -> None:
    for _ in range(3):
        flood(town)
        town.now += 1.0

    floods = [one for one in town.events if isinstance(one, StationFloods)]
    assert floods == [StationFloods("yard", FLOOD_PER_S)] * 3


def test_the_flood_of_one_station_hides_no_other_station(town: Town) -> None:
    flood(town)

    assert town.receive(PUSH, address_of(1), is_behind=True)


@pytest.mark.parametrize(
    "datagram",
    [PUSH, b"started", report(2, Sec=5), TCH_OK],
    ids=["pushes", "boot messages", "reports", "confirmations"],
)
def test_the_agenda_does_not_grow_under_a_flood(datagram: bytes) -> None:
    town = Town("garage", "yard")
    longest = 0
    for _ in range(5_000):
        town.now += 0.005
        town.receive(datagram, address_of(2))
        town.next_outgoing(until=town.now)
        longest = max(longest, len(town.fleet._agenda))

    assert longest < 50


def test_the_agenda_does_not_grow_under_a_stream_of_commands() -> None:
    town = Town("garage", "yard")
    for number in range(5_000):
        town.now += 0.005
        town.fleet.submit("yard", amperes(6 + number % 50), town.now)
        town.next_outgoing(until=town.now)

    assert len(town.fleet._agenda) < 50


# --- what must hold whatever happens ------------------------------------------

NAMES = ("garage", "yard", "attic", "cellar")
REPLY_DELAYS_S = (0.002, 0.05, 1.5, 2.5, 7.0)
LOST = math.inf

Order = tuple[float, str, Command]
"""When, to whom, what."""


def live_through(delays: Sequence[float], orders: Sequence[Order]) -> Town:
    """Let a minute pass in which requests are answered, late or never.

    Each has its delay; when there is none left, the first one is next.
    """
    town = Town(*NAMES, spread_s=0.01)
    next_delays = itertools.cycle(delays)
    replies: list[tuple[float, Outgoing]] = []
    waiting = sorted(orders, key=lambda order: order[0])
    while town.now < 60.0:
        until = min(
            [60.0, *(at for at, _ in replies), *(at for at, _, _ in waiting)]
        )
        outgoing = town.next_outgoing(until)
        if outgoing is not None:
            delay = next(next_delays)
            if delay != LOST:
                replies.append((town.now + delay, outgoing))
            continue
        while waiting and waiting[0][0] <= town.now:
            _, station, command = waiting.pop(0)
            town.events += town.fleet.submit(station, command, town.now)
        for reply in [one for one in replies if one[0] <= town.now]:
            replies.remove(reply)
            town.answer(reply[1])
    return town


ORDERS = st.lists(
    st.tuples(
        st.floats(0.0, 50.0),
        st.sampled_from(NAMES),
        st.sampled_from([OFF, ON, TEN_AMPERES]),
    ),
    max_size=12,
)
DELAYS = st.lists(
    st.sampled_from([*REPLY_DELAYS_S, LOST]), min_size=1, max_size=20
)


@given(DELAYS, ORDERS)
def test_the_three_pauses_hold_for_every_station(
    delays: list[float], orders: list[Order]
) -> None:
    town = live_through(delays, orders)

    for name in NAMES:
        assert_pauses_hold(
            (at, text) for at, who, text in town.sent if who == name
        )


@given(DELAYS, ORDERS)
def test_every_station_is_polled_whatever_the_others_do(
    delays: list[float], orders: list[Order]
) -> None:
    town = live_through(delays, orders)

    asked = Counter((who, text) for _, who, text in town.sent)
    for name in NAMES:
        for number in (1, 2, 3):
            assert asked[name, f"report {number}"] >= 2


@given(DELAYS, ORDERS)
def test_only_who_was_given_a_command_gets_one(
    delays: list[float], orders: list[Order]
) -> None:
    town = live_through(delays, orders)

    ordered = {(station, str(command)) for _, station, command in orders}
    sent = {
        (who, text)
        for _, who, text in town.sent
        if not text.startswith("report")
    }
    assert sent <= ordered


# --- the beginnings of rounds -------------------------------------------------


@pytest.mark.parametrize("count", [30, 100, 200])
def test_stations_of_a_slot_are_asked_together(count: int) -> None:
    """Also each five seconds, where KEBA's pause fills the interval."""
    names = [f"station-{number}" for number in range(count)]
    town = Town()
    town.fleet = Fleet(
        Station(
            name,
            StationOptions(
                poll_interval_s=5.0, first_round_at=first, phase_at=phase
            ),
        )
        for name, (first, phase) in zip(
            names, spread_rounds(count, 5.0, begin_at=0.0), strict=True
        )
    )
    for number, name in enumerate(names, start=1):
        town.fleet.set_address(name, address_of(number), 0.0)

    town.pass_time(20.0, answering=names)

    begun = {at for at, _, text in town.sent if text == "report 1"}
    in_one_interval = [at for at in begun if 10.0 <= at < 15.0]
    assert len(in_one_interval) == max(1, count // STATIONS_IN_A_SLOT)


def test_rounds_begin_within_four_fifths_of_the_interval() -> None:
    times = [*spread_rounds(1000, 30.0, begin_at=100.0)]

    phases = [one.phase_at for one in times]
    assert phases == sorted(phases)
    assert 100.0 <= phases[0] < 100.1
    assert 123.0 < phases[-1] < 124.0


@pytest.mark.parametrize(
    ("count", "slots"), [(1, 1), (10, 1), (100, 6), (1000, 50)]
)
def test_few_stations_begin_together(count: int, slots: int) -> None:
    """A beginning of its own for each would wake three threads each time."""
    times = spread_rounds(count, 5.0, begin_at=0.0)

    together = Counter(one.phase_at for one in times)
    assert max(together.values()) < 2 * STATIONS_IN_A_SLOT
    assert len(together) == slots


@pytest.mark.parametrize("count", [2, 10, 100, 1000])
def test_no_station_is_late_for_its_phase(count: int) -> None:
    """KEBA's five seconds after its first round it may be asked again."""
    for one in spread_rounds(count, 5.0, begin_at=0.0):
        assert one.phase_at >= one.first_at


@pytest.mark.parametrize(("count", "last_s"), [(10, 0.045), (1000, 1.998)])
def test_first_rounds_come_sooner_than_their_phase(
    count: int, last_s: float
) -> None:
    firsts = [one.first_at for one in spread_rounds(count, 5.0, begin_at=0.0)]

    assert firsts[0] == 0.0
    assert firsts[-1] == pytest.approx(last_s, abs=0.001)
