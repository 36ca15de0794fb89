"""What is known of all stations, and of the host that the connector runs on.

What is wrong with the broker and with BEMCom the template finds; the table of
causes has the words for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from connector.diagnosis.causes import Code
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.findings import Finding
from connector.diagnosis.link import link_cause
from connector.keba.station.events import (
    AnsweredLate,
    ConnectionState,
    Event,
    ForeignRequestHeard,
    ReportReceived,
    ReportUnanswered,
    UnknownSender,
)

SILENT_NAMED = 5
"""So many silent stations are named; of more the number is told."""


@dataclass(slots=True)
class SiteFacts:
    """The facts, filled from events and from fields as they come.

    Parameters
    ----------
    port_taken_by
        The program that has the UDP port, as far as that can be known; None
        while the port is ours.
    foreign_requests
        What other clients were heard to ask for, by their address.
    """

    stations: dict[str, StationFacts] = field(default_factory=dict)
    port_taken_by: str | None = None
    foreign_requests: dict[str, str] = field(default_factory=dict)

    def station(self, name: str) -> StationFacts:
        """Return what is known of a station, to be filled further."""
        if name not in self.stations:
            self.stations[name] = StationFacts(name)
        return self.stations[name]

    def note(self, event: Event, at_ms: int) -> None:
        """Take from an event what it tells beside the fields of reports."""
        match event:
            case ReportReceived(station=name, request=request):
                self.station(name).note_answer(request)
            case ConnectionState(station=name, link=link, failsafe=failsafe):
                self.station(name).note_connection(link, failsafe)
            case AnsweredLate(station=name, late_by_s=late_by_s):
                self.station(name).note_late_answer(late_by_s)
            case ForeignRequestHeard(station=name, request=request):
                self.station(name).note_foreign_request(request)
            case ReportUnanswered(station=name, request=request):
                self.station(name).note_missing(request, at_ms)
            case UnknownSender(address=address, request=request) if request:
                self.foreign_requests[address] = request


def surrounding_findings(site: SiteFacts) -> Iterator[Finding]:
    """Yield what is found beside single stations, the root cause first."""
    if site.port_taken_by is not None:
        yield Finding("udp", Code.PORT_TAKEN, site.port_taken_by)
    if site.foreign_requests:
        requests = [
            f"{address} asks for {request!r}"
            for address, request in site.foreign_requests.items()
        ]
        yield Finding("udp", Code.SECOND_CLIENT, "; ".join(requests))
    # What only all stations together tell: whether it is this host.
    if site.stations and all(map(_never_answered, site.stations.values())):
        evidence = all_silent_evidence([*site.stations])
        yield Finding("udp", Code.ALL_SILENT, evidence)


def _never_answered(facts: StationFacts) -> bool:
    return link_cause(facts.link) is Code.NO_REPLY and not facts.came_at_ms


def all_silent_evidence(stations: Sequence[str]) -> str:
    """Say which stations are silent, without an endless list."""
    if len(stations) > SILENT_NAMED:
        return f"All {len(stations)} are silent"
    return f"Silent: {', '.join(stations)}"
