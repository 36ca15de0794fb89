"""Settings of the connector: BEMCom's, and those of the charge stations."""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from connector.bemcom.actuators import FLEET
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
    Problem,
    Reader,
    TemplateSettings,
    any_text,
    number,
    setting,
    switch,
    whole_number,
)

POLLABLE_REPORTS = (1, 2, 3, 100)

STATIONS_EXAMPLE = '{"p30_garage": "192.168.0.99"}'
_STATION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LOOKS_LIKE_AN_ADDRESS = re.compile(r"[0-9.]+")


@dataclass(frozen=True, kw_only=True)
class Station:
    """One charge station, by its IPv4 address or name.

    By its serial number it is noticed when another station answers; `max_curr`
    is a limit in mA beyond KEBA's own, such as that of the fuse.
    """

    host: str
    serial: str | None = None
    max_curr: int | None = None


@dataclass(frozen=True)
class Failsafe:
    """How to use the stations' failsafe mode.

    The command arms a station: it limits itself after a time without one. After
    `controller_timeout` seconds without a message on any actuator topic the
    stations are left to limit themselves; None ignores that.
    """

    command: SetFailsafe
    controller_timeout: float | None = None


_OF_A_STATION: Mapping[str, Reader] = {
    "host": any_text,
    "serial": any_text,
    "max_curr": whole_number(CURRENT_MIN_MA, CURRENT_MAX_MA),
}
_OF_FAILSAFE: Mapping[str, Reader] = {
    "timeout": whole_number(FAILSAFE_MIN_S, FAILSAFE_MAX_S),
    "current": whole_number(0, CURRENT_MAX_MA),
    "controller_timeout": number(above=0),
    "store": switch,
}


class _Pairs(list[tuple[str, Any]]):
    """A JSON object whose names may repeat: no doubled one gets lost."""


def _load(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON ({error})") from None


def _read_parts(
    entry: object, readers: Mapping[str, Reader], *required: str
) -> dict[str, Any]:
    """Read the parts of a JSON object; null stands for what is not given."""
    if not isinstance(entry, _Pairs):
        raise ValueError("must be a JSON object")
    if len(dict(entry)) < len(entry):
        raise ValueError("has a key twice")
    given = {key: part for key, part in entry if part is not None}
    complaints = [f"{key}: is required" for key in required if key not in given]
    parts: dict[str, Any] = {}
    for key, part in given.items():
        if key not in readers:
            complaints.append(f"{key}: there are only {', '.join(readers)}")
            continue
        try:
            parts[key] = readers[key](part)
        except ValueError as error:
            complaints.append(f"{key}: {error}")
    if complaints:
        raise ValueError(", ".join(complaints))
    return parts


def _read_failsafe(text: str) -> Failsafe:
    parts = _read_parts(_load(text), _OF_FAILSAFE, "timeout", "current")
    command = SetFailsafe(
        Seconds(parts["timeout"]),
        Milliampere(parts["current"]),
        # Over restarts, in the station's EEPROM.
        parts.get("store", False),
    )
    return Failsafe(command, parts.get("controller_timeout"))


def read_stations(text: str) -> Mapping[str, Station]:
    """Read the stations as KEBA_P30_CHARGE_STATIONS writes them."""
    table = _load(text)
    if not isinstance(table, _Pairs) or not table:
        raise ValueError("must be a JSON object with at least one station")
    complaints: list[str] = []
    stations: dict[str, Station] = {}
    for name, entry in table:
        if name in stations:
            complaints.append(f"{name!r} is there twice")
            continue
        try:
            stations[name] = _read_station(name, entry)
        except ValueError as error:
            complaints.append(f"{name!r} {error}")
    complaints += _shared_hosts(stations)
    if complaints:
        raise ValueError("; ".join(complaints))
    return stations


def _read_station(name: str, entry: object) -> Station:
    if not _STATION_NAME.fullmatch(name) or "__" in name:
        raise ValueError(
            "is no name: use 1 to 64 letters, digits, '-' and '_', no '__'"
        )
    if name == FLEET:
        raise ValueError("is a reserved name")
    if isinstance(entry, _Pairs):
        station = Station(**_read_parts(entry, _OF_A_STATION, "host"))
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


def _read_reports(text: str) -> tuple[int, ...]:
    names = [name.strip() for name in text.split(",")]
    pollable = [str(number) for number in POLLABLE_REPORTS]
    if any(name not in pollable for name in names):
        raise ValueError(f"must be numbers out of {', '.join(pollable)}")
    return tuple(dict.fromkeys(int(name) for name in names))


def _read_local_address(text: str) -> str:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError("is no IPv4 address") from None
    return text


@dataclass(frozen=True)
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

    keba_p30_charge_stations: Mapping[str, Station] = setting(
        read_stations,
        "The stations, see below.",
        STATIONS_EXAMPLE,
        is_required=True,
    )
    poll_seconds: float = setting(
        number(most=86_400, above=0),
        "Seconds from one poll of a station to the next; KEBA asks for 5 at "
        "least.",
        "30",
        default=30.0,
    )
    publish_unchanged_every: int = setting(
        whole_number(1, 100_000),
        "Publish an unchanged value only every Nth poll. Against load, see "
        "[docs/scaling.md](docs/scaling.md).",
        "1",
        default=1,
    )
    keba_p30_bind_address: str = setting(
        _read_local_address,
        "Local address to listen on.",
        "0.0.0.0",  # noqa: S104 - stations are on the network
        default="0.0.0.0",  # noqa: S104
    )
    keba_p30_port: int = setting(
        whole_number(1, 65_535),
        "UDP port of the stations and of the connector; only tests change it.",
        "7090",
        default=7090,
    )
    keba_p30_reports: tuple[int, ...] = setting(
        _read_reports,
        "Reports to poll. 100 may be added; it carries the tags of RFID cards.",
        "1,2,3",
        default=(1, 2, 3),
    )
    keba_p30_reply_timeout: float = setting(
        number(0.1, 60),
        "Seconds to wait for a reply. A poll is repeated once, then it counts "
        "as unanswered.",
        "2",
        default=2.0,
    )
    read_only: bool = setting(
        switch,
        "TRUE: commands are checked and logged, but nothing that changes a "
        "station is sent.",
        "FALSE",
        default=False,
    )

    keba_p30_restore: bool = setting(
        switch,
        "TRUE: the last accepted `ena`, `curr` and `failsafe` of this run are "
        "sent again after a station has restarted or come back.",
        "FALSE",
        default=False,
    )
    keba_p30_failsafe: Failsafe | None = setting(
        _read_failsafe,
        "The station limits itself when the connector is silent, see "
        "[docs/commands.md](docs/commands.md).",
        '{"timeout": 60, "current": 6000}',
    )

    rfid_salt: str | None = setting(
        any_text,
        "Key for hashing the tags of RFID cards; needed with report 100.",
        "a long secret",
        from_file=True,
        is_secret=True,
    )
    rfid_plain: bool = setting(
        switch,
        "TRUE publishes the tags of RFID cards as they are.",
        "FALSE",
        default=False,
    )

    @property
    def failsafe(self) -> Failsafe | None:
        """The failsafe to keep alive; none where nothing may be written."""
        return None if self.read_only else self.keba_p30_failsafe

    @classmethod
    def problems_between(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """See `TemplateSettings`; tags of cards must not leave in plain."""
        yield from super().problems_between(values)
        reports = values.get("keba_p30_reports") or ()
        is_plain = values.get("rfid_plain")
        if 100 in reports and not is_plain and "rfid_salt" not in values:
            reason = (
                "is needed with report 100, to hash the tags of cards; or set "
                "RFID_PLAIN=TRUE"
            )
            yield "rfid_salt", reason

    def warnings(self) -> Iterator[str]:
        """Warnings for the start, see `TemplateSettings`."""
        yield from super().warnings()
        if self.poll_seconds < REPEAT_PAUSE_S:
            yield (
                f"POLL_SECONDS={self.poll_seconds:g} is less than KEBA allows; "
                "polling every 5 s"
            )
