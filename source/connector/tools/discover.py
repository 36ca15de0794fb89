"""`discover`: which stations there are in a network."""

import ipaddress
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.keba.protocol.dip_switches import UDP_ON, is_on
from connector.settings import Station
from connector.tools.broker_view import BrokerView
from connector.tools.diagnosis import has_meter
from connector.tools.interview import Interview
from connector.tools.line import Line
from connector.tools.problems import UsageProblem

QUESTIONS = ("report 1", "report 2", "report 3")

SPREAD_S = 0.01
"""Between the first questions to two addresses: a network is no target."""

MOST_ADDRESSES = 1024
BROADCAST_PATIENCE_S = 3.0


@dataclass(frozen=True, slots=True)
class Discovery:
    """A station that was found.

    Parameters
    ----------
    name
        Its name in the settings, or a proposal.
    address
        Where it answers.
    serial, product, firmware
        As it says in report 1.
    has_meter
        Whether its total is above zero; None where report 3 does not come.
    remark
        What is noteworthy, empty if nothing is.
    """

    name: str
    address: str
    serial: str
    product: str
    firmware: str
    has_meter: bool | None
    remark: str = ""


def addresses_of(networks: Iterable[str]) -> list[str]:
    """Return all host addresses of networks such as 192.168.0.0/24.

    Raises
    ------
    UsageProblem
        If one is no network, or all are too many addresses.
    """
    addresses: dict[str, None] = {}
    for text in networks:
        try:
            network = ipaddress.IPv4Network(text, strict=False)
        except ValueError as error:
            raise UsageProblem(
                f"{text!r} is no IPv4 network ({error}); write for instance "
                "192.168.0.0/24"
            ) from None
        if network.num_addresses + len(addresses) > MOST_ADDRESSES:
            raise UsageProblem(
                f"{text} has {network.num_addresses} addresses; "
                f"{MOST_ADDRESSES} are asked at once at most: give the part "
                "in which the stations are"
            )
        addresses |= dict.fromkeys(map(str, network.hosts()))
    return list(addresses)


def sweep(
    line: Line,
    addresses: Iterable[str],
    on_progress: Callable[[int, int], None],
    reply_timeout_s: float,
) -> dict[str, Interview]:
    """Ask each address for its reports; return who answered.

    Parameters
    ----------
    line
        Where to ask.
    addresses
        Whom.
    on_progress
        Called with how many addresses are done and how many answered.
    reply_timeout_s
        How long the connector would wait for an answer.
    """
    now = time.monotonic()
    interviews = {
        address: Interview(
            QUESTIONS,
            begins_at=now + number * SPREAD_S,
            reply_timeout_s=reply_timeout_s,
        )
        for number, address in enumerate(addresses)
    }
    everybody = interviews.values()

    def tell() -> None:
        done = sum(one.is_over for one in everybody)
        on_progress(done, sum(bool(one.answers) for one in everybody))

    line.conduct(interviews, on_progress=tell)
    return {
        address: interview
        for address, interview in interviews.items()
        if interview.answer_to("report 1")
    }


def call_out(line: Line, broadcast_address: str) -> list[str]:
    """Send a broadcast `i`; return the addresses that answered.

    KEBA made `i` for this; other requests must not be broadcast, since every
    station would carry them out (UDP guide V2.01, pages 14 and 15).

    Raises
    ------
    UsageProblem
        If the broadcast cannot be sent.
    """
    line.allow_broadcasts()
    try:
        line.send(broadcast_address, b"i")
    except OSError as error:
        raise UsageProblem(
            f"cannot send to {broadcast_address}: {error.strerror}"
        ) from None
    line.listen({}, BROADCAST_PATIENCE_S)
    return [
        address
        for address, data in line.strangers.items()
        if data.startswith(b'"Firmware"')
    ]


def describe(
    interviews: Mapping[str, Interview], configured: Mapping[str, Station]
) -> list[Discovery]:
    """Return who was found, sorted by address.

    Parameters
    ----------
    interviews
        Those that answered, by address.
    configured
        The stations of the settings.
    """
    found = [
        _describe(address, interview, configured)
        for address, interview in interviews.items()
    ]
    return sorted(found, key=lambda one: ipaddress.IPv4Address(one.address))


def _describe(
    address: str, interview: Interview, configured: Mapping[str, Station]
) -> Discovery:
    answer = interview.answer_to("report 1")
    report = answer.report if answer else None
    fields = report.fields if report else {}
    serial = str(fields.get("Serial", ""))
    name, remark = _name_of(address, serial, configured)
    energy = interview.answer_to("report 3")
    meter = None
    if energy is not None and energy.report is not None:
        meter = has_meter(energy.report.fields)
    elif is_on(fields, UDP_ON) is not True:
        remark = ", ".join(filter(None, (remark, "DSW1.3 is off")))
    else:
        remark = ", ".join(filter(None, (remark, "no report 3")))
    return Discovery(
        name=name,
        address=address,
        serial=serial,
        product=str(fields.get("Product", "")),
        firmware=str(fields.get("Firmware", "")),
        has_meter=meter,
        remark=remark,
    )


def _name_of(
    address: str, serial: str, configured: Mapping[str, Station]
) -> tuple[str, str]:
    for name, station in configured.items():
        if serial and station.serial == serial:
            is_moved = station.host != address
            moved = f"configured at {station.host}" if is_moved else ""
            return name, moved
    for name, station in configured.items():
        if station.host == address:
            return name, ""
    return f"p30_{serial or address.replace('.', '_')}", "new"


def env_line(
    found: Iterable[Discovery], configured: Mapping[str, Station]
) -> str:
    """Return the line for `.env.local`: stations configured and found."""
    table: dict[str, Any] = {
        name: station.model_dump(exclude_none=True)
        for name, station in configured.items()
    }
    for one in found:
        entry = table.setdefault(one.name, {})
        entry["host"] = one.address
        if one.serial:
            entry["serial"] = one.serial
    return f"KEBA_P30_CHARGE_STATIONS='{json.dumps(table)}'"


def known_through_connector(
    view: BrokerView, configured: Mapping[str, Station]
) -> list[Discovery]:
    """Return the stations that the running connector hears."""
    return [
        Discovery(
            name=name,
            address=configured[name].host if name in configured else "",
            serial=_text(view, f"{name}__report 1__Serial"),
            product=_text(view, f"{name}__report 1__Product"),
            firmware=_text(view, f"{name}__report 1__Firmware"),
            has_meter=_meter_through(view, name),
        )
        for name in view.stations
    ]


def _text(view: BrokerView, key: str) -> str:
    value = view.value(key)
    return "" if value is None else str(value)


def _meter_through(view: BrokerView, name: str) -> bool | None:
    total = view.value(f"{name}__report 3__E total")
    return None if total is None else has_meter({"E total": total})
