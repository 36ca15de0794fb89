import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.bemcom.actuators import (
    ACTUATORS,
    FLEET_WORDS,
    command_from_value,
)
from connector.keba.io.gateway import Gateway, GatewayError
from connector.main import EXIT_WRONG_SETTINGS, Connector, main
from pyconnector_template.dispatch import DispatchOnce
from pyconnector_template.settings import SettingsError

STATIONS = '{"garage": "192.0.2.1", "yard": "192.0.2.2"}'


@pytest.fixture(autouse=True)
def environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[pytest.MonkeyPatch]:
    """Set what must be set, in a folder without .env."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_NAME", "keba")
    monkeypatch.setenv("MQTT_BROKER_HOST", "127.0.0.1")
    monkeypatch.setenv("KEBA_P30_CHARGE_STATIONS", STATIONS)
    for variable in ("POLL_SECONDS", "READ_ONLY", "DEBUG"):
        monkeypatch.delenv(variable, raising=False)
    yield monkeypatch
    logging.getLogger("pyconnector").setLevel(logging.NOTSET)


def test_every_actuator_of_every_station_is_announced_from_the_start() -> None:
    connector = Connector()
    available = connector._initial_available_datapoints

    assert available is not None
    assert available["sensor"] == {}
    assert set(available["actuator"]) == {
        f"{station}__{word}"
        for station in ("garage", "yard")
        for word in ACTUATORS
    } | {f"all__{word}" for word in FLEET_WORDS}


@pytest.mark.parametrize("word", ACTUATORS)
def test_the_example_of_an_actuator_is_a_value_that_it_accepts(
    word: str,
) -> None:
    assert command_from_value(word, ACTUATORS[word].example).word == word


def test_settings_reach_the_gateway(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("KEBA_P30_BIND_ADDRESS", "127.0.2.1")
    environment.setenv("KEBA_P30_PORT", "12345")

    gateway = Connector().gateway

    assert gateway._bind_address == "127.0.2.1"
    assert gateway._port == 12345
    assert gateway._hosts == {"garage": "192.0.2.1", "yard": "192.0.2.2"}


def test_read_only_reaches_the_actuator_flow(
    environment: pytest.MonkeyPatch,
) -> None:
    assert not Connector().is_read_only

    environment.setenv("READ_ONLY", "TRUE")

    assert Connector().is_read_only


def test_polling_faster_than_keba_allows_is_a_warning_not_an_error(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("POLL_SECONDS", "1")

    Connector()

    assert "polling every 5 s" in caplog.text


def test_a_sensible_interval_is_no_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Connector()

    assert caplog.text == ""


def test_what_is_given_to_the_constructor_wins() -> None:
    class Other(DispatchOnce):
        """Another dispatcher."""

    connector = Connector(version="9.9.9", DeviceDispatcher=Other)

    assert connector.version == "9.9.9"
    assert connector._DeviceDispatcher is Other


def test_it_is_healthy_while_the_stations_are_listened_to(
    environment: pytest.MonkeyPatch,
) -> None:
    connector = Connector()
    assert connector.is_healthy()

    environment.setattr(type(connector.gateway), "is_alive", False)

    assert not connector.is_healthy()


def test_wrong_settings_are_told_and_end_with_exit_code_2(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("POLL_SECONDS", "often")
    environment.setenv("KEBA_P30_CHARGE_STATIONS", "garage")

    assert main() == EXIT_WRONG_SETTINGS == 2

    told = capsys.readouterr().err
    assert "POLL_SECONDS" in told
    assert "KEBA_P30_CHARGE_STATIONS" in told


def test_who_makes_a_connector_himself_gets_the_problems_as_an_error(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("POLL_SECONDS", "often")

    with pytest.raises(SettingsError, match="POLL_SECONDS"):
        Connector()


def test_a_run_that_was_asked_to_end_has_exit_code_0(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setattr(Connector, "run", lambda _: None)

    assert main() == 0


def test_stations_are_not_asked_before_a_map_had_its_moment_to_come(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setattr("connector.main.MAP_PATIENCE_S", 60.0)
    is_open, is_over = threading.Event(), threading.Event()
    is_over.set()
    connector = Connector()
    environment.setattr(connector.gateway, "open", is_open.set)
    flow = threading.Thread(target=connector.follow_stations, args=(is_over,))
    flow.start()
    assert not is_open.wait(0.1)

    connector._validate_and_update_datapoint_map(
        datapoint_map_json='{"sensor": {}, "actuator": {}}'
    )
    flow.join(5.0)

    assert is_open.is_set()
    assert not flow.is_alive()


@pytest.mark.io
def test_a_gateway_that_cannot_be_opened_ends_the_run_with_exit_code_1(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: object) -> None:
        raise GatewayError("the port is taken")

    environment.setenv("MQTT_BROKER_PORT", "1")
    environment.setattr(Gateway, "open", refuse)

    with pytest.raises(SystemExit) as ended:
        Connector().run()

    assert ended.value.code == 1
    assert "the port is taken" in caplog.text
