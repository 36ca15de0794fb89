"""What can happen to a station from outside, other than by datagram.

A scenario is made of these, and tests hand them to a running simulator. Each
action has a word by which scenario files name it (``ACTIONS``); as text it is
what the log says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from simulator.sessions import NO_CLASS
from simulator.vehicle import Vehicle


@dataclass(frozen=True, slots=True)
class Action:
    """Something that happens; the log says it with the action's values."""

    says: ClassVar[str]

    def __str__(self) -> str:
        return self.says.format(self)


@dataclass(frozen=True, slots=True)
class PlugIn(Action):
    """A vehicle arrives and is plugged in; one that is there stays."""

    says = (
        "a vehicle is plugged in: phases={0.vehicle.phases}, "
        "max_current={0.vehicle.max_current}, "
        "needs_wh={0.vehicle.needs_wh:.0f}"
    )
    vehicle: Vehicle = field(default_factory=Vehicle)


@dataclass(frozen=True, slots=True)
class Unplug(Action):
    """The vehicle, if there is one, leaves."""

    says = "the vehicle is unplugged"


@dataclass(frozen=True, slots=True)
class ShowCard(Action):
    """An RFID card is held to the reader: begins or ends a session."""

    says = "card {0.tag} is shown"
    tag: str
    rfid_class: str = NO_CLASS


@dataclass(frozen=True, slots=True)
class SetInput(Action):
    """The contact at input X1 is closed (1) or opened (0)."""

    value: int

    def __str__(self) -> str:
        return f"X1 is {'closed' if self.value else 'opened'}"


@dataclass(frozen=True, slots=True)
class Fail(Action):
    """The station finds an error and goes to State 4.

    The default pair was captured: 6 and 32769 = 0x8001 (evcc issue 8762).
    """

    says = "it fails: Error1 {0.error1}, Error2 {0.error2}"
    error1: int = 6
    error2: int = 32769


@dataclass(frozen=True, slots=True)
class Recover(Action):
    """The error is over."""

    says = "the error is over"


@dataclass(frozen=True, slots=True)
class Reboot(Action):
    """The power goes off and on."""

    says = "the power goes off and on"


@dataclass(frozen=True, slots=True)
class Silence(Action):
    """The station stops answering.

    Parameters
    ----------
    requests
        The requests it does not answer, as sent (`report 2`), until a
        reboot or `Answer`. None means all of them until `Answer`, and then
        it sends nothing by itself either.
    """

    requests: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = ", ".join(self.requests) or "anything"
        return f"it does not answer {what} any more"


@dataclass(frozen=True, slots=True)
class Answer(Action):
    """The station answers everything again, and at once."""

    says = "it answers everything again"


@dataclass(frozen=True, slots=True)
class AnswerLate(Action):
    """Each reply leaves so many seconds later than usual."""

    says = "it answers {0.seconds} s later from now on"
    seconds: float


@dataclass(frozen=True, slots=True)
class Say(Action):
    """The station sends something to its last client, right or wrong."""

    says = "it says {0.datagrams}"
    datagrams: tuple[str, ...]  # one character for each byte (Latin-1)


ACTIONS: dict[str, type[Action]] = {
    "plug_in": PlugIn,
    "unplug": Unplug,
    "show_card": ShowCard,
    "set_input": SetInput,
    "fail": Fail,
    "recover": Recover,
    "reboot": Reboot,
    "silence": Silence,
    "answer": Answer,
    "answer_late": AnswerLate,
    "say": Say,
}
