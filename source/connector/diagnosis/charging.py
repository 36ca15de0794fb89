"""Why a station does not charge, and what limits it.

Both readings follow one order, that of the table of causes. What firmware
does not send is not known; it is never taken for a zero.
"""

from connector.diagnosis.causes import CAUSES, Code
from connector.diagnosis.facts import MEASUREMENTS, StationFacts
from connector.keba.protocol.dip_switches import X1_IN_USE, is_on
from connector.keba.protocol.fields import State, offers_failsafe_current

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


def not_charging_reason(facts: StationFacts) -> str | None:
    """Return why it does not charge: empty while it does.

    None while the station has not told enough to say so.
    """
    state = facts.number("State")
    if state is None:
        return None
    if MEASUREMENTS in facts.outdated and facts.number("E pres") is None:
        return None
    if state == State.CHARGING:
        return ""
    return _first_cause(facts, state)


def limited_by(facts: StationFacts) -> str | None:
    """Return which rule keeps the current where it is.

    None while the station has not told enough to say so.
    """
    forbidding = _forbidding_cause(facts)
    if forbidding is not None:
        return CAUSES[forbidding].limited_by or None
    if facts.number("Enable sys") is None:
        return None
    return _limit(facts)


def _first_cause(facts: StationFacts, state: int) -> Code:
    if state == State.STARTUP:
        return Code.STARTING_UP
    if state == State.ERROR:
        return Code.ERROR
    if facts.has_vehicle is False:
        return Code.NO_VEHICLE
    forbidding = _forbidding_cause(facts)
    if forbidding is not None:
        return forbidding
    if state == State.INTERRUPTED:
        return Code.INTERRUPTED
    if state == State.READY and facts.number("Max curr"):
        return Code.VEHICLE
    return Code.UNKNOWN


def _forbidding_cause(facts: StationFacts) -> Code | None:
    """Return which rule forbids charging, or puts a limit of its own.

    `unknown` while what would tell it is older than what it is to explain.
    """
    if facts.outdated:
        return Code.UNKNOWN
    if facts.number("Authreq") == 1:
        return Code.AUTHORIZATION
    if facts.number("Enable user") == 0:
        is_charging = facts.number("State") == State.CHARGING
        if is_charging and is_in_failsafe(facts):
            # A disabled station may charge by it (sem-community#763).
            return Code.FAILSAFE
        is_reached = has_reached_energy_limit(facts)
        return Code.ENERGY_LIMIT if is_reached else Code.DISABLED
    if facts.number("Enable sys") != 0:
        return None
    if is_on(facts.fields, X1_IN_USE) and facts.number("Input") == 0:
        return Code.INPUT
    if is_in_failsafe(facts):
        return Code.FAILSAFE
    # Without `Enable user` it may also be disabled.
    is_enabled = facts.number("Enable user") == 1
    return Code.STATION if is_enabled else Code.UNKNOWN


def has_reached_energy_limit(facts: StationFacts) -> bool:
    """Tell whether this session has reached its limit.

    A limit that waits for the next session is none.
    """
    limit, energy = facts.number("Setenergy"), facts.session_energy_dwh
    if limit is None or energy is None:
        return False
    return 0 < limit <= energy


def is_in_failsafe(facts: StationFacts) -> bool:
    """Look for the failsafe current, offered although nothing is enabled.

    Nothing else offers a current then (guide V2.01, page 35). A failsafe
    current of 0 looks like any other stop: it is told only where we know
    that nobody has fed the station.
    """
    if not facts.number("Tmo FS"):
        return False
    if facts.number("Curr FS") == 0:
        return not facts.number("Max curr") and facts.failsafe.is_starved
    return offers_failsafe_current(facts.fields)


def _limit(facts: StationFacts) -> str:
    """Tell which limit rules while charging is allowed."""
    limit, hardware = facts.number("Curr user"), facts.number("Curr HW")
    if limit is None or not hardware:
        # Without a cable in the socket nothing is offered to be limited.
        return "none"
    offered = facts.number("Max curr") or 0
    if facts.is_offer_settled and 0 < offered < min(limit, hardware):
        # Heat or load management holds it below what it might offer.
        return CAUSES[Code.STATION].limited_by
    if limit >= hardware:
        return "hardware"
    is_waiting = bool(facts.number("Tmo CT"))
    is_of_timer = limit == facts.number("Curr timer") and not is_waiting
    return "timer" if is_of_timer else "user"
