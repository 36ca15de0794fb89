"""`discover`: which stations there are in a network."""

import ipaddress
import json
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

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
from connector.tools.host import is_container, own_networks
from connector.tools.problems import Problem, UsageProblem
from connector.tools.stations import (
    EVERYWHERE,
    PATIENCE_S,
    PortTaken,
    deliveries,
    follow,
    open_gateway,
)
from connector.tools.tool_settings import ToolSettings, tool_settings

SPREAD_S = 0.01
"""Between the first questions to two addresses: a network is no target."""

MOST_ADDRESSES = 1024
BROADCAST_PATIENCE_S = 3.0

NEVER_BROKEN = ("name", "address", "serial")
COLUMNS = (*NEVER_BROKEN, "product", "firmware", "meter", "remark")
NARROWER = ((), ("firmware",), ("firmware", "meter"))
"""Columns that a narrow terminal does without, step by step."""

NOT_LOOKED_FOR = "configured, not looked for"
NAME_IT = "Name the network of the stations, such as 192.168.0.0/24."


@dataclass(frozen=True, slots=True)
class Discovery:
    """A station that was found, or is configured.

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
    serial: str = ""
    product: str = ""
    firmware: str = ""
    has_meter: bool | None = None
    remark: str = ""


def addresses_of(texts: Sequence[str]) -> list[str]:
    """Return all host addresses of networks such as 192.168.0.0/24."""
    named = ", ".join(texts)
    try:
        networks = [ipaddress.IPv4Network(text, strict=False) for text in texts]
    except ValueError as error:
        raise UsageProblem(
            f"{named}: no IPv4 network ({error}); write for instance "
            "192.168.0.0/24"
        ) from None
    count = sum(one.num_addresses for one in networks)
    if count > MOST_ADDRESSES:
        raise UsageProblem(
            f"{named}: {count} addresses; {MOST_ADDRESSES} are asked at once "
            "at most: give the part in which the stations are"
        )
    hosts = (str(address) for one in networks for address in one.hosts())
    return [*dict.fromkeys(hosts)]


def call_out(gateway: Gateway, broadcasts: Iterable[str]) -> list[str]:
    """Send `i` to broadcast addresses; return the addresses that answered."""
    for address in broadcasts:
        try:
            gateway.call_out(address)
        except OSError as error:
            raise UsageProblem(
                f"cannot send to {address}: {error.strerror}", NAME_IT
            ) from None
    until = time.monotonic() + BROADCAST_PATIENCE_S
    return [
        delivery.event.address
        for delivery in deliveries(gateway, until)
        if isinstance(delivery.event, UnknownSender) and delivery.event.is_keba
    ]


def sweep(gateway: Gateway, addresses: Sequence[str]) -> list[StationFacts]:
    """Ask each address for its reports; return what is known of who answered.

    The gateway knows each address as a station of this name.
    """
    site = SiteFacts()
    for address in addresses:
        gateway.ask(address, 1)
        time.sleep(SPREAD_S)
    waiting = {*addresses}
    for event in follow(gateway, site, time.monotonic() + PATIENCE_S):
        if isinstance(event, ReportReceived) and event.request == "report 1":
            gateway.ask(event.station, 2)
            gateway.ask(event.station, 3)
        address = getattr(event, "station", "")
        if address in waiting and _is_told(site.station(address)):
            waiting.remove(address)
            if not waiting:
                break
    return [facts for facts in site.stations.values() if facts.came_at_ms]


def _is_told(facts: StationFacts) -> bool:
    """Tell whether all that was asked has come, or will not."""
    if "report 1" not in facts.came_at_ms:
        return "report 1" in facts.missing
    return {"report 2", "report 3"} <= {*facts.came_at_ms, *facts.missing}


# --- what was found -----------------------------------------------------------


def describe(
    facts: StationFacts, configured: Mapping[str, Station]
) -> Discovery:
    """Return who has answered at an address."""
    fields, address = facts.fields, facts.station
    serial, product, firmware = (
        str(fields.get(key, "")) for key in ("Serial", "Product", "Firmware")
    )
    name, remark = _name_of(address, serial, configured)
    meter = None
    if "report 3" in facts.came_at_ms:
        # Without a meter report 3 is all zeros (evcc-io/evcc#1520).
        meter = bool(facts.number("E total"))
    elif is_on(fields, UDP_ON) is not True:
        remark = ", ".join(filter(None, (remark, "DSW1.3 is off")))
    return Discovery(name, address, serial, product, firmware, meter, remark)


def _name_of(
    address: str, serial: str, configured: Mapping[str, Station]
) -> tuple[str, str]:
    """Return the name of a station, and what is to be remarked about it."""
    for name, station in configured.items():
        if serial and station.serial == serial:
            is_moved = station.host != address
            return name, f"configured at {station.host}" if is_moved else ""
    for name, station in configured.items():
        if station.host == address:
            return name, ""
    return f"p30_{serial or address.replace('.', '_')}", "new"


def not_found(
    found: Iterable[Discovery],
    configured: Mapping[str, Station],
    asked: Collection[str] = (),
) -> list[Discovery]:
    """Return the configured stations that were not found."""
    known = {one.name for one in found}
    return [
        Discovery(
            name,
            station.host,
            remark="configured, does not answer"
            if station.host in asked
            else NOT_LOOKED_FOR,
        )
        for name, station in configured.items()
        if name not in known
    ]


def env_line(
    found: Iterable[Discovery], configured: Mapping[str, Station]
) -> str:
    """Return the line for `.env.local`: stations configured and found."""
    table: dict[str, dict[str, Any]] = {
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


# --- where to look ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Search:
    """Whom to ask, where to call to.

    The networks are those of this host, where nobody has named another one.
    """

    addresses: Sequence[str]
    broadcasts: Sequence[str]
    networks: Sequence[ipaddress.IPv4Network] = ()

    @property
    def place(self) -> str:
        """Say where was looked."""
        if self.networks:
            return ", ".join(map(str, self.networks))
        parts = [f"{len(self.addresses)} addresses"] if self.addresses else []
        return " and ".join([*parts, *self.broadcasts])


def _search_here(settings: ToolSettings) -> Search:
    """Look in the networks of this host, and nowhere else."""
    bound = settings.keba_p30_bind_address
    networks = [
        one.network
        for one in own_networks()
        if bound in (EVERYWHERE, str(one.ip))
    ]
    if not networks:
        text = f"no network of this host can be seen from {bound}"
        if bound == EVERYWHERE:
            text = "this host is in no network but its own"
        raise UsageProblem(text, NAME_IT)
    hosts = [one.host for one in settings.own_stations.values()]
    return Search(
        [host for host in hosts if _is_within(host, networks)],
        [str(one.broadcast_address) for one in networks],
        networks,
    )


def _is_within(host: str, networks: Iterable[ipaddress.IPv4Network]) -> bool:
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return any(address in one for one in networks)


def _look_for_stations(
    settings: ToolSettings, search: Search
) -> list[StationFacts]:
    addresses = search.addresses
    if search.broadcasts:
        with (
            open_gateway(settings, {}) as gateway,
            terminal.working(f"calling {', '.join(search.broadcasts)}"),
        ):
            heard = call_out(gateway, search.broadcasts)
        if search.networks:
            # It may have heard somebody of another network.
            heard = [one for one in heard if _is_within(one, search.networks)]
        addresses = [*dict.fromkeys([*addresses, *heard])]
    if not addresses:
        return []
    asked = {address: Station(host=address) for address in addresses}
    with (
        open_gateway(settings, asked) as gateway,
        terminal.working(f"asking {len(addresses)} addresses"),
    ):
        return sweep(gateway, addresses)


def _next_step(search: Search) -> str:
    """Say what to do where nothing was found."""
    steps = []
    if search.networks and is_container():
        steps.append(
            "This runs in a container, and these may be networks of its "
            f"engine only. {NAME_IT}"
        )
    elif search.networks:
        network = search.networks[0]
        steps.append(
            "Some stations do not answer broadcasts: "
            f"`keba discover {network}` asks each address."
            if network.num_addresses <= MOST_ADDRESSES
            else "Name the part of the network in which the stations are, "
            "such as 192.168.0.0/24."
        )
    steps.append(
        "See that the stations have power and network, that their address "
        "(display, or the router's list) is in a network that was looked in, "
        "and that no firewall blocks UDP port 7090."
    )
    return " ".join(steps)


# --- the command --------------------------------------------------------------


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
    as_json: terminal.AsJson = False,
) -> None:
    """Find stations, and write the line for `.env.local`.

    Without an argument it calls into the networks of this host. Each address
    of networks that are named is asked for report 1, a hundred of them a
    second. Who answers is asked for reports 2 and 3.

    Example: `keba discover`, `keba discover 192.168.0.0/24`
    """
    settings = tool_settings()
    search = (
        Search(addresses_of(networks or []), [broadcast] if broadcast else [])
        if networks or broadcast
        else _search_here(settings)
    )
    configured = settings.own_stations
    try:
        found = _look_for_stations(settings, search)
    except PortTaken:
        if configured and not as_json:
            listed = not_found([], configured)
            _show(listed, len(listed), "configured, none looked for")
        raise
    stations = sorted(
        (describe(facts, configured) for facts in found),
        key=lambda one: ipaddress.IPv4Address(one.address),
    )
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
        listed = [*stations, *others]
        _show(listed, len(stations), f"found in {search.place}")
        if stations:
            screen = terminal.console()
            screen.print("\nThe line for .env.local:", style="bold")
            # Not wrapped by the console: it is to be copied.
            sys.stdout.write(f"{env}\n")
    if not stations:
        raise Problem("no station was found", _next_step(search), "none_found")


def _show(stations: Sequence[Discovery], count: int, what: str) -> None:
    if stations:
        terminal.print_table(*(_table(stations, hidden) for hidden in NARROWER))
    summary = f"{count} station{'s' * (count != 1)} {what}"
    terminal.console().print(summary, style="dim", markup=False)


def _table(stations: Iterable[Discovery], hidden: Collection[str]) -> Table:
    table = Table(box=None, padding=(0, 1))
    headings = [heading for heading in COLUMNS if heading not in hidden]
    for heading in headings:
        table.add_column(
            heading,
            header_style="dim",
            overflow="fold",
            no_wrap=heading in NEVER_BROKEN,
        )
    for one in stations:
        meters = {True: "yes", False: "no", None: "?" if one.product else ""}
        cells = asdict(one) | {"meter": meters[one.has_meter]}
        table.add_row(*(Text(cells[heading]) for heading in headings))
    return table
