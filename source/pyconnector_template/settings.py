"""Settings from the environment, read once, checked completely.

All problems are reported together, each with variable, value, reason and an
example, so that nobody has to start the connector five times to find five
mistakes. A connector adds its own variables in a subclass.

No library does this: pydantic took a quarter of the memory of a connector, and
half of the CPU time of its start.
"""

import difflib
import math
import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from dotenv import dotenv_values, find_dotenv

FORBIDDEN_IN_NAMES = re.compile(r"[/+#\0\s]")
MASK = "(not shown)"

MISTYPED = 0.85
"""How much a name must resemble one of ours (difflib's ratio, 0 to 1) to be
taken for a mistyped one: POLL_SECOND does, CONTAINER_NAME does not."""

_OF_A_SERVICE = re.compile(r".*_(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP))(_.*)?")
_ADDRESS_OF_A_SERVICE = re.compile(r"(tcp|udp)://.*")
"""Kubernetes describes the services beside a container in variables that begin
with the service's name, and a broker's may be MQTT."""


class SettingsError(Exception):
    """Some settings cannot be used; the text lists all of them."""


Reader = Callable[[Any], Any]
"""Makes a value of a text, or of what JSON holds; or raises ValueError."""

Problem = tuple[str, str]
"""The field of a variable that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable: how its text is read, and what people are told of it.

    A file may hold it where `from_file` says so, as Docker's secrets do.
    """

    read: Reader
    description: str = ""
    example: str = ""
    default: Any = None
    is_required: bool = False
    from_file: bool = False
    is_secret: bool = False


def setting(read: Reader, *about: Any, **more: Any) -> Any:
    """Return a field of a settings class; the arguments are a `Setting`'s."""
    info = Setting(read, *about, **more)
    return field(
        default_factory=lambda: info.default,
        repr=not info.is_secret,
        kw_only=True,
        metadata={"setting": info},
    )


def settings_of(cls: type["TemplateSettings"]) -> dict[str, Setting]:
    """Return all settings of a class by the names of their fields."""
    return {
        one.name: one.metadata["setting"]
        for one in fields(cls)
        if "setting" in one.metadata
    }


def any_text(value: object) -> str:
    """Take any text."""
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def exactly_true(text: str) -> bool:
    """TRUE is on, anything else is off, as BEMCom has always read it."""
    return text == "TRUE"


def switch(value: object) -> bool:
    """TRUE or FALSE; anything else is a mistake."""
    text = str(value).upper()
    if text not in {"TRUE", "FALSE"}:
        raise ValueError("must be TRUE or FALSE")
    return text == "TRUE"


def whole_number(least: int, most: int) -> Reader:
    """Return the reader of a whole number within limits."""
    return _within(
        _whole, least, most, f"must be a whole number, {least} to {most}"
    )


def number(
    least: float = -math.inf,
    most: float = math.inf,
    *,
    above: float | None = None,
) -> Reader:
    """Return the reader of a finite number within limits."""
    limits = [f"above {above:g}"] if above is not None else []
    limits += [f"at least {least:g}"] if math.isfinite(least) else []
    limits += [f"at most {most:g}"] if math.isfinite(most) else []
    if above is not None:
        least = math.nextafter(above, math.inf)
    return _within(float, least, most, ", ".join(["must be a number", *limits]))


def _within(convert: Reader, least: float, most: float, rule: str) -> Reader:
    def read(value: object) -> Any:
        try:
            given = convert(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(rule) from None
        is_finite = abs(given) != math.inf
        if isinstance(value, bool) or not (
            is_finite and least <= given <= most
        ):
            raise ValueError(rule)
        return given

    return read


def _whole(value: Any) -> int:
    whole = int(value)
    # Some programs write whole numbers with a point in JSON.
    if isinstance(value, float) and whole != value:
        raise ValueError
    return whole


def _topic_level(name: str) -> str:
    if FORBIDDEN_IN_NAMES.search(name):
        raise ValueError("must not contain blanks, '/', '+' or '#'")
    return name


def bare_host(host: str) -> str:
    """Take a name or an address; else say what to set in its place."""
    rest = re.sub(r"^\w*://", "", host.strip()).partition("/")[0]
    rest = rest.rpartition("@")[2]
    if rest.startswith("["):
        name, _, port = rest[1:].partition("]")
    elif rest.count(":") == 1:
        name, _, port = rest.partition(":")
    else:
        # An IPv6 address has more than one colon.
        name, port = "".join(rest.split()), ""
    if name == host:
        return host
    advice = f"MQTT_BROKER_HOST={name}"
    if port:
        advice += f" and MQTT_BROKER_PORT={port.removeprefix(':')}"
    raise ValueError(f"must be a bare name or address: set {advice}")


def _readable(path: str) -> Path:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read ({error})") from None
    return Path(path)


def _authorities(path: str) -> Path:
    file = _readable(path)
    try:
        ssl.create_default_context(cafile=file)
    except ssl.SSLError as error:
        raise ValueError(f"holds no certificates in PEM ({error})") from None
    return file


Settings = TypeVar("Settings", bound="TemplateSettings")


@dataclass(frozen=True)
class TemplateSettings:
    """What every connector needs to know; fields are variables in lower case.

    Subclasses are frozen dataclasses as well; they add fields by `setting`.
    """

    prefixes: ClassVar[tuple[str, ...]] = ()
    """A variable that begins like one of these is meant for the connector.
    Empty here: a connector may read variables that are no settings."""

    obsolete: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Variables of older versions, and what to set in their place."""

    ignored: tuple[str, ...] = field(
        default=(), compare=False, repr=False, kw_only=True
    )
    """Warnings about variables that were meant for us, but are not read."""

    connector_name: str = setting(
        _topic_level,
        "Name in BEMCom's AdminUI, and first part of all topics: lower case, "
        "digits and dashes.",
        "keba-garage",
        default="unknown-connector",
    )
    mqtt_broker_host: str = setting(
        bare_host,
        "Name or address of the broker.",
        "192.168.0.10",
        is_required=True,
    )
    mqtt_broker_port: int = setting(
        whole_number(1, 65_535), "Port of the broker.", "1883", default=1883
    )
    send_raw_message_to_db: bool = setting(
        exactly_true,
        "TRUE publishes each datagram for BEMCom's raw message database.",
        "TRUE",
        default=False,
    )
    debug: bool = setting(
        exactly_true, "TRUE logs more.", "FALSE", default=False
    )
    mqtt_username: str | None = setting(
        any_text, "Login at the broker.", "connector", from_file=True
    )
    mqtt_password: str | None = setting(
        any_text,
        "Password of that login.",
        "a long secret",
        from_file=True,
        is_secret=True,
    )
    mqtt_tls: bool = setting(
        switch,
        "TRUE encrypts the connection to the broker.",
        "TRUE",
        default=False,
    )
    mqtt_ca_file: Path | None = setting(
        _authorities,
        "Authorities to trust, instead of the system's.",
        "/run/secrets/ca.pem",
    )
    mqtt_cert_file: Path | None = setting(
        _readable,
        "Certificate of this client, if the broker wants one.",
        "/run/secrets/connector.pem",
    )
    mqtt_key_file: Path | None = setting(
        _readable, "Key of that certificate.", "/run/secrets/connector.key"
    )
    actuator_max_age_seconds: float = setting(
        number(0),
        "Commands with an older timestamp are refused; 0 accepts all.",
        "60",
        default=0.0,
    )

    @classmethod
    def problems_between(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Find what is wrong between the values of what is given, by fields.

        None stands for a value that cannot be used by itself.
        """
        if "mqtt_password" in values and "mqtt_username" not in values:
            yield "mqtt_username", "is needed with MQTT_PASSWORD"
        files = ("mqtt_ca_file", "mqtt_cert_file", "mqtt_key_file")
        given = [name.upper() for name in files if name in values]
        if given and not values.get("mqtt_tls"):
            yield "mqtt_tls", f"must be TRUE when {', '.join(given)} is given"
        if "mqtt_key_file" in values and "mqtt_cert_file" not in values:
            yield "mqtt_cert_file", "is needed with MQTT_KEY_FILE"
        if "mqtt_cert_file" in values and "mqtt_key_file" not in values:
            yield "mqtt_key_file", "is needed with MQTT_CERT_FILE"
        certificate = values.get("mqtt_cert_file")
        key = values.get("mqtt_key_file")
        if certificate is not None and key is not None:
            try:
                # An empty password keeps OpenSSL from asking for one.
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
                    certificate, key, password=""
                )
            except ssl.SSLError as error:
                reason = f"does not fit to MQTT_KEY_FILE or is no PEM ({error})"
                yield "mqtt_cert_file", reason

    def warnings(self) -> Iterator[str]:
        """Warnings for the start, though the settings can be used."""
        yield from self.ignored


def read_settings(
    cls: type[Settings], environ: Mapping[str, str | None] | None = None
) -> Settings:
    """Read all settings, or raise everything that is wrong with them.

    The `environment` is read unless `environ` is given. Empty variables count
    as unset.
    """
    if environ is None:
        environ = environment()
    given = {name: text for name, text in environ.items() if text}
    infos = settings_of(cls)
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, info in infos.items():
        try:
            text = _text_of(name, given, from_file=info.from_file)
            if text is not None:
                values[name] = info.read(text)
            elif info.is_required:
                problems[name] = "is required"
        except ValueError as error:
            values[name], problems[name] = None, str(error)
    for name, reason in cls.problems_between(values):
        problems.setdefault(name, reason)
    if problems:
        raise SettingsError(_report(infos, given, problems))
    return cls(**values, ignored=tuple(_ignored_variables(cls, given)))


def environment() -> dict[str, str]:
    """Return the process's environment, completed by two files.

    Each is looked for from the working directory upwards: ``.env``, which an
    upgrade may replace, and ``.env.local``, which is its user's and wins.
    Empty variables count as unset.
    """
    values: dict[str, str | None] = {}
    for name in (".env", ".env.local"):
        values |= dotenv_values(find_dotenv(name, usecwd=True))
    values |= {name: text for name, text in os.environ.items() if text}
    return {name: text for name, text in values.items() if text}


def _text_of(
    name: str, given: Mapping[str, str], *, from_file: bool
) -> str | None:
    """Find the text of a setting, in its variable or in a file."""
    variable, in_file = name.upper(), f"{name.upper()}_FILE"
    if not from_file or in_file not in given:
        return given.get(variable)
    if variable in given:
        raise ValueError(f"{in_file} is given as well")
    path = given[in_file]
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = f"{in_file} = {path!r} cannot be read ({error})"
        raise ValueError(reason) from None


def _report(
    infos: Mapping[str, Setting],
    given: Mapping[str, str],
    problems: Mapping[str, str],
) -> str:
    count = len(problems)
    lines = [
        "1 setting is wrong:" if count == 1 else f"{count} settings are wrong:"
    ]
    for name, reason in problems.items():
        info, variable = infos[name], name.upper()
        if variable in given:
            value = MASK if info.is_secret else given[variable]
            lines.append(f"  {variable} = {value!r}: {reason}")
        else:
            lines.append(f"  {variable}: {reason}")
        if info.example:
            lines.append(f"    Example: {variable}={info.example}")
    return "\n".join(lines)


def _ignored_variables(
    cls: type[TemplateSettings], given: Mapping[str, str]
) -> Iterator[str]:
    """Find variables that were meant for us, but are not read."""
    infos = settings_of(cls)
    known = [name.upper() for name in infos]
    known += [f"{name.upper()}_FILE" for name in infos if infos[name].from_file]
    for name in sorted(given.keys() - {*known}):
        if name in cls.obsolete:
            yield (
                f"{name} is ignored: it is obsolete. Its place takes "
                f"{cls.obsolete[name]}."
            )
        elif difflib.get_close_matches(name.upper(), known, 1, MISTYPED) or (
            name.startswith(cls.prefixes)
            and not _OF_A_SERVICE.fullmatch(name)
            and not _ADDRESS_OF_A_SERVICE.fullmatch(given[name])
        ):
            nearest = max(known, key=lambda one: _likeness(name.upper(), one))
            yield (
                f"{name} is ignored: there is no such variable. Did you mean "
                f"{nearest}?"
            )


def _likeness(name: str, other: str) -> tuple[int, float]:
    """Compare by words first: MQTT_PORT is MQTT_BROKER_PORT."""
    common = {*name.split("_")} & {*other.split("_")}
    return len(common), difflib.SequenceMatcher(None, name, other).ratio()
