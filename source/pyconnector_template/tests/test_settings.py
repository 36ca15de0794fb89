"""Settings are read completely, or all problems are told at once."""

import math
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from pyconnector_template.settings import (
    MASK,
    SettingsError,
    TemplateSettings,
    number,
    read_settings,
    setting,
    settings_of,
    switch,
    whole_number,
)

GOOD = {"MQTT_BROKER_HOST": "broker"}


def report(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings(TemplateSettings, environ)
    return str(caught.value)


def test_only_the_broker_has_to_be_given() -> None:
    settings = read_settings(TemplateSettings, GOOD)
    assert settings.connector_name == "unknown-connector"
    assert settings.mqtt_broker_host == "broker"
    assert settings.mqtt_broker_port == 1883
    assert not settings.send_raw_message_to_db
    assert not settings.debug
    assert not settings.mqtt_tls
    assert settings.mqtt_password is None
    assert settings.actuator_max_age_seconds == 0


def test_empty_means_unset() -> None:
    empty = dict.fromkeys(map(str.upper, settings_of(TemplateSettings)), "")
    settings = read_settings(TemplateSettings, {**empty, **GOOD})
    assert settings == read_settings(TemplateSettings, GOOD)


@pytest.mark.parametrize(
    ("text", "is_on"),
    [("TRUE", True), ("true", False), ("1", False), ("FALSE", False)],
)
@pytest.mark.parametrize("variable", ["DEBUG", "SEND_RAW_MESSAGE_TO_DB"])
def test_bemcoms_switches_are_on_for_exactly_true(
    variable: str, text: str, is_on: bool
) -> None:
    settings = read_settings(TemplateSettings, {**GOOD, variable: text})
    assert getattr(settings, variable.lower()) is is_on


REFUSED = {
    # A switch that protects is never silently off.
    "MQTT_TLS": ["yes", "1", "TRU"],
    # Names that break topics.
    "CONNECTOR_NAME": ["a/b", "a+", "#", "a b", "a\tb", "a\0b"],
    "ACTUATOR_MAX_AGE_SECONDS": ["NaN", "inf", "soon", "-1"],
}


@pytest.mark.parametrize(
    ("variable", "text"),
    [(name, text) for name, texts in REFUSED.items() for text in texts],
)
def test_what_cannot_be_used_is_refused(variable: str, text: str) -> None:
    told = report({**GOOD, variable: text})
    assert f"  {variable} = {text!r}: must " in told


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            ["MQTT_TLS", "MQTT_CERT_FILE"],
            "MQTT_KEY_FILE: is needed with MQTT_CERT_FILE",
        ),
        (
            ["MQTT_TLS", "MQTT_KEY_FILE"],
            "MQTT_CERT_FILE: is needed with MQTT_KEY_FILE",
        ),
        (["MQTT_CA_FILE"], "MQTT_TLS: must be TRUE when MQTT_CA_FILE is given"),
        (["MQTT_TLS", "MQTT_CA_FILE"], "holds no certificates in PEM"),
        (
            ["MQTT_TLS", "MQTT_CERT_FILE", "MQTT_KEY_FILE"],
            "does not fit to MQTT_KEY_FILE or is no PEM",
        ),
    ],
)
def test_files_for_tls_must_fit_together(
    tmp_path: Path, variables: list[str], problem: str
) -> None:
    pem = tmp_path / "some.pem"
    pem.write_text("x")
    given = dict.fromkeys(variables, str(pem))
    if "MQTT_TLS" in given:
        given["MQTT_TLS"] = "TRUE"
    assert problem in report({**GOOD, **given})


def test_all_problems_are_told_at_once_with_value_reason_and_example() -> None:
    text = report(
        {
            "CONNECTOR_NAME": "a/b",
            "MQTT_BROKER_PORT": "99999",
            "MQTT_TLS": "maybe",
            "MQTT_PASSWORD": "hunter2",
            "ACTUATOR_MAX_AGE_SECONDS": "-1",
        }
    )
    assert text.startswith("6 settings are wrong:")
    for part in (
        "CONNECTOR_NAME = 'a/b': must not contain blanks",
        "MQTT_BROKER_HOST: is required",
        "Example: MQTT_BROKER_HOST=192.168.0.10",
        "MQTT_BROKER_PORT = '99999': must be a whole number, 1 to 65535",
        "MQTT_TLS = 'maybe': must be TRUE or FALSE",
        "MQTT_USERNAME: is needed with MQTT_PASSWORD",
        "ACTUATOR_MAX_AGE_SECONDS = '-1': must be a number, at least 0",
    ):
        assert part in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (
            "broker:1884",
            "set MQTT_BROKER_HOST=broker and MQTT_BROKER_PORT=1884",
        ),
        ("[::1]", "set MQTT_BROKER_HOST=::1"),
        ("[::1]:1884", "set MQTT_BROKER_HOST=::1 and MQTT_BROKER_PORT=1884"),
        ("mqtt://broker", "set MQTT_BROKER_HOST=broker"),
        (
            "mqtts://me@broker:8883/x",
            "set MQTT_BROKER_HOST=broker and MQTT_BROKER_PORT=8883",
        ),
        (" broker ", "set MQTT_BROKER_HOST=broker"),
    ],
)
def test_a_host_that_is_more_than_a_host_is_refused_with_the_right_form(
    text: str, advice: str
) -> None:
    told = report({"MQTT_BROKER_HOST": text, "MQTT_TLS": "perhaps"})
    assert f"must be a bare name or address: {advice}\n" in told
    assert "MQTT_TLS" in told


@pytest.mark.parametrize("host", ["broker", "::1", "fe80::1%eth0", "10.0.0.1"])
def test_names_and_addresses_are_hosts(host: str) -> None:
    settings = read_settings(TemplateSettings, {"MQTT_BROKER_HOST": host})
    assert settings.mqtt_broker_host == host


def test_secrets_come_from_files_as_well(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("connector\n")
    (tmp_path / "password").write_text("hunter2\n")
    settings = read_settings(
        TemplateSettings,
        {
            **GOOD,
            "MQTT_USERNAME_FILE": str(tmp_path / "user"),
            "MQTT_PASSWORD_FILE": str(tmp_path / "password"),
        },
    )
    assert settings.mqtt_username == "connector"
    assert settings.mqtt_password == "hunter2"
    assert "hunter2" not in repr(settings)


def test_a_secret_that_is_given_twice_is_a_problem(tmp_path: Path) -> None:
    text = report(
        {
            **GOOD,
            "MQTT_USERNAME": "connector",
            "MQTT_PASSWORD": "hunter2",
            "MQTT_PASSWORD_FILE": str(tmp_path),
        }
    )
    assert f"MQTT_PASSWORD = '{MASK}': MQTT_PASSWORD_FILE is given" in text
    assert "hunter2" not in text


def test_files_that_cannot_be_read_are_problems(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    text = report(
        {
            **GOOD,
            "MQTT_TLS": "TRUE",
            "MQTT_USERNAME_FILE": missing,
            "MQTT_CA_FILE": missing,
            "MQTT_CERT_FILE": missing,
            "MQTT_KEY_FILE": missing,
        }
    )
    assert text.startswith("4 settings are wrong:")
    assert text.count("cannot be read") == 4


def test_a_file_that_holds_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "user"
    file.write_bytes(b"\xff")
    text = report({**GOOD, "MQTT_USERNAME_FILE": str(file)})
    assert f"MQTT_USERNAME_FILE = {str(file)!r} cannot be read" in text


def test_the_environment_wins_over_the_file_and_empty_does_not(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        "CONNECTOR_NAME=from-file\nMQTT_BROKER_PORT=1999\nMQTT_TLS=TRUE\n"
    )
    below = tmp_path / "below"
    below.mkdir()
    environment.chdir(below)
    environment.setenv("CONNECTOR_NAME", "from-environment")
    environment.setenv("MQTT_BROKER_PORT", "")
    settings = read_settings(TemplateSettings)
    assert settings.connector_name == "from-environment"
    assert settings.mqtt_broker_port == 1999
    assert settings.mqtt_tls


def test_a_file_of_ones_own_wins_over_the_one_that_upgrades_replace(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("MQTT_BROKER_PORT=1999\nDEBUG=TRUE\n")
    (tmp_path / ".env.local").write_text("MQTT_BROKER_PORT=2000\nDEBUG=\n")
    environment.chdir(tmp_path)
    environment.delenv("MQTT_BROKER_PORT", raising=False)
    environment.delenv("DEBUG", raising=False)

    settings = read_settings(TemplateSettings)

    assert settings.mqtt_broker_port == 2000
    assert not settings.debug, "an empty line means the default"


def test_connectors_add_their_own_variables() -> None:
    @dataclass(frozen=True)
    class MySettings(TemplateSettings):
        poll_seconds: int = setting(whole_number(1, 9), "", "30", default=30)
        read_only: bool = setting(switch, "", "TRUE", default=False)

    settings = read_settings(MySettings, {**GOOD, "POLL_SECONDS": "5"})
    assert settings.poll_seconds == 5
    with pytest.raises(SettingsError, match="Example: POLL_SECONDS=30"):
        read_settings(MySettings, {**GOOD, "POLL_SECONDS": "0"})


@pytest.mark.io
def test_a_key_with_a_passphrase_does_not_ask_for_it(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed on this machine")
    key = tmp_path / "key.pem"
    command = "openssl genrsa -aes128 -passout pass:secret 2048"
    made = subprocess.run(command.split(), check=True, capture_output=True)
    key.write_bytes(made.stdout)
    text = report(
        {
            **GOOD,
            "MQTT_TLS": "TRUE",
            "MQTT_CERT_FILE": str(key),
            "MQTT_KEY_FILE": str(key),
        }
    )
    assert "MQTT_CERT_FILE" in text


@pytest.mark.parametrize("value", [9, "9", " 9 ", 9.0])
def test_a_whole_number_may_be_a_text_or_end_with_a_point(
    value: object,
) -> None:
    assert whole_number(1, 9)(value) == 9


@pytest.mark.parametrize(
    "value", [0, 10, "10", "1.5", 1.5, math.inf, "", True, None, [1]]
)
def test_what_is_no_whole_number_within_its_limits_is_refused(
    value: object,
) -> None:
    with pytest.raises(ValueError, match="must be a whole number, 1 to 9"):
        whole_number(1, 9)(value)


@pytest.mark.parametrize("value", [0, "0", 10.5, "nan", "inf", True, None, ""])
def test_what_is_no_number_within_its_limits_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a number, above 0, at most"):
        number(most=10, above=0)(value)
