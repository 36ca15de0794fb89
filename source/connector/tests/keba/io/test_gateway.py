"""The gateway on real sockets of loopback addresses; nobody sleeps."""

import errno
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self, TypeVar

import pytest

from connector.diagnosis.causes import Code
from connector.diagnosis.link import link_cause
from connector.keba.io.gateway import (
    EVENTS_AT_ONCE,
    EVENTS_PER_LANE,
    Delivery,
    Gateway,
    GatewayError,
    UnknownStationError,
)
from connector.keba.station.events import (
    CommandAnswered,
    CommandUnanswered,
    ConnectionState,
    Event,
    OddDatagram,
    ReportReceived,
    StatusReceived,
    UnknownSender,
)
from connector.keba.station.station import StationOptions
from connector.tests.keba.commands import FAILSAFE, OFF, ON, TEN_AMPERES
from connector.tests.keba.station.conversation import TCH_OK, report

pytestmark = pytest.mark.io

HERE = "127.0.2.1"
GARAGE = "127.0.2.2"
YARD = "127.0.2.3"
ELSEWHERE = "127.0.2.9"

DEADLINE_S = 5.0
PUSH = b'{"E pres": 1945}'
log = logging.getLogger("test_gateway")

SomeEvent = TypeVar("SomeEvent")


class Clock:
    """Monotonic time that can leap ahead."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._ahead_s

    def leap(self, seconds: float) -> None:
        self._ahead_s += seconds


class PlainStation:
    """A socket at a station's address; says what the test tells it to."""

    def __init__(self, address: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._client = (HERE, port)

    def hear(self, timeout_s: float = DEADLINE_S) -> str:
        """Return the next request; its source is KEBA's port."""
        self._socket.settimeout(timeout_s)
        data, source = self._socket.recvfrom(4096)
        assert source == self._client
        return data.decode()

    def say(self, data: bytes) -> None:
        self._socket.sendto(data, self._client)

    def answer_round(self) -> None:
        for number in (1, 2, 3):
            assert self.hear() == f"report {number}"
            self.say(report(number))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


@pytest.fixture
def port() -> int:
    """A port that is free on all addresses used here."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))
        free: int = probe.getsockname()[1]
        return free


@pytest.fixture
def garage(port: int) -> Iterator[PlainStation]:
    with PlainStation(GARAGE, port) as station:
        yield station


@pytest.fixture
def yard(port: int) -> Iterator[PlainStation]:
    with PlainStation(YARD, port) as station:
        yield station


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(DEADLINE_S)
        assert not thread.is_alive(), f"{thread} outlives its test"


def make_gateway(port: int, **stations: str) -> Gateway:
    gateway = Gateway(stations, bind_address=HERE, port=port, log=log)
    gateway._clock = Clock()
    return gateway


def clock_of(gateway: Gateway) -> Clock:
    assert isinstance(gateway._clock, Clock)
    return gateway._clock


def leap(gateway: Gateway, seconds: float) -> None:
    """Let the gateway's time leap ahead, and the gateway look."""
    clock_of(gateway).leap(seconds)
    let_it_look(gateway)


@contextmanager
def opened(gateway: Gateway) -> Iterator[Gateway]:
    gateway.open()
    try:
        yield gateway
    finally:
        gateway.close()


def running(port: int, **stations: str) -> AbstractContextManager[Gateway]:
    return opened(make_gateway(port, **stations))


@pytest.fixture
def gateway(port: int, garage: PlainStation) -> Iterator[Gateway]:
    """A gateway that talks to the garage."""
    with running(port, garage=GARAGE) as gateway:
        yield gateway


@pytest.fixture
def both(
    port: int, garage: PlainStation, yard: PlainStation
) -> Iterator[Gateway]:
    """A gateway that talks to garage and yard."""
    with running(port, garage=GARAGE, yard=YARD) as gateway:
        yield gateway


def next_of(
    gateway: Gateway,
    kind: type[SomeEvent],
    is_it: Callable[[SomeEvent], bool] = lambda _: True,
) -> SomeEvent:
    """Fetch events until one fits."""
    deadline = time.monotonic() + DEADLINE_S
    while (left_s := deadline - time.monotonic()) > 0:
        delivery = gateway.next_event(left_s)
        if delivery is None:
            continue
        event = delivery.event
        if isinstance(event, kind) and is_it(event):
            return event
    pytest.fail(f"no fitting {kind.__name__}")


def let_it_look(gateway: Gateway) -> None:
    """Return when all that was sent before has been heard."""
    # An order is taken before the socket is read: the second one tells that
    # the reading after the first is over.
    for _ in range(2):
        done = threading.Event()
        gateway._hand_in(lambda _, done=done: done.set() or [])  # type: ignore[misc]
        assert done.wait(DEADLINE_S)


def waiting_events(gateway: Gateway) -> list[Event]:
    """Fetch all that is waiting."""
    events = []
    while (delivery := gateway.next_event(0.0)) is not None:
        events.append(delivery.event)
    return events


def test_what_has_come_is_handed_over_together_but_not_endlessly(
    garage: PlainStation, port: int
) -> None:
    with opened(make_gateway(port, garage=GARAGE)) as gateway:
        garage.hear()
        for _ in range(EVENTS_AT_ONCE + 2):
            garage.say(PUSH)
        let_it_look(gateway)

        assert len(gateway.next_events(0.0)) == EVENTS_AT_ONCE
        assert len(gateway.next_events(0.0)) == 2
        assert gateway.next_events(0.0) == []


# --- asking and hearing -----------------------------------------------


def test_a_reply_becomes_an_event_with_the_time_of_its_arrival(
    gateway: Gateway, garage: PlainStation
) -> None:
    garage.hear()
    before_ms = time.time_ns() // 1_000_000
    garage.say(report(1, Product="KC-P30"))

    delivery = gateway.next_event(DEADLINE_S)

    assert delivery is not None
    assert isinstance(delivery.event, ReportReceived)
    assert before_ms <= delivery.timestamp_ms <= time.time_ns() // 1_000_000


def test_a_command_wakes_the_thread_at_once(
    gateway: Gateway, garage: PlainStation
) -> None:
    garage.answer_round()
    let_it_look(gateway)  # now it would sleep until the next round

    gateway.submit("garage", TEN_AMPERES)

    assert garage.hear() == "curr 10000"
    garage.say(TCH_OK)


def test_commands_of_many_threads_all_arrive(
    port: int, garage: PlainStation, yard: PlainStation
) -> None:
    stations = {"garage": garage, "yard": yard}
    with running(port, garage=GARAGE, yard=YARD) as gateway:
        garage.answer_round()
        yard.answer_round()
        threads = [
            threading.Thread(target=gateway.submit, args=(name, command))
            for name in stations
            for command in (TEN_AMPERES, ON)
        ]
        for thread in threads:
            thread.start()
        for station in stations.values():
            heard = set()
            for _ in range(2):
                heard.add(station.hear())
                station.say(TCH_OK)
            assert heard == {"curr 10000", "ena 1"}


def test_what_one_look_brings_is_handed_over_at_its_end(port: int) -> None:
    is_looking, may_go_on = threading.Event(), threading.Event()

    def report_and_linger(_now: float) -> list[Event]:
        is_looking.set()
        assert may_go_on.wait(DEADLINE_S)
        return []

    unknown = UnknownSender(ELSEWHERE)
    with running(port) as gateway:
        gateway._inbox.put(lambda _: [unknown])
        gateway._hand_in(report_and_linger)
        assert is_looking.wait(DEADLINE_S)
        assert gateway.next_event(0.0) is None
        may_go_on.set()
        delivery = gateway.next_event(DEADLINE_S)

    assert delivery is not None
    assert delivery.event == unknown


def test_an_unknown_station_is_the_callers_mistake(port: int) -> None:
    gateway = make_gateway(port, garage=GARAGE)

    with pytest.raises(UnknownStationError, match="'cellar'"):
        gateway.submit("cellar", TEN_AMPERES)


def test_a_moment_of_an_event_can_be_reported_in_unix_time(port: int) -> None:
    gateway = make_gateway(port, garage=GARAGE)

    now_ms = gateway.wall_clock_ms(time.monotonic())

    assert abs(now_ms - time.time() * 1000) < 1000
    earlier_ms = gateway.wall_clock_ms(time.monotonic() - 60)
    assert 59_000 < now_ms - earlier_ms < 61_000


# --- open and close ---------------------------------------------------


def test_a_taken_port_is_an_error_that_says_who_may_have_it(port: int) -> None:
    with PlainStation(HERE, port), pytest.raises(GatewayError) as caught:
        make_gateway(port, garage=GARAGE).open()

    text = str(caught.value)
    assert f"UDP port {port}" in text
    assert "evcc" in text
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EADDRNOTAVAIL, "KEBA_P30_BIND_ADDRESS"),
        (errno.EACCES, "Permission denied"),
    ],
    ids=["address of another host", "something else"],
)
def test_a_port_that_cannot_be_bound_is_an_error_that_tells_what_to_do(
    port: int, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(GatewayError, match=words):
        make_gateway(port, garage=GARAGE).open()


def test_closing_ends_the_thread_and_frees_the_port(
    port: int, garage: PlainStation
) -> None:
    gateway = make_gateway(port, garage=GARAGE)
    gateway.open()
    garage.hear()

    gateway.close()

    assert not gateway.is_alive
    assert "keba-udp" not in [one.name for one in threading.enumerate()]
    with PlainStation(HERE, port):
        pass


def test_a_station_that_could_not_be_disarmed_in_time_is_named(
    port: int, garage: PlainStation, caplog: pytest.LogCaptureFixture
) -> None:
    """After `ena 0` KEBA wants two seconds of silence."""
    gateway = Gateway(
        {"garage": GARAGE},
        bind_address=HERE,
        port=port,
        options=StationOptions(failsafe=FAILSAFE),
        log=log,
    )
    unarmed = report(2, Tmo_FS=0, Curr_FS=0)
    answers = {
        "report 1": report(1),
        "report 2": unarmed,
        "report 3": report(3),
    }
    with opened(gateway):
        last = ""
        while last != "ena 0":
            last = garage.hear()
            if last == str(FAILSAFE):
                gateway.submit("garage", OFF)
            garage.say(answers.get(last, TCH_OK))

    (line,) = [
        one.getMessage() for one in caplog.records if one.levelno > logging.INFO
    ]
    assert line.startswith("The failsafe mode of garage could not be")


def test_it_can_be_closed_twice_and_without_having_been_opened(
    port: int,
) -> None:
    gateway = make_gateway(port, garage=GARAGE)
    gateway.close()
    assert gateway.is_alive, "what was never opened has not died"

    with running(port, garage=GARAGE) as other:
        other.close()


def test_it_can_be_closed_after_the_port_was_refused(port: int) -> None:
    gateway = make_gateway(port, garage=GARAGE)
    with PlainStation(HERE, port), pytest.raises(GatewayError):
        gateway.open()

    gateway.close()


def test_a_command_after_the_end_is_lost_without_harm(
    port: int, garage: PlainStation
) -> None:
    gateway = make_gateway(port, garage=GARAGE)
    with opened(gateway):
        garage.hear()

    gateway.submit("garage", TEN_AMPERES)

    with pytest.raises(TimeoutError):
        garage.hear(timeout_s=0.01)


def test_a_command_from_before_the_start_is_sent_after_it(
    port: int, garage: PlainStation
) -> None:
    gateway = make_gateway(port, garage=GARAGE)
    gateway.submit("garage", TEN_AMPERES)

    with opened(gateway):
        assert garage.hear() == "curr 10000"
        garage.say(TCH_OK)


# --- the end of the thread --------------------------------------------


def break_thread(gateway: Gateway, error: Exception) -> None:
    def fail(_now: float) -> list[Event]:
        raise error

    gateway._hand_in(fail)


def test_an_error_of_the_thread_is_seen_with_its_cause(port: int) -> None:
    cause = RuntimeError("a bug")
    with running(port) as gateway:
        break_thread(gateway, cause)

        with pytest.raises(GatewayError, match="a bug") as caught:
            gateway.next_event(DEADLINE_S)

    assert caught.value.__cause__ is cause


def test_who_waits_for_an_event_hears_of_the_error_at_once(port: int) -> None:
    errors: list[Exception] = []
    is_waiting = threading.Event()

    def wait(gateway: Gateway) -> None:
        is_waiting.set()
        try:
            gateway.next_event(3600.0)
        except GatewayError as error:
            errors.append(error)

    with running(port) as gateway:
        waiter = threading.Thread(target=wait, args=(gateway,))
        waiter.start()
        is_waiting.wait(DEADLINE_S)
        break_thread(gateway, RuntimeError("a bug"))
        waiter.join(DEADLINE_S)

    assert not waiter.is_alive()
    assert len(errors) == 1


def test_events_from_before_the_error_are_not_lost(
    gateway: Gateway, garage: PlainStation
) -> None:
    garage.say(PUSH)
    let_it_look(gateway)
    break_thread(gateway, RuntimeError("a bug"))
    gateway._thread.join(DEADLINE_S)

    delivery = gateway.next_event(DEADLINE_S)
    with pytest.raises(GatewayError):
        gateway.next_event(0.0)

    assert isinstance(delivery, Delivery)
    assert isinstance(delivery.event, StatusReceived)


def test_a_dead_thread_frees_the_port_and_is_not_alive(port: int) -> None:
    with running(port) as gateway:
        assert gateway.is_alive
        break_thread(gateway, RuntimeError("a bug"))
        gateway._thread.join(DEADLINE_S)

        assert not gateway.is_alive
        with PlainStation(HERE, port):
            pass


# --- names ------------------------------------------------------------

GoodAddress = str | OSError


class NameService:
    """Answers as the test says; a name may hang."""

    def __init__(self) -> None:
        self.addresses: dict[str, GoodAddress] = {}
        self.hanging: dict[str, threading.Event] = {}
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, *_: object) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        if host in self.hanging:
            assert self.hanging[host].wait(DEADLINE_S)
        address = self.addresses[host]
        if isinstance(address, OSError):
            raise address
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (address, 0))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> NameService:
    """A name service that knows the garage."""
    service = NameService()
    service.addresses = {NAME: GARAGE}
    monkeypatch.setattr(socket, "getaddrinfo", service.getaddrinfo)
    return service


@pytest.fixture
def by_name(
    port: int, garage: PlainStation, names: NameService
) -> Iterator[Gateway]:
    """A gateway that knows the name of the garage."""
    with running(port, garage=NAME) as gateway:
        yield gateway


NAME = "garage.example"
UNKNOWN_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_a_slow_name_lookup_holds_nobody_up(
    port: int, garage: PlainStation, yard: PlainStation, names: NameService
) -> None:
    hanging = names.hanging[NAME] = threading.Event()

    with running(port, garage=NAME, yard=YARD):
        yard.answer_round()
        assert names.asked == [NAME]

        hanging.set()
        assert garage.hear() == "report 1"


def test_a_slow_name_lookup_does_not_hold_up_the_end(
    port: int, names: NameService
) -> None:
    hanging = names.hanging[NAME] = threading.Event()

    with running(port, garage=NAME) as gateway:
        pass

    assert not gateway.is_alive
    hanging.set()  # what it finds now must not harm either


def test_a_name_that_does_not_resolve_concerns_its_station_alone(
    port: int, yard: PlainStation, names: NameService
) -> None:
    names.addresses[NAME] = UNKNOWN_NAME
    stations = {"garage": NAME, "yard": YARD}

    with running(port, **stations) as gateway:
        state = next_of(gateway, ConnectionState)
        yard.answer_round()

    assert state.station == "garage"
    assert link_cause(state.link) is Code.NAME_UNRESOLVED


def test_a_name_that_no_codec_can_write_is_one_that_does_not_resolve(
    port: int,
) -> None:
    with running(port, garage="x" * 64 + ".example") as gateway:
        state = next_of(gateway, ConnectionState)

    assert link_cause(state.link) is Code.NAME_UNRESOLVED


def leap_until(gateway: Gateway, is_it: Callable[[], bool]) -> None:
    """Let the clock leap a second again and again."""
    for _ in range(300):
        if is_it():
            return
        leap(gateway, 1.0)
    pytest.fail("it did not happen within five minutes")


def address_in_use(gateway: Gateway) -> str | None:
    return gateway._fleet.address_of("garage")


def test_an_unresolved_name_is_looked_up_again_each_round(
    port: int, garage: PlainStation, names: NameService
) -> None:
    names.addresses[NAME] = UNKNOWN_NAME
    with running(port, garage=NAME) as gateway:
        next_of(gateway, ConnectionState)
        names.addresses[NAME] = GARAGE
        leap_until(gateway, lambda: address_in_use(gateway) == GARAGE)

        assert garage.hear() == "report 1"


def test_the_name_service_is_not_flooded(port: int, names: NameService) -> None:
    names.addresses[NAME] = UNKNOWN_NAME
    with running(port, garage=NAME) as gateway:
        for _ in range(300):
            leap(gateway, 1.0)

    assert 3 <= len(names.asked) <= 15  # in ten rounds


def test_a_lookup_that_hangs_is_not_begun_a_second_time(
    by_name: Gateway, garage: PlainStation, names: NameService
) -> None:
    garage.answer_round()
    hanging = names.hanging[NAME] = threading.Event()
    for _ in range(300):
        leap(by_name, 1.0)
    hanging.set()

    assert len(names.asked) == 2


def test_a_silent_station_is_looked_for_at_a_new_address(
    by_name: Gateway,
    garage: PlainStation,
    yard: PlainStation,
    names: NameService,
) -> None:
    garage.answer_round()
    names.addresses[NAME] = YARD
    leap_until(by_name, lambda: address_in_use(by_name) == YARD)
    leap(by_name, 31.0)

    assert yard.hear().startswith("report")


def test_a_name_service_in_trouble_does_not_take_an_address_away(
    by_name: Gateway, garage: PlainStation, names: NameService
) -> None:
    garage.answer_round()
    names.addresses[NAME] = UNKNOWN_NAME
    # The third lookup begins when the second has brought its result.
    leap_until(by_name, lambda: len(names.asked) > 2)
    states = [
        one
        for one in waiting_events(by_name)
        if isinstance(one, ConnectionState)
    ]
    garage.say(report(1))

    state = next_of(by_name, ConnectionState, lambda one: one.online)

    assert state.station == "garage"
    causes = {link_cause(one.link) for one in states}
    assert Code.NAME_UNRESOLVED not in causes


# --- trouble on the line ----------------------------------------------


def test_a_datagram_of_64_kilobytes_is_dropped_and_the_next_one_heard(
    gateway: Gateway, garage: PlainStation
) -> None:
    garage.hear()
    garage.say(b"x" * 65_507)
    garage.say(report(1))

    first = gateway.next_event(DEADLINE_S)
    next_of(gateway, ReportReceived)

    assert first is not None
    assert isinstance(first.event, OddDatagram)


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        # Without leave of the socket nothing may be sent there.
        ("255.255.255.255", Code.SEND_ERROR),
        # Its host says so; the next datagram to another one does not suffer.
        ("127.0.0.77", Code.NOTHING_LISTENS),
    ],
)
def test_what_cannot_be_sent_or_delivered_concerns_its_station_alone(
    port: int, garage: PlainStation, address: str, cause: Code
) -> None:
    with running(port, unreachable=address, garage=GARAGE) as gateway:
        garage.answer_round()
        causes: dict[str, set[Code]] = {"unreachable": set(), "garage": set()}

        def is_told() -> bool:
            for event in waiting_events(gateway):
                if isinstance(event, ConnectionState):
                    causes[event.station].add(link_cause(event.link))
            return all(causes.values())

        leap_until(gateway, is_told)

    assert causes == {"unreachable": {cause}, "garage": {Code.OK}}


def test_what_comes_from_another_port_of_a_station_is_not_believed(
    port: int, garage: PlainStation
) -> None:
    gateway = make_gateway(port, garage=GARAGE)
    with (
        opened(gateway),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger,
    ):
        forger.bind((GARAGE, 0))
        forger.sendto(b'{"State": 3}', (HERE, port))

        event = next_of(gateway, OddDatagram)

        assert f"port {forger.getsockname()[1]}" in event.reason
        assert not [
            one
            for one in waiting_events(gateway)
            if isinstance(one, StatusReceived)
        ]


def test_a_flood_of_one_station_neither_fills_memory_nor_hides_others(
    port: int,
    garage: PlainStation,
    yard: PlainStation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Fast enough to get past the first line of defence.
    monkeypatch.setattr("connector.keba.fleet.FLOOD_PER_S", 10_000)
    with running(port, garage=GARAGE, yard=YARD) as gateway:
        garage.hear()
        for _ in range(25):
            for _ in range(100):
                yard.say(PUSH)
            let_it_look(gateway)  # or the kernel would drop some
        garage.say(report(1))
        let_it_look(gateway)

        first = [gateway.next_event(DEADLINE_S) for _ in range(4)]
        rest = waiting_events(gateway)

    assert gateway.events_dropped == 2500 - EVENTS_PER_LANE
    assert len(rest) < EVENTS_PER_LANE
    reports = [
        one.event
        for one in first
        if one is not None and isinstance(one.event, ReportReceived)
    ]
    assert [one.station for one in reports] == ["garage"]


def test_a_flood_does_not_put_off_a_command_to_another_station(
    port: int, garage: PlainStation, yard: PlainStation
) -> None:
    is_over = threading.Event()

    def flood() -> None:
        while not is_over.is_set():
            yard.say(PUSH)

    with running(port, garage=GARAGE, yard=YARD) as gateway:
        garage.answer_round()
        flooder = threading.Thread(target=flood)
        flooder.start()
        try:
            gateway.submit("garage", TEN_AMPERES)
            # A report may have to be repeated: the flood swallows answers.
            while garage.hear() != "curr 10000":
                pass
        finally:
            is_over.set()
            flooder.join(DEADLINE_S)


# --- replies that lie in the socket -----------------------------------


class Gate(logging.Handler):
    """Holds the thread up while it logs one of its lines."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self.is_reached = threading.Event()
        self.is_open = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage() and not self.is_open.is_set():
            self.is_reached.set()
            assert self.is_open.wait(DEADLINE_S)


@contextmanager
def gate_at(text: str) -> Iterator[Gate]:
    """Hold the thread up in the middle of its turns, at a datagram."""
    gate = Gate(text)
    level = log.level
    log.addHandler(gate)
    log.setLevel(logging.DEBUG)
    try:
        yield gate
    finally:
        gate.is_open.set()
        log.removeHandler(gate)
        log.setLevel(level)


def send_command_and_hold_up(
    gateway: Gateway, garage: PlainStation, *, answer: bytes
) -> None:
    """Let the thread be busy elsewhere for longer than its reply timeout.

    It is held up between its look at the socket and the verdict about the
    command, while the answer arrives.
    """
    with gate_at("yard >> ena 1") as gate:
        gateway.submit("garage", TEN_AMPERES)
        assert garage.hear() == "curr 10000"
        gateway.submit("yard", ON)
        assert gate.is_reached.wait(DEADLINE_S)
        if answer:
            garage.say(answer)
        clock_of(gateway).leap(10.0)


def first_verdict(gateway: Gateway) -> object:
    return next_of(
        gateway,
        object,
        lambda event: (
            isinstance(event, CommandAnswered | CommandUnanswered)
            and event.station == "garage"
        ),
    )


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [(TCH_OK, CommandAnswered), (b"", CommandUnanswered)],
    ids=["answered in time", "not answered"],
)
def test_the_socket_is_read_before_a_request_is_given_up(
    port: int,
    garage: PlainStation,
    yard: PlainStation,
    answer: bytes,
    verdict: type[object],
) -> None:
    with running(port, garage=GARAGE, yard=YARD) as gateway:
        garage.answer_round()
        yard.answer_round()

        send_command_and_hold_up(gateway, garage, answer=answer)

        assert isinstance(first_verdict(gateway), verdict)
