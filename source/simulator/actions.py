"""What can happen to a station from outside, other than by datagram.

A scenario is made of these, and tests hand them to a running simulator. Each
action has a word by which scenario files name it (``ACTIONS``); as text it is
what the log says.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.vehicle import Vehicle


@dataclass(frozen=True, slots=True)
class PlugIn:
    """A vehicle arrives and is plugged in; one that is there stays."""

    vehicle: Vehicle = field(default_factory=Vehicle)

    def __str__(self) -> str:
        return (
            f"a vehicle is plugged in: phases={self.vehicle.phases}, "
            f"max_current={self.vehicle.max_current}, "
            f"needs_wh={self.vehicle.needs_wh:.0f}"
        )


@dataclass(frozen=True, slots=True)
class Unplug:
    """The vehicle, if there is one, leaves."""

    def __str__(self) -> str:
        return "the vehicle is unplugged"


@dataclass(frozen=True, slots=True)
class ShowCard:
    """An RFID card is held to the reader: begins or ends a session."""

    tag: str
    rfid_class: str = "0" * 20

    def __str__(self) -> str:
        return f"card {self.tag} is shown"


@dataclass(frozen=True, slots=True)
class SetInput:
    """The contact at input X1 is closed (1) or opened (0)."""

    value: int

    def __str__(self) -> str:
        return f"X1 is {'closed' if self.value else 'opened'}"


@dataclass(frozen=True, slots=True)
class Fail:
    """The station finds an error and goes to State 4.

    The default pair was captured: 6 and 32769 = 0x8001 (evcc issue 8762).
    """

    error1: int = 6
    error2: int = 32769

    def __str__(self) -> str:
        return f"it fails: Error1 {self.error1}, Error2 {self.error2}"


@dataclass(frozen=True, slots=True)
class Recover:
    """The error is over."""

    def __str__(self) -> str:
        return "the error is over"


@dataclass(frozen=True, slots=True)
class Reboot:
    """The power goes off and on."""

    def __str__(self) -> str:
        return "the power goes off and on"


@dataclass(frozen=True, slots=True)
class Silence:
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
class Answer:
    """The station answers everything again, and at once."""

    def __str__(self) -> str:
        return "it answers everything again"


@dataclass(frozen=True, slots=True)
class AnswerLate:
    """Each reply leaves so many seconds later than usual."""

    seconds: float

    def __str__(self) -> str:
        return f"it answers {self.seconds} s later from now on"


@dataclass(frozen=True, slots=True)
class Say:
    """The station sends something to its last client, right or wrong.

    Parameters
    ----------
    datagrams
        One character for each byte (Latin-1).
    """

    datagrams: tuple[str, ...]


Action = (
    PlugIn
    | Unplug
    | ShowCard
    | SetInput
    | Fail
    | Recover
    | Reboot
    | Silence
    | Answer
    | AnswerLate
    | Say
)

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
