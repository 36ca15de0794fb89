"""Settings from the environment, read once, checked completely.

All problems are reported together, each with variable, value, reason and an
example, so that nobody has to start the connector five times to find five
mistakes. A connector adds its own variables in a subclass.
"""

import difflib
import os
import re
import ssl
from collections.abc import (
    Iterator,
    Mapping,
)
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, TypeVar, get_args

from dotenv import dotenv_values, find_dotenv
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from .mqtt.greeting import Login

FORBIDDEN_IN_NAMES = re.compile(r"[/+#\0\s]")
MASK = "(not shown)"

FROM_FILE: JsonDict = {"from_file": True}
"""The mark of variables that may also come from a file, as Docker's secrets
do."""

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


def _is_exactly_true(value: object) -> object:
    return value == "TRUE" if isinstance(value, str) else value


def _true_or_false(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.upper() not in {"TRUE", "FALSE"}:
        raise ValueError("must be TRUE or FALSE")
    return value.upper() == "TRUE"


ExactlyTrue = Annotated[bool, BeforeValidator(_is_exactly_true)]
"""TRUE is on, anything else is off, as BEMCom has always read it."""

Switch = Annotated[bool, BeforeValidator(_true_or_false)]
"""TRUE or FALSE; anything else is a mistake."""

Settings = TypeVar("Settings", bound="TemplateSettings")


class TemplateSettings(BaseModel):
    """What every connector needs to know; fields are variables in lower case.

    Subclasses add fields with ``description``, ``examples`` and, where a value
    may come from a file, ``json_schema_extra=FROM_FILE``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    prefixes: ClassVar[tuple[str, ...]] = ()
    """A variable that begins like one of these is meant for the connector.
    Empty here: a connector may read variables that are no settings."""

    obsolete: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Variables of older versions, and what to set in their place."""

    _ignored: tuple[str, ...] = PrivateAttr(())

    connector_name: str = Field(
        "unknown-connector",
        description="Name in BEMCom's AdminUI, and first part of all topics: "
        "lower case, digits and dashes.",
        examples=["keba-garage"],
    )
    mqtt_broker_host: str = Field(
        description="Name or address of the broker.",
        examples=["192.168.0.10"],
    )
    mqtt_broker_port: int = Field(
        1883,
        ge=1,
        le=65535,
        description="Port of the broker.",
        examples=["1883"],
    )
    send_raw_message_to_db: ExactlyTrue = Field(
        default=False,
        description="TRUE publishes each datagram for BEMCom's raw message "
        "database.",
        examples=["TRUE"],
    )
    debug: ExactlyTrue = Field(
        default=False, description="TRUE logs more.", examples=["FALSE"]
    )
    mqtt_username: str | None = Field(
        None,
        description="Login at the broker.",
        examples=["connector"],
        json_schema_extra=FROM_FILE,
    )
    mqtt_password: SecretStr | None = Field(
        None,
        description="Password of that login.",
        examples=["a long secret"],
        json_schema_extra=FROM_FILE,
    )
    mqtt_tls: Switch = Field(
        default=False,
        description="TRUE encrypts the connection to the broker.",
        examples=["TRUE"],
    )
    mqtt_ca_file: Path | None = Field(
        None,
        description="Authorities to trust, instead of the system's.",
        examples=["/run/secrets/ca.pem"],
    )
    mqtt_cert_file: Path | None = Field(
        None,
        description="Certificate of this client, if the broker wants one.",
        examples=["/run/secrets/connector.pem"],
    )
    mqtt_key_file: Path | None = Field(
        None,
        description="Key of that certificate.",
        examples=["/run/secrets/connector.key"],
    )
    actuator_max_age_seconds: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Commands with an older timestamp are refused; 0 accepts "
        "all.",
        examples=["60"],
    )

    @field_validator("connector_name")
    @classmethod
    def _fits_into_topics(cls, name: str) -> str:
        if FORBIDDEN_IN_NAMES.search(name):
            raise ValueError("must not contain blanks, '/', '+' or '#'")
        return name

    @field_validator("mqtt_broker_host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        name, port = _split_host(host)
        if name == host:
            return host
        advice = f"MQTT_BROKER_HOST={name}"
        if port:
            advice += f" and MQTT_BROKER_PORT={port}"
        raise ValueError(f"must be a bare name or address: set {advice}")

    @classmethod
    def problems_between(cls, values: Mapping[str, str]) -> Iterator[Problem]:
        """Find what is wrong between variables, given by their field names."""
        if "mqtt_password" in values and "mqtt_username" not in values:
            yield cls.problem(
                "mqtt_username", None, "is needed with MQTT_PASSWORD"
            )
        yield from _tls_problems(cls, values)

    @classmethod
    def problem(cls, field: str, value: str | None, reason: str) -> Problem:
        """Describe a problem of a field: secrets masked, with an example."""
        info = cls.model_fields[field]
        if value is not None and _is_secret(info):
            value = MASK
        example = str(info.examples[0]) if info.examples else None
        return Problem(field.upper(), value, reason, example)

    @property
    def login(self) -> Login:
        """Login and TLS at the broker."""
        password = self.mqtt_password
        return Login(
            username=self.mqtt_username,
            password=None if password is None else password.get_secret_value(),
            tls=self.mqtt_tls,
            ca_file=self.mqtt_ca_file,
            cert_file=self.mqtt_cert_file,
            key_file=self.mqtt_key_file,
        )

    def warnings(self) -> Iterator[str]:
        """Warnings for the start, though the settings can be used."""
        yield from self._ignored


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
    values, problems = _collect(cls, given)
    problems += cls.problems_between(values)
    try:
        settings = cls(**values)
    except ValidationError as error:
        known = {problem.variable for problem in problems}
        found = [_problem_of(cls, one, values) for one in error.errors()]
        problems += [one for one in found if one.variable not in known]
    if problems:
        raise SettingsError(_report(problems))
    settings._ignored = tuple(_ignored_variables(cls, given))
    return settings


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
) -> tuple[dict[str, Any], list[Problem]]:
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for field, info in cls.model_fields.items():
        variable = field.upper()
        if variable in given:
            values[field] = given[variable]
        path = given.get(f"{variable}_FILE")
        if path is None or not _may_come_from_file(info):
            continue
        if field in values:
            problems.append(
                cls.problem(
                    field, values[field], f"{variable}_FILE is given as well"
                )
            )
            continue
        try:
            values[field] = Path(path).read_text("utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            problems.append(
                Problem(f"{variable}_FILE", path, f"cannot be read ({error})")
            )
    return values, problems


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
    for field, info in cls.model_fields.items():
        yield field.upper()
        if _may_come_from_file(info):
            yield f"{field.upper()}_FILE"


def _tls_problems(
    cls: type[TemplateSettings], values: Mapping[str, str]
) -> Iterator[Problem]:
    files = {
        field: values[field]
        for field in ("mqtt_ca_file", "mqtt_cert_file", "mqtt_key_file")
        if field in values
    }
    if files and values.get("mqtt_tls", "").upper() != "TRUE":
        names = ", ".join(field.upper() for field in files)
        yield cls.problem(
            "mqtt_tls",
            values.get("mqtt_tls"),
            f"must be TRUE when {names} is given",
        )
    unreadable = set()
    for field, path in files.items():
        try:
            Path(path).read_bytes()
        except (OSError, ValueError) as error:
            unreadable.add(field)
            yield cls.problem(field, path, f"cannot be read ({error})")
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


def _problem_of(
    cls: type[TemplateSettings],
    details: ErrorDetails,
    values: Mapping[str, Any],
) -> Problem:
    field = str(details["loc"][0])
    if details["type"] == "missing":
        return cls.problem(field, None, "is required")
    reason = details["msg"].removeprefix("Value error, ")
    return cls.problem(field, values.get(field), reason)


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


def _may_come_from_file(info: FieldInfo) -> bool:
    return info.json_schema_extra == FROM_FILE


def _is_secret(info: FieldInfo) -> bool:
    return SecretStr in get_args(info.annotation)


def _report(problems: list[Problem]) -> str:
    count = len(problems)
    head = (
        "1 setting is wrong:" if count == 1 else f"{count} settings are wrong:"
    )
    return "\n".join([head, *map(str, problems)])
