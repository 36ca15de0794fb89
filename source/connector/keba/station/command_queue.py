"""What a station is to be told, in the order in which it was written.

The newest command of a word replaces the older one. Nothing that leaves late
undoes what is newer: decision 8.
"""

from collections.abc import Iterator, Set

from connector.keba.protocol.commands import Command
from connector.keba.protocol.ordering import (
    is_outdated,
    is_replaced,
    undoes,
)
from connector.keba.station.ask import Ask


class CommandQueue:
    """The commands that wait at one station."""

    def __init__(self) -> None:
        self._asks: dict[str, Ask[Command]] = {}

    def __iter__(self) -> Iterator[Ask[Command]]:
        return iter(self._asks.values())

    def __len__(self) -> int:
        return len(self._asks)

    @property
    def words(self) -> Set[str]:
        """Words of what somebody waits for; beats are not."""
        return {ask.request.word for ask in self if not ask.is_beat}

    def append(self, ask: Ask[Command]) -> None:
        """Let a command leave after all others."""
        self._asks.pop(ask.request.word, None)
        self._asks[ask.request.word] = ask

    def append_if_wanted(self, ask: Ask[Command]) -> bool:
        """Append what nobody has asked for, unless it stands in the way.

        Returns
        -------
        bool
            Whether it was appended.
        """
        is_there = ask.request.word in self._asks
        if is_there or self.overrules(ask.request):
            return False
        self.append(ask)
        return True

    def overrules(self, command: Command) -> bool:
        """Tell whether a newer command waits that this one would undo."""
        return any(
            is_outdated(command, ask.request) for ask in self if not ask.is_beat
        )

    def make_way(self, newer: Command) -> list[Ask[Command]]:
        """Drop, and return, what a newer command replaces or what undoes it.

        What has not left yet leaves before the newer one and may stay; a
        repetition waits for KEBA's five seconds and would leave after it.
        """
        dropped = [
            ask
            for ask in self
            if is_replaced(ask.request, newer)
            or (
                (ask.is_beat or ask.is_repetition)
                and undoes(ask.request, newer)
            )
        ]
        for ask in dropped:
            self.remove(ask)
        return dropped

    def remove(self, ask: Ask[Command]) -> None:
        """Take a command out: it leaves, or is not needed any more."""
        del self._asks[ask.request.word]

    def remove_command(self, command: Command) -> None:
        """Take out this very command, if it still waits."""
        waiting = self._asks.get(command.word)
        if waiting is not None and waiting.request is command:
            self.remove(waiting)

    def remove_repetition(self, word: str) -> None:
        """Take out a repetition that has become needless."""
        waiting = self._asks.get(word)
        if waiting is not None and waiting.is_repetition:
            self.remove(waiting)

    def remove_beats(self) -> None:
        """Take out what only keeps the station from falling back."""
        for ask in [ask for ask in self if ask.is_beat]:
            self.remove(ask)

    def take_all(self) -> list[Command]:
        """Empty the queue; return what somebody waits for."""
        commands = [ask.request for ask in self if not ask.is_beat]
        self._asks.clear()
        return commands
