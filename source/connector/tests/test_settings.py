"""Settings are read at once, and all mistakes are told at once."""

import json
import re
from pathlib import Path

import pytest

from connector.settings import Failsafe, Settings, Station
from connector.tests.keba.commands import FAILSAFE
from pyconnector_template.settings import (
    SettingsError,
    read_settings,
    settings_of,
)

NEEDED = {
    "MQTT_BROKER_HOST": "broker",
    "KEBA_P30_CHARGE_STATIONS": '{"garage": "192.168.0.99"}',
}


FOREIGN = """
PATH HOME HOSTNAME TERM LANG TZ PWD USER USER_ID GROUP_ID PYTHONUNBUFFERED
PYTHONDONTWRITEBYTECODE HEALTH_FILE DEBIAN_FRONTEND http_proxy NO_PROXY
COMPOSE_FILE SECRETS_DIR CONTAINER_NAME DEMO_SECONDS DEMO_POLL_SECONDS
BEMCOM_API_VERSION BEMCOM_API_URL BEMCOM_API_TOKEN BEMCOM_API_USER
BEMCOM_API_PASSWORD HYPOTHESIS_PROFILE REQUIRE_MOSQUITTO
KUBERNETES_SERVICE_HOST KUBERNETES_PORT_443_TCP_ADDR MQTT_SERVICE_HOST
MQTT_SERVICE_PORT MQTT_SERVICE_PORT_MQTT MQTT_PORT_1883_TCP
MQTT_PORT_1883_TCP_PROTO
"""
"""Variables of shells, images, compose, Kubernetes and the tools."""


def _read(**environ: str) -> Settings:
    return read_settings(Settings, {**NEEDED, **environ})


def _stations(text: str) -> dict[str, Station]:
    return dict(_read(KEBA_P30_CHARGE_STATIONS=text).keba_p30_charge_stations)


def _complaint(**environ: str) -> str:
    with pytest.raises(SettingsError) as refused:
        _read(**environ)
    return str(refused.value)


def _warnings(**environ: str) -> list[str]:
    return [*_read(**environ).warnings()]


def _complaint_about(table: object) -> str:
    text = table if isinstance(table, str) else json.dumps(table)
    return _complaint(KEBA_P30_CHARGE_STATIONS=text)


# --- what is read -----------------------------------------------------------


def test_two_variables_are_enough() -> None:
    settings = _read()
    assert settings.mqtt_broker_host == "broker"
    assert settings.mqtt_broker_port == 1883
    assert settings.poll_seconds == 30
    assert settings.keba_p30_bind_address == "0.0.0.0"
    assert settings.keba_p30_port == 7090
    assert settings.keba_p30_reports == (1, 2, 3)
    assert settings.keba_p30_reply_timeout == 2
    assert settings.actuator_max_age_seconds == 0
    assert not settings.read_only
    assert not settings.send_raw_message_to_db
    assert not settings.debug
    assert not settings.keba_p30_restore
    assert settings.keba_p30_failsafe is None


FAILSAFE_TEXT = '{"timeout": 60, "current": 6000}'


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("CONNECTOR_NAME", "keba-garage", "keba-garage"),
        ("MQTT_BROKER_PORT", "8883", 8883),
        ("POLL_SECONDS", "7.5", 7.5),
        ("PUBLISH_UNCHANGED_EVERY", "10", 10),
        ("SEND_RAW_MESSAGE_TO_DB", "TRUE", True),
        ("DEBUG", "TRUE", True),
        ("KEBA_P30_BIND_ADDRESS", "127.0.0.1", "127.0.0.1"),
        ("KEBA_P30_PORT", "17090", 17090),
        ("KEBA_P30_REPORTS", "3, 1", (3, 1)),
        # Given twice, polled once.
        ("KEBA_P30_REPORTS", "2,2,1", (2, 1)),
        ("KEBA_P30_REPLY_TIMEOUT", "0.5", 0.5),
        ("ACTUATOR_MAX_AGE_SECONDS", "60", 60),
        ("READ_ONLY", "true", True),
        ("RFID_SALT", "a long secret", "a long secret"),
        ("RFID_PLAIN", "TRUE", True),
        ("KEBA_P30_RESTORE", "TRUE", True),
        ("KEBA_P30_FAILSAFE", FAILSAFE_TEXT, Failsafe(FAILSAFE)),
    ],
)
def test_every_variable_is_read(
    variable: str, text: str, value: object
) -> None:
    settings = _read(**{variable: text})
    assert getattr(settings, variable.lower()) == value


def test_settings_cannot_be_changed_afterwards() -> None:
    settings = _read()
    with pytest.raises(AttributeError):
        settings.poll_seconds = 1  # type: ignore[misc]


def test_a_poll_faster_than_keba_allows_starts_and_is_told() -> None:
    [warning] = _warnings(POLL_SECONDS="1")
    assert warning == (
        "POLL_SECONDS=1 is less than KEBA allows; polling every 5 s"
    )
    assert _warnings(POLL_SECONDS="5") == []


# --- what is not read -------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("POLL_SECOND", "POLL_SECONDS"),
        ("POLL_INTERVAL", "POLL_SECONDS"),
        ("poll_seconds", "POLL_SECONDS"),
        ("READONLY", "READ_ONLY"),
        ("SEND_RAW_MESSAGES_TO_DB", "SEND_RAW_MESSAGE_TO_DB"),
        ("MQTT_USER", "MQTT_USERNAME"),
        ("MQTT_PORT", "MQTT_BROKER_PORT"),
        ("KEBA_P30_STATIONS", "KEBA_P30_CHARGE_STATIONS"),
        ("KEBA_P30_CHARGE_STATIONS_FILE", "KEBA_P30_CHARGE_STATIONS"),
        ("KEBA_REPLY_TIMEOUT", "KEBA_P30_REPLY_TIMEOUT"),
        ("RFID_HASH", "RFID_SALT"),
        ("ACTUATOR_MAX_AGE", "ACTUATOR_MAX_AGE_SECONDS"),
    ],
)
def test_a_variable_that_looks_like_ours_is_told_with_the_nearest_name(
    variable: str, nearest: str
) -> None:
    [warning] = _warnings(**{variable: "1"})
    assert warning == (
        f"{variable} is ignored: there is no such variable. Did you mean "
        f"{nearest}?"
    )


@pytest.mark.parametrize(
    ("variable", "successor"),
    [
        ("TARGET_PORT", "KEBA_P30_PORT"),
        ("READ_TIMEOUT", "KEBA_P30_REPLY_TIMEOUT"),
    ],
)
def test_a_variable_of_the_published_connector_is_told_with_its_successor(
    variable: str, successor: str
) -> None:
    [warning] = _warnings(**{variable: "1"})
    assert variable in warning
    assert "obsolete" in warning
    assert successor in warning
    assert successor.lower() in settings_of(Settings)


def test_what_others_set_is_no_false_alarm(tmp_path: Path) -> None:
    secret = tmp_path / "mqtt_username"
    secret.write_text("connector")
    assert (
        _warnings(
            **dict.fromkeys(FOREIGN.split(), "x"),
            MQTT_PORT="tcp://10.0.0.7:1883",
            MQTT_USERNAME_FILE=str(secret),
        )
        == []
    )


def test_an_empty_variable_is_not_told() -> None:
    assert _warnings(TARGET_PORT="", POLL_SECOND="") == []


# --- the stations -----------------------------------------------------------


def test_a_station_is_an_address_or_a_name() -> None:
    assert _stations('{"a": "192.168.0.99", "b": "keba-2.lan"}') == {
        "a": Station(host="192.168.0.99"),
        "b": Station(host="keba-2.lan"),
    }


def test_a_station_may_be_an_object_with_serial_and_max_curr() -> None:
    table = {"a": {"host": "keba", "serial": "17643683", "max_curr": 16000}}
    assert _stations(json.dumps(table)) == {
        "a": Station(host="keba", serial="17643683", max_curr=16000)
    }


def test_stations_keep_their_order() -> None:
    assert list(_stations('{"b": "h1", "a": "h2"}')) == ["b", "a"]


@pytest.mark.parametrize("name", ["a", "P30_garage-2", "-", "7", "x" * 64])
def test_a_name_has_letters_digits_dashes_and_underscores(name: str) -> None:
    assert list(_stations(json.dumps({name: "keba"}))) == [name]


@pytest.mark.parametrize(
    "name",
    ["", "x" * 65, "a__b", "a.b", "a b", "a/b", "a#", "+", "ä", "a\n", "a\0"],
)
def test_other_names_are_refused(name: str) -> None:
    assert "is no name" in _complaint_about({name: "192.168.0.99"})


def test_the_name_of_all_stations_is_reserved() -> None:
    """`all__ena` goes to every station."""
    assert "'all' is a reserved name" in _complaint_about({"all": "keba"})


@pytest.mark.parametrize(
    "host",
    [
        *("", " ", "two words", "keba\n", "::1", "192.168.0.0/24"),
        *("192.168.0", "192.168.0.256", "192.168.0.99.1", "192.168.0.099"),
        *("192.168.0.99:7090", "http://192.168.0.99"),
    ],
)
def test_what_is_no_address_and_no_name_is_refused(host: str) -> None:
    complaint = _complaint_about({"garage": host})
    assert "'garage' has no IPv4 address" in complaint


@pytest.mark.parametrize(
    "host", ["255.255.255.255", "192.168.0.255", "224.0.0.1", "0.0.0.0"]
)
def test_an_address_of_more_than_one_host_is_refused(host: str) -> None:
    """A command sent there would be carried out by every station."""
    assert "more than one host" in _complaint_about({"garage": host})


def test_a_loopback_address_is_never_that_of_more_than_one_host() -> None:
    stations = _read(KEBA_P30_CHARGE_STATIONS='{"garage": "127.0.0.255"}')
    assert stations.keba_p30_charge_stations["garage"].host == "127.0.0.255"


@pytest.mark.parametrize("entry", [None, 1, True, [], ["192.168.0.99"]])
def test_an_entry_of_another_kind_is_refused(entry: object) -> None:
    complaint = _complaint_about({"garage": entry})
    assert "'garage' needs an address" in complaint


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({}, "host: is required"),
        ({"host": 5}, "host: "),
        ({"host": "keba", "serial": 17643683}, "serial: "),
        ({"host": "keba", "max_curr": 5999}, "max_curr: "),
        ({"host": "keba", "max_curr": 63001}, "max_curr: "),
        ({"host": "keba", "max_curr": "16 A"}, "max_curr: "),
        ({"host": "keba", "maxcurr": 16000}, "maxcurr: "),
        ({"host": "0.0.0.0"}, "more than one host"),
    ],
)
def test_a_wrong_part_of_an_object_is_named(
    entry: dict[str, object], reason: str
) -> None:
    complaint = _complaint_about({"garage": entry})
    assert "'garage'" in complaint
    assert reason in complaint


def test_a_name_given_twice_is_a_mistake_and_not_the_last_one_wins() -> None:
    complaint = _complaint_about('{"a": "192.168.0.98", "a": "192.168.0.99"}')
    assert "'a' is there twice" in complaint


def test_two_stations_must_not_share_an_address() -> None:
    complaint = _complaint_about({"garage": "10.0.0.9", "yard": "10.0.0.9"})
    assert (
        "'garage' and 'yard' share 10.0.0.9; give each its own address"
        in complaint
    )


def test_a_shared_name_is_noticed_whatever_its_capitals_and_form() -> None:
    table = {"garage": "Keba.lan", "yard": {"host": "keba.LAN"}}
    assert "'garage' and 'yard' share" in _complaint_about(table)


@pytest.mark.parametrize(
    "text",
    [
        "garage",
        "{",
        "{}",
        "[]",
        "null",
        '"192.168.0.99"',
        '[["garage", "192.168.0.99"]]',
        "{'garage': '192.168.0.99'}",
        "[" * 100_000,
        '{"a": ' + "9" * 5000 + "}",
    ],
    ids=lambda text: f"{text:.12}",
)
def test_what_is_no_table_is_refused_with_an_example(text: str) -> None:
    complaint = _complaint_about(text)
    assert "KEBA_P30_CHARGE_STATIONS" in complaint
    assert 'Example: KEBA_P30_CHARGE_STATIONS={"p30_garage"' in complaint


def test_all_mistakes_of_a_table_are_told_together() -> None:
    complaint = _complaint_about(
        '{"a.b": "keba", "c": "0.0.0.0", "d": "h", "e": "h", "d": "i"}'
    )
    for part in ("'a.b' is no name", "'c' has", "'d' is there", "'e' share h"):
        assert part in complaint


# --- failsafe and cards -------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "command", "controller_timeout"),
    [
        ({}, "failsafe 60 6000 0", None),
        ({"store": True, "controller_timeout": 900}, "failsafe 60 6000 1", 900),
    ],
)
def test_failsafe_is_stored_only_where_asked_for(
    more: dict[str, object], command: str, controller_timeout: int | None
) -> None:
    text = json.dumps({"timeout": 60, "current": 6000, **more})
    failsafe = _read(KEBA_P30_FAILSAFE=text).keba_p30_failsafe
    assert failsafe is not None
    assert str(failsafe.command) == command
    assert failsafe.controller_timeout == controller_timeout


@pytest.mark.parametrize(
    "text",
    [
        "60",
        "60 6000",
        "TRUE",
        "{}",
        '{"timeout": 60}',
        '{"timeout": 9, "current": 6000}',
        '{"timeout": 601, "current": 6000}',
        '{"timeout": 60, "current": 5999}',
        '{"timeout": 60, "current": 63001}',
        '{"timeout": 60, "current": 6000, "controller_timeout": 0}',
        '{"timeout": 60, "current": 6000, "save": true}',
    ],
)
def test_a_failsafe_that_no_station_would_take_is_a_mistake(text: str) -> None:
    complaint = _complaint(KEBA_P30_FAILSAFE=text)
    assert "KEBA_P30_FAILSAFE = " in complaint
    assert "Example: KEBA_P30_FAILSAFE=" in complaint


def test_report_100_needs_a_salt_or_the_word_that_tags_may_be_plain() -> None:
    complaint = _complaint(KEBA_P30_REPORTS="1,2,3,100")
    assert "RFID_SALT: is needed with report 100" in complaint
    assert "RFID_PLAIN=TRUE" in complaint
    _read(KEBA_P30_REPORTS="1,2,3,100", RFID_SALT="a long secret")
    _read(KEBA_P30_REPORTS="1,2,3,100", RFID_PLAIN="TRUE")


def test_the_salt_is_never_shown() -> None:
    assert "long secret" not in repr(_read(RFID_SALT="a long secret"))


# --- the mistakes -----------------------------------------------------------


MISTAKES = {
    "CONNECTOR_NAME": ["keba/garage"],
    "MQTT_BROKER_HOST": ["mqtt://broker"],
    "MQTT_BROKER_PORT": ["0", "mqtt"],
    "POLL_SECONDS": ["0", "-5", "nan", "inf", "often"],
    "KEBA_P30_BIND_ADDRESS": ["everywhere", "::"],
    "KEBA_P30_PORT": ["65536"],
    "KEBA_P30_REPORTS": ["4", "1;2", "1,,2", "all"],
    "KEBA_P30_REPLY_TIMEOUT": ["0", "nan"],
    "ACTUATOR_MAX_AGE_SECONDS": ["-1"],
    "READ_ONLY": ["maybe"],
}


@pytest.mark.parametrize(
    ("variable", "value"),
    [(name, value) for name, values in MISTAKES.items() for value in values],
)
def test_a_mistake_names_variable_value_reason_and_example(
    variable: str, value: str
) -> None:
    complaint = _complaint(**{variable: value})
    assert complaint.startswith("1 setting is wrong:\n")
    told = re.search(rf"  {variable} = '{re.escape(value)}': (.+)", complaint)
    assert told is not None, complaint
    assert len(told[1]) > 10
    assert f"    Example: {variable}=" in complaint


def test_a_missing_variable_is_required() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(Settings, {})
    complaint = str(refused.value)
    assert complaint.startswith("2 settings are wrong:")
    assert "MQTT_BROKER_HOST: is required" in complaint
    assert "KEBA_P30_CHARGE_STATIONS: is required" in complaint


def test_all_problems_are_told_at_once() -> None:
    wrong = (MISTAKES.keys() | {"KEBA_P30_CHARGE_STATIONS"}) - {
        "CONNECTOR_NAME",
        "MQTT_BROKER_HOST",
        "ACTUATOR_MAX_AGE_SECONDS",
    }
    complaint = _complaint(**dict.fromkeys(wrong, "no"), MQTT_PASSWORD="secret")
    assert complaint.startswith("9 settings are wrong:")
    for variable in wrong:
        assert f"{variable} = 'no'" in complaint
    assert "MQTT_USERNAME: is needed with MQTT_PASSWORD" in complaint
    assert "secret'" not in complaint


def test_each_example_would_be_accepted() -> None:
    for name, info in settings_of(Settings).items():
        if name.startswith("mqtt_") and name.endswith("_file"):
            continue
        assert info.example
        needed = {"MQTT_USERNAME": "user"}
        _read(**{**needed, name.upper(): info.example})
