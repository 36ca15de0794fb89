"""A request to a station, from the wish to its answer."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from connector.keba.protocol.commands import Command, ReportRequest

ATTEMPTS = 2
"""How often a request is sent before it counts as unanswered."""

Request = TypeVar("Request", ReportRequest, Command)


@dataclass(frozen=True, slots=True)
class Ask(Generic[Request]):
    """A request that waits for its moment, or is in flight.

    Parameters
    ----------
    request
        What is to be sent.
    wanted_at
        Since when it waits.
    not_before
        The moment from which it makes sense.
    attempts_left
        How often it may still be sent.
    first_sent_at
        When it was sent first, if this is its repetition.
    is_beat
        Whether it only keeps the station from falling back.
    """

    request: Request
    wanted_at: float
    not_before: float
    attempts_left: int = ATTEMPTS
    first_sent_at: float | None = None
    is_beat: bool = False

    @property
    def is_repetition(self) -> bool:
        """Whether it has been sent before."""
        return self.first_sent_at is not None

    @property
    def is_scheduled(self) -> bool:
        """Whether our own schedule sends it, not a user at this moment."""
        is_report = isinstance(self.request, ReportRequest)
        return is_report or self.is_beat or self.is_repetition


AnyAsk = Ask[ReportRequest] | Ask[Command]


@dataclass(frozen=True, slots=True)
class Answered:
    """The command that an answer belongs to.

    Parameters
    ----------
    command
        The command.
    is_told
        Whether its result is told already.
    is_beat
        Whether it only kept the station from falling back.
    """

    command: Command
    is_told: bool
    is_beat: bool = False
