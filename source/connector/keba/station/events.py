"""What happens at the stations, good and bad.

Silence, refusal and nonsense are everyday here, so they are events and no
exceptions. Moments (`…_at`) are seconds of the gateway's monotonic clock.
"""

from dataclasses import dataclass
from enum import StrEnum

from connector.keba.protocol.commands import Command


class Reason(StrEnum):
    """Why a station is, or is not, online."""

    OK = "ok"
    NO_REPLY = "no_reply"
    DIP_SWITCH_OFF = "dip_switch_1_3_off"
    NAME_UNRESOLVED = "name_unresolved"
    SEND_ERROR = "send_error"
    WRONG_SERIAL = "wrong_serial"
    UNSUPPORTED_MODEL = "unsupported_model"


class Outcome(StrEnum):
    """What became of a command."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    RECEIVED = "received"
    REJECTED = "rejected"
    NO_REPLY = "no_reply"
    SUPERSEDED = "superseded"
    INVALID = "invalid"
    EXPIRED = "expired"
    READ_ONLY = "read_only"


@dataclass(frozen=True, slots=True)
class ReportReceived:
    """A report has come; `request` is what asks for it."""

    station: str
    request: str
    text: str


@dataclass(frozen=True, slots=True)
class StatusReceived:
    """A status message has come that nobody asked for."""

    station: str
    text: str


@dataclass(frozen=True, slots=True)
class OddDatagram:
    """A station has sent something that is of no use."""

    station: str
    reason: str


@dataclass(frozen=True, slots=True)
class StationFloods:
    """A station sends more than can be worked off.

    What goes beyond `limit_per_s` is not read.
    """

    station: str
    limit_per_s: int


@dataclass(frozen=True, slots=True)
class UnknownSender:
    """The first datagram of an address that is no station's.

    `is_keba` tells whether it was what only stations say.
    """

    address: str
    is_keba: bool = False


@dataclass(frozen=True, slots=True)
class AddressShared:
    """The name of a station leads to the address of another station."""

    station: str
    owner: str
    address: str


@dataclass(frozen=True, slots=True)
class CommandAnswered:
    """A station has confirmed or refused a command."""

    station: str
    command: Command
    accepted: bool
    text: str


@dataclass(frozen=True, slots=True)
class CommandUnanswered:
    """A command was met with silence, so far."""

    station: str
    command: Command
    will_repeat: bool


@dataclass(frozen=True, slots=True)
class CommandFinished:
    """It is known what became of a command; `detail` explains, if needed."""

    station: str
    command: Command
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CommandNotSent:
    """A value was not turned into a datagram, for a reason of our own."""

    station: str
    word: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SettingChanged:
    """Somebody else has changed what a command of ours had set."""

    station: str
    command: Command
    seen: str


@dataclass(frozen=True, slots=True)
class SettingRestored:
    """A command of this run is sent again after an interruption."""

    station: str
    command: Command


@dataclass(frozen=True, slots=True)
class FailsafeTookOver:
    """The station was without us for longer than its failsafe timeout."""

    station: str


@dataclass(frozen=True, slots=True)
class ReportUnanswered:
    """A report was asked for twice and has not come."""

    station: str
    request: str


@dataclass(frozen=True, slots=True)
class StationRestarted:
    """A station has restarted: it said so, or its uptime fell."""

    station: str


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """How the connection to a station is doing, after each round.

    `serial` is that of whoever answers, `is_dip_switch_on` what report 1
    says of DIP switch DSW1.3; both are None while not known.
    """

    station: str
    online: bool
    reason: Reason
    last_seen_at: float | None
    requests_sent: int
    requests_unanswered: int
    restarts: int = 0
    serial: str | None = None
    is_dip_switch_on: bool | None = None


Event = (
    ReportReceived
    | StatusReceived
    | OddDatagram
    | StationFloods
    | UnknownSender
    | AddressShared
    | CommandAnswered
    | CommandUnanswered
    | CommandFinished
    | CommandNotSent
    | SettingChanged
    | SettingRestored
    | FailsafeTookOver
    | ReportUnanswered
    | StationRestarted
    | ConnectionState
)
