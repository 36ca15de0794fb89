"""The newest setpoint wins, and results tell the truth."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

from soak.events import Event, Heard, Said, Settings, Value, Written
from soak.invariants.breach import Invariant

WORDS = ("curr", "currtime", "ena")

PENDING_S = 120.0
"""A command that got no result in this time will get none."""


class NewestWins(Invariant):
    """A station hears only what was written, and never an older one again.

    `ena` has two values only, so that nobody can tell an old one from a new
    one on the way; calm shows whether the newest is in force.

    Parameters
    ----------
    is_armed
        Whether the connector may arm stations, and feed them with what is in
        force already.
    """

    sees = (Written, Heard)
    name = "Newest setpoint wins on the way"
    limit = "nothing that was not written, no older current after a newer one"

    def __init__(self, *, is_armed: bool = False) -> None:
        super().__init__()
        self._is_armed = is_armed
        self.written = 0
        self._numbers: dict[tuple[str, str, int], int] = {}
        self._newest_heard: dict[tuple[str, str], int] = {}

    def see(self, event: Event) -> None:
        match event:
            case Written():
                self.written += 1
                written = (event.station, event.word, event.value)
                self._numbers[written] = self.written
            case Heard(text=text) if command := read_command(text):
                self.judged += 1
                if not (self._is_armed and _is_refresh(event, *command)):
                    self._judge(event, *command)

    def _judge(self, heard: Heard, word: str, value: int) -> None:
        station = heard.station
        number = self._numbers.get((station, word, value))
        if number is None and self._is_armed and word == "curr":
            # An armed station is fed with `curr`, whatever has set its limit.
            word = "currtime"
            number = self._numbers.get((station, word, value))
        told = f"{station} was told {heard.text!r}"
        if number is None:
            self.breach(heard.at, f"{told}: not ours")
            return
        newest = self._newest_heard.get((station, word), 0)
        if word != "ena" and number < newest:
            self.breach(heard.at, f"{told} after a newer one")
        self._newest_heard[station, word] = max(newest, number)

    def measured(self) -> str:
        return f"{self.written} written, {self.judged} reached stations"


@dataclass(slots=True)
class _Sent:
    at: float
    value: int
    was_in_force: bool


class TrueResults(Invariant):
    """`applied` is said only if the station really had it."""

    sees = (Heard, Said, Value)
    name = "Results tell the truth"
    limit = "`applied` only if it was in force at the station"

    def __init__(self) -> None:
        super().__init__()
        self._sent: defaultdict[tuple[str, str], deque[_Sent]]
        self._sent = defaultdict(lambda: deque(maxlen=50))

    def see(self, event: Event) -> None:
        match event:
            case Heard() | Said():
                self._look(event.station, event.settings)
                if isinstance(event, Heard):
                    self._note(event)
            case Value(group="results", field=word) if word in WORDS:
                self._judge(event)

    def _look(self, station: str, settings: Settings) -> None:
        """What is in force shows."""
        for word in WORDS:
            for one in self._sent.get((station, word), ()):
                one.was_in_force |= settings.shows(word, one.value)

    def _note(self, heard: Heard) -> None:
        if command := read_command(heard.text):
            word, value = command
            is_in_force = heard.settings.shows(word, value)
            self._sent[heard.station, word].append(
                _Sent(heard.at, value, is_in_force)
            )

    def _judge(self, result: Value) -> None:
        """The connector has told what became of a command."""
        sent = self._sent[result.station, result.field]
        while sent and sent[0].at < result.at - PENDING_S:
            sent.popleft()
        if result.value != "applied" or not result.is_certain:
            return
        self.judged += 1
        if not any(one.was_in_force for one in sent):
            values = [one.value for one in sent]
            self.breach(
                result.at, f"{result.key}: applied, but it never had {values}"
            )
        while len(sent) > 1:
            # The last one may still be the one that nobody knows of.
            sent.popleft()

    def measured(self) -> str:
        return f"{self.judged} results `applied`"


def _is_refresh(heard: Heard, word: str, value: int) -> bool:
    """Tell whether this changes nothing, but keeps an armed station awake."""
    return word == "failsafe" or heard.settings.shows(word, value)


def read_command(text: str) -> tuple[str, int] | None:
    """Return word and value of a setpoint; None for any other datagram."""
    match text.split():
        case [word, value, *_] if word in WORDS and value.isdecimal():
            return word, int(value)
        case [word, *_] if word not in ("report", "i"):
            # Nobody writes anything else.
            return word, -1
    return None
