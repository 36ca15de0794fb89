"""Models, firmware versions and quirks that a station can have.

Each profile is named after what is known of it. Sources are named as
`repository#issue`; "guide" is KEBA's UDP Programmers Guide. Product codes and
firmware texts are those of published captures unless marked as invented.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

X2_FIELDS = frozenset({"X2 phaseSwitch source", "X2 phaseSwitch"})
DIP_FIELDS = frozenset({"DIP-Sw1", "DIP-Sw2"})
AUTHORISATION_FIELDS = frozenset({"AuthON", "Authreq"})
TIMER_FIELDS = frozenset({"Curr timer", "Tmo CT", "Setenergy"})
X2_COMMANDS = frozenset({"x2src", "x2"})

# Guide V2.00, page 5: the table of what each model understands.
UNKNOWN_TO_P20 = X2_COMMANDS.union(
    ("currtime", "setenergy", "start", "stop", "setdatetime", "display")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a station prints its reports."""

    one_line: frozenset[str] = frozenset()  # these in one line with blanks
    trailing_comma: frozenset[str] = frozenset()  # before the closing brace
    # Keys of reports 100 to 130 filled up to ten characters, with the capitals
    # of guide V2.00.
    padded_session_keys: bool = False
    session_id: str = "100"  # what report 100 says is its `ID`
    numeric_id: bool = False
    product_width: int = 0  # `Product` is filled up with blanks
    tail: bytes = b""  # what follows after a report's end


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A model, its firmware and its habits."""

    name: str
    about: str
    product: str
    firmware: str
    current_limit: int = 32_000  # `Curr HW`, in mA
    phases: int = 3  # connected to the station
    is_socket: bool = False  # instead of a fixed cable
    has_meter: bool = True  # without one, report 3 is all zeros
    com_module: bool = False  # an x-series
    output: int = 0  # from the factory
    first_total: int | None = None  # in 0.1 Wh; None leaves it to chance
    dip_switches: tuple[str, str] = ("0x25", "0x02")
    synchronised: bool = True  # gets strong time from the network by itself
    lacks_fields: frozenset[str] = frozenset()
    lacks_commands: frozenset[str] = frozenset()  # these are not answered
    has_sessions: bool = True  # reports 100 to 130
    whitelist: tuple[str, ...] = ()  # RFID tags; any switches a lock on
    phase_source: int = 0  # 4 lets `x2` switch phases
    has_phase_switch: bool = False  # a contactor at X2 takes phases away
    uses_input: bool = False  # charges only while X1 is closed (DSW1.1)
    layout: Layout = Layout()
    info_tail: str = ""  # follows the firmware in the answer to `i`
    start_lists_tag: bool = False  # answers `start` with it, not with TCH-OK
    # Guide V2.00, page 13: 6000. V1.40 says 63000; newer guides are silent.
    invalid_curr_becomes: int = 6_000
    # Guide V2.01 calls it the total, older ones say it grows at the end.
    total_has_session: bool = True
    is_udp_on: bool = True  # DIP switch 1.3
    needs_source_port: bool = False  # hears only what comes from KEBA's port
    is_deaf_to_broadcasts: bool = False
    confirms_only: bool = False  # TCH-OK to each setting, and does nothing
    refuses: bool = False  # TCH-ERR to each setting
    stays_interrupted: bool = False  # State 5 until unplugged or restarted
    mute_until_restart: frozenset[str] = frozenset()  # requests not answered
    deaf_to_repeats_s: float = 0.0  # drops an equal request so soon after
    slow_after_report_s: float = 0.0  # late by that, so soon after a report
    # home-assistant/core#131369: usual reply time, least and longest.
    reply_delay_s: tuple[float, float] = (0.002, 0.010)
    copies_pushes: bool = False  # also to port 7092


GUIDES_TAG = "e3f76b8d00000000"

# OpenEMS unit test constants, the fullest capture there is: firmware 3.10.57.
P30_C = Profile(
    name="p30-c",
    about="c-series, firmware 3.10.57, all fields and commands",
    product="KC-P30-EC240422-E00",
    firmware="P30 v 3.10.57 (240521-093236)",
)

# Product code known from nymea and OpenEMS; the rest as a c-series, since over
# UDP only the controller's firmware shows.
P30_X = replace(
    P30_C,
    name="p30-x",
    about="x-series with COM-module, firmware 3.10.57",
    product="KC-P30-EC2204U2-E00-PV",
    com_module=True,
)

# Test data of BEMCom's keba-p30-connector. Socket: Plug 0 and Curr HW 0 when
# idle. Neither DIP switches nor X2 in its reports.
P30_3_9 = replace(
    P30_C,
    name="p30-3.9",
    about="c-series with socket, firmware 3.9.10",
    product="KC-P30-ES240022-E0R",
    firmware="P30 v 3.9.10 (171113-103030)",
    current_limit=20_000,
    is_socket=True,
    synchronised=False,
    lacks_fields=DIP_FIELDS | X2_FIELDS | {"setBoot"},
    lacks_commands=X2_COMMANDS,
)

# openhab-addons#2038. Report 1 without Backend, timeQ and DIP switches; the
# two authorisation fields came after firmware 3.05 to 3.08.
P30_3_08 = replace(
    P30_X,
    name="p30-3.08",
    about="x-series, early firmware 3.08.7",
    product="KC-P30-EC2201C2-E00-CW",
    firmware="P30 v 3.08.7 (170404-153240)",
    synchronised=False,
    lacks_fields=P30_3_9.lacks_fields
    | AUTHORISATION_FIELDS
    | {"Backend", "timeQ"},
    lacks_commands=X2_COMMANDS,
    total_has_session=False,
)

# Printed examples of guide V2.00: padded keys, trailing commas, the old reply
# to `start`. A public client maps "E Start", so such firmware was in the field.
P30_PADDED = replace(
    P30_3_08,
    name="p30-padded-keys",
    about="firmware 3.05 as printed in the guide: padded keys, commas",
    product="KC-P30-EC240422-E00",
    firmware="P30 v 3.05.1a5 (161020-130231)",
    com_module=False,
    lacks_fields=P30_3_08.lacks_fields | {"started", "ended"},
    layout=Layout(
        trailing_comma=frozenset({"2", "3"}), padded_session_keys=True
    ),
    start_lists_tag=True,
)

# evcc#16879 and mschlappa/KebaWallboxSteuerung: product padded with blanks,
# reports 2 and 3 in one line (the log may have replaced line feeds). The tail
# of `i` is guide V2.00, page 7. No reports 100 to 130 (page 5).
P20 = Profile(
    name="p20",
    about="P20, firmware 2.5a3, with the one-line reports of its log",
    product="KC-P20-EC240130-000",
    firmware="KEBA P20 v 2.5a3 (160613-061001)",
    synchronised=False,
    lacks_fields=DIP_FIELDS
    | X2_FIELDS
    | AUTHORISATION_FIELDS
    | TIMER_FIELDS
    | {"COM-module", "Backend", "timeQ", "setBoot"},
    lacks_commands=UNKNOWN_TO_P20,
    has_sessions=False,
    layout=Layout(one_line=frozenset({"2", "3"}), product_width=31),
    info_tail=":29309:143.0",
    total_has_session=False,
)

_ALL = (
    P30_C,
    P30_X,
    P30_3_9,
    P30_3_08,
    P30_PADDED,
    # Guide V2.00, page 12: the example after unplugging says ID 6.
    replace(
        P30_PADDED,
        name="p30-wrong-id",
        about="as p30-padded-keys, and report 100 calls itself 6",
        layout=replace(P30_PADDED.layout, session_id="6"),
    ),
    # evcc#1520: report 3 is all zeros instead of an error. No display, no RFID.
    # Firmware 3.10.27 is from a log of another station.
    replace(
        P30_C,
        name="p30-de",
        about="Deutschland edition: no meter, no RFID, 16 A",
        product="KC-P30-EC220112-000-DE",
        firmware="P30 v 3.10.27 (210105-174852)",
        current_limit=16_000,
        has_meter=False,
        dip_switches=("0x22", "0x02"),
        lacks_fields=X2_FIELDS | {"setBoot"},
        lacks_commands=X2_COMMANDS,
    ),
    P20,
    # evcc#16879: an equal report within 1 s is dropped, a report right after
    # another is answered more than 1 s late.
    replace(
        P20,
        name="p20-slow",
        about="P20 that drops equal requests within 1 s and answers late",
        deaf_to_repeats_s=1.0,
        slow_after_report_s=1.0,
    ),
    # Guide V1.40: report 1 without Sec, an invalid `curr` sets 63000. The
    # firmware date is invented.
    replace(
        P20,
        name="p20-2.01",
        about="P20, firmware 2.01 of guide V1.40",
        product="KC-P20-ES240010-000",
        firmware="KEBA P20 v 2.01m11 (150327)",
        current_limit=20_000,
        is_socket=True,
        lacks_fields=P20.lacks_fields | {"report 1 Sec"},
        layout=Layout(product_width=31),
        info_tail="",
        invalid_curr_becomes=63_000,
    ),
    # One field DIP-Sw, Output 20; neither `output` nor `display` (guide V2.00,
    # page 5). The firmware date is invented.
    replace(
        P30_C,
        name="bmw",
        about="BMW wallbox Plus, firmware 3.9.17",
        product="BMW-10-EC240522-E1R",
        firmware="P30 v 3.9.17 (180627-000000)",
        output=20,
        dip_switches=("0x2600", ""),
        current_limit=20_000,
        lacks_fields=DIP_FIELDS | X2_FIELDS | {"setBoot"},
        lacks_commands=X2_COMMANDS | {"output", "display"},
    ),
    # evcc#31478: requests from any other source port were ignored.
    replace(
        P30_C,
        name="p30-source-port",
        about="firmware 3.10.80, answers only requests from port 7090",
        firmware="P30 v 3.10.80 (251002-115400)",
        needs_source_port=True,
    ),
    # ioBroker.discovery found one that answered `i` only when asked directly.
    replace(
        P30_C,
        name="p30-no-broadcast",
        about="does not answer broadcasts",
        is_deaf_to_broadcasts=True,
    ),
    # openhab-addons binding README, home-assistant.io#19117: with DSW1.3 off
    # only `i` and `report 1` are answered. Bit 0x20 of DIP-Sw1 is that switch.
    replace(
        P30_C,
        name="p30-dsw-off",
        about="DIP switch 1.3 off: answers i and report 1 only",
        dip_switches=("0x05", "0x02"),
        is_udp_on=False,
    ),
    # home-assistant/core#131369: report 1 and status messages come, reports 2
    # and 3 never, until the power was off.
    replace(
        P30_C,
        name="p30-pushes-only",
        about="status messages but no report 2 and 3 until a power cycle",
        mute_until_restart=frozenset({"report 2", "report 3"}),
    ),
    # TCH-OK is no confirmation that anything took effect (guide V2.00, page
    # 13). A station that ignores everything is the extreme, and invented.
    replace(
        P30_C,
        name="p30-confirms-only",
        about="answers TCH-OK to each setting and ignores it",
        confirms_only=True,
    ),
    # Only two texts of refusals are known; that all settings are refused is
    # invented, to see what a client does about it.
    replace(
        P30_C,
        name="p30-refuses",
        about="answers TCH-ERR to each setting",
        refuses=True,
    ),
    # ioBroker.kecontact#587, #591, #523: in 3.10.57 and 3.10.74 State 5 stayed
    # although `ena 1` or `currtime` followed; plugging in again helped.
    replace(
        P30_C,
        name="p30-stays-interrupted",
        about="State 5 after a stop stays until unplugged or restarted",
        stays_interrupted=True,
    ),
    # The log of evcc#16879 shows such lines for a P20; mixed here with the
    # usual ones so that a client meets both from one station.
    replace(
        P30_C,
        name="p30-mixed-layout",
        about="reports 2 and 3 in one line, the others in many",
        layout=Layout(one_line=frozenset({"2", "3"})),
    ),
    # One published set of reports has a number as ID.
    replace(
        P30_C,
        name="p30-numeric-id",
        about="ID is a number instead of a text",
        layout=Layout(numeric_id=True),
    ),
    # snaptec/openWB removes NUL bytes and cuts after the first brace.
    replace(
        P30_C,
        name="p30-garbage-tail",
        about="NUL bytes and garbage after each report",
        layout=Layout(tail=b"\0\0}\n\0"),
    ),
    # ioBroker.kecontact#125: the same status message on 7090 and, within 2 ms,
    # on 7092. That it goes to the client and is no broadcast is guessed.
    replace(
        P30_C,
        name="p30-pushes-twice",
        about="each status message also goes to port 7092",
        copies_pushes=True,
    ),
    # A whitelist that is not empty switches authorisation on (guide V2.01,
    # pages 11 and 12). The tag is the guide's example.
    replace(
        P30_C,
        name="p30-rfid",
        about=f"authorisation on, the card {GUIDES_TAG} is on the whitelist",
        product="KC-P30-EC240122-E0R",
        current_limit=20_000,
        whitelist=(GUIDES_TAG,),
    ),
    # ioBroker.kecontact#380 and its pull request 242: phases are switched by
    # UDP (X2 source 4), at most every 300 s. They need the contactor (KeContact
    # S10) for it. That the source is set already and that one phase is
    # connected at first is guessed.
    replace(
        P30_C,
        name="p30-x2",
        about="phase switch at X2: one or three phases, 300 s between two "
        "switches",
        phase_source=4,
        has_phase_switch=True,
    ),
    # Bit 0x80 of DIP-Sw1 is the switch that makes X1 decide (nymea, OpenEMS).
    replace(
        P30_C,
        name="p30-input",
        about="charges only while the contact at X1 is closed",
        dip_switches=("0xA5", "0x02"),
        uses_input=True,
    ),
)

PROFILES = {profile.name: profile for profile in _ALL}


def find_profile(name: str) -> Profile:
    """Return a profile by its name, or say which there are."""
    if name not in PROFILES:
        raise ValueError(f"profile {name!r} is none of {', '.join(PROFILES)}")
    return PROFILES[name]
