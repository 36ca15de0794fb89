import logging
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bemcom.actuators import ACTUATORS, FLEET_WORDS
from connector.bemcom.dispatcher import ActuatorFlow, logger
from connector.keba.io.gateway import Gateway
from connector.keba.protocol.commands import (
    Command,
    Enable,
    Milliampere,
    SetCurrent,
)
from connector.keba.station.events import CommandNotSent, Event, Outcome
from connector.settings import Station

STATIONS = {
    "garage": Station(host="192.0.2.1"),
    "north_yard": Station(host="192.0.2.2", max_curr=16_000),
}


class NotingGateway(Gateway):
    """Notes commands instead of sending them."""

    def __init__(self, stations: Mapping[str, Station]) -> None:
        hosts = {name: station.host for name, station in stations.items()}
        super().__init__(hosts, log=logger)
        self.submitted: list[tuple[str, Command]] = []
        self.told: list[Event] = []

    def submit(self, station: str, command: Command) -> None:
        self.submitted.append((station, command))

    def emit(self, event: Event) -> None:
        self.told.append(event)


class Flow(ActuatorFlow):
    """The actuator flow without a connector around it."""

    def __init__(self, *, is_read_only: bool = False) -> None:
        self.noting = NotingGateway(STATIONS)
        self.gateway = self.noting
        self.stations = STATIONS
        self.is_read_only = is_read_only
        self.datapoint_map = {
            "sensor": {},
            "actuator": {"topic/1": "garage__ena"},
        }


@pytest.fixture
def flow(caplog: pytest.LogCaptureFixture) -> Flow:
    caplog.set_level(logging.DEBUG, logger="pyconnector")
    return Flow()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING
    ]


def test_a_message_on_an_actuators_topic_becomes_a_command(flow: Flow) -> None:
    flow.run_actuator_flow("topic/1", b'{"value": 1, "timestamp": 1}')

    assert flow.noting.submitted == [("garage", Enable(on=True))]


def test_the_key_names_station_and_command(flow: Flow) -> None:
    flow.send_command("north_yard__curr", "16000", None)

    assert flow.noting.submitted == [
        ("north_yard", SetCurrent(Milliampere(16_000)))
    ]


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
    flow: Flow, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    flow.send_command(key, 1, None)

    assert flow.noting.submitted == []
    (warning,) = warnings(caplog)
    assert key in warning


def only_result(flow: Flow) -> CommandNotSent:
    (event,) = flow.noting.told
    assert isinstance(event, CommandNotSent)
    return event


def test_a_refused_value_is_told_with_datapoint_value_and_range(
    flow: Flow,
) -> None:
    flow.send_command("garage__curr", 5999, None)

    assert flow.noting.submitted == []
    result = only_result(flow)
    assert (result.station, result.word) == ("garage", "curr")
    assert result.outcome is Outcome.INVALID
    for text in ("5999", "6000…63000"):
        assert text in result.detail


def test_a_station_may_have_a_lower_limit_than_kebas(flow: Flow) -> None:
    flow.send_command("north_yard__curr", 20_000, None)
    flow.send_command("garage__curr", 20_000, None)

    assert flow.noting.submitted == [
        ("garage", SetCurrent(Milliampere(20_000)))
    ]
    assert "16000" in only_result(flow).detail


def test_read_only_checks_but_sends_nothing() -> None:
    flow = Flow(is_read_only=True)

    flow.send_command("garage__ena", 1, None)
    flow.send_command("garage__curr", 5999, None)

    assert flow.noting.submitted == []
    assert flow.noting.told[0] == CommandNotSent(
        "garage", "ena", Outcome.READ_ONLY, "ena 1"
    )
    assert isinstance(flow.noting.told[1], CommandNotSent)
    assert flow.noting.told[1].outcome is Outcome.INVALID


def test_a_command_that_came_too_late_is_told_as_expired(flow: Flow) -> None:
    flow.actuator_max_age_s = 60.0

    flow.run_actuator_flow("topic/1", b'{"value": 1, "timestamp": 1}')

    assert flow.noting.submitted == []
    assert only_result(flow) == CommandNotSent("garage", "ena", Outcome.EXPIRED)


def test_one_value_can_go_to_all_stations(flow: Flow) -> None:
    flow.send_command("all__ena", 0, None)

    assert flow.noting.submitted == [
        ("garage", Enable(on=False)),
        ("north_yard", Enable(on=False)),
    ]


def test_a_value_for_all_keeps_the_limit_of_each(flow: Flow) -> None:
    flow.send_command("all__curr", 20_000, None)

    assert [name for name, _ in flow.noting.submitted] == ["garage"]
    assert only_result(flow).station == "north_yard"


@pytest.mark.parametrize("word", sorted(ACTUATORS.keys() - set(FLEET_WORDS)))
def test_most_actuators_are_not_for_all_at_once(
    flow: Flow, caplog: pytest.LogCaptureFixture, word: str
) -> None:
    flow.send_command(f"all__{word}", 1, None)

    assert flow.noting.submitted == []
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
    flow = Flow()

    flow.send_command(key, value, None)

    for station, command in flow.noting.submitted:
        assert key.startswith(f"{station}__")
        assert str(command).isprintable()
