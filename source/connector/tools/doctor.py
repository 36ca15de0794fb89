"""`doctor`: what is wrong between here, the stations and the broker.

What is found, and the words for it, come from `connector.diagnosis`: from the
running connector by its topic, or else from stations that are asked here, by
the same engine.
"""

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector.bemcom.diagnosis_topic import DiagnosisTopic
from connector.diagnosis.causes import CAUSES, CHARGING, LINK, Code, Severity
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.findings import Finding
from connector.diagnosis.link import link_cause
from connector.diagnosis.site import SiteFacts
from connector.keba.station.events import ReportReceived
from connector.settings import Station
from connector.tools import terminal
from connector.tools.broker_client import BrokerClient
from connector.tools.connector_view import ConnectorView
from connector.tools.host import is_container, rewritten_ports
from connector.tools.modbus_probe import probe
from connector.tools.problems import EXIT_FINDINGS, Problem, UsageProblem
from connector.tools.station_rows import Row, moment_in_words, station_rows
from connector.tools.stations import (
    PATIENCE_S,
    PortTaken,
    learn,
    open_gateway,
)
from connector.tools.terminal import AsJson, working
from connector.tools.tool_settings import (
    ToolSettings,
    chosen_stations,
    tool_settings,
)
from pyconnector_template.datapoint_map import MissingMap

POLLS = (1, 2, 3)

LOOKS = 2
"""How often each report is read. What changes in between should have been
told by a status message."""

LOOKS_AT_SUSPECTS = 4
"""The same, where something has changed without one."""


@dataclass(slots=True)
class Examination:
    """All that the doctor has found.

    Attributes
    ----------
    host
        About this host.
    stations
        About each station.
    broker
        About the broker, BEMCom and the connector.
    """

    host: list[Row] = field(default_factory=list)
    stations: dict[str, list[Row]] = field(default_factory=dict)
    broker: list[Row] = field(default_factory=list)

    @property
    def sections(self) -> dict[str, list[Row]]:
        """Return all rows under the heading they belong to."""
        named = {"this host": self.host, **self.stations, "broker": self.broker}
        return {name: rows for name, rows in named.items() if rows}

    @property
    def is_fine(self) -> bool:
        """Whether nothing is worth a warning."""
        return all(worst(rows) is None for rows in self.sections.values())


def worst(rows: Sequence[Row]) -> Row | None:
    """Return the first of the gravest rows; None if all is fine."""
    graver = [one for one in rows if one.severity > Severity.NOTE]
    return max(graver, key=lambda one: one.severity, default=None)


def examine(
    settings: ToolSettings,
    stations: Mapping[str, Station],
    listen_s: float = 0.0,
) -> Examination:
    """Look at this host, all stations and the broker.

    Parameters
    ----------
    settings
        Of the connector.
    stations
        Which to look at, by name.
    listen_s
        How long to listen afterwards, to status messages and heartbeats.
    """
    exam = Examination()
    with contextlib.ExitStack() as stack:
        broker = _enter_broker(settings, stack, exam)
        view = None if broker is None else broker.look_around()
        strangers = stations
        if view is not None and view.is_online and view.diagnosis is not None:
            strangers = read_diagnosis(exam, view, stations)
        if strangers:
            _ask(exam, settings, strangers, listen_s, view)
        elif broker is not None and listen_s:
            broker.wait_for(lambda _: False, listen_s)
        _name_owners(exam, settings)
        if broker is not None:
            exam.broker += broker.read(
                lambda now: [*_rows_of_broker(now, stations, exam.broker)]
            )
    return exam


def as_json_of(exam: Examination) -> dict[str, Any]:
    """Return an examination for machines."""
    return {
        "fine": exam.is_fine,
        "host": _section_as_json(exam.host),
        "stations": {
            name: _section_as_json(rows) for name, rows in exam.stations.items()
        },
        "broker": _section_as_json(exam.broker),
    }


def _section_as_json(rows: list[Row]) -> dict[str, Any]:
    gravest = worst(rows)
    return {
        "verdict": "ok" if gravest is None else gravest.code,
        "findings": [
            {
                "check": one.check,
                "level": one.severity.name.lower(),
                "code": one.code,
                "text": one.text,
                "advice": one.advice,
            }
            for one in rows
        ],
    }


# --- beside the running connector ---------------------------------------------


def read_diagnosis(
    exam: Examination, view: ConnectorView, stations: Mapping[str, Station]
) -> dict[str, Station]:
    """Take what the connector has found; return whom it does not know."""
    known = view.facts_of_stations
    exam.host.append(
        Row(
            "connector",
            Severity.FINE,
            f"{view.name} is online; what follows is what it has found",
            "told_by_connector",
        )
    )
    _take_content(exam, stations, known, view.findings)
    return {
        name: station for name, station in stations.items() if name not in known
    }


def _take_content(
    exam: Examination,
    stations: Iterable[str],
    known: Mapping[str, Mapping[str, Any]],
    findings: Iterable[Mapping[str, Any]],
) -> None:
    """Sort what the topic holds into the sections."""
    by_name: dict[str, list[Row]] = {}
    for finding in findings:
        about = str(finding.get("about"))
        by_name.setdefault(about, []).append(_row_of(finding))
    for name in stations:
        if name in known:
            rows = station_rows(known[name], by_name.get(name, []))
            exam.stations[name] = rows
    exam.host += by_name.get("udp", [])
    exam.broker += by_name.get("broker", []) + by_name.get("bemcom", [])


def _row_of(finding: Mapping[str, Any]) -> Row:
    """Make a row of a finding as the topic has it.

    An older or a newer connector may know other causes than this tool.
    """
    code = str(finding.get("code", ""))
    try:
        severity = Severity[str(finding.get("severity")).upper()]
    except KeyError:
        severity = Severity.WARNING
    parts = [str(finding.get(key) or "") for key in ("meaning", "evidence")]
    text = ". ".join(part for part in parts if part)
    since = finding.get("since")
    if isinstance(since, int):
        text = f"{text} (since {moment_in_words(since)})"
    return Row(
        _check_of(code), severity, text, code, str(finding.get("advice") or "")
    )


def _check_of(code: str) -> str:
    if code in {str(cause.code) for cause in LINK}:
        return "link"
    if code in {str(cause.code) for cause in CHARGING}:
        return "charging"
    return code.split("_")[0]


def _name_owners(exam: Examination, settings: ToolSettings) -> None:
    """Where another station answers, say which one of ours it is."""
    owners = {
        station.serial: name
        for name, station in settings.keba_p30_charge_stations.items()
        if station.serial
    }
    for name, rows in exam.stations.items():
        exam.stations[name] = [
            _with_owner(row, name, owner)
            if row.code == Code.WRONG_SERIAL
            and (owner := _owner_in(row.text, owners)) is not None
            else row
            for row in rows
        ]


def _owner_in(text: str, owners: Mapping[str, str]) -> str | None:
    return next(
        (name for serial, name in owners.items() if f"says {serial}" in text),
        None,
    )


def _with_owner(row: Row, name: str, owner: str) -> Row:
    return replace(
        row,
        text=f"{row.text}, which is that of {owner}",
        advice=f"Have {owner} and {name} swapped addresses? {row.advice}",
    )


# --- alone --------------------------------------------------------------------


def _ask(
    exam: Examination,
    settings: ToolSettings,
    stations: Mapping[str, Station],
    listen_s: float,
    view: ConnectorView | None,
) -> None:
    """Ask the stations from here, unless somebody has the port."""
    where = f"UDP port {settings.keba_p30_port}"
    try:
        site = look(settings, stations, listen_s)
    except PortTaken as problem:
        if view is None or not view.is_online:
            exam.host.append(_row_of_problem("port", problem))
            return
        row = Row(
            "link",
            Severity.WARNING,
            f"{view.name} has {where}, and tells nothing of this station",
            "not_told",
            "See that its settings name the station and that it is not older "
            "than this tool; or stop it while this runs.",
        )
        exam.stations |= {name: [row] for name in stations}
        return
    except Problem as problem:
        exam.host.append(_row_of_problem("port", problem))
        return
    bound = settings.keba_p30_bind_address
    exam.host.append(
        Row("port", Severity.FINE, f"{where} of {bound} is free for this tool")
    )
    content = DiagnosisTopic(site).due(0.0, _now_ms()) or {}
    known = {
        name: {**facts, "fields": site.station(name).fields}
        for name, facts in content["stations"].items()
    }
    findings = [{**one, "since": None} for one in content["findings"]]
    _take_content(exam, stations, known, findings)
    _explain_silence(exam, settings, stations)


def look(
    settings: ToolSettings,
    stations: Mapping[str, Station],
    listen_s: float = 0.0,
) -> SiteFacts:
    """Let the connector's engine look at the stations for some rounds.

    Raises
    ------
    Problem
        If the port cannot be bound.
    """
    site = SiteFacts()
    looks: Counter[tuple[str, str]] = Counter()
    with open_gateway(
        settings,
        {name: station.host for name, station in stations.items()},
        serials={
            name: station.serial
            for name, station in stations.items()
            if station.serial
        },
        polls=POLLS,
    ) as gateway:
        is_done = not stations
        until = time.monotonic() + PATIENCE_S
        while (left_s := until - time.monotonic()) > 0:
            delivery = gateway.next_event(left_s)
            if delivery is None:
                continue
            event = delivery.event
            for number in learn(site, delivery):
                gateway.ask(getattr(event, "station", ""), number)
            if isinstance(event, ReportReceived):
                looks[event.station, event.request] += 1
            if not is_done and all(
                _is_decided(site.station(name), looks) for name in stations
            ):
                is_done = True
                until = time.monotonic() + listen_s
    return site


def _is_decided(
    facts: StationFacts, looks: Mapping[tuple[str, str], int]
) -> bool:
    """Tell whether further looks would show nothing new."""
    if link_cause(facts.link) is not Code.OK:
        return True
    wanted = LOOKS_AT_SUSPECTS if facts.pushes.is_suspected else LOOKS
    data = ("report 2", "report 3")
    if all(request in facts.missing for request in data):
        # Report 1 will tell whether it is silent or deaf.
        return False
    return not facts.outdated and all(
        request in facts.missing
        or looks.get((facts.station, request), 0) >= wanted
        for request in data
    )


def _explain_silence(
    exam: Examination, settings: ToolSettings, stations: Mapping[str, Station]
) -> None:
    """Where nobody answers, look at this host before the stations."""
    count = len(exam.stations)
    gravest = [worst(rows) for rows in exam.stations.values()]
    silent = [one for one in gravest if one and one.code == Code.NO_REPLY]
    if not silent or len(silent) < count:
        return
    clues = rewritten_ports(
        {*map(_address_of, stations.values())}, settings.keba_p30_port
    )
    if is_container():
        clues.append("this tool runs in a container")
    if count > 1:
        clues.append(f"{count} stations are silent")
    exam.host = [one for one in exam.host if one.code != Code.ALL_SILENT]
    if clues:
        finding = Finding("udp", Code.ALL_SILENT, "; ".join(clues))
        exam.host.append(_row_of_finding("silence", finding))


def _address_of(station: Station) -> str:
    try:
        return socket.gethostbyname(station.host)
    except OSError:
        return station.host


def _row_of_finding(check: str, finding: Finding) -> Row:
    parts = (finding.meaning, finding.evidence)
    return Row(
        check,
        finding.severity,
        ". ".join(part for part in parts if part),
        str(finding.code),
        finding.advice,
    )


def _row_of_problem(check: str, problem: Problem) -> Row:
    return Row(
        check, Severity.ERROR, problem.text, problem.code, problem.advice
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


# --- broker -------------------------------------------------------------------


def _enter_broker(
    settings: ToolSettings, stack: contextlib.ExitStack, exam: Examination
) -> BrokerClient | None:
    if not settings.mqtt_broker_host:
        exam.broker.append(
            Row(
                "broker",
                Severity.NOTE,
                "not looked at: MQTT_BROKER_HOST is not set",
                "broker_not_set",
            )
        )
        return None
    try:
        broker = stack.enter_context(BrokerClient(settings))
    except Problem as problem:
        exam.broker.append(_row_of_problem("broker", problem))
        return None
    where = f"{settings.mqtt_broker_host}:{settings.mqtt_broker_port}"
    login = settings.mqtt_username
    how = f"logged in as {login}" if login else "connected without login"
    exam.broker.append(Row("broker", Severity.FINE, f"{where}: {how}"))
    return broker


def _rows_of_broker(
    view: ConnectorView, stations: Iterable[str], told: Sequence[Row]
) -> Iterator[Row]:
    """Yield what is seen at the broker and not told by the connector."""
    codes = {row.code for row in told}
    yield _connector_row(view)
    if view.has_rival and Code.NAME_USED_TWICE not in codes:
        finding = Finding(
            "broker", Code.NAME_USED_TWICE, "Their heartbeats come by turns"
        )
        yield _row_of_finding("connector", finding)
    if not {Code.NO_MAP, Code.WRONG_NAME, Code.NOTHING_ACTIVE} & codes:
        yield _map_row(view, stations)


def _connector_row(view: ConnectorView) -> Row:
    name = view.name
    if view.is_online:
        version = f", version {view.version}" if view.version else ""
        text = f"one is online as {name}{version}"
        return Row("connector", Severity.FINE, text)
    if view.is_online is None and view.has_map:
        text = f"nothing tells whether one is online as {name}"
        return Row("connector", Severity.NOTE, text, "connector_unknown")
    text = f"none is online as {name}"
    return Row("connector", Severity.NOTE, text, "connector_off")


def _map_row(view: ConnectorView, stations: Iterable[str]) -> Row:
    check = "datapoints"
    if not view.has_map:
        return _row_of_finding(check, _missing_map(view))
    active = (*view.active_sensors, *view.active_actuators)
    text = (
        f"{len(view.active_sensors)} sensors and "
        f"{len(view.active_actuators)} actuators are active"
    )
    without = [
        name
        for name in stations
        if not any(key.startswith(f"{name}__") for key in active)
    ]
    if without and "." not in "".join(without):
        return Row(
            check,
            CAUSES[Code.NOTHING_ACTIVE].severity,
            f"{text}, none of {', '.join(without)}",
            Code.NOTHING_ACTIVE,
            CAUSES[Code.NOTHING_ACTIVE].advice,
        )
    return Row(check, Severity.FINE, text)


def _missing_map(view: ConnectorView) -> Finding:
    names = MissingMap(view.name)
    for other in view.other_maps:
        names.note_other(other)
    similar = names.similar_name()
    if similar is None:
        return Finding("bemcom", Code.NO_MAP, f"The name is {view.name}")
    evidence = f"Here it is {view.name}, there it is {similar}"
    return Finding("bemcom", Code.WRONG_NAME, evidence)


# --- what is shown ------------------------------------------------------------

MARKS = {
    Severity.FINE: Text("✓", "green"),
    Severity.NOTE: Text("·", "cyan"),
    Severity.WARNING: Text("!", "bold yellow"),
    Severity.ERROR: Text("✗", "bold red"),
}


def view_of(exam: Examination, *, is_full: bool) -> RenderableType:
    """Return the doctor's table and, below, what to do next.

    Parameters
    ----------
    exam
        What was found.
    is_full
        Whether to list also what is fine about stations that are well.
    """
    table = Table(box=None, padding=(0, 1), show_header=False)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, rows in exam.sections.items():
        heading = Text(name, "bold")
        is_short = name in exam.stations and not is_full
        for row in _in_short(rows) if is_short else rows:
            table.add_row(heading, MARKS[row.severity], row.check, row.text)
            heading = Text("")
        table.add_section()
    return Group(table, Text(""), *_next_steps(exam))


def _in_short(rows: list[Row]) -> list[Row]:
    """Return one line, where all is fine."""
    if worst(rows) is not None:
        return rows
    texts = [
        row.text
        for row in rows
        if row.check in ("model", "state", "meter") or row.code == Code.VEHICLE
    ]
    return [Row("all checks", Severity.FINE, "; ".join(texts))]


def _next_steps(exam: Examination) -> list[Text]:
    """Say what to do, the root cause first, and once for all it concerns."""
    if exam.is_fine:
        return [Text("All is well.", "bold green")]
    concerned: dict[tuple[str, str], list[str]] = {}
    marks: dict[tuple[str, str], Severity] = {}
    is_host_suspected = any(row.code == Code.ALL_SILENT for row in exam.host)
    for name, rows in exam.sections.items():
        gravest = worst(rows)
        if gravest is None:
            continue
        if is_host_suspected and gravest.code == Code.NO_REPLY:
            continue
        key = (gravest.code, gravest.advice)
        concerned.setdefault(key, []).append(name)
        marks[key] = gravest.severity
    return [
        Text("What to do next", "bold"),
        *(
            Text.assemble(
                MARKS[marks[code, advice]],
                f" {', '.join(names)}",
                (f" {code}: ", "dim"),
                advice,
            )
            for (code, advice), names in concerned.items()
        ),
    ]


def _probe_modbus(stations: Mapping[str, Station]) -> Examination:
    if len(stations) != 1:
        raise UsageProblem("name one station to look at over Modbus")
    [(name, station)] = stations.items()
    return Examination(stations={name: [probe(station.host)]})


# --- the command ----------------------------------------------------------


def command(
    stations: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names of configured stations, or addresses that need no "
            "settings; none is all configured stations."
        ),
    ] = None,
    listen: Annotated[
        float,
        typer.Option(
            min=0,
            max=3600,
            help="Seconds to listen afterwards, to status messages and to "
            "heartbeats; 70 tells whether two connectors use one name.",
        ),
    ] = 0.0,
    full: Annotated[
        bool,
        typer.Option("--full", help="List also what is fine, of all stations."),
    ] = False,
    modbus: Annotated[
        bool,
        typer.Option(
            "--modbus",
            help="Look once whether one station answers over Modbus TCP, and "
            "at nothing else.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find out what is wrong between here, the stations and the broker.

    Asks each station for reports 1, 2 and 3, twice, within KEBA's pauses;
    changes nothing. When the running connector holds the port, it is asked
    through MQTT instead.

    Example: `keba doctor`, `keba doctor garage`, `keba doctor
    192.168.0.99`
    """
    settings = tool_settings()
    chosen = chosen_stations(settings, stations or [])
    names = ", ".join(chosen) if len(chosen) < 6 else f"{len(chosen)} stations"
    with working(f"asking {names}"):
        if modbus:
            exam = _probe_modbus(chosen)
        else:
            exam = examine(settings, chosen, listen)
    if as_json:
        terminal.print_json(as_json_of(exam))
    else:
        terminal.console().print(
            view_of(exam, is_full=full or len(chosen) == 1)
        )
    if not exam.is_fine:
        raise typer.Exit(EXIT_FINDINGS)
