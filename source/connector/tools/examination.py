"""Looking at host, stations and broker, as `doctor` does.

What is found, and the words for it, come from `connector.diagnosis`: from the
running connector by its topic, or else from stations that are asked here, by
the same engine.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from connector.diagnosis.causes import CAUSES, Code, Severity
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.link import link_cause
from connector.diagnosis.site import SiteFacts
from connector.keba.protocol.fields import POLLED_REPORTS
from connector.keba.station.events import ReportReceived
from connector.settings import Station
from connector.tools.broker_client import BrokerClient
from connector.tools.connector_view import ConnectorView, view_of_site
from connector.tools.host import rewritten_ports
from connector.tools.listening import Listening
from connector.tools.problems import Problem
from connector.tools.station_rows import (
    Row,
    row_of_cause,
    rows_by_subject,
    station_rows,
)
from connector.tools.stations import (
    PATIENCE_S,
    PortTaken,
    follow,
    open_gateway,
    own_address,
)
from connector.tools.tool_settings import ToolSettings
from pyconnector_template.datapoint_map import similar_name

OUR_PROGRAM = "connector/main.py"
OURS = (
    "That is the connector, and this tool cannot read what it has found: "
    "see that MQTT_BROKER_HOST and CONNECTOR_NAME are its own here as "
    "well, and look in its log whether it has reached the broker."
)
"""The connector is never told to be ended."""

NOT_TOLD = (
    "See that its settings name the station and that it is not older "
    "than this tool; or stop it while this runs."
)

LOOKS = 2
"""How often each report is read. What changes in between should have been
told by a status message."""

LOOKS_AT_SUSPECTS = 4
"""The same, where something has changed without one."""


@dataclass(slots=True)
class Examination:
    """All that was found about this host, the stations, and the broker.

    The latter includes BEMCom and the connector.
    """

    host: list[Row] = field(default_factory=list)
    stations: dict[str, list[Row]] = field(default_factory=dict)
    broker: list[Row] = field(default_factory=list)

    @property
    def sections(self) -> dict[str, list[Row]]:
        """All rows under the heading they belong to."""
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
    settings: ToolSettings, stations: Mapping[str, Station], listen_s: float
) -> Examination:
    """Look at this host, these stations and the broker.

    Listens for `listen_s`: alone to the stations, beside the connector to
    what it publishes.
    """
    exam = Examination()
    heard = Listening(listen_s)
    with ExitStack() as stack:
        broker = _enter_broker(settings, stack, exam, heard)
        unknown, connector = stations, ""
        if broker:
            view = broker.look_around()
            connector = view.name if view.is_online else ""
            if view.tells:
                if listen_s:
                    broker.wait_for(heard.note_findings, listen_s)
                unknown = broker.read(
                    lambda now: read_diagnosis(
                        exam, now, stations, heard.passed(now.findings)
                    )
                )
        if unknown:
            _ask(exam, settings, unknown, heard, connector)
        if listen_s:
            for name, rows in exam.stations.items():
                rows.append(heard.row_of(name))
        if broker:
            exam.broker += broker.read(
                lambda now: [*rows_of_broker(now, stations, exam.broker)]
            )
    if any(row.code == Code.ALL_SILENT for row in exam.host):
        clues = rewritten_ports(settings.keba_p30_port)
        exam.host += [Row("silence", Severity.NOTE, clue) for clue in clues]
    is_configured = settings.keba_p30_charge_stations.keys() & stations.keys()
    is_port_taken = any(row.code == Code.PORT_TAKEN for row in exam.host)
    if not is_configured and not is_port_taken:
        exam.broker = [*map(_not_needed, exam.broker)]
    return exam


def _not_needed(row: Row) -> Row:
    """Let a broker be missing where only addresses were asked for.

    They need no settings, and the broker of the `.env` of a checkout is
    there in `docker compose` only. Who was answered needs no broker.
    """
    if row.severity <= Severity.NOTE:
        return row
    text = f"{row.text} (not needed for an address)"
    return replace(row, severity=Severity.NOTE, text=text, advice="")


# --- beside the running connector ---------------------------------------------


def read_diagnosis(
    exam: Examination,
    view: ConnectorView,
    stations: Mapping[str, Station],
    passed: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Station]:
    """Take what the connector has found; return whom it does not know.

    What has `passed` was found before, and is found no more.
    """
    known = view.facts_of_stations
    exam.host.append(
        Row(
            "connector",
            Severity.FINE,
            f"{view.name} is online; what follows is what it has found",
            "told_by_connector",
        )
    )
    take_content(exam, stations, known, [*view.findings, *passed])
    return {
        name: station for name, station in stations.items() if name not in known
    }


def take_content(
    exam: Examination,
    stations: Iterable[str],
    known: Mapping[str, Mapping[str, Any]],
    findings: Iterable[Mapping[str, Any]],
) -> None:
    """Sort what the topic holds into the sections."""
    by_name = rows_by_subject(findings)
    exam.stations |= {
        name: station_rows(known[name], by_name.get(name, []))
        for name in stations
        if name in known
    }
    exam.host += by_name.get("udp", [])
    exam.broker += by_name.get("broker", []) + by_name.get("bemcom", [])


# --- alone --------------------------------------------------------------------


def _ask(
    exam: Examination,
    settings: ToolSettings,
    stations: Mapping[str, Station],
    heard: Listening,
    connector: str,
) -> None:
    """Ask the stations from here, unless somebody has the port.

    `connector` is the name of the one that is online, if one is.
    """
    where = f"UDP port {settings.keba_p30_port}"
    try:
        site = look(settings, stations, heard)
    except Problem as problem:
        row = _row_of("port", problem)
        if isinstance(problem, PortTaken) and connector:
            text = f"{connector} has {where}, and tells nothing of this station"
            row = Row("link", Severity.WARNING, text, "not_told", NOT_TOLD)
            exam.stations |= {name: [row] for name in stations}
            return
        if OUR_PROGRAM in problem.text:
            row = replace(row, advice=OURS)
        exam.host.append(row)
        return
    bound = own_address(settings, [one.host for one in stations.values()])
    exam.host.append(
        Row("port", Severity.FINE, f"{where} of {bound} is free for this tool")
    )
    take_site(exam, stations, site)


def take_site(
    exam: Examination, stations: Iterable[str], site: SiteFacts
) -> None:
    """Sort what was found here into the sections."""
    view = view_of_site(site)
    take_content(exam, stations, view.facts_of_stations, view.findings)


def _row_of(check: str, problem: Problem) -> Row:
    return Row(
        check, Severity.ERROR, problem.text, problem.code, problem.advice
    )


def look(
    settings: ToolSettings, stations: Mapping[str, Station], heard: Listening
) -> SiteFacts:
    """Let the connector's engine look at the stations for some rounds."""
    site = SiteFacts()
    looks: Counter[tuple[str, str]] = Counter()
    with open_gateway(settings, stations, polls=POLLED_REPORTS) as gateway:
        for event in follow(gateway, site, time.monotonic() + PATIENCE_S):
            if isinstance(event, ReportReceived):
                looks[event.station, event.request] += 1
            if all(_is_decided(site.station(name), looks) for name in stations):
                break
        for event in follow(gateway, site, time.monotonic() + heard.seconds):
            heard.note_event(event)
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


# --- broker -------------------------------------------------------------------


def _enter_broker(
    settings: ToolSettings,
    stack: ExitStack,
    exam: Examination,
    heard: Listening,
) -> BrokerClient | None:
    if not settings.mqtt_broker_host:
        text = "not looked at: MQTT_BROKER_HOST is not set"
        exam.broker.append(Row("broker", Severity.NOTE, text, "broker_not_set"))
        return None
    on_raw = heard.note_raw if heard.seconds else None
    try:
        broker = stack.enter_context(
            BrokerClient(settings, heard.note_reading, on_raw)
        )
    except Problem as problem:
        exam.broker.append(_row_of("broker", problem))
        return None
    login = settings.mqtt_username
    how = f"logged in as {login}" if login else "connected without login"
    text = f"{broker.where}: {how}"
    exam.broker.append(Row("broker", Severity.FINE, text))
    return broker


def rows_of_broker(
    view: ConnectorView, stations: Iterable[str], told: Sequence[Row]
) -> Iterator[Row]:
    """Yield what is seen at the broker and not told by the connector."""
    codes = {row.code for row in told}
    yield _connector_row(view)
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
    if not view.has_map:
        similar = similar_name(view.name, view.other_maps)
        if similar is None:
            evidence = f"The name is {view.name}"
            return row_of_cause("datapoints", Code.NO_MAP, evidence)
        evidence = f"Here it is {view.name}, there it is {similar}"
        return row_of_cause("datapoints", Code.WRONG_NAME, evidence)
    text = (
        f"{len(view.active_sensors)} sensors and "
        f"{len(view.active_actuators)} actuators are active"
    )
    without = [name for name in stations if name not in view.active_stations]
    if without and "." not in "".join(without):
        cause = CAUSES[Code.NOTHING_ACTIVE]
        return Row(
            "datapoints",
            cause.severity,
            f"{text}, none of {', '.join(without)}",
            cause.code,
            cause.advice,
        )
    return Row("datapoints", Severity.FINE, text)
