"""Looking at host, stations and broker, as `doctor` does.

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
from functools import partial
from typing import Any

from connector.bemcom.diagnosis_topic import DiagnosisTopic
from connector.diagnosis.causes import CAUSES, Code, Severity
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.findings import Finding
from connector.diagnosis.link import link_cause
from connector.diagnosis.site import SiteFacts
from connector.keba.protocol.fields import POLLED_REPORTS
from connector.keba.station.events import ReportReceived
from connector.settings import Station
from connector.tools.broker_client import BrokerClient
from connector.tools.connector_view import ConnectorView
from connector.tools.figures import now_ms
from connector.tools.host import is_container, rewritten_ports
from connector.tools.listening import Listening
from connector.tools.problems import Problem
from connector.tools.station_rows import Row, rows_by_subject, station_rows
from connector.tools.stations import (
    PATIENCE_S,
    PortTaken,
    learn,
    open_gateway,
    own_address,
)
from connector.tools.tool_settings import (
    ToolSettings,
)
from pyconnector_template.datapoint_map import MissingMap

OUR_PROGRAM = "connector/main.py"

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
    """Look at this host, these stations and the broker.

    Listens for `listen_s`: alone to the stations, beside the connector to
    what it publishes, and to heartbeats in any case.
    """
    exam = Examination()
    heard = Listening(listen_s)
    with contextlib.ExitStack() as stack:
        broker = _enter_broker(settings, stack, exam, heard)
        view = None if broker is None else broker.look_around()
        unknown = stations
        if broker is not None and view is not None and _tells(view):
            if listen_s:
                broker.wait_for(partial(_note_findings, heard), listen_s)
            unknown = broker.read(
                lambda now: read_diagnosis(
                    exam, now, stations, heard.passed(now.findings)
                )
            )
        if unknown:
            _ask(exam, settings, unknown, heard, view)
        if listen_s:
            for name in exam.stations:
                exam.stations[name].append(heard.row_of(name))
        _explain_silence(exam, settings, stations, is_alone=unknown == stations)
        if broker is not None:
            exam.broker += broker.read(
                lambda now: [*rows_of_broker(now, stations, exam.broker)]
            )
    _forgive_broker(exam, settings, stations)
    return exam


def _tells(view: ConnectorView) -> bool:
    return bool(view.is_online) and view.diagnosis is not None


def _note_findings(heard: Listening, view: ConnectorView) -> bool:
    """Take each diagnosis that comes; it is never enough."""
    heard.note_findings(view.findings)
    return False


def _forgive_broker(
    exam: Examination, settings: ToolSettings, stations: Iterable[str]
) -> None:
    """Let a broker be missing where only addresses were asked for.

    They need no settings, and the broker of the `.env` of a checkout is
    there in `docker compose` only. Who was answered needs no broker.
    """
    is_asked_for = any(
        name in settings.keba_p30_charge_stations for name in stations
    )
    is_needed = any(row.code == Code.PORT_TAKEN for row in exam.host)
    if is_asked_for or is_needed:
        return
    for index, row in enumerate(exam.broker):
        if row.severity > Severity.NOTE:
            text = f"{row.text} (not needed for an address)"
            exam.broker[index] = replace(
                row, severity=Severity.NOTE, text=text, advice=""
            )


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
    stations: Mapping[str, Station],
    known: Mapping[str, Mapping[str, Any]],
    findings: Iterable[Mapping[str, Any]],
) -> None:
    """Sort what the topic holds into the sections."""
    by_name = rows_by_subject(findings)
    owners = {station.serial: name for name, station in stations.items()}
    for name in stations:
        if name not in known:
            continue
        rows = station_rows(known[name], by_name.get(name, []))
        owner = owners.get(known[name].get("link", {}).get("serial") or "")
        if owner not in (None, name):
            text = f"that is the serial number of {owner}: are they swapped?"
            rows.append(Row("link", Severity.NOTE, text, "swapped"))
        exam.stations[name] = rows
    exam.host += by_name.get("udp", [])
    exam.broker += by_name.get("broker", []) + by_name.get("bemcom", [])


# --- alone --------------------------------------------------------------------


def _ask(
    exam: Examination,
    settings: ToolSettings,
    stations: Mapping[str, Station],
    heard: Listening,
    view: ConnectorView | None,
) -> None:
    """Ask the stations from here, unless somebody has the port."""
    where = f"UDP port {settings.keba_p30_port}"
    try:
        site = look(settings, stations, heard)
    except PortTaken as problem:
        if view is None or not view.is_online:
            exam.host.append(_port_row(problem))
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
    hosts = [station.host for station in stations.values()]
    bound = own_address(settings, hosts)
    exam.host.append(
        Row("port", Severity.FINE, f"{where} of {bound} is free for this tool")
    )
    take_site(exam, stations, site)


def take_site(
    exam: Examination, stations: Mapping[str, Station], site: SiteFacts
) -> None:
    """Sort what was found here into the sections."""
    content = DiagnosisTopic(site).due(0.0, now_ms()) or {}
    known = {
        name: {**facts, "fields": site.station(name).fields}
        for name, facts in content["stations"].items()
    }
    findings = [{**one, "since": None} for one in content["findings"]]
    take_content(exam, stations, known, findings)


def _port_row(problem: PortTaken) -> Row:
    """Tell who has the port; the connector is not told to be ended."""
    row = _row_of_problem("port", problem)
    if OUR_PROGRAM not in row.text:
        return row
    advice = (
        "That is the connector, and this tool cannot read what it has found: "
        "see that MQTT_BROKER_HOST and CONNECTOR_NAME are its own here as "
        "well, and look in its log whether it has reached the broker."
    )
    return replace(row, advice=advice)


def look(
    settings: ToolSettings,
    stations: Mapping[str, Station],
    heard: Listening,
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
        stations,
        polls=POLLED_REPORTS,
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
            if is_done:
                heard.note_event(event)
            if not is_done and all(
                _is_decided(site.station(name), looks) for name in stations
            ):
                is_done = True
                until = time.monotonic() + heard.seconds
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
    exam: Examination,
    settings: ToolSettings,
    stations: Mapping[str, Station],
    *,
    is_alone: bool,
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
    if is_alone and is_container():
        clues.append("this tool runs in a container")
    if is_alone and count > 1:
        clues.append(f"{count} stations are silent")
    if clues:
        exam.host = [one for one in exam.host if one.code != Code.ALL_SILENT]
        finding = Finding("udp", Code.ALL_SILENT, "; ".join(clues))
        exam.host.append(_row_of_finding("silence", finding))


def _address_of(station: Station) -> str:
    try:
        return socket.gethostbyname(station.host)
    except OSError:
        return station.host


def _row_of_finding(check: str, finding: Finding) -> Row:
    return Row(
        check,
        finding.severity,
        finding.text,
        str(finding.code),
        finding.advice,
    )


def _row_of_problem(check: str, problem: Problem) -> Row:
    return Row(
        check, Severity.ERROR, problem.text, problem.code, problem.advice
    )


# --- broker -------------------------------------------------------------------


def _enter_broker(
    settings: ToolSettings,
    stack: contextlib.ExitStack,
    exam: Examination,
    heard: Listening,
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
        broker = stack.enter_context(
            BrokerClient(
                settings,
                heard.note_reading,
                heard.note_raw if heard.seconds else None,
            )
        )
    except Problem as problem:
        exam.broker.append(_row_of_problem("broker", problem))
        return None
    where = f"{settings.mqtt_broker_host}:{settings.mqtt_broker_port}"
    login = settings.mqtt_username
    how = f"logged in as {login}" if login else "connected without login"
    exam.broker.append(Row("broker", Severity.FINE, f"{where}: {how}"))
    return broker


def rows_of_broker(
    view: ConnectorView, stations: Iterable[str], told: Sequence[Row]
) -> Iterator[Row]:
    """Yield what is seen at the broker and not told by the connector."""
    codes = {row.code for row in told}
    yield _connector_row(view)
    if view.is_name_used_twice and Code.NAME_USED_TWICE not in codes:
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
    text = (
        f"{len(view.active_sensors)} sensors and "
        f"{len(view.active_actuators)} actuators are active"
    )
    without = [name for name in stations if name not in view.active_stations]
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
