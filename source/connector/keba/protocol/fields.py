"""The fields of KEBA's reports, in one table.

Datapoints, documentation and tests are made from it. Sources: UDP
Programmers Guide V2.01 (pages 15 to 21 and 35) and V2.00; fields that no
guide names are marked as undocumented. A station may leave fields out and
may send others: this table describes, it does not filter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from connector.keba.protocol.numbers import whole_number

CURRENT_MAX_MA = 63_000
ENERGY_MAX_DWH = 999_999_999
_UINT32_MAX = 4_294_967_295


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a report.

    Parameters
    ----------
    key
        Spelling in KEBA's guide V2.01.
    unit
        Of the raw value; empty for numbers without unit and texts.
    low, high
        Range of a number, where the guide gives one.
    allowed
        The values of an enumeration, where the guide lists them.
    """

    key: str
    unit: str
    meaning: str
    low: int | None = None
    high: int | None = None
    allowed: tuple[int, ...] = ()
    is_text: bool = False


def _text(key: str, meaning: str) -> Field:
    return Field(key, "", meaning, is_text=True)


def _flag(key: str, meaning: str) -> Field:
    return Field(key, "", meaning, allowed=(0, 1))


def _current(key: str, meaning: str) -> Field:
    return Field(key, "mA", meaning, low=0, high=CURRENT_MAX_MA)


def _energy(key: str, meaning: str) -> Field:
    return Field(key, "0.1 Wh", meaning, low=0, high=ENERGY_MAX_DWH)


def _uptime(key: str, meaning: str) -> Field:
    return Field(key, "s", meaning, low=0, high=_UINT32_MAX)


_SERIAL = _text("Serial", "serial number of the station")
_UPTIME = _uptime("Sec", "uptime of the station when it answered")
_TIME_QUALITY = Field(
    "timeQ",
    "",
    "quality of the clock: 0 none, 1 not synchronised, 2 weak, 3 strong",
    allowed=(0, 1, 2, 3),
)

REPORT_1 = (
    _text("ID", "number of the report"),
    _text("Product", "product code"),
    _SERIAL,
    _text("Firmware", "version of the firmware"),
    _flag("COM-module", "communication module present (x-series)"),
    _flag("Backend", "communication with a backend"),
    _TIME_QUALITY,
    _flag("setBoot", "undocumented, seen with firmware 3.10.57"),
    _text("DIP-Sw", "DIP switches in hexadecimal (BMW stations)"),
    _text("DIP-Sw1", "DIP switch block 1 in hexadecimal; 0x20 is UDP on"),
    _text("DIP-Sw2", "DIP switch block 2 in hexadecimal"),
    _UPTIME,
)

REPORT_2 = (
    _text("ID", "number of the report"),
    Field(
        "State",
        "",
        "0 start-up, 1 not ready, 2 ready, 3 charging, 4 error, 5 interrupted",
        allowed=(0, 1, 2, 3, 4, 5),
    ),
    Field("Error1", "", "detail of state 4, 0 is none", low=0, high=65_535),
    Field("Error2", "", "detail of exception 6", low=0, high=65_535),
    Field(
        "Plug",
        "",
        "0 nothing, 1 cable at station, 3 and locked, 5 and vehicle, "
        "7 vehicle and locked",
        allowed=(0, 1, 3, 5, 7),
    ),
    _flag("AuthON", "authorisation is switched on"),
    _flag("Authreq", "authorisation is required now"),
    _flag("Enable sys", "charging is enabled, all conditions together"),
    _flag("Enable user", "charging is enabled by the user"),
    _current("Max curr", "current offered to the vehicle now"),
    Field("Max curr %", "0.1 %", "duty cycle of the pilot", low=100, high=1000),
    _current("Curr HW", "limit of the hardware"),
    _current("Curr user", "limit of the user"),
    _current("Curr FS", "limit in failsafe mode"),
    Field("Tmo FS", "s", "failsafe timeout, 0 is off", low=0, high=600),
    _current("Curr timer", "limit of the last currtime command"),
    Field("Tmo CT", "s", "time until currtime acts", low=0, high=860_400),
    _energy("Setenergy", "energy limit of the session, 0 is none"),
    Field(
        "Output", "", "relay output: 0, 1 or pulses per kWh", low=0, high=150
    ),
    _flag("Input", "enable input X1"),
    Field(
        "X2 phaseSwitch source",
        "",
        "who switches phases: 0 nobody, 1 OCPP, 2 REST, 3 Modbus, 4 UDP",
        allowed=(0, 1, 2, 3, 4),
    ),
    _flag("X2 phaseSwitch", "phases: 0 one, 1 three"),
    _SERIAL,
    _UPTIME,
)

REPORT_3 = (
    _text("ID", "number of the report"),
    Field("U1", "V", "voltage of phase 1", low=0, high=999),
    Field("U2", "V", "voltage of phase 2", low=0, high=999),
    Field("U3", "V", "voltage of phase 3", low=0, high=999),
    Field("I1", "mA", "current of phase 1", low=0, high=99_999),
    Field("I2", "mA", "current of phase 2", low=0, high=99_999),
    Field("I3", "mA", "current of phase 3", low=0, high=99_999),
    Field("P", "mW", "active power", low=0, high=99_999_999),
    Field("PF", "0.1 %", "power factor", low=0, high=1000),
    _energy("E pres", "energy of this session, or of the last one"),
    _energy("E total", "energy in total"),
    _SERIAL,
    _UPTIME,
)

REPORT_100 = (
    _text("ID", "number of the report"),
    Field("Session ID", "", "counter of sessions", low=0, high=_UINT32_MAX),
    _current("Curr HW", "limit of the hardware during the session"),
    _energy("E start", "energy in total at the beginning"),
    _energy("E pres", "energy of the session"),
    _uptime("started[s]", "start, Unix time or uptime"),
    _uptime("ended[s]", "end, Unix time or uptime, 0 while it runs"),
    _text("started", "start in UTC, or uptime"),
    _text("ended", "end in UTC, or uptime, 0 while it runs"),
    Field("reason", "", "0 running, 1 unplugged, 10 RFID", low=0, high=255),
    _TIME_QUALITY,
    _text(
        "RFID tag",
        "card of this session, or of the last one, 16 hexadecimal digits; a "
        "hash unless RFID_PLAIN is TRUE, which is no tag for `start`",
    ),
    _text("RFID class", "class of the card, 20 hexadecimal digits"),
    _SERIAL,
    _UPTIME,
)

REPORTS: Mapping[int, tuple[Field, ...]] = {
    1: REPORT_1,
    2: REPORT_2,
    3: REPORT_3,
    100: REPORT_100,
}

SESSION_REPORTS = range(100, 131)
"""The latest session, and those before it from the newest on."""

POLLED_REPORTS = (1, 2, 3)
"""Those that tell who a station is and what it does now."""

LATEST_SESSION = SESSION_REPORTS[0]
"""The running session, or the last one."""


def is_known_report(number: int) -> bool:
    """Tell whether KEBA has a report of this number."""
    return number in REPORTS or number in SESSION_REPORTS


def offers_failsafe_current(fields: Mapping[str, object]) -> bool:
    """Tell whether what is offered is the current of the failsafe mode.

    No more than the hardware bears is offered.
    """
    offered, limit, hardware = (
        whole_number(fields.get(key))
        for key in ("Max curr", "Curr FS", "Curr HW")
    )
    if limit is not None and hardware is not None:
        limit = min(limit, hardware)
    return bool(offered) and offered == limit


def _fold(key: str) -> str:
    return " ".join(key.split()).casefold()


_SPELLING = {
    _fold(field.key): field.key
    for fields in REPORTS.values()
    for field in fields
}

# A status message names its field only. State, Plug, Max curr and the like
# come from report 2, E pres from report 3 (UDP guide V2.01, page 35). Fields
# that stand in several reports belong to the last of this order.
_REPORT_OF_FIELD = {
    field.key: number for number in (100, 1, 3, 2) for field in REPORTS[number]
}


def documented_key(key: str) -> str:
    """Fold a key that firmware pads or spells otherwise.

    Guide V2.00 prints ``"Curr HW   "`` and ``"E Start   "``; both mean the
    documented ``Curr HW`` and ``E start``. Unknown keys are only trimmed.
    """
    return _SPELLING.get(_fold(key)) or key.strip()


def report_of_field(key: str) -> int | None:
    """Tell which report a field of a status message belongs to."""
    return _REPORT_OF_FIELD.get(key)


class State(IntEnum):
    """Field `State` of report 2 (UDP guide V2.01, page 17)."""

    STARTUP = 0
    NOT_READY = 1
    READY = 2
    CHARGING = 3
    ERROR = 4
    INTERRUPTED = 5


VEHICLE_PLUGGED = 4
"""Bit of `Plug`: 5 and 7 are the values with a vehicle."""


class Plug(IntEnum):
    """Field `Plug` of report 2 (UDP guide V2.01, page 17)."""

    UNPLUGGED = 0
    CABLE_AT_STATION = 1
    CABLE_LOCKED_AT_STATION = 3
    VEHICLE_CONNECTED = 5
    VEHICLE_LOCKED = 7
