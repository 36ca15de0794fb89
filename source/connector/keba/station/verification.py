"""Which commands have worked: report 2 is the proof, TCH-OK is not.

"KEBA says to check the effect of every command oneself" (UDP guide V2.01,
page 14). A reading that was asked for before the station had answered the
command, and had the time to carry it out, proves nothing.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from connector.keba.protocol.commands import Command
from connector.keba.protocol.ordering import is_overtaken
from connector.keba.station.events import CommandFinished, Outcome

READINGS_BEFORE_VERDICT = 2
"""A station may be slow: only the second contradicting reading counts."""

MISSING_READINGS = 3
"""So often may report 2 stay away in a row before nobody waits any more."""


@dataclass(slots=True)
class _OpenProof:
    command: Command
    readable_at: float
    is_answered: bool
    readings_left: int = READINGS_BEFORE_VERDICT
    is_overtaken: bool = False


class Proofs:
    """The commands of one station whose effect is not known yet."""

    def __init__(self, station: str) -> None:
        self._station = station
        self._open: dict[str, _OpenProof] = {}
        self._missing_readings = 0

    @property
    def wants_reading(self) -> bool:
        """Whether a confirmed command still waits for its proof."""
        return any(proof.is_answered for proof in self._open.values())

    @property
    def words(self) -> Set[str]:
        """Command words whose effect is not known yet."""
        return self._open.keys()

    def expect(
        self, command: Command, now: float, *, is_answered: bool
    ) -> list[CommandFinished]:
        """Watch for the effect of a command.

        Parameters
        ----------
        command
            The command.
        now
            When it was answered, or given up.
        is_answered
            Whether the station has confirmed it; one that has not can only
            turn out to be applied after all.

        Returns
        -------
        list of CommandFinished
            The verdict at once, if nothing can prove this command.
        """
        if not command.expected_fields():
            return [self._verdict(command, Outcome.RECEIVED)] * is_answered
        for proof in self._open.values():
            proof.is_overtaken |= is_overtaken(proof.command, command)
        readable_at = now + command.settle_s * is_answered
        self._open[command.word] = _OpenProof(command, readable_at, is_answered)
        return []

    def supersede(self, word: str) -> list[CommandFinished]:
        """Forget the command of this word: a newer one takes its place."""
        proof = self._open.pop(word, None)
        if proof is None or not proof.is_answered:
            return []
        return [self._verdict(proof.command, Outcome.SUPERSEDED)]

    def judge(
        self, fields: Mapping[str, object], asked_at: float
    ) -> list[CommandFinished]:
        """Read a report 2 that was asked for at the moment `asked_at`."""
        self._missing_readings = 0
        verdicts = []
        for proof in [*self._open.values()]:
            if asked_at < proof.readable_at:
                continue
            verdicts += self._judge(proof, fields)
        return verdicts

    def note_missing_reading(self) -> list[CommandFinished]:
        """Report 2 has not come; end all waiting if that goes on."""
        self._missing_readings += 1
        if self._missing_readings < MISSING_READINGS:
            return []
        return self.abandon("report 2 does not come")

    def abandon(self, why: str) -> list[CommandFinished]:
        """End all waiting: nothing more can be known."""
        proofs = [*self._open.values()]
        self._open.clear()
        self._missing_readings = 0
        return [
            self._verdict(proof.command, Outcome.RECEIVED, why)
            for proof in proofs
            if proof.is_answered
        ]

    def _judge(
        self, proof: _OpenProof, fields: Mapping[str, object]
    ) -> list[CommandFinished]:
        """Return the verdict, if this reading allows one."""
        look = proof.command.is_shown_by
        if proof.is_overtaken:
            look = proof.command.is_partly_shown_by
        is_shown = look(fields)
        if is_shown is False:
            proof.readings_left -= 1
            if proof.readings_left:
                return []
        del self._open[proof.command.word]
        if is_shown:
            return [self._verdict(proof.command, Outcome.APPLIED)]
        if not proof.is_answered:
            # Its silence was told already.
            return []
        if is_shown is None:
            detail = "no field of report 2 shows it"
            return [self._verdict(proof.command, Outcome.RECEIVED, detail)]
        if proof.is_overtaken:
            return [self._verdict(proof.command, Outcome.SUPERSEDED)]
        detail = _contradiction(proof.command, fields)
        return [self._verdict(proof.command, Outcome.NOT_APPLIED, detail)]

    def _verdict(
        self, command: Command, outcome: Outcome, detail: str = ""
    ) -> CommandFinished:
        return CommandFinished(self._station, command, outcome, detail)


def _contradiction(command: Command, fields: Mapping[str, object]) -> str:
    wanted = command.expected_fields()
    seen = {key: fields.get(key) for key in wanted}
    return f"wanted {_in_words(wanted)}, seen {_in_words(seen)}"


def _in_words(fields: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in fields.items())
