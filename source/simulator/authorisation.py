"""RFID authorisation: who may charge, and whether somebody does."""

from __future__ import annotations

NO_TAG = "0" * 16
NO_CLASS = "0" * 20


class Authorisation:
    """The lock that cards and `start` open, and `stop` closes.

    A whitelist that is not empty switches it on, as on c-series (UDP guide
    V2.01, pages 11 and 12).
    """

    def __init__(self, whitelist: tuple[str, ...]) -> None:
        self._whitelist = frozenset(tag.lower() for tag in whitelist)
        self.is_on = bool(whitelist)
        self.close()

    @property
    def is_required(self) -> bool:
        """`Authreq`: a card is needed now."""
        return self.is_on and self.tag is None

    def knows(self, tag: str) -> bool:
        """Tell whether a tag is on the whitelist."""
        return tag.lower() in self._whitelist

    def open(self, tag: str, rfid_class: str) -> None:
        """Authorise."""
        self.tag: str | None = tag.lower()
        self.rfid_class = rfid_class.lower()

    def close(self) -> None:
        """Ask for a card again."""
        self.tag = None
        self.rfid_class = NO_CLASS
