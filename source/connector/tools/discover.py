"""`discover`: which stations there are in a network."""

import ipaddress
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, NoReturn

import typer
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from connector.diagnosis.facts import StationFacts
from connector.diagnosis.site import SiteFacts
from connector.keba.io.gateway import Gateway
from connector.keba.protocol.dip_switches import UDP_ON, is_on
from connector.keba.station.events import ReportReceived, UnknownSender
from connector.settings import Station
from connector.tools import terminal
from connector.tools.broker_client import BrokerClient
from connector.tools.connector_view import ConnectorView
from connector.tools.problems import EXIT_FINDINGS, UsageProblem
from connector.tools.stations import (
    PATIENCE_S,
    PortTaken,
    deliveries,
    learn,
    open_gateway,
)
from connector.tools.terminal import AsJson, working
from connector.tools.tool_settings import ToolSettings, tool_settings

SPREAD_S = 0.01
"""Between the first questions to two addresses: a network is no target."""

LOOK_S = 0.2

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
    gateway: Gateway,
    addresses: Sequence[str],
    on_progress: Callable[[int, int], None],
) -> dict[str, StationFacts]:
    """Ask each address for its reports; return who answered.

    Parameters
    ----------
    gateway
        Knows each address as a station of this name.
    addresses
        Whom to ask.
    on_progress
        Called with how many addresses are done and how many answered.
    """
    site = SiteFacts()
    waiting, unasked = {*addresses}, deque(addresses)
    next_at = time.monotonic()
    until = next_at + len(addresses) * SPREAD_S + PATIENCE_S
    while waiting and time.monotonic() < until:
        if unasked and time.monotonic() >= next_at:
            gateway.ask(unasked.popleft(), 1)
            next_at += SPREAD_S
        delivery = gateway.next_event(SPREAD_S if unasked else LOOK_S)
        if delivery is None:
            continue
        learn(site, delivery)
        station = getattr(delivery.event, "station", "")
        match delivery.event:
            case ReportReceived(request="report 1"):
                gateway.ask(station, 2)
                gateway.ask(station, 3)
        if station in waiting and _is_told(site.station(station)):
            waiting.discard(station)
        answered = _answered(site)
        on_progress(len(addresses) - len(waiting), len(answered))
    return _answered(site)


def _answered(site: SiteFacts) -> dict[str, StationFacts]:
    return {
        name: facts for name, facts in site.stations.items() if facts.came_at_ms
    }


def _is_told(facts: StationFacts) -> bool:
    """Tell whether all that was asked has come, or will not."""
    if "report 1" not in facts.came_at_ms:
        return "report 1" in facts.missing
    return {"report 2", "report 3"} <= {*facts.came_at_ms, *facts.missing}


def call_out(gateway: Gateway, broadcast_address: str) -> list[str]:
    """Send a broadcast `i`; return the addresses that answered.

    Raises
    ------
    UsageProblem
        If the broadcast cannot be sent.
    """
    try:
        gateway.call_out(broadcast_address)
    except OSError as error:
        raise UsageProblem(
            f"cannot send to {broadcast_address}: {error.strerror}"
        ) from None
    until = time.monotonic() + BROADCAST_PATIENCE_S
    return [
        delivery.event.address
        for delivery in deliveries(gateway, until)
        if isinstance(delivery.event, UnknownSender) and delivery.event.is_keba
    ]


def describe(
    found: Mapping[str, StationFacts], configured: Mapping[str, Station]
) -> list[Discovery]:
    """Return who was found, sorted by address."""
    discoveries = [
        _describe(address, facts, configured)
        for address, facts in found.items()
    ]
    return sorted(
        discoveries, key=lambda one: ipaddress.IPv4Address(one.address)
    )


def _describe(
    address: str, facts: StationFacts, configured: Mapping[str, Station]
) -> Discovery:
    fields = facts.fields
    serial = str(fields.get("Serial", ""))
    name, remark = _name_of(address, serial, configured)
    meter = None
    if "report 3" in facts.came_at_ms:
        meter = has_meter(fields.get("E total"))
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


def has_meter(total: object) -> bool:
    """Tell whether a station measures: its total is above zero."""
    return isinstance(total, int | float) and total > 0


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
        name: {
            key: part
            for key, part in asdict(station).items()
            if part is not None
        }
        for name, station in configured.items()
    }
    for one in found:
        entry = table.setdefault(one.name, {})
        entry["host"] = one.address
        if one.serial:
            entry["serial"] = one.serial
    return f"KEBA_P30_CHARGE_STATIONS='{json.dumps(table)}'"


def known_through_connector(
    view: ConnectorView, configured: Mapping[str, Station]
) -> list[Discovery]:
    """Return the stations that the running connector hears."""
    return [
        _known(view, name, facts, configured)
        for name, facts in view.facts_of_stations.items()
    ]


def _known(
    view: ConnectorView,
    name: str,
    facts: Mapping[str, Any],
    configured: Mapping[str, Station],
) -> Discovery:
    fields = facts.get("fields", {})
    total = view.value(f"{name}__report 3__E total")
    return Discovery(
        name=name,
        address=configured[name].host if name in configured else "",
        serial=str(fields.get("Serial", "")),
        product=str(fields.get("Product", "")),
        firmware=str(fields.get("Firmware", "")),
        has_meter=None if total is None else has_meter(total),
    )


# --- the command ----------------------------------------------------------


def command(
    networks: Annotated[
        list[str] | None,
        typer.Argument(help="Networks such as 192.168.0.0/24, or addresses."),
    ] = None,
    broadcast: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Broadcast address to call `i` to, such as 192.168.0.255. "
            "Some stations do not answer broadcasts.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Find stations, and write the line for `.env.local`.

    Each address of the networks is asked for report 1, a hundred of them a
    second. Who answers is asked for reports 2 and 3.

    Example: `keba discover 192.168.0.0/24`
    """
    settings = tool_settings()
    if not networks and not broadcast:
        raise UsageProblem(
            "name a network to look through, such as 192.168.0.0/24, or a "
            "broadcast address by --broadcast"
        )
    addresses = addresses_of(networks or [])
    configured = settings.keba_p30_charge_stations
    try:
        found = _look_for_stations(settings, addresses, broadcast)
    except PortTaken as problem:
        _tell_what_connector_knows(settings, problem, as_json=as_json)
    stations = describe(found, configured)
    env = env_line(stations, configured)
    if as_json:
        terminal.print_json(
            {"stations": [asdict(one) for one in stations], "env": env}
        )
    else:
        _show_discoveries(stations)
        if stations:
            screen = terminal.console()
            screen.print("\nThe line for .env.local:", style="bold")
            # Not wrapped by the console: it is to be copied.
            sys.stdout.write(f"{env}\n")
    if not stations:
        raise typer.Exit(EXIT_FINDINGS)


def _look_for_stations(
    settings: ToolSettings, addresses: list[str], broadcast: str
) -> dict[str, StationFacts]:
    if broadcast:
        with (
            open_gateway(settings, {}) as gateway,
            working(f"calling {broadcast}"),
        ):
            heard = call_out(gateway, broadcast)
        addresses = list(dict.fromkeys([*addresses, *heard]))
    screen = terminal.console(stderr=True)
    with (
        open_gateway(settings, {one: one for one in addresses}) as gateway,
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} addresses"),
            console=screen,
            transient=True,
            disable=not screen.is_terminal,
        ) as progress,
    ):
        task = progress.add_task("looking", total=len(addresses))

        def show(done: int, found: int) -> None:
            progress.update(task, completed=done, description=f"{found} found")

        return sweep(gateway, addresses, show)


def _tell_what_connector_knows(
    settings: ToolSettings, problem: PortTaken, *, as_json: bool
) -> NoReturn:
    """Show the stations of the running connector, which has the port."""
    known: list[Discovery] = []
    if settings.mqtt_broker_host:
        with BrokerClient(settings) as broker:
            view = broker.look_around()
            if view.is_online:
                known = known_through_connector(
                    view, settings.keba_p30_charge_stations
                )
    if known and not as_json:
        _show_discoveries(known)
        problem.advice += " The stations above are those that it knows."
    raise problem


def _show_discoveries(stations: list[Discovery]) -> None:
    table = Table(box=None, padding=(0, 1))
    for heading in (
        "name",
        "address",
        "serial",
        "product",
        "firmware",
        "meter",
        "remark",
    ):
        table.add_column(heading, header_style="dim", overflow="fold")
    meters = {True: "yes", False: "no", None: "?"}
    for one in stations:
        table.add_row(
            one.name,
            one.address,
            one.serial,
            one.product,
            one.firmware,
            meters[one.has_meter],
            one.remark,
        )
    terminal.print_table(table)
    count = len(stations)
    terminal.console().print(
        f"{count} station{'s' * (count != 1)} found", style="dim"
    )
