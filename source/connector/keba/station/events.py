"""What happens at the stations, good and bad.

Silence, refusal and nonsense are everyday here, so they are events and no
exceptions. Moments (`…_at`) are seconds of the gateway's monotonic clock.
"""

from dataclasses import dataclass
from enum import StrEnum

from connector.keba.protocol.commands import Command


class Outcome(StrEnum):
    """What became of a command."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    RECEIVED = "received"
    WAITING = "waiting"
    REJECTED = "rejected"
    NO_REPLY = "no_reply"
    SUPERSEDED = "superseded"
    INVALID = "invalid"
    EXPIRED = "expired"
    READ_ONLY = "read_only"


GOOD_OUTCOMES = frozenset({Outcome.APPLIED, Outcome.RECEIVED, Outcome.WAITING})
"""Of a command that went as it should, as far as one can tell."""


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all that happens."""


@dataclass(frozen=True, slots=True)
class StationEvent(Event):
    """Something has happened at a station."""

    station: str


@dataclass(frozen=True, slots=True)
class ReportReceived(StationEvent):
    """A report has come; `request` is what asks for it."""

    request: str
    text: str


@dataclass(frozen=True, slots=True)
class StatusReceived(StationEvent):
    """A status message has come that nobody asked for."""

    text: str


@dataclass(frozen=True, slots=True)
class OddDatagram(StationEvent):
    """A station has sent something that is of no use."""

    reason: str


@dataclass(frozen=True, slots=True)
class StationFloods(StationEvent):
    """A station sends more than can be worked off.

    What goes beyond `limit_per_s` is not read.
    """

    limit_per_s: int


@dataclass(frozen=True, slots=True)
class UnknownSender(Event):
    """The first datagram of an address that is no station's.

    `is_keba` tells whether it was what only stations say, `request` what
    another client asks for; empty where it was neither.
    """

    address: str
    is_keba: bool = False
    request: str = ""


@dataclass(frozen=True, slots=True)
class AddressShared(StationEvent):
    """The name of a station leads to the address of another station."""

    owner: str
    address: str


@dataclass(frozen=True, slots=True)
class CommandAnswered(StationEvent):
    """A station has confirmed or refused a command."""

    command: Command
    accepted: bool
    text: str


@dataclass(frozen=True, slots=True)
class CommandUnanswered(StationEvent):
    """A command was met with silence, so far."""

    command: Command
    will_repeat: bool


@dataclass(frozen=True, slots=True)
class CommandFinished(StationEvent):
    """It is known what became of a command; `detail` explains, if needed."""

    command: Command
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CommandNotSent(StationEvent):
    """A value was not turned into a datagram, for a reason of our own."""

    word: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SettingChanged(StationEvent):
    """Somebody else has changed what a command of ours had set."""

    command: Command
    seen: str


@dataclass(frozen=True, slots=True)
class SettingRestored(StationEvent):
    """A command of this run is sent again after an interruption."""

    command: Command


@dataclass(frozen=True, slots=True)
class FailsafeTookOver(StationEvent):
    """The station was without us for longer than its failsafe timeout."""


@dataclass(frozen=True, slots=True)
class ReportUnanswered(StationEvent):
    """A report was asked for twice and has not come."""

    request: str


@dataclass(frozen=True, slots=True)
class AnsweredLate(StationEvent):
    """An answer has come after its request was given up."""

    late_by_s: float
    request: str = ""


@dataclass(frozen=True, slots=True)
class ForeignRequestHeard(StationEvent):
    """What another client asks for has come from a station's address."""

    request: str


@dataclass(frozen=True, slots=True)
class StationRestarted(StationEvent):
    """A station has restarted: it said so, or its uptime fell."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where a station has answered from, if not from its own place.

    `serial` is what it says of itself.
    """

    address: str
    port: int
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """What the network says about datagrams to a station (ICMP).

    `is_refused` tells whether something there refuses them: no program at the
    port, or a firewall. Else no device has the address. `told_by` says so.
    """

    is_refused: bool
    told_by: str


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What silence and answers tell about the link to a station.

    Parameters
    ----------
    is_silent
        Whether it has not even answered report 1.
    is_deaf
        Whether it answers report 1, but neither report 2 nor report 3.
    send_error
        Error number of the last request, if it could not leave.
    unreachable
        What the network said since the last answer.
    elsewhere
        Where the station has answered from since its last answer from here.
    serial, product
        Of whoever answers.
    is_udp_switch_on
        What report 1 says of DIP switch DSW1.3.
    """

    is_resolved: bool = True
    is_silent: bool = False
    is_deaf: bool = False
    send_error: int | None = None
    unreachable: Unreachable | None = None
    elsewhere: Elsewhere | None = None
    serial: str | None = None
    expected_serial: str | None = None
    product: str = ""
    is_udp_switch_on: bool | None = None


@dataclass(frozen=True, slots=True)
class FailsafeFacts:
    """What we know about who feeds a station's failsafe mode.

    Parameters
    ----------
    is_ours
        Whether this run has armed it.
    is_fed
        Whether this run keeps it from acting: by keepalives, or by commands
        of a user that come more often than its timeout.
    is_starved
        Whether nobody has fed it for longer than its timeout; never said of
        one that others may feed.
    """

    is_ours: bool = False
    is_fed: bool = False
    is_starved: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionState(StationEvent):
    """How the connection to a station is doing, after each round.

    `link` says why, and `failsafe` who keeps the station from limiting itself.
    """

    online: bool
    link: LinkFacts
    last_seen_at: float | None
    requests_sent: int
    requests_unanswered: int
    restarts: int = 0
    failsafe: FailsafeFacts = FailsafeFacts()
