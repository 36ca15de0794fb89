"""A broken promise, and who notes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from soak.events import Event

MOST_NOTED = 100
"""More of one invariant are counted, but not told one by one."""


class Breach(NamedTuple):
    """A promise was broken."""

    invariant: str
    at: float
    evidence: str


class Invariant:
    """Base of all invariants: what is promised, and each breach so far.

    Attributes
    ----------
    sees
        The events that concern it; it is not bothered with others.
    judged
        How much was judged; without anything the promise is not called kept.
    """

    sees: tuple[type[Event], ...] = ()
    name: str
    limit: str

    def __init__(self) -> None:
        self.judged = 0
        self.breaches: list[Breach] = []
        self.broken = 0

    def see(self, event: Event) -> None:
        """Take notice of what happens."""

    def measured(self) -> str:
        """Return what was measured, in words."""
        raise NotImplementedError

    @property
    def verdict(self) -> str:
        """Kept, broken, or not judged."""
        if self.broken:
            return f"broken {self.broken} ×"
        return "kept" if self.judged else "not judged"

    def breach(self, at: float, evidence: str) -> None:
        self.broken += 1
        if len(self.breaches) < MOST_NOTED:
            self.breaches.append(Breach(self.name, at, evidence))
