"""What is told once, and then counted.

A controller that says the same each ten seconds would write 8,640 rows a day
and station, which BEMCom keeps for ever.
"""

from collections.abc import Hashable
from dataclasses import dataclass

REPEAT_AFTER_S = 86_400.0
"""What goes on is told again after a day, with its number."""


@dataclass(slots=True)
class _Told:
    text: str
    at: float
    since: int = 0


class Repetitions:
    """Counts lines that say the same as the last one about a subject."""

    def __init__(self) -> None:
        self._told: dict[Hashable, _Told] = {}

    def due(self, subject: Hashable, text: str, now: float) -> str | None:
        """Return what is to be told now; None for a mere repetition.

        Another text about the same subject is news.
        """
        told = self._told.get(subject)
        if told is not None and told.text == text:
            told.since += 1
            if now - told.at < REPEAT_AFTER_S:
                return None
        self._told[subject] = _Told(text, now)
        if told is None or not told.since:
            return text
        times = "once" if told.since == 1 else f"{told.since:,} times"
        if told.text == text:
            return f"{text} ({times} since)"
        return f"{text} (before it {times}: {told.text})"
