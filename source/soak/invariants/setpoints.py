"""The newest setpoint wins, and results tell the truth."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soak.invariants.breach import Invariant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soak.events import Heard, Said, Settings

WORDS = ("curr", "currtime", "ena")

PENDING_S = 120.0
"""A command that got no result in this time will get none."""


@dataclass(slots=True)
class _Sent:
    at: float
    value: int
    was_in_force: bool


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

    name = "Newest setpoint wins on the way"
    limit = "nothing that was not written, no older current after a newer one"

    def __init__(self, *, is_armed: bool = False) -> None:
        super().__init__()
        self._cares = is_armed
        self.written = 0
        self.heard = 0
        self._numbers: dict[tuple[str, str, int], int] = {}
        self._newest_heard: dict[tuple[str, str], int] = {}

    def write(self, station: str, word: str, value: int) -> None:
        """A setpoint is being written."""
        self.written += 1
        self._numbers[station, word, value] = self.written

    def hear(self, heard: Heard) -> None:
        command = read_command(heard.text)
        if command is None:
            return
        self.heard += 1
        if self._cares and _is_care(heard, *command):
            return
        word, value = self._as_written(heard.station, *command)
        number = self._numbers.get((heard.station, word, value))
        if number is None:
            self.breach(
                heard.at, f"{heard.station} was told {heard.text!r}: not ours"
            )
            return
        newest = self._newest_heard.get((heard.station, word), 0)
        if word != "ena" and number < newest:
            self.breach(
                heard.at,
                f"{heard.station} was told {heard.text!r} after a newer one",
            )
        self._newest_heard[heard.station, word] = max(newest, number)

    def _as_written(
        self, station: str, word: str, value: int
    ) -> tuple[str, int]:
        """Return the setpoint that a station is told."""
        is_feed = self._cares and word == "curr"
        if is_feed and (station, word, value) not in self._numbers:
            # An armed station is fed with `curr`, whatever has set its limit.
            return "currtime", value
        return word, value

    @property
    def is_judged(self) -> bool:
        return self.heard > 0

    def measured(self) -> str:
        return f"{self.written} written, {self.heard} reached stations"


class TrueResults(Invariant):
    """`applied` is said only if the station really had it."""

    name = "Results tell the truth"
    limit = "`applied` only if it was in force at the station"

    def __init__(self) -> None:
        super().__init__()
        self.applied = 0
        self._uncertain_until: dict[str, float] = {}
        self._sent: defaultdict[tuple[str, str], deque[_Sent]]
        self._sent = defaultdict(lambda: deque(maxlen=50))

    def damage(self, stations: Iterable[str], until: float) -> None:
        """Hear that stations say what is not true until a moment."""
        for name in stations:
            self._uncertain_until[name] = until

    def hear(self, heard: Heard) -> None:
        self._look(heard.station, heard.settings)
        command = read_command(heard.text)
        if command is None:
            return
        word, value = command
        is_in_force = heard.settings.shows(word, value)
        self._sent[heard.station, word].append(
            _Sent(heard.at, value, is_in_force)
        )

    def say(self, said: Said) -> None:
        """A station says something; what is in force shows."""
        self._look(said.station, said.settings)

    def judge(self, at: float, station: str, word: str, result: str) -> None:
        """The connector has told what became of a command."""
        sent = self._sent[station, word]
        while sent and sent[0].at < at - PENDING_S:
            sent.popleft()
        if (
            word not in WORDS
            or result != "applied"
            or at <= self._uncertain_until.get(station, -1.0)
        ):
            return
        self.applied += 1
        if not any(one.was_in_force for one in sent):
            values = [one.value for one in sent]
            self.breach(
                at, f"{station} {word}: applied, but it never had {values}"
            )
        while len(sent) > 1:
            # The last one may still be the one that nobody knows of.
            sent.popleft()

    def _look(self, station: str, settings: Settings) -> None:
        for word in WORDS:
            for one in self._sent.get((station, word), ()):
                one.was_in_force |= settings.shows(word, one.value)

    @property
    def is_judged(self) -> bool:
        return self.applied > 0

    def measured(self) -> str:
        return f"{self.applied} results `applied`"


def _is_care(heard: Heard, word: str, value: int) -> bool:
    """Tell whether this changes nothing, but keeps a station from its limit."""
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
