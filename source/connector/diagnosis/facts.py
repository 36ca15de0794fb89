"""What is known of one station, before anybody judges it.

Filled from the station's events and from the fields of its datagrams. Moments
(`…_at_ms`) are ms since 1970 UTC.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from connector.diagnosis.missed_pushes import PUSHED, MissedPushDetector
from connector.keba.protocol.fields import (
    REPORT_1,
    REPORT_2,
    REPORT_3,
    VEHICLE_PLUGGED,
)
from connector.keba.protocol.numbers import whole_number
from connector.keba.station.events import FailsafeFacts, LinkFacts

Fields = Mapping[str, object]
Reading = str | int | float | None

KNOWN_FIELDS = frozenset(one.key for one in REPORT_1 + REPORT_2 + REPORT_3)
"""What a station invents beyond these must not pile up."""

SETTINGS = 2
MEASUREMENTS = 3
"""Numbers of the reports with both."""

DECISIVE = frozenset(
    {
        "State",
        "Plug",
        "Authreq",
        "Enable sys",
        "Enable user",
        "Max curr",
        "Curr HW",
        "Curr user",
        "Curr FS",
        "Tmo FS",
        "Curr timer",
        "Tmo CT",
        "Setenergy",
        "Input",
        "DIP-Sw1",
        "DIP-Sw",
        "E pres",
    }
)
"""Fields that decide why a station does not charge, and what limits it."""

NO_NEWS = frozenset({"ID", "Sec"})
"""Fields that differ from report to report, and say nothing."""

_LIMITS = ("Curr user", "Curr HW", "Enable sys")
OFFER_FOLLOWS_MS = 10_000
"""`Max curr` follows a new limit after 6 to 7 s (guide V2.01, page 13)."""

INCIDENT_COUNTS_FOR = 100
"""Reports after a late answer, or another client's request, until that is
history."""


@dataclass(slots=True)
class StationFacts:
    """Everything that is known of one station.

    Parameters
    ----------
    station
        Name of the station.
    link
        How the link is doing.
    failsafe
        Who feeds it.
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
    pushes
        Whether status messages go to somebody else.
    outdated
        Numbers of the reports that are older than what the station has said
        since; what rests on them cannot be judged until they come again.
    judged
        What was concluded from these facts, by name, for who needs it again;
        empty when something has changed that it may rest on.
    readings
        The readings that fields of these names bring, likewise.
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
    judged: dict[str, object] = field(default_factory=dict)
    readings: dict[tuple[str, ...], Mapping[str, Reading]] = field(
        default_factory=dict
    )
    _energy_unplugged: int | None = None
    _reports_since_late: int = 0
    _reports_since_foreign: int = 0
    _limit_is_new_until_ms: int | None = None

    def note_fields(self, fields: Fields, at_ms: int = 0) -> set[int]:
        """Take the fields of a report 1, 2 or 3, or of a status message.

        A status message tells one field; those that are never pushed, as
        `Enable user`, may have changed with it.

        Parameters
        ----------
        fields
            By KEBA's names; those of a report have its `ID`.
        at_ms
            When they came.

        Returns
        -------
        set of int
            Numbers of the reports to ask for now.
        """
        number = whole_number(fields.get("ID"))
        known = self.fields
        news = {
            key
            for key, value in fields.items()
            if key not in known or known[key] != value
        }
        changed = news & DECISIVE
        # Most reports say the same as the last one.
        if not news <= NO_NEWS:
            self.readings.clear()
        if changed or self.outdated or self._limit_is_new_until_ms is not None:
            wanted = self._take_news(fields, changed, number, at_ms)
        else:
            wanted = set()
            self._store(fields)
        if number is not None:
            self.came_at_ms[f"report {number}"] = at_ms
            self._forget_incidents()
        return wanted

    def _take_news(
        self,
        fields: Fields,
        changed: Set[str],
        number: int | None,
        at_ms: int,
    ) -> set[int]:
        """Take fields of which some are news, see `note_fields`."""
        is_more_energy = changed == {"E pres"} and not self.outdated
        if not is_more_energy or self.number("Setenergy") != 0:
            # Where there is no energy limit, more energy changes no verdict.
            self._judge_anew()
        known = set(self.outdated)
        if number is None and self._changes_a_setting(changed):
            self.outdated.add(SETTINGS)
        was_enabled = self.number("Enable user") != 0
        self._note_new_limit(changed, at_ms)
        self._store(fields)
        self._note_energy()
        if "E pres" in fields:
            self.outdated.discard(MEASUREMENTS)
        if number == SETTINGS:
            self.outdated.discard(SETTINGS)
            if was_enabled and self._may_have_reached_its_limit():
                self.outdated.add(MEASUREMENTS)
        return self.outdated - known

    def note_connection(self, link: LinkFacts, failsafe: FailsafeFacts) -> None:
        """Take how the link is doing, and who feeds the failsafe mode."""
        # Nearly always they are the very same, and comparing takes long.
        if failsafe is not self.failsafe and failsafe != self.failsafe:
            self._judge_anew()
        if self.link.is_silent and not link.is_silent:
            # What still stays out will be told by the next round.
            self.missing.clear()
        self.link, self.failsafe = link, failsafe

    def note_missing(self, request: str, at_ms: int = 0) -> None:
        """Hear that a report was asked for and does not come."""
        self._judge_anew()
        self.missing.setdefault(request, at_ms)
        self.outdated -= {
            number for number in self.outdated if request == f"report {number}"
        }

    def _judge_anew(self) -> None:
        self.judged.clear()
        self.readings.clear()

    def _note_new_limit(self, changed: Set[str], at_ms: int) -> None:
        until_ms = self._limit_is_new_until_ms
        if any(key in changed and key in self.fields for key in _LIMITS):
            self._limit_is_new_until_ms = at_ms + OFFER_FOLLOWS_MS
        elif until_ms is not None and at_ms >= until_ms:
            self._limit_is_new_until_ms = None

    @property
    def is_offer_settled(self) -> bool:
        """Whether `Max curr` has had the time to follow its limits."""
        return self._limit_is_new_until_ms is None

    def _changes_a_setting(self, changed: Set[str]) -> bool:
        return any(key in changed and key in self.fields for key in PUSHED)

    def _may_have_reached_its_limit(self) -> bool:
        """Tell whether only a newer `E pres` shows why it was disabled."""
        limit, energy = self.number("Setenergy"), self.number("E pres")
        is_reached = energy is not None and energy >= (limit or 0)
        return (
            self.number("Enable user") == 0 and bool(limit) and not is_reached
        )

    def _store(self, fields: Fields) -> None:
        new_keys = fields.keys()
        if new_keys <= KNOWN_FIELDS:
            self.fields.update(fields)
        else:
            known = new_keys & KNOWN_FIELDS
            self.fields.update((key, fields[key]) for key in known)

    def _note_energy(self) -> None:
        energy = self.number("E pres")
        if self.has_vehicle is False:
            self._energy_unplugged = energy
        elif energy != self._energy_unplugged:
            self._energy_unplugged = None

    def note_late_answer(self, late_by_s: float) -> None:
        """Hear that an answer came after it was given up."""
        self.late_by_s = max(self.late_by_s, late_by_s)
        self._reports_since_late = 0

    def note_foreign_request(self, request: str) -> None:
        """Hear that another client asked the station for something."""
        self.foreign_request = request
        self._reports_since_foreign = 0

    def _forget_incidents(self) -> None:
        self._reports_since_late += 1
        if self._reports_since_late > INCIDENT_COUNTS_FOR:
            self.late_by_s = 0.0
        self._reports_since_foreign += 1
        if self._reports_since_foreign > INCIDENT_COUNTS_FOR:
            self.foreign_request = ""

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
