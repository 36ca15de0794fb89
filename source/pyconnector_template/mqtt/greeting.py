"""TLS, and in words what goes wrong with it and with the login.

TLS on one side only, or a missing client certificate, break the greeting in
many ways, most of which say nothing by themselves ("Unspecified error", "Errno
104"). Each becomes a sentence with the variable to change.
"""

import socket
import ssl
from typing import NamedTuple

from paho.mqtt.client import Client
from paho.mqtt.reasoncodes import ReasonCode

from pyconnector_template.findings import Cause
from pyconnector_template.settings import TemplateSettings

BAD_USER_NAME_OR_PASSWORD, NOT_AUTHORIZED = 134, 135
"""Numbers of MQTT 5, as which paho shows those of MQTT 3.1.1."""

_NO_TLS = (
    "WRONG_VERSION_NUMBER",
    "UNEXPECTED_EOF",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
    "HTTP_REQUEST",
)
"""OpenSSL's names for what it reads where no TLS is spoken."""

_CERTIFICATE = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE")
"""Parts of the alerts about ours. TLS 1.3 has one of its own for a missing
certificate, TLS 1.2 none."""


class Trouble(NamedTuple):
    """Why the broker cannot be used, in words, and as a cause if it has one.

    The text stands behind the broker's name, and says what to do.
    """

    text: str
    cause: Cause | None = None


_NO_TLS_THERE = Trouble(
    "it does not speak TLS at this port. Set MQTT_BROKER_PORT to its port for "
    "TLS (often 8883), or MQTT_TLS=FALSE",
    Cause.BROKER_TLS,
)
_CERTIFICATE_MISSING = Trouble(
    "it wants a certificate of this client. Set MQTT_CERT_FILE and "
    "MQTT_KEY_FILE",
    Cause.BROKER_TLS,
)


class RememberingSSLSocket(ssl.SSLSocket):
    """Keeps the error that ended it, which paho does not pass on."""

    error: OSError | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as error:
            self.error = error
            raise


def prepare(client: Client, settings: TemplateSettings) -> None:
    """Give a client its login and TLS."""
    if settings.mqtt_username is not None:
        client.username_pw_set(settings.mqtt_username, settings.mqtt_password)
    if settings.mqtt_tls:
        client.tls_set_context(_tls_context(settings))


def _tls_context(settings: TemplateSettings) -> ssl.SSLContext:
    """Trust whom the settings name, or the system's authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = RememberingSSLSocket
    if settings.mqtt_ca_file is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(settings.mqtt_ca_file)
    if settings.mqtt_cert_file is not None:
        context.load_cert_chain(settings.mqtt_cert_file, settings.mqtt_key_file)
    return context


def connect_trouble(
    error: OSError | ValueError, settings: TemplateSettings
) -> Trouble:
    """Say why no connection came about."""
    match error:
        case socket.gaierror():
            return Trouble("its name cannot be resolved")
        case ssl.SSLCertVerificationError():
            return Trouble(
                f"its certificate is not valid: {error.verify_message}. Look "
                "at MQTT_CA_FILE and MQTT_BROKER_HOST",
                Cause.BROKER_TLS,
            )
        case ssl.SSLError():
            return _tls_trouble(error, settings)
        case ConnectionRefusedError():
            return Trouble("nobody listens there")
        case TimeoutError():
            hint = "; if it does without TLS, set MQTT_TLS=FALSE"
            return Trouble(
                f"it does not answer{hint if settings.mqtt_tls else ''}"
            )
        case ConnectionResetError() | BrokenPipeError() if settings.mqtt_tls:
            return _NO_TLS_THERE
        case OSError(strerror=str(reason)):
            return Trouble(reason)
        case _:
            return Trouble(str(error))


def refused_login(reason: ReasonCode, settings: TemplateSettings) -> Trouble:
    """Say why a CONNACK refuses the connection."""
    if reason.value not in (BAD_USER_NAME_OR_PASSWORD, NOT_AUTHORIZED):
        return Trouble(f"it refused the connection: {reason}")
    advice = (
        "Set MQTT_USERNAME and MQTT_PASSWORD"
        if settings.mqtt_username is None
        else "Look at MQTT_USERNAME and MQTT_PASSWORD"
    )
    return Trouble(
        f"it refused the login: {reason}. {advice}", Cause.BROKER_LOGIN
    )


def closed_without_answer(
    error: OSError | None, settings: TemplateSettings
) -> Trouble:
    """Say what it means that a connection ended before its CONNACK."""
    if isinstance(error, ssl.SSLError):
        return _tls_trouble(error, settings)
    if settings.mqtt_tls and settings.mqtt_cert_file is None:
        return _CERTIFICATE_MISSING
    advice = (
        "Look at MQTT_CERT_FILE and at the broker's log"
        if settings.mqtt_tls
        else "If its port wants TLS, set MQTT_TLS=TRUE; if not, look at "
        "MQTT_BROKER_PORT"
    )
    return Trouble(
        f"it closed the connection instead of accepting it. {advice}",
        Cause.BROKER_TLS,
    )


def lost_because(reason: ReasonCode, error: OSError | None) -> str:
    """Say how a connection ended that had been accepted."""
    if reason.getName() == "Keep alive timeout":
        return "it did not answer any more"
    if error is not None and error.strerror:
        return f"the connection broke: {error.strerror}"
    return "it, or the network, closed the connection"


def _tls_trouble(error: ssl.SSLError, settings: TemplateSettings) -> Trouble:
    reason = error.reason or str(error)
    if any(name in reason for name in _NO_TLS):
        return _NO_TLS_THERE
    if not any(name in reason for name in _CERTIFICATE):
        return Trouble(f"TLS failed: {reason}", Cause.BROKER_TLS)
    if settings.mqtt_cert_file is None:
        return _CERTIFICATE_MISSING
    return Trouble(
        f"it does not accept the certificate of this client ({reason}). Look "
        "at MQTT_CERT_FILE",
        Cause.BROKER_TLS,
    )
