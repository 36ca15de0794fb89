"""What is known of all stations and what is around them."""

from dataclasses import dataclass, field

from connector.diagnosis.facts import StationFacts
from connector.diagnosis.surroundings import SurroundingFacts
from connector.keba.station.events import (
    AnsweredLate,
    ConnectionState,
    Event,
    ForeignRequestHeard,
    ReportReceived,
    ReportUnanswered,
    UnknownSender,
)


@dataclass(slots=True)
class SiteFacts:
    """The facts, filled from events and from fields as they come.

    Parameters
    ----------
    stations
        What is known of each station, by name.
    surroundings
        What is known beside them.
    """

    stations: dict[str, StationFacts] = field(default_factory=dict)
    surroundings: SurroundingFacts = field(default_factory=SurroundingFacts)

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
                self.surroundings.foreign_requests[address] = request
