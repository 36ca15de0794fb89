import json
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from connector.bemcom.actuators import ACTUATORS, FLEET_WORDS
from connector.keba.io.gateway import Delivery
from connector.keba.protocol.commands import Enable
from connector.keba.station.events import (
    CommandNotSent,
    Outcome,
    ReportReceived,
)
from connector.main import Connector, main
from pyconnector_template.dispatch import DispatchOnce
from pyconnector_template.pyconnector_template import timestamp_utc_now
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


def test_actuators_and_their_results_are_announced_from_the_start() -> None:
    available = Connector()._initial_available_datapoints

    assert available is not None
    stations = ("garage", "yard")
    assert available["sensor"] == {
        f"{station}__results__{word}": "none yet"
        for station in stations
        for word in ACTUATORS
    }
    assert set(available["actuator"]) == {
        f"{station}__{word}" for station in stations for word in ACTUATORS
    } | {f"all__{word}" for word in FLEET_WORDS}


def test_settings_reach_the_gateway(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("KEBA_P30_BIND_ADDRESS", "127.0.2.1")
    environment.setenv("KEBA_P30_PORT", "12345")

    gateway = Connector().gateway

    assert gateway._bind_address == "127.0.2.1"
    assert gateway._port == 12345
    assert gateway._hosts == {"garage": "192.0.2.1", "yard": "192.0.2.2"}


def test_read_only_reaches_the_dispatcher(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("READ_ONLY", "TRUE")
    connector = Connector()
    emit = MagicMock()
    environment.setattr(connector.gateway, "emit", emit)

    connector.send_command("garage__ena", 1, None)

    read_only = CommandNotSent("garage", "ena", Outcome.READ_ONLY, "ena 1")
    emit.assert_called_once_with(read_only)


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

    assert main() == 2

    told = capsys.readouterr().err
    assert "POLL_SECONDS" in told
    assert "KEBA_P30_CHARGE_STATIONS" in told
    last_line = told.splitlines()[-1]
    assert "Docker restarts this container" in last_line
    assert "docker compose up -d" in last_line


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
    environment.setattr("connector.main.FIRST_MAP_TIMEOUT_S", 60.0)
    is_open = threading.Event()
    connector = Connector()
    environment.setattr(connector.gateway, "open", is_open.set)
    opening = threading.Thread(target=connector.open_device)
    opening.start()
    assert not is_open.wait(0.1)

    connector.on_datapoint_map(is_new=False)
    opening.join(5.0)

    assert is_open.is_set()
    assert not opening.is_alive()


@pytest.mark.io
def test_a_port_that_is_taken_is_told_before_the_connector_is_online(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        environment.setenv("MQTT_BROKER_PORT", "1")
        environment.setenv("KEBA_P30_BIND_ADDRESS", "127.0.0.1")
        environment.setenv("KEBA_P30_PORT", str(other.getsockname()[1]))

        with pytest.raises(SystemExit) as ended:
            Connector().run()

    assert ended.value.code == 1
    [error] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "cannot be bound" in error.getMessage()
    assert error.exc_info is None
    assert "Connector online" not in caplog.text
    assert "unexpected exception" not in caplog.text


REPORT_3 = '{"ID": "3", "U1": 230, "P": 5000}'
TAG = "e3f76b8d00000000"
WITH_A_CARD = f'{{"ID": "100", "RFID tag": "{TAG}"}}'
POWER = "garage__report 3__P"
VOLTAGE = "garage__report 3__U1"


@pytest.fixture
def client() -> MagicMock:
    return MagicMock()


def make_connector(client: MagicMock) -> Connector:
    connector = Connector()
    connector.mqtt_client = client
    return connector


def select(connector: Connector, *keys: str) -> None:
    sensors = {key: f"value of {key}" for key in keys}
    connector._validate_and_update_datapoint_map(
        json.dumps({"sensor": sensors, "actuator": {}})
    )


def receive(connector: Connector, report: str) -> None:
    number = json.loads(report)["ID"]
    event = ReportReceived("garage", f"report {number}", report)
    connector.run_sensor_flow(Delivery(event, 1_600_000_000_000))


def values(client: MagicMock) -> dict[str, object]:
    """Return what was published since the last call."""
    calls = client.publish.call_args_list
    published = {
        call.kwargs["topic"].removeprefix("value of "): json.loads(
            call.kwargs["payload"]
        )["value"]
        for call in calls
        if call.kwargs["topic"].startswith("value of ")
    }
    client.publish.reset_mock()
    return published


def test_a_datagram_becomes_the_values_of_selected_datapoints(
    client: MagicMock,
) -> None:
    connector = make_connector(client)
    select(connector, POWER, "garage__readings__power")

    receive(connector, REPORT_3)

    assert connector.available_datapoints["sensor"][VOLTAGE] == 230
    assert values(client) == {POWER: 5000, "garage__readings__power": 5.0}


def test_raw_messages_are_sent_when_asked_for_without_tags(
    environment: pytest.MonkeyPatch, client: MagicMock
) -> None:
    environment.setenv("SEND_RAW_MESSAGE_TO_DB", "TRUE")
    connector = make_connector(client)

    receive(connector, WITH_A_CARD)

    topics = [call.kwargs["topic"] for call in client.publish.call_args_list]
    assert "keba/raw_message_to_db" in topics
    assert TAG not in str(client.publish.call_args_list)
    assert TAG not in str(connector.available_datapoints)


def test_tags_are_plain_only_with_rfid_plain(
    environment: pytest.MonkeyPatch, client: MagicMock
) -> None:
    environment.setenv("RFID_PLAIN", "TRUE")
    connector = make_connector(client)

    receive(connector, WITH_A_CARD)

    available = connector.available_datapoints["sensor"]
    assert available["garage__report 100__RFID tag"] == TAG


@pytest.fixture
def saving(environment: pytest.MonkeyPatch, client: MagicMock) -> Connector:
    """Make a connector that repeats unchanged values each thousand times."""
    environment.setenv("PUBLISH_UNCHANGED_EVERY", "1000")
    connector = make_connector(client)
    select(connector, VOLTAGE, POWER)
    receive(connector, REPORT_3)
    assert values(client) == {VOLTAGE: 230, POWER: 5000}
    return connector


def test_unchanged_values_are_held_back_where_that_is_wanted(
    saving: Connector, client: MagicMock
) -> None:
    receive(saving, REPORT_3.replace("5000", "6000"))

    assert values(client) == {POWER: 6000}


def test_a_datapoint_that_is_selected_anew_does_not_wait(
    saving: Connector, client: MagicMock
) -> None:
    for published in ({POWER: 5000}, {}):
        select(saving, POWER)
        receive(saving, REPORT_3)
        assert values(client) == published


def test_a_broker_that_is_back_gets_all_values_again(
    saving: Connector, client: MagicMock
) -> None:
    saving.on_connected()
    receive(saving, REPORT_3)

    assert values(client) == {VOLTAGE: 230, POWER: 5000}


def test_a_message_on_an_actuators_topic_becomes_a_command(
    environment: pytest.MonkeyPatch, client: MagicMock
) -> None:
    environment.setenv("ACTUATOR_MAX_AGE_SECONDS", "60")
    connector = make_connector(client)
    connector.datapoint_map = {
        "sensor": {},
        "actuator": {"topic/1": "garage__ena"},
    }
    submit, emit = MagicMock(), MagicMock()
    environment.setattr(connector.gateway, "submit", submit)
    environment.setattr(connector.gateway, "emit", emit)
    now_ms = timestamp_utc_now()

    for age_ms in (0, 61_000):
        connector.run_actuator_flow(
            "topic/1", json.dumps({"value": 1, "timestamp": now_ms - age_ms})
        )

    submit.assert_called_once_with("garage", Enable(on=True))
    expired = CommandNotSent("garage", "ena", Outcome.EXPIRED)
    emit.assert_called_once_with(expired)
