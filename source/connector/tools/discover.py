"""`discover`: which stations there are in a network."""

import ipaddress
import json
import sys
import time
from collections import deque
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, NoReturn

import typer
from rich.table import Table
from rich.text import Text

from connector.diagnosis.facts import StationFacts
from connector.diagnosis.site import SiteFacts
from connector.keba.io.gateway import Gateway
from connector.keba.protocol.dip_switches import UDP_ON, is_on
from connector.keba.station.events import ReportReceived, UnknownSender
from connector.settings import Station
from connector.tools import terminal
from connector.tools.broker_client import instead_of_port
from connector.tools.connector_view import ConnectorView
from connector.tools.host import OwnNetwork, is_container, own_networks
from connector.tools.problems import Problem, UsageProblem
from connector.tools.stations import (
    EVERYWHERE,
    PATIENCE_S,
    PortTaken,
    deliveries,
    learn,
    open_gateway,
)
from connector.tools.terminal import AsJson, progress, working
from connector.tools.tool_settings import ToolSettings, tool_settings

SPREAD_S = 0.01
"""Between the first questions to two addresses: a network is no target."""

LOOK_S = 0.2

MOST_ADDRESSES = 1024
BROADCAST_PATIENCE_S = 3.0

RANKED = ("firmware", "meter")
"""Columns that a narrow terminal does without, the first one first."""

NOT_LOOKED_FOR = "configured, not looked for"


@dataclass(frozen=True, slots=True)
class Discovery:
    """A station that was found.

    Parameters
    ----------
    name
        Its name in the settings, or a proposal.
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
    on_progress: Callable[[int], None],
) -> dict[str, StationFacts]:
    """Ask each address for its reports; return who answered.

    Parameters
    ----------
    gateway
        Knows each address as a station of this name.
    addresses
        Whom to ask.
    on_progress
        Called with how many more are done.
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
            on_progress(1)
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


def call_out(gateway: Gateway, broadcasts: Iterable[str]) -> list[str]:
    """Send `i` to broadcast addresses; return the addresses that answered.

    Raises
    ------
    UsageProblem
        If a broadcast cannot be sent.
    """
    for address in broadcasts:
        try:
            gateway.call_out(address)
        except OSError as error:
            raise UsageProblem(
                f"cannot send to {address}: {error.strerror}",
                "Name the network of the stations, such as 192.168.0.0/24.",
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


def not_found(
    found: Iterable[Discovery],
    configured: Mapping[str, Station],
    asked: Iterable[str],
) -> list[Discovery]:
    """Return the configured stations that were not found."""
    known = {one.name for one in found}
    places = {*asked}
    return [
        _only_configured(
            name,
            station.host,
            "configured, does not answer"
            if station.host in places
            else NOT_LOOKED_FOR,
        )
        for name, station in configured.items()
        if name not in known
    ]


def _only_configured(name: str, host: str, remark: str) -> Discovery:
    return Discovery(name, host, "", "", "", None, remark)


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
        remark=NOT_LOOKED_FOR,
    )


# --- where to look -----------------------------------------------------------


@dataclass(slots=True)
class Search:
    """Whom to ask, where to call to.

    The networks are those of this host, where nobody has named another one.
    """

    addresses: list[str]
    broadcasts: list[str]
    networks: list[OwnNetwork] = field(default_factory=list)

    def covers(self, address: str) -> bool:
        """Tell whether an address is one to be asked."""
        if not self.networks:
            return True
        return _is_within(address, self.networks)

    @property
    def place(self) -> str:
        """Say where was looked."""
        if self.networks:
            return ", ".join(map(str, self.networks))
        parts = [f"{len(self.addresses)} addresses"] if self.addresses else []
        return " and ".join([*parts, *self.broadcasts])


def _named_search(networks: list[str], broadcast: str) -> Search:
    return Search(addresses_of(networks), [broadcast] if broadcast else [])


def _search_here(settings: ToolSettings) -> Search:
    """Look in the networks of this host, and nowhere else.

    Raises
    ------
    UsageProblem
        If it has none.
    """
    bound = settings.keba_p30_bind_address
    networks = [
        one
        for one in own_networks()
        if bound in (EVERYWHERE, str(one.address.ip))
    ]
    if not networks:
        raise UsageProblem(
            "this host is in no network but its own, as far as can be seen"
            + ("" if bound == EVERYWHERE else f" from {bound}"),
            "Name the network of the stations, such as 192.168.0.0/24.",
        )
    hosts = [one.host for one in settings.own_stations.values()]
    return Search(
        [one for one in hosts if _is_within(one, networks)],
        [one.broadcast for one in networks],
        networks,
    )


def _is_within(host: str, networks: Iterable[OwnNetwork]) -> bool:
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return any(address in one.address.network for one in networks)


def _next_step(search: Search) -> str:
    """Say what to do where nothing was found."""
    steps = []
    if search.networks:
        network = search.networks[0].address.network
        steps.append(
            "Some stations do not answer broadcasts: "
            f"`keba discover {network}` asks each address."
            if network.num_addresses <= MOST_ADDRESSES
            else "Name the part of the network in which the stations are, "
            "such as 192.168.0.0/24."
        )
    if search.networks and is_container():
        steps.append(
            "This runs in a container, and these may be networks of its "
            "engine only: name the network of the stations."
        )
    steps.append(
        "See that the stations have power and network, that their address "
        "(display, or the router's list) is in a network that was looked in, "
        "and that no firewall blocks UDP port 7090."
    )
    return " ".join(steps)


# --- the command ----------------------------------------------------------


def command(
    networks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NETWORK",
            help="Networks such as 192.168.0.0/24, or addresses; none is "
            "the networks of this host.",
        ),
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

    Without an argument it calls into the networks of this host. Each address
    of networks that are named is asked for report 1, a hundred of them a
    second. Who answers is asked for reports 2 and 3.

    Example: `keba discover`, `keba discover 192.168.0.0/24`
    """
    settings = tool_settings()
    search = (
        _named_search(networks or [], broadcast)
        if networks or broadcast
        else _search_here(settings)
    )
    configured = settings.own_stations
    try:
        found = _look_for_stations(settings, search)
    except PortTaken as problem:
        _tell_what_connector_knows(settings, problem, as_json=as_json)
    stations = describe(found, configured)
    others = not_found(stations, configured, search.addresses)
    env = env_line(stations, configured)
    if as_json:
        terminal.print_json(
            {
                "stations": [asdict(one) for one in stations],
                "not_found": [asdict(one) for one in others],
                "env": env if stations else "",
            }
        )
    else:
        _show_discoveries([*stations, *others])
        _show_count(len(stations), f"found in {search.place}")
        if stations:
            screen = terminal.console()
            screen.print("\nThe line for .env.local:", style="bold")
            # Not wrapped by the console: it is to be copied.
            sys.stdout.write(f"{env}\n")
    if not stations:
        raise Problem("no station was found", _next_step(search), "none_found")


def _look_for_stations(
    settings: ToolSettings, search: Search
) -> dict[str, StationFacts]:
    addresses = search.addresses
    if search.broadcasts:
        with (
            open_gateway(settings, {}) as gateway,
            working(f"calling {', '.join(search.broadcasts)}"),
        ):
            heard = call_out(gateway, search.broadcasts)
        addresses = list(
            dict.fromkeys([*addresses, *filter(search.covers, heard)])
        )
    asked = {address: Station(host=address) for address in addresses}
    with (
        open_gateway(settings, asked) as gateway,
        progress(len(addresses)) as on_progress,
    ):
        return sweep(gateway, addresses, on_progress)


def _tell_what_connector_knows(
    settings: ToolSettings, problem: PortTaken, *, as_json: bool
) -> NoReturn:
    """Show the stations of the running connector, which has the port."""
    known: list[Discovery] = []
    with instead_of_port(settings, problem) as broker:
        view = broker.look_for_connector()
        if view.is_online:
            known = known_through_connector(
                view, settings.keba_p30_charge_stations
            )
    if known and not as_json:
        _show_discoveries(known)
        _show_count(len(known), "configured, none looked for")
        problem.advice += " The stations above are those that it knows."
    raise problem


def _show_count(count: int, what: str) -> None:
    text = f"{count} station{'s' * (count != 1)} {what}"
    terminal.console().print(text, style="dim", markup=False)


def _show_discoveries(stations: list[Discovery]) -> None:
    if not stations:
        return
    terminal.print_table(
        *(_table(stations, hidden) for hidden in ((), ("firmware",), RANKED))
    )


def _table(stations: list[Discovery], hidden: Collection[str]) -> Table:
    table = Table(box=None, padding=(0, 1))
    shown = [_cells(one) for one in stations]
    for heading in shown[0]:
        if heading not in hidden:
            table.add_column(
                heading,
                header_style="dim",
                overflow="fold",
                no_wrap=heading in ("name", "address", "serial"),
            )
    for cells in shown:
        table.add_row(
            *(
                Text(text)
                for heading, text in cells.items()
                if heading not in hidden
            )
        )
    return table


def _cells(one: Discovery) -> dict[str, str]:
    meters = {True: "yes", False: "no", None: "?" if one.product else ""}
    return {
        "name": one.name,
        "address": one.address,
        "serial": one.serial,
        "product": one.product,
        "firmware": one.firmware,
        "meter": meters[one.has_meter],
        "remark": one.remark,
    }
