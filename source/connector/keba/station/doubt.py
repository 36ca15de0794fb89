"""The command whose silence is the latest: its answer may still come.

An answer carries no name. Replies were seen to come more than a second late
(evcc-io/evcc#16879); so for a while other commands rest, and an answer that
nobody else waits for belongs to the silent one.
"""

import math

from connector.keba.protocol.commands import Command
from connector.keba.station.ask import Answered, AnyAsk

REST_S = 3.0
"""Silence towards other commands after one was not answered."""


class Doubt:
    """The last command of one station that was given up."""

    def __init__(self) -> None:
        self._command: Command | None = None
        self._is_told = False
        self._rest_until = -math.inf

    def begin(self, command: Command, now: float, *, is_told: bool) -> None:
        """Give up a command; others rest from now on."""
        self._command = command
        self._is_told = is_told
        self._rest_until = now + REST_S

    def settle(self, command: Command) -> None:
        """Note that the result of this command is told."""
        self._is_told |= command is self._command

    def claim_answer(self, now: float) -> Answered | None:
        """Return whom an answer belongs to that nobody else waits for.

        Then nobody rests any more.
        """
        command = self._command
        if command is None or now >= self._rest_until:
            return None
        self._rest_until = now
        self.end()
        return Answered(command, self._is_told)

    def end(self) -> None:
        """Forget the command, for another one was answered since."""
        self._command = None

    def free_at(self, ask: AnyAsk) -> float:
        """Return the moment from which this request need not rest."""
        is_its_repetition = ask.is_repetition and ask.request is self._command
        if not isinstance(ask.request, Command) or is_its_repetition:
            return -math.inf
        return self._rest_until
