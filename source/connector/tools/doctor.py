"""`doctor`: what is wrong between here, the stations and the broker."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector.diagnosis.causes import Code
from connector.settings import Station
from connector.tools import terminal
from connector.tools.broker_client import BrokerClient
from connector.tools.connector_view import ConnectorView
from connector.tools.diagnosis import (
    QUESTIONS,
    REASON_ADVICE,
    Evidence,
    Finding,
    Level,
    diagnose,
    worst,
)
from connector.tools.interview import Interview
from connector.tools.line import (
    Line,
    PortTaken,
    holder_of_port,
    local_address_towards,
    resolve,
)
from connector.tools.problems import EXIT_FINDINGS, Problem
from connector.tools.terminal import AsJson, working
from connector.tools.tool_settings import (
    ToolSettings,
    chosen_stations,
    tool_settings,
)

CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman put into their containers."""

STALE_AFTER_POLLS = 3
"""A value older than so many polls says that the connector hangs."""


@dataclass(slots=True)
class Report:
    """All that the doctor has found.

    Attributes
    ----------
    host
        Findings about this host.
    stations
        Findings about each station.
    broker
        Findings about the broker and what is known there.
    """

    host: list[Finding] = field(default_factory=list)
    stations: dict[str, list[Finding]] = field(default_factory=dict)
    broker: list[Finding] = field(default_factory=list)

    @property
    def sections(self) -> dict[str, list[Finding]]:
        """Return all findings under the heading they belong to."""
        named = {"this host": self.host, **self.stations, "broker": self.broker}
        return {name: found for name, found in named.items() if found}

    @property
    def is_fine(self) -> bool:
        """Whether nothing is worth a warning."""
        return all(worst(found) is None for found in self.sections.values())


def examine(
    settings: ToolSettings,
    stations: Mapping[str, Station],
    listen_s: float = 0.0,
) -> Report:
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
    report = Report()
    with contextlib.ExitStack() as stack:
        broker = _enter_broker(settings, stack, report)
        view = None if broker is None else broker.look_around()
        bind_address = settings.keba_p30_bind_address
        try:
            with Line(bind_address, settings.keba_p30_port) as line:
                report.host.append(
                    Finding(
                        "port",
                        Level.FINE,
                        f"UDP port {settings.keba_p30_port} of {bind_address} "
                        "is free for this program",
                    )
                )
                exams = [
                    _prepare(name, station, settings)
                    for name, station in stations.items()
                ]
                _ask_stations(line, exams, listen_s)
            report.stations = _findings_of(exams, stations)
            report.host += _detour_findings(report, view)
            report.host += _container_findings(report)
        except PortTaken as problem:
            report.host.append(_port_finding(problem, settings, view))
            report.stations = _ask_through_connector(stations, view, settings)
        except Problem as problem:
            report.host.append(_as_finding("port", problem))
        if view is not None:
            report.broker += _broker_findings(view, stations)
    return report


def report_as_json(report: Report) -> dict[str, Any]:
    """Return a report for machines."""
    return {
        "fine": report.is_fine,
        "host": _section_as_json(report.host),
        "stations": {
            name: _section_as_json(found)
            for name, found in report.stations.items()
        },
        "broker": _section_as_json(report.broker),
    }


def _section_as_json(findings: list[Finding]) -> dict[str, Any]:
    gravest = worst(findings)
    return {
        "verdict": "ok" if gravest is None else str(gravest.code),
        "findings": [
            {
                "check": one.check,
                "level": one.level.name.lower(),
                "code": str(one.code),
                "text": one.text,
                "advice": one.advice,
            }
            for one in findings
        ],
    }


# --- stations ----------------------------------------------------------------


def _ask_stations(line: Line, exams: list[Evidence], listen_s: float) -> None:
    interviews = {
        exam.address: exam.interview
        for exam in exams
        if exam.address is not None and exam.interview is not None
    }
    if interviews:
        line.conduct(interviews)
    line.listen(interviews, listen_s)


def _prepare(name: str, station: Station, settings: ToolSettings) -> Evidence:
    address = local = None
    reply_timeout_s = settings.keba_p30_reply_timeout
    with contextlib.suppress(OSError):
        address = resolve(station.host)
        local = local_address_towards(address)
    bound = settings.keba_p30_bind_address
    if local is not None and bound != "0.0.0.0":  # noqa: S104 - compared only
        local = bound
    return Evidence(
        name=name,
        host=station.host,
        address=address,
        local_address=local,
        interview=None
        if local is None
        else Interview(QUESTIONS, reply_timeout_s=reply_timeout_s),
        expected_serial=station.serial,
        reply_timeout_s=reply_timeout_s,
    )


def _findings_of(
    exams: list[Evidence], stations: Mapping[str, Station]
) -> dict[str, list[Finding]]:
    owners = {
        station.serial: name
        for name, station in stations.items()
        if station.serial
    }
    return {exam.name: diagnose(exam, owners) for exam in exams}


def _detour_findings(
    report: Report, view: ConnectorView | None
) -> list[Finding]:
    """Notice that the answers go to the connector instead of to us."""
    if view is None or not view.is_online:
        return []
    reached = [
        name
        for name, found in report.stations.items()
        if view.value(f"{name}__connection__online") is True
        and (gravest := worst(found)) is not None
        and gravest.code == Code.NO_REPLY
    ]
    if not reached:
        return []
    return [
        Finding(
            "answers",
            Level.WARNING,
            f"the running connector hears {', '.join(reached)}, this program "
            "does not: the answers go to the connector",
            "answers_go_elsewhere",
            "Believe the connector. To look for yourself, stop it first, and "
            "run this program where port 7090 comes in (host networking).",
        )
    ]


def _container_findings(report: Report) -> list[Finding]:
    """Notice that a container may hear nothing at all."""
    is_inside = any(Path(mark).exists() for mark in CONTAINER_MARKS)
    gravest = [worst(found) for found in report.stations.values()]
    are_silent = all(
        one is not None and one.code == Code.NO_REPLY for one in gravest
    )
    if not (is_inside and gravest and are_silent):
        return []
    return [
        Finding(
            "container",
            Level.WARNING,
            "this program runs in a container and no station is heard",
            "container",
            "Answers come to port 7090 of the host. Publish it for this run "
            "as well: docker compose run --rm --service-ports connector "
            "doctor",
        )
    ]


# --- through the running connector -------------------------------------------


def _port_finding(
    problem: PortTaken, settings: ToolSettings, view: ConnectorView | None
) -> Finding:
    port = settings.keba_p30_port
    holder = holder_of_port(settings.keba_p30_bind_address, port)
    who = f" ({holder})" if holder else ""
    if view is not None and view.is_online:
        return Finding(
            "port",
            Level.NOTE,
            f"the running connector {view.name} holds UDP port {port}{who}; "
            "what follows is what it tells through MQTT",
            "connector_holds_port",
        )
    return Finding(
        "port",
        Level.ERROR,
        f"{problem.text}: another program has it{who}",
        problem.code,
        "End that program (a connector without broker, evcc, Home "
        "Assistant…): stations answer to this port only. If it is the "
        "connector, see why it is not at the broker.",
    )


def _ask_through_connector(
    stations: Mapping[str, Station],
    view: ConnectorView | None,
    settings: ToolSettings,
) -> dict[str, list[Finding]]:
    if view is None or not view.is_online:
        return {}
    now_ms = time.time() * 1000
    return {
        name: second_hand_findings(view, name, now_ms, settings.poll_seconds)
        for name in stations
    }


def second_hand_findings(
    view: ConnectorView, station: str, now_ms: float, poll_s: float
) -> list[Finding]:
    """Return what the running connector tells about a station.

    Parameters
    ----------
    view
        What is known at the broker.
    station
        Its name.
    now_ms
        The moment, in ms since 1970 UTC.
    poll_s
        How often the connector polls.
    """
    key = f"{station}__connection__reason"
    reading = view.readings.get(key)
    if reading is None:
        text = "is not marked as active in BEMCom, or has no value yet"
        return [
            Finding(
                "connection",
                Level.WARNING,
                f"{key} {text}",
                "not_active",
                "Mark it as active in the AdminUI; or stop the connector, so "
                "that this program can ask the station itself.",
            )
        ]
    age_s = (now_ms - reading.timestamp_ms) / 1000
    if age_s > STALE_AFTER_POLLS * max(poll_s, 10.0):
        return [
            Finding(
                "connection",
                Level.WARNING,
                f"the last word of the connector is {age_s:.0f} s old",
                "stale",
                "Look at the connector's log; restart it.",
            )
        ]
    reason = str(reading.value)
    if reason == Code.OK:
        text = f"online, told {age_s:.0f} s ago"
        return [Finding("connection", Level.FINE, text)]
    advice = REASON_ADVICE.get(Code(reason), "") if _is_known(reason) else ""
    return [
        Finding(
            "connection",
            Level.ERROR,
            f"offline: {reason}",
            reason,
            advice,
        )
    ]


def _is_known(reason: str) -> bool:
    return reason in [*Code]


# --- broker ------------------------------------------------------------------


def _enter_broker(
    settings: ToolSettings, stack: contextlib.ExitStack, report: Report
) -> BrokerClient | None:
    if not settings.mqtt_broker_host:
        report.broker.append(
            Finding(
                "broker",
                Level.NOTE,
                "not looked at: MQTT_BROKER_HOST is not set",
                "broker_not_set",
            )
        )
        return None
    try:
        broker = stack.enter_context(BrokerClient(settings))
    except Problem as problem:
        report.broker.append(_as_finding("broker", problem))
        return None
    where = f"{settings.mqtt_broker_host}:{settings.mqtt_broker_port}"
    login = settings.mqtt_username
    how = f"logged in as {login}" if login else "connected without login"
    report.broker.append(Finding("broker", Level.FINE, f"{where}: {how}"))
    return broker


def _broker_findings(
    view: ConnectorView, stations: Mapping[str, Station]
) -> list[Finding]:
    return [_name_finding(view), _map_finding(view, stations)]


def _name_finding(view: ConnectorView) -> Finding:
    name = view.name
    if view.has_rival:
        return Finding(
            "connector",
            Level.ERROR,
            f"two connectors send heartbeats as {name}",
            "name_used_twice",
            "Give each connector a CONNECTOR_NAME of its own.",
        )
    if view.is_online:
        version = f", version {view.version}" if view.version else ""
        return Finding(
            "connector",
            Level.FINE,
            f"one is online as {name}{version}; start no second one under "
            "this name",
        )
    if view.is_online is None and view.has_map:
        return Finding(
            "connector",
            Level.NOTE,
            f"nothing tells whether one is online as {name}",
            "connector_unknown",
        )
    return Finding(
        "connector", Level.NOTE, f"none is online as {name}", "connector_off"
    )


def _map_finding(
    view: ConnectorView, stations: Mapping[str, Station]
) -> Finding:
    if not view.has_map:
        return Finding(
            "datapoint map",
            Level.WARNING,
            f"there is none for {view.name}: no value would be published, "
            "no command would arrive",
            "no_map",
            f"Add the connector {view.name} in the AdminUI (Connectors, "
            "Add), mark its datapoints as active, and see that the API runs. "
            "A broker without persistence forgets the map when it restarts: "
            "restart the API then.",
        )
    sensors, actuators = view.active_sensors, view.active_actuators
    without = [
        name
        for name in stations
        if not any(
            key.startswith(f"{name}__") for key in (*sensors, *actuators)
        )
    ]
    text = f"{len(sensors)} sensors and {len(actuators)} actuators are active"
    if without and "." not in "".join(without):
        return Finding(
            "datapoint map",
            Level.WARNING,
            f"{text}, none of {', '.join(without)}",
            "nothing_active",
            "Mark the station's datapoints as active in the AdminUI.",
        )
    return Finding("datapoint map", Level.FINE, text)


def _as_finding(check: str, problem: Problem) -> Finding:
    return Finding(
        check, Level.ERROR, problem.text, problem.code, problem.advice
    )


# --- what is shown ---------------------------------------------------------

MARKS = {
    Level.FINE: Text("✓", "green"),
    Level.NOTE: Text("·", "cyan"),
    Level.WARNING: Text("!", "bold yellow"),
    Level.ERROR: Text("✗", "bold red"),
}


def doctor_view(report: Report, *, is_full: bool) -> RenderableType:
    """Return the doctor's table and, below, what to do next.

    Parameters
    ----------
    report
        What was found.
    is_full
        Whether to list also what is fine about stations that are well.
    """
    table = Table(box=None, padding=(0, 1), show_header=False)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, findings in report.sections.items():
        heading = Text(name, "bold")
        is_short = name in report.stations and not is_full
        for finding in _in_short(findings) if is_short else findings:
            table.add_row(
                heading, MARKS[finding.level], finding.check, finding.text
            )
            heading = Text("")
        table.add_section()
    return Group(table, Text(""), *_next_steps(report))


def _in_short(findings: list[Finding]) -> list[Finding]:
    """Return one line, where all is fine."""
    if worst(findings) is not None:
        return findings
    texts = [
        finding.text
        for finding in findings
        if finding.check in ("report 1", "report 2", "report 3")
    ]
    if not texts:
        return findings
    text = "; ".join(texts)
    return [Finding("all checks", Level.FINE, text)]


def _next_steps(report: Report) -> list[Text]:
    if report.is_fine:
        return [Text("All is well.", "bold green")]
    steps = [Text("What to do next", "bold")]
    steps += [
        _step(name, gravest)
        for name, findings in report.sections.items()
        if (gravest := worst(findings)) is not None
    ]
    return steps


def _step(name: str, finding: Finding) -> Text:
    verdict = f" {finding.code}: " if finding.code else ": "
    return Text.assemble(
        MARKS[finding.level], f" {name}", (verdict, "dim"), finding.advice
    )


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
        report = examine(settings, chosen, listen)
    if as_json:
        terminal.print_json(report_as_json(report))
    else:
        terminal.console().print(
            doctor_view(report, is_full=full or len(chosen) == 1)
        )
    if not report.is_fine:
        raise typer.Exit(EXIT_FINDINGS)
