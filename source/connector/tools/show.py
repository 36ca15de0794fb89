"""`show`: all values of one station, in words and units."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from connector.bemcom.charging_sessions import (
    UNIX_TIME_FROM,
    session_values,
)
from connector.bemcom.readings import renewed_readings
from connector.bemcom.rfid import TagMask
from connector.diagnosis.causes import Code, Severity
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.site import SiteFacts
from connector.keba.io.gateway import Gateway
from connector.keba.protocol.fields import (
    LATEST_SESSION,
    POLLED_REPORTS,
    REPORTS,
    Field,
    Plug,
    State,
    report_of_field,
)
from connector.keba.protocol.messages import Value
from connector.keba.station.events import (
    ConnectionState,
    FailsafeFacts,
    ReportReceived,
    ReportUnanswered,
)
from connector.settings import Station
from connector.tools import terminal
from connector.tools.broker_client import BrokerClient, instead_of_port
from connector.tools.connector_view import ConnectorView, RawTexts
from connector.tools.examination import Examination, take_content, take_site
from connector.tools.figures import moment_in_words, now_ms
from connector.tools.overview import last_seen_ms
from connector.tools.problems import EXIT_FINDINGS, Problem
from connector.tools.station_rows import Row, broken_link, named
from connector.tools.stations import (
    PATIENCE_S,
    PortTaken,
    deliveries,
    fields_of,
    learn,
    open_gateway,
)
from connector.tools.terminal import (
    MARKS,
    AsJson,
    plain_table,
    printable,
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

SESSION = f"report {LATEST_SESSION}"
_IN_EACH_REPORT = frozenset({"ID", "Serial", "Sec"})
_IDENTITY = frozenset(one.key for one in REPORTS[1])


@dataclass(slots=True)
class Picture:
    """What is known of one station.

    Parameters
    ----------
    source
        Who has told it.
    rows
        What is found about it, as `doctor` says it.
    session
        The running session or the last one.
    texts
        What the station has said, by request; tags of cards are hashed.
    inactive
        Keys of values that exist, but are not marked as active in BEMCom.
    concluded
        Readings of the connector, which has seen more than one moment.
    """

    name: str
    host: str
    source: str
    rows: list[Row]
    facts: StationFacts
    reports: dict[str, dict[str, Value]] = field(default_factory=dict)
    session: Mapping[str, Value] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    inactive: list[str] = field(default_factory=list)
    concluded: Mapping[str, Value] = field(default_factory=dict)

    @property
    def readings(self) -> Mapping[str, Any]:
        """The values in words and SI units; none that are old."""
        if self.link != Code.OK:
            return {}
        return {
            **renewed_readings(self.facts, self.facts.fields),
            **self.concluded,
        }

    @property
    def link(self) -> str:
        """The cause of silence, or `ok`."""
        return broken_link(self.rows) or str(Code.OK)


# --- alone --------------------------------------------------------------------


def ask(settings: ToolSettings, name: str, station: Station) -> Picture:
    """Ask a station once for all that it tells of now.

    Raises
    ------
    PortTaken
        If another program on this host has KEBA's port.
    """
    mask = TagMask(settings.rfid_salt, is_plain=settings.rfid_plain)
    with open_gateway(settings, {name: station}) as gateway:
        site, texts = _ask_once(gateway, name, mask)
    site.station(name).note_session(fields_of(texts.get(SESSION, "")))
    exam = Examination()
    take_site(exam, {name: station}, site)
    reports = {request: {**fields_of(text)} for request, text in texts.items()}
    return Picture(
        name,
        station.host,
        "asked by this tool",
        exam.stations.get(name, []),
        site.station(name),
        reports,
        session_values(reports.get(SESSION, {}), now_ms()),
        texts,
    )


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


# --- beside the running connector ---------------------------------------------


def read(view: ConnectorView, name: str, host: str) -> Picture:
    """Take what the running connector tells of a station.

    Raises
    ------
    Problem
        If it tells nothing of it.
    """
    known = view.facts_of_stations.get(name)
    if known is None:
        names = ", ".join(view.facts_of_stations) or "none"
        raise Problem(
            f"{view.name} has the port and tells nothing of {name}; it knows: "
            f"{names}",
            "Name one of these; or stop the connector, so that this program "
            "can ask by itself.",
            "not_told",
        )
    exam = Examination()
    take_content(exam, {name: Station(host=host)}, {name: known}, view.findings)
    reports = _reports_of(view, name)
    facts = StationFacts(name)
    facts.failsafe = _failsafe_of(known)
    for report, values in reports.items():
        if report == SESSION:
            facts.note_session(values)
        else:
            facts.fields.update(values)
    return Picture(
        name,
        host,
        _source_of(view, name),
        exam.stations[name],
        facts,
        reports,
        _values_behind(view, f"{name}__session__"),
        inactive=_inactive_of(view, name, reports),
        concluded=_values_behind(view, f"{name}__readings__"),
    )


def _source_of(view: ConnectorView, name: str) -> str:
    """Say who tells it, and when the station was last heard."""
    seen_ms = last_seen_ms(view, name)
    seen = "" if seen_ms is None else f", last heard {moment_in_words(seen_ms)}"
    return f"told by {view.name}{seen}"


def _reports_of(view: ConnectorView, name: str) -> dict[str, dict[str, Value]]:
    """Sort fields of the diagnosis and active datapoints by report."""
    reports: dict[str, dict[str, Value]] = {}
    for key, value in view.fields_of(name).items():
        number = 1 if key in _IDENTITY else report_of_field(key)
        report = f"report {number}"
        reports.setdefault(report, {})[key] = value
    for number in (*POLLED_REPORTS, LATEST_SESSION):
        report = f"report {number}"
        active = _values_behind(view, f"{name}__{report}__")
        if active:
            reports[report] = reports.get(report, {}) | active
    return reports


def _values_behind(view: ConnectorView, prefix: str) -> dict[str, Value]:
    return {
        key.removeprefix(prefix): reading.value
        for key, reading in view.readings.items()
        if key.startswith(prefix)
    }


def _failsafe_of(known: Mapping[str, Any]) -> FailsafeFacts:
    """Read it as far as this tool and the connector agree on its parts."""
    told = known.get("failsafe", {})
    names = {one.name for one in fields(FailsafeFacts)}
    return FailsafeFacts(
        **{key: told[key] for key in names & {*told}},
    )


def _inactive_of(
    view: ConnectorView, name: str, reports: Mapping[str, Mapping[str, Value]]
) -> list[str]:
    announced = (view.available or {}).get("sensor", {})
    shown = {
        f"{name}__{report}__{key}"
        for report, values in reports.items()
        for key in values
    }
    wanted = (
        *(
            f"{name}__report {number}__{one.key}"
            for number in POLLED_REPORTS
            for one in REPORTS[number]
            if one.key not in _IN_EACH_REPORT
        ),
        f"{name}__session__id",
    )
    return [
        key
        for key in wanted
        if key in announced and key not in {*shown, *view.active_sensors}
    ]


# --- what is shown ------------------------------------------------------------

_WORDS: Mapping[str, type[State] | type[Plug]] = {"State": State, "Plug": Plug}


def in_units(one: Field | None, value: object) -> str:
    """Return the value of a field as people read it."""
    if one is None or isinstance(value, bool | str | None):
        return str(value)
    if not isinstance(value, int | float):
        return str(value)
    if one.key in _WORDS:
        return named(_WORDS[one.key], value)
    match one.unit:
        case "mA":
            return f"{value / 1000:g} A"
        case "mW":
            return f"{value / 1e6:g} kW"
        case "0.1 Wh":
            return f"{value / 10_000:.10g} kWh"
        case "0.1 %":
            return f"{value / 10:g} %"
        case "s" if 60 <= value < UNIX_TIME_FROM:
            return f"{value} s ({timedelta(seconds=value)})"
    return f"{value} {one.unit}".rstrip()


def _show(picture: Picture, *, is_raw: bool) -> None:
    screen = terminal.console()
    place = terminal.place_in_words(picture.name, picture.host)
    screen.print(Text.assemble((place, "bold"), (f" {picture.source}", "dim")))
    screen.print(_table_of_rows(picture))
    for number in POLLED_REPORTS:
        values = picture.reports.get(f"report {number}")
        if values:
            age = "" if picture.link == Code.OK else ", old"
            screen.print(f"\nreport {number}{age}", style="bold")
            screen.print(_table_of_values(number, values))
    if picture.session:
        screen.print("\nsession, the latest", style="bold")
        screen.print(_table_of_session(picture.session))
    if is_raw:
        for request, text in picture.texts.items():
            screen.print(f"\n{request}, as it came", style="bold")
            for line in text.strip().splitlines():
                screen.print(printable(line), markup=False, soft_wrap=True)
    if picture.inactive:
        screen.print("\nNot marked as active in BEMCom", style="bold")
        screen.print(
            f"{_grouped(picture.inactive)}. Mark them as active in the "
            "AdminUI to see them here; or stop the connector, so that this "
            "program can ask the station itself.",
            markup=False,
        )


def _table_of_rows(picture: Picture) -> Table:
    table = plain_table(3)
    for row in (*picture.rows, *_rows_of_readings(picture)):
        check = Text(row.check, "dim")
        table.add_row(MARKS[row.severity], check, Text(printable(row.text)))
        if row.advice:
            table.add_row("", "", Text(row.advice, "italic"))
    return table


def _rows_of_readings(picture: Picture) -> Iterator[Row]:
    """Say in words what the rows of `doctor` leave to numbers."""
    readings = picture.readings
    if readings.get("not_charging_reason"):
        # A limit that nobody draws up to would only distract from it.
        readings = {**readings, "limited_by": None}
    for check, key in (
        ("limited by", "limited_by"),
        ("charging", "not_charging_reason"),
        ("error", "error"),
    ):
        told = any(row.check == check for row in picture.rows)
        if readings.get(key) and not told:
            text = str(readings[key]).replace("_", " ")
            yield Row(check, Severity.FINE, text)


def _table_of_values(number: int, values: Mapping[str, Value]) -> Table:
    known = {one.key: one for one in REPORTS[number]}
    table = plain_table(3)
    for key in sorted(values, key=[*known, *values].index):
        if key == "ID" or (
            key in _IN_EACH_REPORT and number > POLLED_REPORTS[0]
        ):
            continue
        one = known.get(key)
        # The word behind the number says it already.
        meaning = "" if one is None or key in _WORDS else one.meaning
        value = in_units(one, values[key])
        table.add_row(
            Text(printable(key)), Text(printable(value)), Text(meaning, "dim")
        )
    return table


def _table_of_session(session: Mapping[str, Value]) -> Table:
    table = plain_table(2)
    for key, value in session.items():
        if key == "tag" and not str(value).strip("0"):
            continue  # Zeros stand for no card.
        words = session_in_words(key, value)
        table.add_row(Text(key.replace("_", " ")), Text(words))
    return table


def session_in_words(key: str, value: Value) -> str:
    """Return a value of a session with its unit, or as a local time."""
    if key == "energy":
        return f"{value} kWh"
    if key in ("started", "ended") and isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
            return moment_in_words(int(moment.timestamp() * 1000))
    return str(value)


def _grouped(keys: list[str]) -> str:
    """Name keys without saying `garage__report 3` eleven times."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        group, _, last = key.rpartition("__")
        groups.setdefault(group, []).append(last)
    return "; ".join(
        f"{group}__ {', '.join(ends)}" for group, ends in groups.items()
    )


def as_json_of(picture: Picture, *, is_raw: bool) -> dict[str, Any]:
    """Return all of it for machines; fields as KEBA sends them."""
    content: dict[str, Any] = {
        "station": picture.name,
        "host": picture.host,
        "source": picture.source,
        "link": picture.link,
        "readings": picture.readings,
        "reports": picture.reports,
        "session": picture.session,
        "findings": [row.as_json() for row in picture.rows if row.code],
        "not_active": picture.inactive,
    }
    return content | ({"raw": picture.texts} if is_raw else {})


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
        terminal.print_json(as_json_of(picture, is_raw=raw))
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
    note = partial(_note_raw, texts, name)
    with instead_of_port(settings, taken, note if is_raw else None) as broker:
        view = broker.look_for_connector()
        if not view.is_online or view.diagnosis is None:
            raise taken
        if is_raw:
            _await_raw(broker, texts, settings.poll_seconds)
        picture = broker.read(lambda now: read(now, name, station.host))
        picture.texts = dict(sorted(texts.items()))
        return picture


def _note_raw(texts: dict[str, str], name: str, said: RawTexts) -> None:
    """Take what the connector publishes for BEMCom's raw message database."""
    texts |= {key: str(text) for key, text in said.get(name, {}).items()}


def _await_raw(
    broker: BrokerClient, texts: Mapping[str, str], poll_seconds: float
) -> None:
    """Wait for one round of the connector.

    Raises
    ------
    Problem
        If nothing of the station comes.
    """
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
