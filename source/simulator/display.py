"""The text on the station's display."""

from __future__ import annotations

LONGEST_TEXT = 23
DEFAULT_MIN_S, DEFAULT_MAX_S = 2, 10


class Display:
    """Shows one text at a time.

    UDP guide V2.01, page 30: a text stays for `min_s` before the next may
    replace it and vanishes after `max_s` if none follows. That only the newest
    of several waiting texts is kept is guessed.
    """

    def __init__(self) -> None:
        self._text = ""
        self._until = 0.0
        self._replaceable_at = 0.0
        self._waiting: tuple[str, int, int] | None = None

    def write(self, text: str, min_s: int, max_s: int, now: float) -> None:
        """Show a text as soon as the present one has had its time.

        `$` is shown as a blank, and `kWh` may not be shown (metering law,
        guide V2.00, page 16). That a longer text is cut is guessed.
        """
        text = text.replace("$", " ").replace("~", "Σ")
        text = text.replace("kWh", "???")[:LONGEST_TEXT]
        self._show_waiting(now)
        if now < self._replaceable_at:
            self._waiting = (text, min_s, max_s)
            return
        self._show(text, min_s, max_s, now)

    def text(self, now: float) -> str:
        """Return what a person in front of the station reads."""
        self._show_waiting(now)
        return self._text if now < self._until else ""

    def _show_waiting(self, now: float) -> None:
        if self._waiting is None or now < self._replaceable_at:
            return
        waiting, self._waiting = self._waiting, None
        self._show(*waiting, self._replaceable_at)

    def _show(self, text: str, min_s: int, max_s: int, now: float) -> None:
        self._text = text
        self._replaceable_at = now + min_s
        self._until = now + max_s
