"""Settings of the connector: BEMCom's, and those of the charge stations."""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)

from connector.keba.protocol.commands import (
    CURRENT_MIN_MA,
    FAILSAFE_MAX_S,
    FAILSAFE_MIN_S,
    Milliampere,
    Seconds,
    SetFailsafe,
)
from connector.keba.protocol.fields import CURRENT_MAX_MA
from connector.keba.station.pacing import REPEAT_PAUSE_S
from pyconnector_template.settings import (
    FROM_FILE,
    Problem,
    Switch,
    TemplateSettings,
)

POLLABLE_REPORTS = (1, 2, 3, 100)

RESERVED_NAMES = frozenset({"all"})
"""Names that address more than one station."""

_STATIONS_EXAMPLE = '{"p30_garage": "192.168.0.99"}'
_STATION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LOOKS_LIKE_AN_ADDRESS = re.compile(r"[0-9.]+")


class Station(BaseModel):
    """One charge station, by its IPv4 address or name.

    Parameters
    ----------
    serial
        Its serial number, to notice when another station answers.
    max_curr
        Limit for `curr` in mA beyond KEBA's own, such as that of the fuse.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    serial: str | None = None
    max_curr: int | None = Field(None, ge=CURRENT_MIN_MA, le=CURRENT_MAX_MA)


class Failsafe(BaseModel):
    """How to use the stations' failsafe mode as a watchdog.

    Parameters
    ----------
    timeout
        Seconds without a command after which a station limits itself.
    current
        Its limit in mA then; 0 stops charging.
    controller_timeout
        Seconds without a message on any actuator topic after which the
        stations are left to limit themselves; None ignores that.
    store
        Whether stations keep this in their EEPROM over restarts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: int = Field(ge=FAILSAFE_MIN_S, le=FAILSAFE_MAX_S)
    current: int
    controller_timeout: float | None = Field(None, gt=0, allow_inf_nan=False)
    store: bool = False

    @property
    def command(self) -> SetFailsafe:
        """The command that arms a station."""
        return SetFailsafe(
            Seconds(self.timeout), Milliampere(self.current), self.store
        )


def _read_failsafe(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON ({error})") from None
    try:
        failsafe = Failsafe.model_validate(entry)
    except ValueError as error:
        raise ValueError(_in_one_line(error)) from None
    _ = failsafe.command  # raises what KEBA does not allow
    return failsafe


def _read_stations(text: object) -> object:
    if not isinstance(text, str):
        return text
    table = _load_table(text)
    complaints: list[str] = []
    stations: dict[str, Station] = {}
    for name, entry in table:
        if name in stations:
            complaints.append(f"{name!r} is there twice")
            continue
        try:
            stations[name] = _read_station(name, entry)
        except ValueError as error:
            complaints.append(f"{name!r} {_in_one_line(error)}")
    complaints += _shared_hosts(stations)
    if complaints:
        raise ValueError("; ".join(complaints))
    return stations


def _load_table(text: str) -> list[tuple[str, Any]]:
    """Load the JSON object as pairs, so that no doubled name gets lost."""
    try:
        table = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON ({error})") from None
    if not isinstance(table, _Pairs) or not table:
        raise ValueError("must be a JSON object with at least one station")
    return table


class _Pairs(list[tuple[str, Any]]):
    """A JSON object whose names may repeat."""


def _read_station(name: str, entry: object) -> Station:
    if not _STATION_NAME.fullmatch(name) or "__" in name:
        raise ValueError(
            "is no name: use 1 to 64 letters, digits, '-' and '_', no '__'"
        )
    if name in RESERVED_NAMES:
        raise ValueError("is a reserved name")
    if isinstance(entry, _Pairs):
        if len(dict(entry)) < len(entry):
            raise ValueError("has a key twice")
        station = Station.model_validate(dict(entry))
    elif isinstance(entry, str):
        station = Station(host=entry)
    else:
        raise ValueError("needs an address, a name or an object with a host")
    _require_host(station.host)
    return station


def _require_host(host: str) -> None:
    if not host or re.search(r"[\s/:]", host):
        raise ValueError(f"has no IPv4 address or name as host: {host!r}")
    if not _LOOKS_LIKE_AN_ADDRESS.fullmatch(host):
        return
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        raise ValueError(f"has no IPv4 address: {host!r}") from None
    # On loopback an address of this form is a host like all others.
    is_broadcast = host.endswith(".255") and not address.is_loopback
    if address.is_multicast or address.is_unspecified or is_broadcast:
        # A command sent to a broadcast address is carried out by every
        # station that hears it (UDP guide V2.01, page 14).
        raise ValueError(f"has the address of more than one host: {host!r}")


def _shared_hosts(stations: Mapping[str, Station]) -> list[str]:
    owners: dict[str, str] = {}
    complaints = []
    for name, station in stations.items():
        owner = owners.setdefault(station.host.casefold(), name)
        if owner != name:
            complaints.append(
                f"{owner!r} and {name!r} share {station.host}; "
                "give each its own address"
            )
    return complaints


def _in_one_line(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return ", ".join(
        f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
        for detail in error.errors()
    )


def _read_reports(text: object) -> object:
    if not isinstance(text, str):
        return text
    names = [name.strip() for name in text.split(",")]
    pollable = [str(number) for number in POLLABLE_REPORTS]
    if any(name not in pollable for name in names):
        raise ValueError(f"must be numbers out of {', '.join(pollable)}")
    return tuple(dict.fromkeys(int(name) for name in names))


Stations = Annotated[Mapping[str, Station], BeforeValidator(_read_stations)]
"""The stations by name, as KEBA_P30_CHARGE_STATIONS writes them."""


def _require_local_address(text: object) -> object:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError("is no IPv4 address") from None
    return text


class Settings(TemplateSettings):
    """All settings; each field is a variable of the same name in capitals."""

    prefixes: ClassVar[tuple[str, ...]] = (
        "ACTUATOR_",
        "KEBA_",
        "MQTT_",
        "POLL_",
        "RFID_",
    )
    obsolete: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            # Of the published connector, 0.3.0 to 0.5.0.
            "TARGET_PORT": "KEBA_P30_PORT",
            "READ_TIMEOUT": "KEBA_P30_REPLY_TIMEOUT",
        }
    )

    keba_p30_charge_stations: Stations = Field(
        description="The stations, see below.",
        examples=[_STATIONS_EXAMPLE],
    )
    poll_seconds: float = Field(
        30.0,
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        description="Seconds from one poll of a station to the next; KEBA "
        "asks for 5 at least.",
        examples=["30"],
    )
    publish_unchanged_every: int = Field(
        1,
        ge=1,
        le=100_000,
        description="Publish an unchanged value only every Nth poll. Against "
        "load, see [docs/scaling.md](docs/scaling.md).",
        examples=["1"],
    )
    keba_p30_bind_address: Annotated[
        str, BeforeValidator(_require_local_address)
    ] = Field(
        "0.0.0.0",  # noqa: S104 - stations are on the network
        description="Local address to listen on.",
        examples=["0.0.0.0"],  # noqa: S104
    )
    keba_p30_port: int = Field(
        7090,
        ge=1,
        le=65_535,
        description="UDP port of the stations and of the connector; only "
        "tests change it.",
        examples=["7090"],
    )
    keba_p30_reports: Annotated[
        tuple[int, ...], BeforeValidator(_read_reports)
    ] = Field(
        (1, 2, 3),
        description="Reports to poll. 100 may be added; it carries the tags "
        "of RFID cards.",
        examples=["1,2,3"],
    )
    keba_p30_reply_timeout: float = Field(
        2.0,
        ge=0.1,
        le=60,
        allow_inf_nan=False,
        description="Seconds to wait for a reply. A poll is repeated once, "
        "then it counts as unanswered.",
        examples=["2"],
    )
    read_only: Switch = Field(
        default=False,
        description="TRUE: commands are checked and logged, but nothing that "
        "changes a station is sent.",
        examples=["FALSE"],
    )

    keba_p30_restore: Switch = Field(
        default=False,
        description="TRUE: the last accepted `ena`, `curr` and `failsafe` of "
        "this run are sent again after a station has restarted or come back.",
        examples=["FALSE"],
    )
    keba_p30_failsafe: Annotated[
        Failsafe | None, BeforeValidator(_read_failsafe)
    ] = Field(
        None,
        description="The station limits itself when the connector is silent, "
        "see [docs/commands.md](docs/commands.md).",
        examples=['{"timeout": 60, "current": 6000}'],
    )

    rfid_salt: SecretStr | None = Field(
        None,
        description="Key for hashing the tags of RFID cards; needed with "
        "report 100.",
        examples=["a long secret"],
        json_schema_extra=FROM_FILE,
    )
    rfid_plain: Switch = Field(
        default=False,
        description="TRUE publishes the tags of RFID cards as they are.",
        examples=["FALSE"],
    )

    @property
    def failsafe(self) -> Failsafe | None:
        """The failsafe to keep alive; none where nothing may be written."""
        return None if self.read_only else self.keba_p30_failsafe

    @classmethod
    def problems_between(cls, values: Mapping[str, str]) -> Iterator[Problem]:
        """See `TemplateSettings`; tags of cards must not leave in plain."""
        yield from super().problems_between(values)
        reports = values.get("keba_p30_reports", "")
        is_plain = values.get("rfid_plain", "").upper() == "TRUE"
        if "100" in reports and not is_plain and "rfid_salt" not in values:
            yield cls.problem(
                "rfid_salt",
                None,
                "is needed with report 100, to hash the tags of cards; or set "
                "RFID_PLAIN=TRUE",
            )

    def warnings(self) -> Iterator[str]:
        """Warnings for the start, see `TemplateSettings`."""
        yield from super().warnings()
        if self.poll_seconds < REPEAT_PAUSE_S:
            yield (
                f"POLL_SECONDS={self.poll_seconds:g} is less than KEBA allows; "
                "polling every 5 s"
            )
