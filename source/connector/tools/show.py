"""`show`: all values of one station, in words and units."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.text import Text

from connector.bemcom.charging_sessions import (
    UNIX_TIME_FROM,
    session_values,
)
from connector.bemcom.rfid import TagMask
from connector.diagnosis.causes import Code, Severity
from connector.diagnosis.site import SiteFacts
from connector.keba.io.gateway import Gateway
from connector.keba.protocol.fields import (
    LATEST_SESSION,
    POLLED_REPORTS,
    REPORTS,
    Field,
    Plug,
    State,
)
from connector.keba.protocol.messages import Value
from connector.keba.station.events import (
    ConnectionState,
    ReportReceived,
    ReportUnanswered,
)
from connector.settings import Station
from connector.tools import terminal
from connector.tools.broker_client import BrokerClient, instead_of_port
from connector.tools.connector_view import (
    SESSION,
    ConnectorView,
    RawTexts,
    view_of_site,
)
from connector.tools.figures import is_number, moment_in_words, now_ms
from connector.tools.problems import EXIT_FINDINGS, Problem
from connector.tools.station_rows import (
    Row,
    broken_link,
    named,
    rows_by_subject,
    station_rows,
)
from connector.tools.stations import (
    PATIENCE_S,
    PortTaken,
    deliveries,
    fields_of,
    learn,
    open_gateway,
)
from connector.tools.terminal import (
    AsJson,
    Line,
    printable,
    row_cells,
    text_table,
    working,
)
from connector.tools.tool_settings import (
    StationName,
    ToolSettings,
    chosen_stations,
    tool_settings,
)

DATA = (2, 3)
ROUND_S = 5.0
"""A round of the connector takes less."""

_IN_EACH_REPORT = frozenset({"ID", "Serial", "Sec"})

Reports = Mapping[str, Mapping[str, Value]]


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of one station.

    Parameters
    ----------
    source
        Who has told it.
    link
        The cause of silence, or `ok`.
    readings
        The values in words and SI units; none that are old.
    reports
        Fields as KEBA sends them, by report.
    session
        The running session or the last one.
    findings
        What `doctor` says of it.
    not_active
        Keys of values that exist, but are not marked as active in BEMCom.
    raw
        What the station has said, by request; tags of cards are hashed.
    """

    station: str
    host: str
    source: str
    link: str
    readings: Mapping[str, Any]
    reports: Reports
    session: Mapping[str, Value]
    findings: Sequence[Row]
    not_active: Sequence[str]
    raw: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return all of it for machines."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        found = [row.as_json() for row in self.findings if row.code]
        return content | {"findings": found}


def picture_of(
    view: ConnectorView,
    name: str,
    host: str,
    source: str,
    texts: Mapping[str, str],
) -> Picture:
    """Take all that is known of a station."""
    if name not in view.facts_of_stations:
        names = ", ".join(view.facts_of_stations) or "none"
        raise Problem(
            f"{view.name} has the port and tells nothing of {name}; it knows: "
            f"{names}",
            "Name one of these; or stop the connector, so that this program "
            "can ask by itself.",
            "not_told",
        )
    found = rows_by_subject(view.findings).get(name, [])
    broken = broken_link(found)
    values = view.values_of(name)
    reports = {key: values[key] for key in values if key.startswith("report")}
    session = values.get("session")
    return Picture(
        station=name,
        host=host,
        source=source,
        link=broken or Code.OK,
        readings={} if broken else values["readings"],
        reports=reports,
        session=session or session_values(reports.get(SESSION, {}), now_ms()),
        findings=station_rows(view.facts_of_stations[name], found),
        not_active=_inactive_of(view, name, reports),
        raw=texts,
    )


def _inactive_of(view: ConnectorView, name: str, reports: Reports) -> list[str]:
    announced = (view.available or {}).get("sensor", {})
    inactive = announced.keys() - view.active_sensors.keys()
    wanted = (
        *(
            f"{name}__report {number}__{one.key}"
            for number in POLLED_REPORTS
            for one in REPORTS[number]
            if one.key not in _IN_EACH_REPORT
            and one.key not in reports.get(f"report {number}", {})
        ),
        f"{name}__session__id",
    )
    return [key for key in wanted if key in inactive]


# --- alone --------------------------------------------------------------------


def ask(settings: ToolSettings, name: str, station: Station) -> Picture:
    """Ask a station once for all that it tells of now."""
    mask = TagMask(settings.rfid_salt, is_plain=settings.rfid_plain)
    with open_gateway(settings, {name: station}) as gateway:
        site, texts = _ask_once(gateway, name, mask)
    session = fields_of(texts.get(SESSION, ""))
    site.station(name).note_session(session)
    values = {
        f"{name}__{request}__{key}": value
        for request, text in texts.items()
        for key, value in fields_of(text).items()
    }
    view = view_of_site(site, values)
    return picture_of(view, name, station.host, "asked by this tool", texts)


def _ask_once(
    gateway: Gateway, name: str, mask: TagMask
) -> tuple[SiteFacts, dict[str, str]]:
    site, texts = SiteFacts(), dict[str, str]()
    facts = site.station(name)
    gateway.ask(name, 1)
    waiting = {"report 1"}
    for delivery in deliveries(gateway, time.monotonic() + PATIENCE_S):
        event = delivery.event
        if isinstance(event, ReportReceived):
            texts[event.request] = mask.apply(event.text)
            if event.request in waiting and event.request == "report 1":
                numbers = _numbers_after(event.text)
                for number in numbers:
                    gateway.ask(name, number)
                waiting |= {f"report {number}" for number in numbers}
        if isinstance(event, ReportReceived | ReportUnanswered):
            waiting.discard(event.request)
        if getattr(event, "request", "") != SESSION:
            # Many stations do without that one.
            for number in learn(site, delivery):
                gateway.ask(name, number)
        is_offline = isinstance(event, ConnectionState) and not event.online
        # Two reports that stay out are followed by a look at the link.
        is_told = not waiting and not facts.outdated and "report 1" in texts
        if is_offline or (is_told and len(facts.missing) < len(DATA)):
            break
    return site, texts


def _numbers_after(report_1: str) -> tuple[int, ...]:
    """Return what to ask once report 1 is there; a P20 has no sessions."""
    product = fields_of(report_1).get("Product")
    return DATA if "-P20-" in str(product) else (*DATA, LATEST_SESSION)


# --- what is shown ------------------------------------------------------------

_WORDS: Mapping[str, type[State] | type[Plug]] = {"State": State, "Plug": Plug}
_UNITS = {
    "mA": (1000, "g", "A"),
    "mW": (1_000_000, "g", "kW"),
    "0.1 Wh": (10_000, ".10g", "kWh"),
    "0.1 %": (10, "g", "%"),
}
"""What a unit of KEBA's is divided by, and shown as."""


def in_units(one: Field | None, value: object) -> str:
    """Return the value of a field as people read it."""
    if one is None or not is_number(value):
        return str(value)
    if one.key in _WORDS:
        return named(_WORDS[one.key], value)
    if one.unit in _UNITS:
        divisor, form, unit = _UNITS[one.unit]
        return f"{value / divisor:{form}} {unit}"
    if one.unit == "s" and 60 <= value < UNIX_TIME_FROM:
        return f"{value} s ({timedelta(seconds=value)})"
    return f"{value} {one.unit}".rstrip()


def _show(picture: Picture, *, is_raw: bool) -> None:
    screen = terminal.console()

    def show_part(heading: str, lines: Iterable[Line]) -> None:
        screen.print(f"\n{heading}", style="bold")
        screen.print(text_table(lines))

    place = terminal.place_in_words(picture.station, picture.host)
    screen.print(Text.assemble((place, "bold"), (f" {picture.source}", "dim")))
    screen.print(text_table(_lines_of_rows(picture)))
    age = "" if picture.link == Code.OK else ", old"
    for number in POLLED_REPORTS:
        values = picture.reports.get(f"report {number}")
        if values:
            lines = _lines_of_values(number, values)
            show_part(f"report {number}{age}", lines)
    if picture.session:
        show_part("session, the latest", _lines_of_session(picture.session))
    if is_raw:
        for request, text in picture.raw.items():
            screen.print(f"\n{request}, as it came", style="bold")
            for line in text.strip().splitlines():
                screen.print(printable(line), markup=False, soft_wrap=True)
    if picture.not_active:
        screen.print("\nNot marked as active in BEMCom", style="bold")
        screen.print(
            f"{_grouped(picture.not_active)}. Mark them as active in the "
            "AdminUI to see them here; or stop the connector, so that this "
            "program can ask the station itself.",
            markup=False,
        )


def _lines_of_rows(picture: Picture) -> Iterator[Line]:
    for row in (*picture.findings, *_rows_of_readings(picture)):
        yield row_cells(row)
        if row.advice:
            yield Text(), Text(), Text(row.advice, "italic")


def _rows_of_readings(picture: Picture) -> list[Row]:
    """Say in words what the rows of `doctor` leave to numbers."""
    readings = picture.readings
    reason = readings.get("not_charging_reason")
    words = {
        # A limit that nobody draws up to would only distract from a reason.
        "limited by": None if reason else readings.get("limited_by"),
        "charging": reason,
        "error": readings.get("error"),
    }
    told = {row.check for row in picture.findings}
    return [
        Row(check, Severity.FINE, str(word).replace("_", " "))
        for check, word in words.items()
        if word and check not in told
    ]


def _lines_of_values(
    number: int, values: Mapping[str, Value]
) -> Iterator[Line]:
    known = {one.key: one for one in REPORTS[number]}
    said_before = {"ID"} if number == POLLED_REPORTS[0] else _IN_EACH_REPORT
    for key in sorted(values, key=[*known, *values].index):
        if key in said_before:
            continue
        one = known.get(key)
        # The word behind the number says it already.
        meaning = "" if one is None or key in _WORDS else one.meaning
        value = printable(in_units(one, values[key]))
        yield Text(printable(key)), Text(value), Text(meaning, "dim")


def _lines_of_session(session: Mapping[str, Value]) -> Iterator[Line]:
    for key, value in session.items():
        if key == "tag" and not str(value).strip("0"):
            continue  # Zeros stand for no card.
        words = session_in_words(key, value)
        yield Text(key.replace("_", " ")), Text(words)


def session_in_words(key: str, value: Value) -> str:
    """Return a value of a session with its unit, or as a local time."""
    if key == "energy":
        return f"{value} kWh"
    if key in ("started", "ended") and isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
            return moment_in_words(int(moment.timestamp() * 1000))
    return str(value)


def _grouped(keys: Sequence[str]) -> str:
    """Name keys without saying `garage__report 3` eleven times."""
    parts = (key.rpartition("__") for key in keys)
    return "; ".join(
        f"{group}__ {', '.join(last for _, _, last in some)}"
        for group, some in groupby(parts, key=lambda part: part[0])
    )


# --- the command ----------------------------------------------------------


def command(
    station: StationName,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Show also what the station sent."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show all values of one station, in words and units.

    Asks the station once for reports 1, 2, 3 and 100; changes nothing. When
    the running connector holds the port, it is asked through MQTT, and only
    datapoints that are active have a value. Exit code 1: the station is not
    reached.

    Example: `keba show garage`, `keba show 192.168.0.99 --raw`
    """
    settings = tool_settings()
    [(name, target)] = chosen_stations(settings, [station]).items()
    picture = _look(settings, name, target, is_raw=raw)
    if as_json:
        content = picture.as_json()
        if not raw:
            del content["raw"]
        terminal.print_json(content)
    else:
        _show(picture, is_raw=raw)
    if picture.link != Code.OK:
        raise typer.Exit(EXIT_FINDINGS)


def _look(
    settings: ToolSettings, name: str, station: Station, *, is_raw: bool
) -> Picture:
    try:
        with working(f"asking {station.host}"):
            return ask(settings, name, station)
    except PortTaken as problem:
        taken = problem
    texts: dict[str, str] = {}

    def note_raw(said: RawTexts) -> None:
        """Take what is published for BEMCom's raw message database."""
        said_by_it = said.get(name, {})
        texts.update((key, str(text)) for key, text in said_by_it.items())

    on_raw = note_raw if is_raw else None
    with instead_of_port(settings, taken, on_raw) as broker:
        if not broker.look_for_connector().tells:
            raise taken
        if is_raw:
            _await_raw(broker, texts, settings.poll_seconds)
        return broker.read(
            lambda view: picture_of(
                view,
                name,
                station.host,
                told_by(view, name),
                dict(sorted(texts.items())),
            )
        )


def told_by(view: ConnectorView, name: str) -> str:
    """Say who tells it, and when the station was last heard."""
    seen_ms = view.last_seen_ms(name)
    seen = "" if seen_ms is None else f", last heard {moment_in_words(seen_ms)}"
    return f"told by {view.name}{seen}"


def _await_raw(
    broker: BrokerClient, texts: Mapping[str, str], poll_seconds: float
) -> None:
    """Wait for one round of the connector."""
    wanted = {f"report {number}" for number in DATA}
    seconds = poll_seconds + ROUND_S
    with working(f"waiting for a round of the connector, {seconds:g} s"):
        broker.wait_for(lambda _: wanted <= texts.keys(), seconds)
    if not texts:
        raise Problem(
            "the running connector does not tell what the station sends",
            "Let it publish raw messages, by SEND_RAW_MESSAGE_TO_DB=TRUE; or "
            "stop it while this runs.",
            "no_raw",
        )
