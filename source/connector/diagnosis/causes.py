"""Everything that can be wrong, in one table.

Log, datapoints, tools and documents take their words from here. Where a cause
has a place in an order, the order of the table is that order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How much a cause matters."""

    FINE = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3


class Code(StrEnum):
    """A word for each cause, as machines read it."""

    # the link to a station
    NAME_UNRESOLVED = "name_unresolved"
    SEND_ERROR = "send_error"
    ANSWERS_ELSEWHERE = "answers_elsewhere"
    NOTHING_LISTENS = "nothing_listens"
    NO_REPLY = "no_reply"
    WRONG_SERIAL = "wrong_serial"
    UNSUPPORTED_MODEL = "unsupported_model"
    DIP_SWITCH_OFF = "dip_switch_1_3_off"
    NEEDS_POWER_CYCLE = "needs_power_cycle"
    OK = "ok"
    # why it does not charge
    STARTING_UP = "starting_up"
    ERROR = "error"
    NO_VEHICLE = "no_vehicle"
    AUTHORIZATION = "authorization"
    ENERGY_LIMIT = "energy_limit"
    DISABLED = "disabled"
    INPUT = "input"
    FAILSAFE = "failsafe"
    STATION = "station"
    INTERRUPTED = "interrupted"
    VEHICLE = "vehicle"
    UNKNOWN = "unknown"
    # more about a station
    SECOND_CLIENT = "second_client"
    LATE_ANSWERS = "late_answers"
    REPORT_MISSING = "report_missing"
    DIP_SWITCH_PENDING = "dip_switch_pending"
    MAY_CHARGE_AGAIN = "may_charge_again"
    # the host, the broker and BEMCom
    ALL_SILENT = "all_silent"
    PORT_TAKEN = "port_taken"
    BROKER_LOGIN = "broker_login"
    BROKER_TLS = "broker_tls"
    SUBSCRIPTION_REFUSED = "subscription_refused"
    NAME_USED_TWICE = "name_used_twice"
    NO_MAP = "no_map"
    WRONG_NAME = "wrong_name"
    NOTHING_ACTIVE = "nothing_active"


@dataclass(frozen=True, slots=True)
class Cause:
    """One row of the table.

    Parameters
    ----------
    meaning
        What is the case, to be read behind "garage: ".
    advice
        What to do; empty where nothing is to be done.
    limited_by
        Value of `readings__limited_by` while it holds; empty for causes that
        set no limit.
    """

    code: Code
    severity: Severity
    meaning: str
    advice: str
    limited_by: str = ""


_POWER_CYCLE = (
    "Switch the station's power off and on; a restart from its web page is "
    "not enough"
)

LINK = (
    Cause(
        Code.NAME_UNRESOLVED,
        Severity.ERROR,
        "has no usable address, its name does not resolve",
        "Correct the name, or write the station's IPv4 address in its place. "
        "The connector looks the name up again each round.",
    ),
    Cause(
        Code.SEND_ERROR,
        Severity.ERROR,
        "cannot be sent to, this host refuses",
        "See that the host's network is up and leads to the station, and "
        "that no firewall of the host forbids sending to UDP port 7090.",
    ),
    Cause(
        Code.ANSWERS_ELSEWHERE,
        Severity.ERROR,
        "answers from another address or port than the configured one",
        "If the station has moved, correct its address in "
        "KEBA_P30_CHARGE_STATIONS (a fixed DHCP lease keeps it). If a router "
        "or the container engine translates addresses, use host networking, "
        "or publish UDP port 7090.",
    ),
    Cause(
        Code.NOTHING_LISTENS,
        Severity.ERROR,
        "has no UDP interface at its address: a device or a firewall there "
        "refuses what is sent to port 7090",
        "See whether the address is that of a KEBA P30; P40 and other devices "
        "have no such interface. If it is, look for a firewall that rejects "
        "UDP port 7090.",
    ),
    Cause(
        Code.NO_REPLY,
        Severity.ERROR,
        "does not answer",
        "Look at its power, its network cable and its address; see that no "
        "firewall blocks UDP port 7090, in either direction. The connector "
        "keeps asking.",
    ),
    Cause(
        Code.WRONG_SERIAL,
        Severity.ERROR,
        "answers with another serial number than the configured one",
        "Correct the addresses or the serial numbers in "
        "KEBA_P30_CHARGE_STATIONS: another station has got this address. "
        "Until then nothing is sent to it or published of it.",
    ),
    Cause(
        Code.UNSUPPORTED_MODEL,
        Severity.ERROR,
        "is a P40, which does not speak the UDP protocol of the P30",
        "Use BEMCom's modbus-tcp-connector for this station.",
    ),
    Cause(
        Code.DIP_SWITCH_OFF,
        Severity.ERROR,
        "answers report 1, but neither report 2 nor 3: its UDP interface is "
        "switched off",
        "Switch DIP switch DSW1.3 (UDP) to ON: press the end that says so. "
        f"Then do a power cycle. {_POWER_CYCLE}.",
    ),
    Cause(
        Code.NEEDS_POWER_CYCLE,
        Severity.ERROR,
        "answers report 1, but neither report 2 nor 3, although DIP switch "
        "DSW1.3 (UDP) is ON",
        f"{_POWER_CYCLE}. If that does not help, end what else controls the "
        "station (evcc, Home Assistant or an energy manager over Modbus "
        "TCP); then look for newer firmware.",
    ),
    Cause(Code.OK, Severity.FINE, "answers what it is asked", ""),
)
"""Values of `connection__reason`: the first one that holds."""

BROKEN_LINK = frozenset(cause.code for cause in LINK) - {Code.OK}
"""Causes with which a station is offline: what it said before is old."""

CHARGING = (
    Cause(
        Code.STARTING_UP,
        Severity.NOTE,
        "does not charge: it is starting up",
        "Wait; some stations stay in this state for up to an hour.",
    ),
    Cause(
        Code.ERROR,
        Severity.WARNING,
        "does not charge: it reports an error",
        "Look the error up in the station's manual. One that shows for "
        "seconds at the first attempt to charge may go by itself; unplug and "
        "plug in again if it stays.",
    ),
    Cause(
        Code.NO_VEHICLE,
        Severity.FINE,
        "does not charge: no vehicle is plugged in",
        "",
    ),
    Cause(
        Code.AUTHORIZATION,
        Severity.NOTE,
        "does not charge: it waits for a card",
        "Show a card, or send `start` with its tag. A card that was shown "
        "some time before charging was enabled has to be shown again.",
        limited_by="authorization",
    ),
    Cause(
        Code.ENERGY_LIMIT,
        Severity.NOTE,
        "does not charge: the energy limit of this session is reached",
        "`ena 1` charges on without a limit. Unplugging ends the limit.",
        limited_by="energy",
    ),
    Cause(
        Code.DISABLED,
        Severity.NOTE,
        "does not charge: a command or a user has disabled it",
        "`ena 1` enables it. What `ena 0` has disabled stays so for the next "
        "vehicle; what `currtime 0` has stopped ends at unplugging.",
        limited_by="disabled",
    ),
    Cause(
        Code.INPUT,
        Severity.NOTE,
        "does not charge: the contact at its input X1 is open",
        "Close the contact (ripple control receiver, key switch, energy "
        "manager). If nothing is connected to X1, switch DIP switch DSW1.1 "
        "to OFF and switch the station's power off and on.",
        limited_by="input",
    ),
    Cause(
        Code.FAILSAFE,
        Severity.WARNING,
        "is limited by its failsafe mode: whoever controls it has been "
        "silent for too long",
        "See that the controller and its network work. Current and enable "
        "have to be sent again then.",
        limited_by="failsafe",
    ),
    Cause(
        Code.STATION,
        Severity.NOTE,
        "does not charge: it is enabled, but the station itself forbids it",
        "Look at its web page: an OCPP backend, load management or heat "
        "forbids charging. No command of ours changes that.",
        limited_by="station",
    ),
    Cause(
        Code.INTERRUPTED,
        Severity.NOTE,
        "does not charge: the session is interrupted although charging is "
        "enabled",
        "Unplug and plug in again: some vehicles and firmwares want that "
        "after a stop.",
    ),
    Cause(
        Code.VEHICLE,
        Severity.NOTE,
        "does not charge: the vehicle does not take the current that is "
        "offered",
        "Look at the vehicle: it is full, has a timer, or refuses a current "
        "this small.",
    ),
    Cause(
        Code.UNKNOWN,
        Severity.NOTE,
        "does not charge, and its reports do not say why",
        "Wait a few seconds: it may be between two states.",
    ),
)
"""Values of `readings__not_charging_reason`: the first one that holds."""

STATION_HINTS = (
    Cause(
        Code.SECOND_CLIENT,
        Severity.WARNING,
        "is used by another client as well",
        "End the other client (an app, evcc, Home Assistant, a second "
        "connector), or let it use another interface: a station tells "
        "changes only to the last one that spoke to it, and both give it "
        "commands.",
    ),
    Cause(
        Code.LATE_ANSWERS,
        Severity.WARNING,
        "answers later than the connector waits",
        "Set KEBA_P30_REPLY_TIMEOUT higher, or find out what slows the "
        "network down (WLAN?).",
    ),
    Cause(
        Code.REPORT_MISSING,
        Severity.WARNING,
        "answers, but leaves a report out",
        f"{_POWER_CYCLE}. A firmware that does not know the report needs it "
        "taken out of KEBA_P30_REPORTS.",
    ),
    Cause(
        Code.DIP_SWITCH_PENDING,
        Severity.WARNING,
        "still answers, but its DIP switch DSW1.3 (UDP) is OFF, which acts "
        "from the next power cycle on",
        "Switch DSW1.3 to ON before the station is next switched off.",
    ),
    Cause(
        Code.MAY_CHARGE_AGAIN,
        Severity.WARNING,
        "is disabled, but may charge again by itself: its failsafe mode is "
        "armed with a current and nobody here feeds it",
        "Send `failsafe 0` to switch it off, or let the connector feed it "
        "(KEBA_P30_FAILSAFE).",
    ),
)
"""What else may be found about a station; several may hold."""

SURROUNDINGS = (
    Cause(
        Code.PORT_TAKEN,
        Severity.ERROR,
        "UDP port 7090 is used by another program on this host",
        "Stations answer to this port only: let one program per host talk to "
        "them.",
    ),
    Cause(
        Code.ALL_SILENT,
        Severity.ERROR,
        "no station has answered since the start",
        "Look at this host before the stations: its network and its "
        "firewall, the container (host networking, or UDP port 7090 "
        "published), and connection tracking that remembers an older "
        "container (stop the connector for three minutes, or call "
        "`conntrack -D -p udp --dport 7090` as root). Then look at the "
        "stations: power, network cables and addresses.",
    ),
    Cause(
        Code.BROKER_LOGIN,
        Severity.ERROR,
        "the broker refuses the login",
        "Correct MQTT_USERNAME and MQTT_PASSWORD, or the broker's list of "
        "users.",
    ),
    Cause(
        Code.BROKER_TLS,
        Severity.ERROR,
        "the encrypted connection to the broker fails",
        "Where the greeting breaks off, TLS is on at one side only "
        "(MQTT_TLS, MQTT_BROKER_PORT), or the broker wants a client "
        "certificate (MQTT_CERT_FILE). Else correct MQTT_CA_FILE.",
    ),
    Cause(
        Code.SUBSCRIPTION_REFUSED,
        Severity.ERROR,
        "the broker refuses a subscription",
        "Give the connector's user the right to read this topic. It is tried "
        "again with each heartbeat.",
    ),
    Cause(
        Code.NAME_USED_TWICE,
        Severity.ERROR,
        "another connector uses the same name at this broker",
        "Give each connector a CONNECTOR_NAME of its own, or end the other "
        "one.",
    ),
    Cause(
        Code.WRONG_NAME,
        Severity.WARNING,
        "no datapoint map has come, but there is one for a similar name",
        "Write CONNECTOR_NAME as the connector is called in BEMCom's AdminUI.",
    ),
    Cause(
        Code.NO_MAP,
        Severity.WARNING,
        "no datapoint map has come from BEMCom, so nothing is published",
        "Add the connector in BEMCom's AdminUI, with its CONNECTOR_NAME; "
        "then save it once.",
    ),
    Cause(
        Code.NOTHING_ACTIVE,
        Severity.WARNING,
        "the datapoint map is empty, so nothing is published",
        "Choose the datapoints that you want in BEMCom's AdminUI and mark "
        "them as active.",
    ),
)
"""What may be found about the host, the broker and BEMCom."""

CAUSES: Mapping[Code, Cause] = {
    cause.code: cause
    for cause in (*LINK, *CHARGING, *STATION_HINTS, *SURROUNDINGS)
}

WAITS_FOR_SOMEBODY = frozenset(
    {Code.AUTHORIZATION, Code.INPUT, Code.STATION, Code.INTERRUPTED}
)
"""No faults, but they last until somebody does something. What a command has
stopped, a vehicle that is full and what passes by itself do not belong here."""


def needs_somebody(code: str, severity: Severity) -> bool:
    """Tell whether somebody should look at what has this cause."""
    return severity > Severity.NOTE or code in WAITS_FOR_SOMEBODY


LIMITS = (
    "none",
    "hardware",
    "user",
    "timer",
    *(cause.limited_by for cause in CHARGING if cause.limited_by),
)
"""Values of `readings__limited_by`."""
