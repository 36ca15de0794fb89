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
from collections.abc import (
    Callable,
    Iterator,
    Mapping,
)
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from dotenv import dotenv_values, find_dotenv

from .mqtt.greeting import Login

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


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the value of one variable cannot be used; None if it has none."""

    variable: str
    value: str | None
    reason: str
    example: str | None = None

    def __str__(self) -> str:
        given = "" if self.value is None else f" = {self.value!r}"
        text = f"  {self.variable}{given}: {self.reason}"
        if self.example is None:
            return text
        return f"{text}\n    Example: {self.variable}={self.example}"


Reader = Callable[[Any], Any]
"""Makes a value of a text, or of what JSON holds; or raises ValueError."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable.

    Parameters
    ----------
    read
        Makes its value of its text.
    default
        None where there is none, or where it is required.
    description, example
        For people.
    from_file
        Whether a file may hold it, as Docker's secrets do.
    """

    read: Reader
    default: Any
    is_required: bool
    description: str
    example: str
    from_file: bool
    is_secret: bool


_REQUIRED: Any = object()


def setting(
    read: Reader,
    default: Any = _REQUIRED,
    *,
    description: str = "",
    example: str = "",
    from_file: bool = False,
    is_secret: bool = False,
) -> Any:
    """Return a field of a settings class, see `Setting`.

    It is required if there is no default. A secret is never shown.
    """
    is_required = default is _REQUIRED
    default = None if is_required else default
    return field(
        default_factory=lambda: default,
        repr=not is_secret,
        kw_only=True,
        metadata={
            "setting": Setting(
                read,
                default,
                is_required,
                description,
                example,
                from_file,
                is_secret,
            )
        },
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
    complaint = f"must be a whole number, {least} to {most}"

    def read(value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            # As some programs write whole numbers in JSON.
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(complaint)
        try:
            number = int(value)
        except ValueError:
            raise ValueError(complaint) from None
        if not least <= number <= most:
            raise ValueError(complaint)
        return number

    return read


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
    complaint = ", ".join(["must be a number", *limits])

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(complaint)
        try:
            given = float(value)
        except (ValueError, OverflowError):
            raise ValueError(complaint) from None
        is_above = above is None or given > above
        if not (math.isfinite(given) and least <= given <= most and is_above):
            raise ValueError(complaint)
        return given

    return read


def _topic_level(name: str) -> str:
    if FORBIDDEN_IN_NAMES.search(name):
        raise ValueError("must not contain blanks, '/', '+' or '#'")
    return name


def bare_host(host: str) -> str:
    """Take a name or an address; else say what to set in its place."""
    name, port = _split_host(host)
    if name == host:
        return host
    advice = f"MQTT_BROKER_HOST={name}"
    if port:
        advice += f" and MQTT_BROKER_PORT={port}"
    raise ValueError(f"must be a bare name or address: set {advice}")


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
        "unknown-connector",
        description="Name in BEMCom's AdminUI, and first part of all topics: "
        "lower case, digits and dashes.",
        example="keba-garage",
    )
    mqtt_broker_host: str = setting(
        bare_host,
        description="Name or address of the broker.",
        example="192.168.0.10",
    )
    mqtt_broker_port: int = setting(
        whole_number(1, 65_535),
        1883,
        description="Port of the broker.",
        example="1883",
    )
    send_raw_message_to_db: bool = setting(
        exactly_true,
        default=False,
        description="TRUE publishes each datagram for BEMCom's raw message "
        "database.",
        example="TRUE",
    )
    debug: bool = setting(
        exactly_true,
        default=False,
        description="TRUE logs more.",
        example="FALSE",
    )
    mqtt_username: str | None = setting(
        any_text,
        None,
        description="Login at the broker.",
        example="connector",
        from_file=True,
    )
    mqtt_password: str | None = setting(
        any_text,
        None,
        description="Password of that login.",
        example="a long secret",
        from_file=True,
        is_secret=True,
    )
    mqtt_tls: bool = setting(
        switch,
        default=False,
        description="TRUE encrypts the connection to the broker.",
        example="TRUE",
    )
    mqtt_ca_file: Path | None = setting(
        Path,
        None,
        description="Authorities to trust, instead of the system's.",
        example="/run/secrets/ca.pem",
    )
    mqtt_cert_file: Path | None = setting(
        Path,
        None,
        description="Certificate of this client, if the broker wants one.",
        example="/run/secrets/connector.pem",
    )
    mqtt_key_file: Path | None = setting(
        Path,
        None,
        description="Key of that certificate.",
        example="/run/secrets/connector.key",
    )
    actuator_max_age_seconds: float = setting(
        number(0),
        0.0,
        description="Commands with an older timestamp are refused; 0 accepts "
        "all.",
        example="60",
    )

    @classmethod
    def problems_between(cls, values: Mapping[str, str]) -> Iterator[Problem]:
        """Find what is wrong between variables, given by their field names."""
        if "mqtt_password" in values and "mqtt_username" not in values:
            yield cls.problem(
                "mqtt_username", None, "is needed with MQTT_PASSWORD"
            )
        yield from _tls_problems(cls, values)

    @classmethod
    def problem(cls, name: str, value: str | None, reason: str) -> Problem:
        """Describe a problem of a field: secrets masked, with an example."""
        info = settings_of(cls)[name]
        if value is not None and info.is_secret:
            value = MASK
        return Problem(name.upper(), value, reason, info.example or None)

    @property
    def login(self) -> Login:
        """Login and TLS at the broker."""
        return Login(
            username=self.mqtt_username,
            password=self.mqtt_password,
            tls=self.mqtt_tls,
            ca_file=self.mqtt_ca_file,
            cert_file=self.mqtt_cert_file,
            key_file=self.mqtt_key_file,
        )

    def warnings(self) -> Iterator[str]:
        """Warnings for the start, though the settings can be used."""
        yield from self.ignored


def read_settings(
    cls: type[Settings], environ: Mapping[str, str | None] | None = None
) -> Settings:
    """Read all settings, or raise everything that is wrong with them.

    The process's environment, completed by `dotenv_files`, is read unless
    `environ` is given. Empty variables count as unset.

    Raises
    ------
    SettingsError
        With one paragraph per problem.
    """
    if environ is None:
        environ = _environment_and_dotenv()
    given = {name: text for name, text in environ.items() if text}
    texts, problems = _collect(cls, given)
    problems += cls.problems_between(texts)
    known = {problem.variable for problem in problems}
    values: dict[str, Any] = {}
    for name, info in settings_of(cls).items():
        reason = "is required"
        if name in texts:
            try:
                values[name] = info.read(texts[name])
                continue
            except ValueError as error:
                reason = str(error)
        elif not info.is_required:
            continue
        if name.upper() not in known:
            problems.append(cls.problem(name, texts.get(name), reason))
    if problems:
        raise SettingsError(_report(problems))
    return cls(**values, ignored=tuple(_ignored_variables(cls, given)))


def dotenv_files() -> tuple[str, ...]:
    """Find the files that complete the environment; a later one wins.

    Each is looked for from the working directory upwards: ``.env``, which an
    upgrade may replace, and ``.env.local``, which is its user's. An empty path
    stands for one that is not there.
    """
    return tuple(
        find_dotenv(name, usecwd=True) for name in (".env", ".env.local")
    )


def _environment_and_dotenv() -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    for path in dotenv_files():
        values |= dotenv_values(path)
    return values | {name: text for name, text in os.environ.items() if text}


def _collect(
    cls: type[TemplateSettings], given: Mapping[str, str]
) -> tuple[dict[str, str], list[Problem]]:
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for name, info in settings_of(cls).items():
        variable = name.upper()
        if variable in given:
            texts[name] = given[variable]
        path = given.get(f"{variable}_FILE")
        if path is None or not info.from_file:
            continue
        if name in texts:
            problems.append(
                cls.problem(
                    name, texts[name], f"{variable}_FILE is given as well"
                )
            )
            continue
        try:
            texts[name] = Path(path).read_text("utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            problems.append(
                Problem(f"{variable}_FILE", path, f"cannot be read ({error})")
            )
    return texts, problems


def _ignored_variables(
    cls: type[TemplateSettings], given: Mapping[str, str]
) -> Iterator[str]:
    """Find variables that were meant for us, but are not read."""
    known = {*_variables(cls)}
    for name in sorted(given.keys() - known):
        if name in cls.obsolete:
            yield (
                f"{name} is ignored: it is obsolete. Its place takes "
                f"{cls.obsolete[name]}."
            )
        elif _is_meant_for(cls, name, given[name]):
            nearest = max(known, key=lambda one: _likeness(name.upper(), one))
            yield (
                f"{name} is ignored: there is no such variable. Did you mean "
                f"{nearest}?"
            )


def _is_meant_for(cls: type[TemplateSettings], name: str, text: str) -> bool:
    if difflib.get_close_matches(name.upper(), [*_variables(cls)], 1, MISTYPED):
        return True
    return (
        name.startswith(cls.prefixes)
        and not _OF_A_SERVICE.fullmatch(name)
        and not _ADDRESS_OF_A_SERVICE.fullmatch(text)
    )


def _likeness(name: str, other: str) -> tuple[int, float, str]:
    """Compare by words first: MQTT_PORT is MQTT_BROKER_PORT."""
    common = {*name.split("_")} & {*other.split("_")}
    ratio = difflib.SequenceMatcher(None, name, other).ratio()
    return len(common), ratio, other


def _variables(cls: type[TemplateSettings]) -> Iterator[str]:
    for name, info in settings_of(cls).items():
        yield name.upper()
        if info.from_file:
            yield f"{name.upper()}_FILE"


def _tls_problems(
    cls: type[TemplateSettings], values: Mapping[str, str]
) -> Iterator[Problem]:
    files = {
        name: values[name]
        for name in ("mqtt_ca_file", "mqtt_cert_file", "mqtt_key_file")
        if name in values
    }
    if files and values.get("mqtt_tls", "").upper() != "TRUE":
        names = ", ".join(name.upper() for name in files)
        yield cls.problem(
            "mqtt_tls",
            values.get("mqtt_tls"),
            f"must be TRUE when {names} is given",
        )
    unreadable = set()
    for name, path in files.items():
        try:
            Path(path).read_bytes()
        except (OSError, ValueError) as error:
            unreadable.add(name)
            yield cls.problem(name, path, f"cannot be read ({error})")
    authorities = files.get("mqtt_ca_file")
    if authorities is not None and "mqtt_ca_file" not in unreadable:
        try:
            ssl.create_default_context(cafile=authorities)
        except ssl.SSLError as error:
            reason = f"holds no certificates in PEM ({error})"
            yield cls.problem("mqtt_ca_file", authorities, reason)
    if not {"mqtt_cert_file", "mqtt_key_file"} & unreadable:
        yield from _certificate_problems(
            cls, files.get("mqtt_cert_file"), files.get("mqtt_key_file")
        )


def _certificate_problems(
    cls: type[TemplateSettings], certificate: str | None, key: str | None
) -> Iterator[Problem]:
    if certificate is None and key is None:
        return
    if certificate is None:
        reason = "is needed with MQTT_KEY_FILE"
        yield cls.problem("mqtt_cert_file", None, reason)
    elif key is None:
        reason = "is needed with MQTT_CERT_FILE"
        yield cls.problem("mqtt_key_file", None, reason)
    else:
        try:
            # An empty password keeps OpenSSL from asking for one.
            ssl.create_default_context().load_cert_chain(
                certificate, key, password=""
            )
        except ssl.SSLError as error:
            reason = f"does not fit to MQTT_KEY_FILE or is no PEM ({error})"
            yield cls.problem("mqtt_cert_file", certificate, reason)


def _split_host(text: str) -> tuple[str, str]:
    """Take host and port out of a URL, of brackets, of ``host:port``."""
    host = re.sub(r"^\w*://", "", text.strip()).partition("/")[0]
    host = host.rpartition("@")[2]
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        return name, rest.removeprefix(":")
    # An IPv6 address has more than one colon.
    if host.count(":") == 1:
        name, _, port = host.partition(":")
        return name, port
    return "".join(host.split()), ""


def _report(problems: list[Problem]) -> str:
    count = len(problems)
    head = (
        "1 setting is wrong:" if count == 1 else f"{count} settings are wrong:"
    )
    return "\n".join([head, *map(str, problems)])
