"""What goes wrong between us and the broker is said in words."""

import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from pyconnector_template.findings import Cause
from pyconnector_template.mqtt.greeting import (
    closed_without_answer,
    connect_trouble,
    lost_because,
    refused_login,
)
from pyconnector_template.settings import TemplateSettings
from pyconnector_template.tests.mqtt.test_link import codes, started
from testbed.mosquitto import Mosquitto, wait_until

PLAIN = TemplateSettings()
TLS = TemplateSettings(mqtt_tls=True)
CERTIFIED = TemplateSettings(
    mqtt_tls=True, mqtt_cert_file=Path("me.pem"), mqtt_key_file=Path("me.key")
)


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "text of OpenSSL")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "settings", "part"),
    [
        (socket.gaierror(-2, "unknown"), PLAIN, "cannot be resolved"),
        (ConnectionRefusedError(111, "refused"), PLAIN, "nobody listens"),
        (TimeoutError(), PLAIN, "does not answer"),
        (TimeoutError(), TLS, "MQTT_TLS=FALSE"),
        (ConnectionResetError(104, "reset by peer"), TLS, "MQTT_TLS=FALSE"),
        (ConnectionResetError(104, "Connection reset"), PLAIN, "reset"),
        (OSError(113, "No route to host"), PLAIN, "No route to host"),
        (tls_error("WRONG_VERSION_NUMBER"), TLS, "MQTT_TLS=FALSE"),
        (tls_error("UNEXPECTED_EOF_WHILE_READING"), TLS, "MQTT_TLS=FALSE"),
        (
            tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"),
            TLS,
            "Set MQTT_CERT_FILE and MQTT_KEY_FILE",
        ),
        (tls_error("SSLV3_ALERT_HANDSHAKE_FAILURE"), TLS, "MQTT_CERT_FILE"),
        (
            tls_error("TLSV1_ALERT_UNKNOWN_CA"),
            CERTIFIED,
            "does not accept the certificate",
        ),
        (tls_error("NO_CIPHERS"), TLS, "TLS failed: NO_CIPHERS"),
        (ValueError("odd"), PLAIN, "odd"),
    ],
)
def test_why_no_connection_came_about(
    error: OSError | ValueError, settings: TemplateSettings, part: str
) -> None:
    text = connect_trouble(error, settings).text
    assert part in text
    assert "Errno" not in text


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        (PLAIN, "MQTT_TLS=TRUE"),
        (TLS, "Set MQTT_CERT_FILE"),
        (CERTIFIED, "Look at MQTT_CERT_FILE"),
    ],
)
def test_what_it_means_that_nothing_comes_back(
    settings: TemplateSettings, part: str
) -> None:
    trouble = closed_without_answer(None, settings)
    assert part in trouble.text
    assert trouble.cause is Cause.BROKER_TLS


@pytest.mark.parametrize(
    ("name", "settings", "part"),
    [
        ("Not authorized", PLAIN, "Set MQTT_USERNAME and MQTT_PASSWORD"),
        (
            "Not authorized",
            TemplateSettings(mqtt_username="me"),
            "Look at MQTT_USERNAME",
        ),
        ("Bad user name or password", PLAIN, "refused the login"),
    ],
)
def test_a_refused_login_names_the_variables(
    name: str, settings: TemplateSettings, part: str
) -> None:
    trouble = refused_login(ReasonCode(PacketTypes.CONNACK, name), settings)
    assert part in trouble.text
    assert trouble.cause is Cause.BROKER_LOGIN


def test_a_broker_that_is_busy_has_no_fault_of_ours() -> None:
    reason = ReasonCode(PacketTypes.CONNACK, "Server unavailable")
    assert refused_login(reason, PLAIN) == (
        "it refused the connection: Server unavailable",
        None,
    )


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("Keep alive timeout", None, "it did not answer any more"),
        ("Unspecified error", None, "it, or the network, closed the conn"),
        (
            "Unspecified error",
            ConnectionResetError(104, "Connection reset by peer"),
            "the connection broke: Connection reset by peer",
        ),
    ],
)
def test_how_a_connection_ended(
    name: str, error: OSError | None, text: str
) -> None:
    reason = ReasonCode(PacketTypes.DISCONNECT, name)
    assert lost_because(reason, error).startswith(text)


def make_certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that is its own authority."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed on this machine")
    # An elliptic key is made in no time, unlike one for RSA.
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", "broker.key", "-out", "broker.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def trusting(certificate: Path) -> dict[str, Any]:
    return {"mqtt_tls": True, "mqtt_ca_file": certificate / "broker.pem"}


def config(certificate: Path, *lines: str) -> str:
    return "\n".join(
        (
            "allow_anonymous true",
            f"certfile {certificate / 'broker.pem'}",
            f"keyfile {certificate / 'broker.key'}",
            f"cafile {certificate / 'broker.pem'}",
            *lines,
        )
    )


# paho leaves a socket whose handshake failed to the garbage collector.
leaves_sockets = pytest.mark.filterwarnings(
    "ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.mark.io
@pytest.mark.mosquitto
@leaves_sockets
def test_tls_is_spoken_and_a_wrong_authority_is_told(
    tmp_path: Path,
    certificate: Path,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    foreign = make_certificate(tmp_path_factory.mktemp("foreign"))
    with Mosquitto(tmp_path, config(certificate)) as broker:
        with started(broker.port, **trusting(foreign)):
            wait_until(lambda: "certificate is not valid" in caplog.text)
        with started(broker.port, **trusting(certificate)) as running:
            wait_until(running.link.is_connected)
            running.link.subscribe("demo/in", 0)
            wait_until(lambda: "demo/in" in broker.log())
            for number in range(200):
                running.link.publish("demo/in", str(number))
            wait_until(lambda: len(running.messages) == 200)


@pytest.mark.io
@pytest.mark.mosquitto
@leaves_sockets
@pytest.mark.parametrize(
    ("broker_speaks_it", "text"),
    [
        (False, "does not speak TLS at this port"),
        (True, "wants TLS, set MQTT_TLS=TRUE"),
    ],
)
def test_tls_at_one_side_only_is_told(
    tmp_path: Path,
    certificate: Path,
    caplog: pytest.LogCaptureFixture,
    broker_speaks_it: bool,
    text: str,
) -> None:
    lines = config(certificate) if broker_speaks_it else "allow_anonymous true"
    ours = {} if broker_speaks_it else trusting(certificate)
    with (
        Mosquitto(tmp_path, lines) as broker,
        started(broker.port, **ours) as running,
    ):
        wait_until(lambda: text in caplog.text)
        assert codes(running) == {"broker_tls"}
        assert "Unspecified" not in caplog.text


@pytest.mark.io
@pytest.mark.mosquitto
@leaves_sockets
@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
def test_a_broker_that_wants_a_client_certificate_is_told(
    tmp_path: Path,
    certificate: Path,
    caplog: pytest.LogCaptureFixture,
    version: str,
) -> None:
    lines = ("require_certificate true", f"tls_version {version}")
    login = trusting(certificate)
    with Mosquitto(tmp_path, config(certificate, *lines)) as broker:
        with started(broker.port, **login) as running:
            wait_until(lambda: "Set MQTT_CERT_FILE and" in caplog.text)
            assert codes(running) == {"broker_tls"}
        ours = {
            "mqtt_cert_file": certificate / "broker.pem",
            "mqtt_key_file": certificate / "broker.key",
        }
        with started(broker.port, **login, **ours) as running:
            wait_until(running.link.is_connected)
            assert codes(running) == set()
