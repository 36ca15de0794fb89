"""`discover`: which stations there are in a network."""

import ipaddress
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, NoReturn

import typer
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from connector.keba.protocol.dip_switches import UDP_ON, is_on
from connector.settings import Station
from connector.tools import terminal
from connector.tools.broker_client import BrokerClient
from connector.tools.connector_view import ConnectorView
from connector.tools.diagnosis import has_meter
from connector.tools.interview import Interview
from connector.tools.line import Line, PortTaken
from connector.tools.problems import EXIT_FINDINGS, UsageProblem
from connector.tools.terminal import AsJson, working
from connector.tools.tool_settings import ToolSettings, tool_settings

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
    view: ConnectorView, configured: Mapping[str, Station]
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


def _text(view: ConnectorView, key: str) -> str:
    value = view.value(key)
    return "" if value is None else str(value)


def _meter_through(view: ConnectorView, name: str) -> bool | None:
    total = view.value(f"{name}__report 3__E total")
    return None if total is None else has_meter({"E total": total})


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
        with Line(
            settings.keba_p30_bind_address, settings.keba_p30_port
        ) as line:
            found = _look_for_stations(
                line, addresses, broadcast, settings.keba_p30_reply_timeout
            )
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
    line: Line,
    addresses: list[str],
    broadcast: str,
    reply_timeout_s: float,
) -> dict[str, Interview]:
    if broadcast:
        with working(f"calling {broadcast}"):
            heard = call_out(line, broadcast)
        addresses = list(dict.fromkeys([*addresses, *heard]))
    if not addresses:
        return {}
    screen = terminal.console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} addresses"),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as progress:
        task = progress.add_task("looking", total=len(addresses))

        def show(done: int, found: int) -> None:
            progress.update(task, completed=done, description=f"{found} found")

        return sweep(line, addresses, show, reply_timeout_s)


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
    raise PortTaken(
        f"{problem.text}: {'the running connector' if known else 'a program'} "
        "has it, and would get all answers",
        "Stop the connector while you look for stations, or run this on "
        "another host. The stations above are those that it knows."
        if known
        else "End that program; `doctor` tells more.",
        problem.code,
    )


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
