"""What can happen to a station from outside, other than by datagram.

A scenario is made of these, and tests hand them to a running simulator. Each
action has a word by which scenario files name it (``ACTIONS``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.vehicle import Vehicle


@dataclass(frozen=True, slots=True)
class PlugIn:
    """A vehicle arrives and is plugged in; one that is there stays."""

    vehicle: Vehicle = field(default_factory=Vehicle)


@dataclass(frozen=True, slots=True)
class Unplug:
    """The vehicle, if there is one, leaves."""


@dataclass(frozen=True, slots=True)
class ShowCard:
    """An RFID card is held to the reader: begins or ends a session."""

    tag: str
    rfid_class: str = "0" * 20


@dataclass(frozen=True, slots=True)
class SetInput:
    """The contact at input X1 is closed (1) or opened (0)."""

    value: int


@dataclass(frozen=True, slots=True)
class Fail:
    """The station finds an error and goes to State 4.

    The default pair was captured: 6 and 32769 = 0x8001 (evcc issue 8762).
    """

    error1: int = 6
    error2: int = 32769


@dataclass(frozen=True, slots=True)
class Recover:
    """The error is over."""


@dataclass(frozen=True, slots=True)
class Reboot:
    """The power goes off and on."""


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


@dataclass(frozen=True, slots=True)
class Answer:
    """The station answers everything again, and at once."""


@dataclass(frozen=True, slots=True)
class AnswerLate:
    """Each reply leaves so many seconds later than usual."""

    seconds: float


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
