"""What is known of one station, before anybody judges it.

Filled from the station's events and from the fields of its datagrams. Moments
(`…_at_ms`) are ms since 1970 UTC.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connector.diagnosis.missed_pushes import PUSHED, MissedPushDetector
from connector.keba.protocol.fields import (
    REPORT_1,
    REPORT_2,
    REPORT_3,
    VEHICLE_PLUGGED,
    State,
)
from connector.keba.protocol.numbers import whole_number
from connector.keba.station.events import FailsafeFacts, LinkFacts

Fields = Mapping[str, object]
Reading = str | int | float | None
Conclusion = TypeVar("Conclusion")

KNOWN_FIELDS = frozenset(one.key for one in REPORT_1 + REPORT_2 + REPORT_3)
"""What a station invents beyond these must not pile up."""

SETTINGS = 2
MEASUREMENTS = 3
"""Numbers of the reports with both."""

NO_NEWS = frozenset({"ID", "Sec"})
"""Fields that differ from report to report, and say nothing."""

_UNJUDGED = NO_NEWS | {"U1", "U2", "U3", "I1", "I2", "I3", "P", "PF", "E total"}
"""Fields from which nothing is concluded: they change with each report."""

_ENERGY = {"E pres"}
_LIMITS = frozenset({"Curr user", "Curr HW", "Enable sys"})
OFFER_FOLLOWS_MS = 10_000
"""`Max curr` follows a new limit after 6 to 7 s (guide V2.01, page 13)."""

INCIDENT_COUNTS_FOR = 100
"""Reports after a late answer, or another client's request, until that is
history."""

_NOTHING = object()


@dataclass(slots=True)
class StationFacts:
    """Everything that is known of one station.

    Parameters
    ----------
    fields
        The newest value of each field of reports 1, 2 and 3.
    came_at_ms
        When each report last came, by its name.
    session
        Fields of the newest report 100.
    missing
        Reports that stay out while others come, and since when.
    late_by_s
        The longest time by which an answer came after it was given up, of
        late.
    foreign_request
        What another client asked for at the station's address, of late.
    outdated
        Numbers of the reports that are older than what the station has said
        since; what rests on them cannot be judged until they come again.
    judged
        What was concluded from all this, see `judge`.
    readings
        The readings that fields of these names bring; empty when a field has
        changed.
    """

    station: str
    link: LinkFacts = field(default_factory=LinkFacts)
    failsafe: FailsafeFacts = field(default_factory=FailsafeFacts)
    fields: dict[str, object] = field(default_factory=dict)
    came_at_ms: dict[str, int] = field(default_factory=dict)
    session: Fields = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    late_by_s: float = 0.0
    foreign_request: str = ""
    pushes: MissedPushDetector = field(default_factory=MissedPushDetector)
    outdated: set[int] = field(default_factory=set)
    judged: dict[Callable[..., Any], Any] = field(default_factory=dict)
    readings: dict[tuple[str, ...], Mapping[str, Reading]] = field(
        default_factory=dict
    )
    _energy_unplugged: int | None = None
    _reports_since_late: int = 0
    _reports_since_foreign: int = 0
    _limit_is_new_until_ms: int | None = None

    def judge(
        self, conclude: Callable[["StationFacts"], Conclusion]
    ) -> Conclusion:
        """Return what somebody concludes from these facts.

        It is concluded again only when something has changed that it may rest
        on: most reports say the same as the last one.
        """
        if conclude not in self.judged:
            self.judged[conclude] = conclude(self)
        conclusion: Conclusion = self.judged[conclude]
        return conclusion

    def note_fields(self, fields: Fields, at_ms: int = 0) -> set[int]:
        """Take the fields of a report, which have its `ID`, or of a push.

        A status message tells one field; those that are never pushed, as
        `Enable user`, may have changed with it.

        Returns
        -------
        set of int
            Numbers of the reports to ask for now.
        """
        number = whole_number(fields.get("ID"))
        if number is not None:
            self._note_report(f"report {number}", at_ms)
        known = self.fields
        news = {
            key: value
            for key, value in fields.items()
            if known.get(key, _NOTHING) != value and key in KNOWN_FIELDS
        }
        changed = news.keys() & known.keys()
        self._watch_pushes(fields, changed)
        if not self._is_telling(news):
            # As nearly always: most reports say the same as the last one.
            if not news.keys() <= NO_NEWS:
                self.readings.clear()
            known.update(news)
            self._note_energy()
            return set()
        self._judge_anew()
        were_outdated = set(self.outdated)
        was_enabled = self.number("Enable user") != 0
        if number is None and not changed.isdisjoint(PUSHED):
            self.outdated.add(SETTINGS)
        if not changed.isdisjoint(_LIMITS):
            self._limit_is_new_until_ms = at_ms + OFFER_FOLLOWS_MS
        elif at_ms >= (self._limit_is_new_until_ms or 0):
            self._limit_is_new_until_ms = None
        known.update(news)
        self._note_energy()
        if "E pres" in fields:
            self.outdated.discard(MEASUREMENTS)
        if number == SETTINGS:
            self.outdated.discard(SETTINGS)
            if was_enabled and self._may_have_reached_its_limit():
                self.outdated.add(MEASUREMENTS)
        return self.outdated - were_outdated

    def _watch_pushes(self, fields: Fields, changed: Set[str]) -> None:
        """Look for changes without their status messages."""
        was_found = self.pushes.is_found
        if "ID" in fields:
            is_changed = not changed.isdisjoint(PUSHED)
            self.pushes.note_report(fields, is_changed=is_changed)
        else:
            self.pushes.note_push(fields)
        if self.pushes.is_found != was_found:
            self._judge_anew()

    def _is_telling(self, news: Fields) -> bool:
        """Tell whether something else may be concluded with new fields."""
        telling = news.keys() - _UNJUDGED
        if telling == _ENERGY and self.number("Setenergy") == 0:
            # Where there is no energy limit, more energy changes nothing.
            telling.clear()
        return (
            bool(telling or self.outdated)
            or not self.is_offer_settled
            # Its uptime is shown for as long as it starts up.
            or self.number("State") == State.STARTUP
        )

    def _note_report(self, request: str, at_ms: int) -> None:
        """Take that a report has come, and forget old incidents."""
        if request not in self.came_at_ms:
            self._judge_anew()
        self.came_at_ms[request] = at_ms
        if self.late_by_s:
            self._reports_since_late += 1
            if self._reports_since_late > INCIDENT_COUNTS_FOR:
                self.late_by_s = 0.0
                self._judge_anew()
        if self.foreign_request:
            self._reports_since_foreign += 1
            if self._reports_since_foreign > INCIDENT_COUNTS_FOR:
                self.foreign_request = ""
                self._judge_anew()

    def note_connection(self, link: LinkFacts, failsafe: FailsafeFacts) -> None:
        """Take how the link is doing, and who feeds the failsafe mode."""
        # Nearly always they are the very same, which is found at once.
        if (link, failsafe) != (self.link, self.failsafe):
            self._judge_anew()
        if self.link.is_silent and not link.is_silent:
            # What still stays out will be told by the next round.
            self.missing.clear()
        self.link, self.failsafe = link, failsafe

    def note_missing(self, request: str, at_ms: int = 0) -> None:
        """Note that a report was asked for and does not come."""
        self._judge_anew()
        self.missing.setdefault(request, at_ms)
        self.outdated -= {
            number for number in self.outdated if request == f"report {number}"
        }

    def note_answer(self, request: str) -> None:
        """Note that what was asked for has come."""
        if self.missing.pop(request, None) is not None:
            self._judge_anew()

    def _judge_anew(self) -> None:
        self.judged.clear()
        self.readings.clear()

    @property
    def is_offer_settled(self) -> bool:
        """Whether `Max curr` has had the time to follow its limits."""
        return self._limit_is_new_until_ms is None

    def _may_have_reached_its_limit(self) -> bool:
        """Tell whether only a newer `E pres` shows why it was disabled."""
        limit, energy = self.number("Setenergy"), self.number("E pres")
        is_below = energy is None or energy < (limit or 0)
        return self.number("Enable user") == 0 and bool(limit) and is_below

    def _note_energy(self) -> None:
        energy = self.number("E pres")
        if self.has_vehicle is False:
            self._energy_unplugged = energy
        elif energy != self._energy_unplugged:
            self._energy_unplugged = None

    def note_late_answer(self, late_by_s: float) -> None:
        """Note that an answer came after it was given up."""
        self._judge_anew()
        self.late_by_s = max(self.late_by_s, late_by_s)
        self._reports_since_late = 0

    def note_foreign_request(self, request: str) -> None:
        """Note that another client asked the station for something."""
        self._judge_anew()
        self.foreign_request = request
        self._reports_since_foreign = 0

    def note_session(self, fields: Fields) -> None:
        """Take the fields of a report 100."""
        self._judge_anew()
        self.session = dict(fields)

    def number(self, key: str) -> int | None:
        """Return the newest value of a field; None while there is none."""
        return whole_number(self.fields.get(key))

    @property
    def has_vehicle(self) -> bool | None:
        """Whether a vehicle is plugged in; None where nothing tells."""
        plug = self.number("Plug")
        return None if plug is None else bool(plug & VEHICLE_PLUGGED)

    @property
    def session_energy_dwh(self) -> int | None:
        """`E pres`, if it is that of the session that is on.

        It keeps the value of the last one until the next begins (guide V2.01,
        page 19), which is when the station leaves state 1 (V2.00).
        """
        energy = self.number("E pres")
        is_last_session = (
            self.has_vehicle is False
            or self.number("State") == 1
            or energy == self._energy_unplugged
            or self._has_ended_with(energy)
        )
        return None if is_last_session else energy

    def _has_ended_with(self, energy: int | None) -> bool:
        """Tell whether report 100 has this energy in an ended session."""
        has_ended = bool(whole_number(self.session.get("ended[s]")))
        return has_ended and whole_number(self.session.get("E pres")) == energy
