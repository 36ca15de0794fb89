from typing import Any

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


class Desk:
    """A dispatcher, and what it hands to the stations."""

    def __init__(self, **options: Any) -> None:
        self.now = 0.0
        self.dispatcher = CommandDispatcher(
            self, STATIONS, clock=lambda: self.now, **options
        )
        self.submitted: list[tuple[str, Command]] = []
        self.told: list[Event] = []
        self.control: list[bool] = []

    def submit(self, station: str, command: Command) -> None:
        self.submitted.append((station, command))

    def emit(self, event: Event) -> None:
        self.told.append(event)

    def set_controlled(self, *, is_controlled: bool) -> None:
        self.control.append(is_controlled)

    def only_result(self) -> CommandNotSent:
        (event,) = self.told
        assert isinstance(event, CommandNotSent)
        return event


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_key_names_station_and_command(desk: Desk) -> None:
    desk.dispatcher.send_command("north_yard__curr", "16000")

    assert desk.submitted == [("north_yard", amperes(16))]


@pytest.mark.parametrize(
    "key",
    [
        "cellar__ena",
        "garage__report",
        "garage",
        "__ena",
        "garage__north_yard__ena",
        "",
        # Most actuators are not for all at once.
        *(f"all__{word}" for word in ACTUATORS if word not in FLEET_WORDS),
    ],
)
def test_a_key_that_is_no_actuator_is_ignored_with_a_warning(
    desk: Desk, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    desk.dispatcher.send_command(key, 1)

    assert desk.submitted == []
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert key in record.getMessage()


def test_a_refused_value_is_told_with_datapoint_value_and_range(
    desk: Desk,
) -> None:
    desk.dispatcher.send_command("garage__curr", 5999)

    assert desk.submitted == []
    result = desk.only_result()
    assert (result.station, result.word) == ("garage", "curr")
    assert result.outcome is Outcome.INVALID
    for text in ("5999", "6000…63000"):
        assert text in result.detail


def test_a_station_may_have_a_lower_limit_than_kebas(desk: Desk) -> None:
    desk.dispatcher.send_command("north_yard__curr", 20_000)
    desk.dispatcher.send_command("garage__curr", 20_000)

    assert desk.submitted == [("garage", amperes(20))]
    assert "16000" in desk.only_result().detail


def test_read_only_checks_but_sends_nothing() -> None:
    desk = Desk(is_read_only=True)

    desk.dispatcher.send_command("garage__ena", 1)
    desk.dispatcher.send_command("garage__curr", 5999)

    assert desk.submitted == []
    not_sent, refused = desk.told
    assert not_sent == CommandNotSent(
        "garage", "ena", Outcome.READ_ONLY, "ena 1"
    )
    assert isinstance(refused, CommandNotSent)
    assert refused.outcome is Outcome.INVALID


def test_a_command_that_came_too_late_is_told_as_expired(desk: Desk) -> None:
    desk.dispatcher.command_expired("garage__ena")

    assert desk.submitted == []
    assert desk.told == [CommandNotSent("garage", "ena", Outcome.EXPIRED)]


def test_one_value_can_go_to_all_stations(desk: Desk) -> None:
    desk.dispatcher.send_command("all__ena", 0)

    assert desk.submitted == [("garage", OFF), ("north_yard", OFF)]


def test_a_value_for_all_keeps_the_limit_of_each(desk: Desk) -> None:
    desk.dispatcher.send_command("all__curr", 20_000)

    assert [name for name, _ in desk.submitted] == ["garage"]
    assert desk.only_result().station == "north_yard"


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
    desk = Desk()

    desk.dispatcher.send_command(key, value)

    for station, command in desk.submitted:
        assert key.startswith(f"{station}__")
        assert str(command).isprintable()


def test_without_a_broker_nobody_is_in_control(desk: Desk) -> None:
    for broker_is_connected in (True, False, False, True, True):
        desk.dispatcher.check_control(broker_is_connected=broker_is_connected)

    assert desk.control == [False, True]


def test_a_controller_that_stays_silent_is_not_in_control() -> None:
    desk = Desk(controller_timeout_s=60.0)
    for desk.now in (0.0, 59.9, 60.0, 70.0):
        desk.dispatcher.check_control(broker_is_connected=True)
    assert desk.control == [False]

    desk.dispatcher.send_command("garage__ena", "nonsense")
    desk.dispatcher.check_control(broker_is_connected=True)

    assert desk.control == [False, True]


def test_who_asks_is_told_whether_the_newest_value_was_refused(
    desk: Desk,
) -> None:
    desk.dispatcher.send_command("garage__curr", 16_000)
    assert not desk.dispatcher.was_refused("garage", "curr")

    desk.dispatcher.send_command("garage__curr", 0)
    assert desk.dispatcher.was_refused("garage", "curr")
    assert not desk.dispatcher.was_refused("garage", "ena")

    desk.dispatcher.send_command("garage__curr", 16_000)
    assert not desk.dispatcher.was_refused("garage", "curr")
