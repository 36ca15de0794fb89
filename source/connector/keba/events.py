"""What happens at the stations: the network's news, good and bad.

Moments (`…_at`) are seconds of the gateway's monotonic clock.
"""

from dataclasses import dataclass
from enum import StrEnum

from connector.keba.commands import Command


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
class StrangerHeard:
    """The first datagram of an address that is no station's."""

    address: str


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
    """How the connection to a station is doing, after each round."""

    station: str
    online: bool
    reason: Reason
    last_seen_at: float | None
    requests_sent: int
    requests_unanswered: int


Event = (
    ReportReceived
    | StatusReceived
    | OddDatagram
    | StrangerHeard
    | AddressShared
    | CommandAnswered
    | CommandUnanswered
    | CommandFinished
    | ReportUnanswered
    | StationRestarted
    | ConnectionState
)
