"""The connector's own engine, for a tool that speaks to stations itself."""

import errno
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from connector.diagnosis.causes import CAUSES, Code
from connector.diagnosis.findings import Finding
from connector.diagnosis.link import link_cause, link_evidence
from connector.diagnosis.site import SiteFacts
from connector.keba.io.gateway import (
    Delivery,
    Gateway,
    GatewayError,
    PortTakenError,
)
from connector.keba.protocol.messages import (
    Report,
    StatusPush,
    Value,
    parse_text,
)
from connector.keba.station.events import (
    ConnectionState,
    Event,
    ReportReceived,
    StatusReceived,
)
from connector.keba.station.station import StationOptions
from connector.settings import Station
from connector.tools.host import holder_of_port
from connector.tools.problems import Problem
from connector.tools.tool_settings import ToolSettings

NEVER_S = 3600.0
PATIENCE_S = 40.0
"""Twice the answer's time, KEBA's pauses and two readings fit in."""

EVERYWHERE = "0.0.0.0"  # noqa: S104 - the connector's default
LOOPBACK = "127.0.0.1"


class PortTaken(Problem):
    """Another program on this host has KEBA's port."""


@contextmanager
def open_gateway(
    settings: ToolSettings,
    stations: Mapping[str, Station],
    *,
    polls: tuple[int, ...] = (),
) -> Iterator[Gateway]:
    """Bind KEBA's port and look after stations until the block is left.

    Reports of these numbers are polled as often as KEBA allows; without them
    nothing is asked for but by `Gateway.ask`.
    """
    hosts = {name: station.host for name, station in stations.items()}
    bind_address = own_address(settings, hosts.values())
    gateway = Gateway(
        hosts,
        serials={
            name: station.serial
            for name, station in stations.items()
            if station.serial
        },
        options=StationOptions(
            reports=polls,
            poll_interval_s=0.0 if polls else NEVER_S,
            reply_timeout_s=settings.keba_p30_reply_timeout,
        ),
        bind_address=bind_address,
        port=settings.keba_p30_port,
        log=logging.getLogger("keba"),
    )
    try:
        gateway.open()
    except PortTakenError:
        taken = CAUSES[Code.PORT_TAKEN]
        holder = holder_of_port(bind_address, settings.keba_p30_port)
        raise PortTaken(
            f"{taken.meaning}{f': {holder}' if holder else ''}",
            f"{taken.advice} Stop that one while this runs; the connector by "
            "`docker compose stop connector`.",
            Code.PORT_TAKEN,
        ) from None
    except GatewayError as error:
        number = getattr(error.__cause__, "errno", None)
        is_not_ours = number == errno.EADDRNOTAVAIL
        code = "bind_address" if is_not_ours else "bind_failed"
        raise Problem(str(error), code=code) from None
    try:
        yield gateway
    finally:
        gateway.close()


def own_address(settings: ToolSettings, hosts: Iterable[str]) -> str:
    """Return where to listen: on loopback for stations that are there.

    Simulated stations have KEBA's port at addresses of this very host, so
    that listening at all addresses would collide with them.
    """
    configured = settings.keba_p30_bind_address
    are_here = [host.startswith("127.") for host in hosts]
    if configured == EVERYWHERE and are_here and all(are_here):
        return LOOPBACK
    return configured


def deliveries(gateway: Gateway, until: float) -> Iterator[Delivery]:
    """Yield what happens until a moment of `time.monotonic`."""
    while (left_s := until - time.monotonic()) > 0:
        delivery = gateway.next_event(left_s)
        if delivery is not None:
            yield delivery


def learn(site: SiteFacts, delivery: Delivery) -> set[int]:
    """Take all that an event tells; return the reports to ask for now."""
    event, at_ms = delivery.event, delivery.timestamp_ms
    site.note(event, at_ms)
    if not isinstance(event, ReportReceived | StatusReceived):
        return set()
    facts = site.station(event.station)
    match parse_text(event.text):
        case Report(fields=fields) | StatusPush(fields=fields):
            return facts.note_fields(fields, at_ms)
        case _:
            return set()


def follow(gateway: Gateway, site: SiteFacts, until: float) -> Iterator[Event]:
    """Yield what happens, once `site` has learned of it.

    Reports that are outdated by what happens are asked for.
    """
    for delivery in deliveries(gateway, until):
        for number in learn(site, delivery):
            gateway.ask(getattr(delivery.event, "station", ""), number)
        yield delivery.event


def await_identity(gateway: Gateway, station: str, host: str) -> str:
    """Return the text of report 1; silence or another station is a Problem."""
    gateway.ask(station, 1)
    for delivery in deliveries(gateway, time.monotonic() + PATIENCE_S):
        match delivery.event:
            case ReportReceived(text=text):
                return text
            case ConnectionState(online=False, link=link):
                found = Finding(host, link_cause(link), link_evidence(link))
                raise Problem(f"{host} {found.text}", found.advice, found.code)
    raise Problem(f"{host} does not answer", code=Code.NO_REPLY)


def fields_of(text: str) -> Mapping[str, Value]:
    """Return the fields of a report; none if it is nonsense."""
    message = parse_text(text)
    return message.fields if isinstance(message, Report) else {}
