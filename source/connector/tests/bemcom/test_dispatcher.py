import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bemcom.actuators import ACTUATORS, FLEET_WORDS
from connector.bemcom.dispatcher import CommandDispatcher
from connector.keba.protocol.commands import Command
from connector.keba.station.events import CommandNotSent, Event, Outcome
from connector.settings import Station
from connector.tests.keba.commands import OFF, amperes

STATIONS = {
    "garage": Station(host="192.0.2.1"),
    "north_yard": Station(host="192.0.2.2", max_curr=16_000),
}


class NotingGateway:
    """Notes commands instead of sending them."""

    def __init__(self) -> None:
        self.submitted: list[tuple[str, Command]] = []
        self.told: list[Event] = []
        self.control: list[bool] = []

    def submit(self, station: str, command: Command) -> None:
        self.submitted.append((station, command))

    def emit(self, event: Event) -> None:
        self.told.append(event)

    def set_controlled(self, *, is_controlled: bool) -> None:
        self.control.append(is_controlled)


@pytest.fixture
def gateway(caplog: pytest.LogCaptureFixture) -> NotingGateway:
    caplog.set_level(logging.DEBUG, logger="pyconnector")
    return NotingGateway()


@pytest.fixture
def dispatcher(gateway: NotingGateway) -> CommandDispatcher:
    return CommandDispatcher(gateway, STATIONS)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING
    ]


def test_the_key_names_station_and_command(
    dispatcher: CommandDispatcher, gateway: NotingGateway
) -> None:
    dispatcher.send_command("north_yard__curr", "16000")

    assert gateway.submitted == [("north_yard", amperes(16))]


@pytest.mark.parametrize(
    "key",
    [
        "cellar__ena",
        "garage__report",
        "garage",
        "__ena",
        "garage__north_yard__ena",
        "",
    ],
)
def test_a_key_that_is_no_actuator_is_ignored_with_a_warning(
    dispatcher: CommandDispatcher,
    gateway: NotingGateway,
    caplog: pytest.LogCaptureFixture,
    key: str,
) -> None:
    dispatcher.send_command(key, 1)

    assert gateway.submitted == []
    (warning,) = warnings(caplog)
    assert key in warning


def only_result(gateway: NotingGateway) -> CommandNotSent:
    (event,) = gateway.told
    assert isinstance(event, CommandNotSent)
    return event


def test_a_refused_value_is_told_with_datapoint_value_and_range(
    dispatcher: CommandDispatcher, gateway: NotingGateway
) -> None:
    dispatcher.send_command("garage__curr", 5999)

    assert gateway.submitted == []
    result = only_result(gateway)
    assert (result.station, result.word) == ("garage", "curr")
    assert result.outcome is Outcome.INVALID
    for text in ("5999", "6000…63000"):
        assert text in result.detail


def test_a_station_may_have_a_lower_limit_than_kebas(
    dispatcher: CommandDispatcher, gateway: NotingGateway
) -> None:
    dispatcher.send_command("north_yard__curr", 20_000)
    dispatcher.send_command("garage__curr", 20_000)

    assert gateway.submitted == [("garage", amperes(20))]
    assert "16000" in only_result(gateway).detail


def test_read_only_checks_but_sends_nothing(gateway: NotingGateway) -> None:
    dispatcher = CommandDispatcher(gateway, STATIONS, is_read_only=True)

    dispatcher.send_command("garage__ena", 1)
    dispatcher.send_command("garage__curr", 5999)

    assert gateway.submitted == []
    assert gateway.told[0] == CommandNotSent(
        "garage", "ena", Outcome.READ_ONLY, "ena 1"
    )
    assert isinstance(gateway.told[1], CommandNotSent)
    assert gateway.told[1].outcome is Outcome.INVALID


def test_a_command_that_came_too_late_is_told_as_expired(
    dispatcher: CommandDispatcher, gateway: NotingGateway
) -> None:
    dispatcher.command_expired("garage__ena")

    assert gateway.submitted == []
    assert only_result(gateway) == CommandNotSent(
        "garage", "ena", Outcome.EXPIRED
    )


def test_one_value_can_go_to_all_stations(
    dispatcher: CommandDispatcher, gateway: NotingGateway
) -> None:
    dispatcher.send_command("all__ena", 0)

    assert gateway.submitted == [("garage", OFF), ("north_yard", OFF)]


def test_a_value_for_all_keeps_the_limit_of_each(
    dispatcher: CommandDispatcher, gateway: NotingGateway
) -> None:
    dispatcher.send_command("all__curr", 20_000)

    assert [name for name, _ in gateway.submitted] == ["garage"]
    assert only_result(gateway).station == "north_yard"


@pytest.mark.parametrize("word", sorted(ACTUATORS.keys() - set(FLEET_WORDS)))
def test_most_actuators_are_not_for_all_at_once(
    dispatcher: CommandDispatcher,
    gateway: NotingGateway,
    caplog: pytest.LogCaptureFixture,
    word: str,
) -> None:
    dispatcher.send_command(f"all__{word}", 1)

    assert gateway.submitted == []
    assert len(warnings(caplog)) == 1


KEYS = st.sampled_from(
    [f"{station}__{word}" for station in STATIONS for word in ACTUATORS]
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(KEYS, JSON_VALUES)
def test_no_value_whatever_raises_and_what_is_sent_is_one_line(
    key: str, value: object
) -> None:
    gateway = NotingGateway()

    CommandDispatcher(gateway, STATIONS).send_command(key, value)

    for station, command in gateway.submitted:
        assert key.startswith(f"{station}__")
        assert str(command).isprintable()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_broker_nobody_is_in_control(
    dispatcher: CommandDispatcher, gateway: NotingGateway
) -> None:
    for broker_is_connected in (True, False, False, True, True):
        dispatcher.check_control(broker_is_connected=broker_is_connected)

    assert gateway.control == [False, True]


def test_a_controller_that_stays_silent_is_not_in_control(
    gateway: NotingGateway,
) -> None:
    clock = Clock()
    dispatcher = CommandDispatcher(
        gateway, STATIONS, controller_timeout_s=60.0, clock=clock
    )
    for clock.now in (0.0, 59.9, 60.0, 70.0):
        dispatcher.check_control(broker_is_connected=True)
    assert gateway.control == [False]

    dispatcher.send_command("garage__ena", "nonsense")
    dispatcher.check_control(broker_is_connected=True)

    assert gateway.control == [False, True]


def test_who_asks_is_told_whether_the_newest_value_was_refused(
    dispatcher: CommandDispatcher,
) -> None:
    dispatcher.send_command("garage__curr", 16_000)
    assert not dispatcher.was_refused("garage", "curr")

    dispatcher.send_command("garage__curr", 0)
    assert dispatcher.was_refused("garage", "curr")
    assert not dispatcher.was_refused("garage", "ena")

    dispatcher.send_command("garage__curr", 16_000)
    assert not dispatcher.was_refused("garage", "curr")
