"""Findings: what is the case at a station, since when, and what shows it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from connector.diagnosis.causes import CAUSES, Code, Severity
from connector.diagnosis.charging import limited_by, not_charging_reason
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.link import link_cause, link_evidence
from connector.keba.protocol.error_codes import error_text

_SHOWN_FIELDS: Mapping[Code, tuple[str, ...]] = {
    Code.STARTING_UP: ("State", "Sec"),
    Code.AUTHORIZATION: ("AuthON", "Authreq"),
    Code.ENERGY_LIMIT: ("Enable user", "Setenergy", "E pres"),
    Code.DISABLED: ("Enable user",),
    Code.INPUT: ("Enable user", "Enable sys", "DIP-Sw1", "DIP-Sw", "Input"),
    Code.FAILSAFE: ("Enable sys", "Tmo FS", "Curr FS", "Max curr"),
    Code.STATION: ("Enable user", "Enable sys", "Backend"),
    Code.INTERRUPTED: ("State", "Enable user", "Enable sys"),
    Code.VEHICLE: ("State", "Max curr"),
    Code.UNKNOWN: ("State", "Plug", "Enable user", "Enable sys", "Max curr"),
    Code.MAY_CHARGE_AGAIN: ("Enable user", "Tmo FS", "Curr FS"),
}
"""What proves a cause, as the station says it."""

MISSED_PUSHES = "values change, but no status messages come here"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is the case.

    It is about a station or a part (`broker`, `udp`). `since_ms` is when it was
    first found; None before anybody remembers.
    """

    about: str
    code: Code
    evidence: str = ""
    since_ms: int | None = None

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return CAUSES[self.code].severity

    @property
    def meaning(self) -> str:
        """What is the case."""
        return CAUSES[self.code].meaning

    @property
    def text(self) -> str:
        """What is the case, and what shows it."""
        return ". ".join(filter(None, (self.meaning, self.evidence)))

    @property
    def advice(self) -> str:
        """What to do; empty where nothing is to be done."""
        return CAUSES[self.code].advice


def sentence(code: Code, evidence: str = "") -> str:
    """Say what a cause means, what shows it, and what to do."""
    cause = CAUSES[code]
    parts = (cause.meaning, evidence, cause.advice)
    return ". ".join(part.removesuffix(".") for part in parts if part)


def late_evidence(late_by_s: float) -> str:
    """Say how late an answer came."""
    return f"An answer came {late_by_s:.1f} s too late"


def remember(
    known: Iterable[Finding], fresh: Iterable[Finding], now_ms: int
) -> list[Finding]:
    """Let findings that go on keep the moment at which they began."""
    since = {(one.about, one.code): one.since_ms for one in known}
    return [
        replace(
            one,
            since_ms=one.since_ms or since.get((one.about, one.code), now_ms),
        )
        for one in fresh
    ]


def station_findings(facts: StationFacts) -> Iterator[Finding]:
    """Yield what is found about one station, the root cause first."""
    link = link_cause(facts.link)
    if link is not Code.OK:
        evidence = link_evidence(facts.link)
        yield Finding(facts.station, link, evidence)
        # What it said before is old, and says nothing about now.
        return
    yield from _charging_findings(facts)
    yield from _hints(facts)


def _charging_findings(facts: StationFacts) -> Iterator[Finding]:
    reason = not_charging_reason(facts)
    code = Code(reason) if reason else None
    if limited_by(facts) == CAUSES[Code.FAILSAFE].limited_by:
        # It may rule while the station charges.
        code = Code.FAILSAFE
    if code is not None and CAUSES[code].severity > Severity.FINE:
        yield Finding(facts.station, code, evidence_of(facts, code))


def _hints(facts: StationFacts) -> Iterator[Finding]:
    clues = [*_clues_of_a_second_client(facts)]
    if clues:
        evidence = "; ".join(clues)
        yield Finding(facts.station, Code.SECOND_CLIENT, evidence)
    if facts.late_by_s > 0:
        evidence = late_evidence(facts.late_by_s)
        yield Finding(facts.station, Code.LATE_ANSWERS, evidence)
    if facts.missing:
        evidence = f"No answer to {', '.join(sorted(facts.missing))}"
        yield Finding(facts.station, Code.REPORT_MISSING, evidence)
    if facts.link.is_udp_switch_on is False:
        yield Finding(facts.station, Code.DIP_SWITCH_PENDING)
    if may_charge_again(facts):
        evidence = evidence_of(facts, Code.MAY_CHARGE_AGAIN)
        yield Finding(facts.station, Code.MAY_CHARGE_AGAIN, evidence)


def _clues_of_a_second_client(facts: StationFacts) -> Iterator[str]:
    if facts.foreign_request:
        yield f"a request came from its address: {facts.foreign_request!r}"
    if facts.pushes.is_found:
        yield MISSED_PUSHES
    is_from_here = facts.failsafe.is_ours or facts.failsafe.is_fed
    is_armed, acts = facts.number("Tmo FS"), facts.number("Enable sys") != 1
    if is_armed and not is_from_here and not acts:
        yield (
            "its failsafe mode is armed "
            f"({_shown(facts, ('Tmo FS', 'Curr FS'))}), not by this "
            "connector, and does not act: somebody feeds it"
        )


def may_charge_again(facts: StationFacts) -> bool:
    """Tell whether a disabled station may charge again by itself.

    Seen after exactly the timeout, with the failsafe current
    (sem-community#763).
    """
    return (
        facts.number("Enable user") == 0
        and bool(facts.number("Tmo FS"))
        and bool(facts.number("Curr FS"))
        and not facts.failsafe.is_fed
    )


def evidence_of(facts: StationFacts, code: Code) -> str:
    """Show the fields that a cause rests on."""
    if code is Code.ERROR:
        return error_text(
            facts.fields.get("State"),
            facts.fields.get("Error1"),
            facts.fields.get("Error2"),
        )
    return _shown(facts, _SHOWN_FIELDS.get(code, ()))


def _shown(facts: StationFacts, keys: Iterable[str]) -> str:
    shown = [
        f"{key} {facts.fields[key]}" for key in keys if key in facts.fields
    ]
    return ", ".join(shown)
