"""From what was seen of a station to what is wrong with it, in plain words.

Pure: the evidence goes in, findings come out, in the order in which one would
look: name, route, report 1, DIP switch, reports 2 and 3, status messages,
model and firmware.
"""

import errno
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from connector.diagnosis.causes import CAUSES, LINK, Code, Severity
from connector.diagnosis.charging import not_charging_reason
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.findings import evidence_of
from connector.diagnosis.link import is_p40
from connector.keba.protocol.dip_switches import UDP_ON, is_on
from connector.keba.protocol.fields import Plug, State
from connector.keba.protocol.messages import Report, StatusPush, Value
from connector.tools.interview import Answer, Interview


class Level(IntEnum):
    """How much a finding matters."""

    FINE = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has found.

    Parameters
    ----------
    check
        What was looked at.
    level
        How much it matters.
    text
        What was seen.
    code
        A word for machines; empty where all is fine.
    advice
        The next thing to do.
    """

    check: str
    level: Level
    text: str
    code: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of one station.

    Parameters
    ----------
    name, host
        As configured.
    address
        What the host resolves to; None if it does not.
    local_address
        Where the station's answers go; None without a route.
    interview
        What it answered; None if it could not be asked.
    expected_serial
        Its serial number in the settings, if it is given.
    reply_timeout_s
        How long the connector waits for an answer.
    """

    name: str
    host: str
    address: str | None
    local_address: str | None
    interview: Interview | None
    expected_serial: str | None = None
    reply_timeout_s: float = 2.0


QUESTIONS = (
    "report 1",
    "report 2",
    "report 3",
    "report 2",
    "report 3",
)
"""What a station is asked. The second look tells whether its status messages
come to us: something may have changed in between."""

NO_ROUTE = "no_route"

SLOW_S = 1.0
PUSH_STEP_DWH = 100
"""A status message `E pres` comes every further 10 Wh (guide V2.01, 35)."""

PUSHED_KEYS = ("State", "Plug", "Input", "Enable sys", "Max curr")

SWITCH_ADVICE = CAUSES[Code.DIP_SWITCH_OFF].advice
POWER_CYCLE_ADVICE = CAUSES[Code.NEEDS_POWER_CYCLE].advice
SILENCE_ADVICE = CAUSES[Code.NO_REPLY].advice
SECOND_CLIENT_ADVICE = CAUSES[Code.SECOND_CLIENT].advice
RESOLVE_ADVICE = CAUSES[Code.NAME_UNRESOLVED].advice
ROUTE_ADVICE = CAUSES[Code.SEND_ERROR].advice

REASON_ADVICE = {cause.code: cause.advice for cause in LINK if cause.advice}

_FIRMWARE = re.compile(r"P30 v (\d+)\.(\d+)(?:\.(\d+))?")
_OLDEST_P30 = (3, 5, 0)
_PHASE_SWITCHING = (3, 10, 42)
_NEEDS_SOURCE_PORT = (3, 10, 80)
_SOURCE_PORT_NOTE = (
    "this firmware answers only requests that come from port 7090: the "
    "network must not change the source port"
)


def diagnose(
    evidence: Evidence, owners_of_serials: Mapping[str, str]
) -> list[Finding]:
    """Tell what is wrong with a station, and what is fine.

    Parameters
    ----------
    evidence
        What was seen.
    owners_of_serials
        Names of the configured stations by serial number.
    """
    return list(_look(evidence, owners_of_serials))


def worst(findings: Sequence[Finding]) -> Finding | None:
    """Return the first of the gravest findings; None if all is fine."""
    graver = [one for one in findings if one.level > Level.NOTE]
    return max(graver, key=lambda one: one.level, default=None)


def _look(
    evidence: Evidence, owners_of_serials: Mapping[str, str]
) -> Iterator[Finding]:
    yield _name_finding(evidence)
    if evidence.address is None:
        return
    yield _route_finding(evidence)
    interview = evidence.interview
    if evidence.local_address is None or interview is None:
        return
    identity = interview.answer_to("report 1")
    if identity is None or identity.report is None:
        yield _silence(interview)
        return
    fields = identity.report.fields
    yield Finding("report 1", Level.FINE, _identity_in_words(identity))
    yield from _serial_findings(evidence, fields, owners_of_serials)
    yield from _model_findings(fields)
    has_data = all(map(interview.answer_to, ("report 2", "report 3")))
    if has_data or not is_p40(str(fields.get("Product", ""))):
        # A P40 that leaves them out has no such switch.
        yield from _switch_findings(fields, interview)
    if has_data:
        yield from _state_findings(interview)
        yield _meter_finding(interview)
        yield _push_finding(interview)
    yield from _delay_findings(interview, evidence.reply_timeout_s)


def _name_finding(evidence: Evidence) -> Finding:
    if evidence.address is None:
        return Finding(
            "name",
            Level.ERROR,
            f"{evidence.host} does not resolve to an address",
            Code.NAME_UNRESOLVED,
            RESOLVE_ADVICE,
        )
    if evidence.address == evidence.host:
        return Finding("name", Level.FINE, f"address {evidence.address}")
    return Finding("name", Level.FINE, f"{evidence.host} is {evidence.address}")


def _route_finding(evidence: Evidence) -> Finding:
    if evidence.local_address is None:
        return Finding(
            "route",
            Level.ERROR,
            f"this host has no route to {evidence.address}",
            NO_ROUTE,
            ROUTE_ADVICE,
        )
    return Finding(
        "route",
        Level.FINE,
        f"the station answers to {evidence.local_address}, port 7090",
    )


def _silence(interview: Interview) -> Finding:
    """Say of which kind the silence is."""
    obstacles = interview.obstacles
    if errno.ECONNREFUSED in obstacles:
        return Finding(
            "report 1",
            Level.ERROR,
            "no answer: a device is there, but nothing listens at UDP port "
            "7090",
            "nothing_listens",
            "See whether this address belongs to a KEBA P30 at all; P40 and "
            "other models have no such interface.",
        )
    if errno.EHOSTUNREACH in obstacles:
        return Finding(
            "report 1",
            Level.ERROR,
            "no answer: no device has this address at the moment",
            "no_device",
            "Look at the station's power and network cable, and at its "
            "address (router, display of the station).",
        )
    if obstacles:
        return Finding(
            "report 1",
            Level.ERROR,
            f"the request could not leave: {os.strerror(obstacles[0])}",
            NO_ROUTE,
            ROUTE_ADVICE,
        )
    return Finding(
        "report 1",
        Level.ERROR,
        "no answer, though asked twice",
        Code.NO_REPLY,
        SILENCE_ADVICE,
    )


def _identity_in_words(identity: Answer) -> str:
    fields = identity.report.fields if identity.report else {}
    product, firmware = fields.get("Product", "?"), fields.get("Firmware", "?")
    return (
        f"{product}, serial {fields.get('Serial', '?')}, {firmware}; "
        f"answered within {identity.delay_s * 1000:.0f} ms"
    )


def _serial_findings(
    evidence: Evidence,
    fields: Mapping[str, Value],
    owners_of_serials: Mapping[str, str],
) -> Iterator[Finding]:
    serial = str(fields.get("Serial", ""))
    if not evidence.expected_serial or not serial:
        return
    if serial == evidence.expected_serial:
        yield Finding("serial", Level.FINE, f"{serial}, as configured")
        return
    owner = owners_of_serials.get(serial)
    seen = f"the station at {evidence.address} has serial number {serial}"
    advice = REASON_ADVICE[Code.WRONG_SERIAL]
    if owner is not None:
        seen += f" of {owner}"
        advice = f"Have {owner} and {evidence.name} swapped addresses? {advice}"
    yield Finding(
        "serial",
        Level.ERROR,
        f"{seen}, configured is {evidence.expected_serial}",
        Code.WRONG_SERIAL,
        advice,
    )


def _model_findings(fields: Mapping[str, Value]) -> Iterator[Finding]:
    product = str(fields.get("Product", ""))
    if is_p40(product):
        yield Finding(
            "model",
            Level.ERROR,
            f"{product} is a P40",
            Code.UNSUPPORTED_MODEL,
            REASON_ADVICE[Code.UNSUPPORTED_MODEL],
        )
        return
    for text, code in _model_notes(product, str(fields.get("Firmware", ""))):
        yield Finding("model", Level.NOTE, text, code)


def _model_notes(product: str, firmware: str) -> Iterator[tuple[str, str]]:
    if "-P20-" in product:
        yield "a P20 has neither currtime, setenergy nor sessions", "p20"
        return
    if product.startswith("BMW"):
        yield "a BMW wallbox has neither output nor display", "bmw"
    if product.endswith("-DE"):
        yield (
            "the Deutschland edition has no meter: report 3 is all zeros",
            "no_meter",
        )
    version = _version(firmware)
    if version is None:
        return
    if version < _OLDEST_P30:
        yield "KEBA's UDP commands need firmware 3.05 or newer", "old_firmware"
    if version < _PHASE_SWITCHING:
        yield "no phase switching (x2) before firmware 3.10.42", "no_x2"
    if version >= _NEEDS_SOURCE_PORT:
        yield _SOURCE_PORT_NOTE, "needs_source_port"


def _version(firmware: str) -> tuple[int, int, int] | None:
    found = _FIRMWARE.search(firmware)
    if found is None:
        return None
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major, minor, patch


def _switch_findings(
    fields: Mapping[str, Value], interview: Interview
) -> Iterator[Finding]:
    """Read the switch, and hold it against what the station answers."""
    is_switch_on = is_on(fields, UDP_ON)
    missing = [
        request
        for request in ("report 2", "report 3")
        if interview.answer_to(request) is None
    ]
    if is_switch_on is not None:
        yield _switch_position(is_on=is_switch_on, is_deaf=bool(missing))
    if not missing:
        return
    if len(missing) == 1:
        yield Finding(
            missing[0],
            Level.ERROR,
            "no answer, though asked twice; the other reports come",
            "report_missing",
            POWER_CYCLE_ADVICE,
        )
    elif is_switch_on:
        yield Finding(
            "report 2, 3",
            Level.ERROR,
            "no answer, though DSW1.3 is on and report 1 comes",
            "needs_power_cycle",
            POWER_CYCLE_ADVICE,
        )
    elif is_switch_on is None:
        yield Finding(
            "report 2, 3",
            Level.ERROR,
            "no answer, while report 1 comes: DIP switch DSW1.3 is off",
            Code.DIP_SWITCH_OFF,
            SWITCH_ADVICE,
        )


def _switch_position(*, is_on: bool, is_deaf: bool) -> Finding:
    if is_on:
        return Finding("DIP switch", Level.FINE, "DSW1.3 (UDP) is on")
    if is_deaf:
        return Finding(
            "DIP switch",
            Level.ERROR,
            "DSW1.3 (UDP) is off: the station answers report 1, but neither "
            "report 2 nor 3",
            Code.DIP_SWITCH_OFF,
            SWITCH_ADVICE,
        )
    return Finding(
        "DIP switch",
        Level.WARNING,
        "DSW1.3 (UDP) is off, but reports still come: the switch acts from "
        "the next power cycle on",
        "dip_switch_pending",
        "Set DSW1.3 to ON before the station is next switched off.",
    )


def _state_findings(interview: Interview) -> Iterator[Finding]:
    report = _last_report(interview, "report 2")
    fields = report.fields
    state = fields.get("State")
    text = (
        f"state {_named(State, state)}, plug {_named(Plug, fields.get('Plug'))}"
    )
    if state == State.ERROR:
        error1, error2 = fields.get("Error1"), fields.get("Error2")
        code = f"0x{error2:04x}" if isinstance(error2, int) else error2
        yield Finding(
            "report 2",
            Level.WARNING,
            f"{text}; Error1 {error1}, Error2 {code}",
            "station_error",
            "Look the number up in the manual of the station; an error may "
            "go by itself at the next attempt to charge.",
        )
        return
    yield Finding("report 2", Level.FINE, text)
    yield from _charging_findings(interview)


def _charging_findings(interview: Interview) -> Iterator[Finding]:
    """Say why it does not charge, as the connector does."""
    facts = StationFacts("")
    for request in ("report 1", "report 2", "report 3"):
        facts.note_fields(_last_report(interview, request).fields)
    reason = not_charging_reason(facts)
    if not reason or CAUSES[Code(reason)].severity is Severity.FINE:
        return
    cause = CAUSES[Code(reason)]
    evidence = evidence_of(facts, cause.code)
    text = f"{cause.meaning} ({evidence})"
    yield Finding("report 2", Level.NOTE, text, cause.code, cause.advice)


def _meter_finding(interview: Interview) -> Finding:
    fields = _last_report(interview, "report 3").fields
    power = fields.get("P")
    total = fields.get("E total")
    if not has_meter(fields):
        return Finding(
            "report 3",
            Level.NOTE,
            "all zeros: no meter, or nothing was ever charged",
            "no_energy",
        )
    parts = []
    if isinstance(power, int | float):
        parts.append(f"power {power / 1e6:.2f} kW")
    if isinstance(total, int | float):
        parts.append(f"total {total / 1e4:.1f} kWh")
    return Finding("report 3", Level.FINE, ", ".join(parts))


def has_meter(report_3: Mapping[str, Value]) -> bool:
    """Tell whether a station measures: its total is above zero."""
    total = report_3.get("E total")
    return isinstance(total, int | float) and total > 0


def _push_finding(interview: Interview) -> Finding:
    foreign = interview.foreign_requests()
    if foreign:
        return _second_client(
            f"a request of another client came here: {foreign[0].text!r}"
        )
    missed = _missed_pushes(interview)
    if missed:
        return _second_client(
            f"{', '.join(missed)} changed without its status message: "
            "another client gets them"
        )
    pushes = interview.pushes()
    if pushes:
        return Finding(
            "status messages", Level.FINE, f"{len(pushes)} came by themselves"
        )
    return Finding(
        "status messages",
        Level.FINE,
        "none came, and nothing changed meanwhile",
    )


def _second_client(text: str) -> Finding:
    return Finding(
        "status messages",
        Level.WARNING,
        text,
        "second_client",
        SECOND_CLIENT_ADVICE,
    )


def _missed_pushes(interview: Interview) -> list[str]:
    """Return fields that changed between both looks without a message.

    A single message may get lost; that all of a kind do is no accident.
    """
    came = Counter(
        key
        for push in interview.pushes()
        if isinstance(push.message, StatusPush)
        for key in push.message.fields
    )
    steps = _change(interview, "report 3", "E pres") // PUSH_STEP_DWH
    # The message of the last step may still be on its way.
    missed = ["E pres"] if steps >= 2 and came["E pres"] < steps / 2 else []
    if came:
        return missed
    return missed + [
        key for key in PUSHED_KEYS if _change(interview, "report 2", key)
    ]


def _change(interview: Interview, request: str, key: str) -> int:
    """Return by how much a field differs between both looks."""
    values = [
        answer.report.fields.get(key)
        for answer in interview.answers_to(request)
        if answer.report is not None
    ]
    first, last = values[0], values[-1]
    if not isinstance(first, int) or not isinstance(last, int):
        return 0
    return abs(last - first)


def _delay_findings(
    interview: Interview, reply_timeout_s: float
) -> Iterator[Finding]:
    slowest = max(answer.delay_s for answer in interview.answers)
    if slowest >= reply_timeout_s:
        yield Finding(
            "delay",
            Level.WARNING,
            f"an answer took {slowest:.1f} s, the connector waits "
            f"{reply_timeout_s:g} s",
            "late_answers",
            f"Set KEBA_P30_REPLY_TIMEOUT to {slowest + 1:.0f} or more, or "
            "find out what slows the network down (WLAN?).",
        )
    elif interview.surplus_reports():
        yield Finding(
            "delay",
            Level.WARNING,
            "more reports came than were asked for: answers are late, or the "
            "network doubles them",
            "late_answers",
            "Set KEBA_P30_REPLY_TIMEOUT to 10, or find out what slows the "
            "network down (WLAN?).",
        )
    elif slowest >= SLOW_S:
        yield Finding(
            "delay",
            Level.NOTE,
            f"slow: an answer took {slowest:.1f} s",
            "slow_answers",
        )
    if any(answer.attempt > 1 for answer in interview.answers):
        yield Finding(
            "delay",
            Level.NOTE,
            "something had to be asked twice: datagrams get lost",
            "lost_datagrams",
        )


def _last_report(interview: Interview, request: str) -> Report:
    answer = interview.answers_to(request)[-1]
    if answer.report is None:
        raise LookupError(f"{request} was answered by no report")
    return answer.report


def _named(names: type[IntEnum], value: object) -> str:
    try:
        name = names(value)  # type: ignore[arg-type]
    except ValueError:
        return str(value)
    return f"{value} ({name.name.lower().replace('_', ' ')})"
