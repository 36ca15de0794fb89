"""A broken promise, and who notes it."""

from __future__ import annotations

from dataclasses import dataclass

MOST_NOTED = 100
"""More of one invariant are counted, but not told one by one."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise was broken."""

    invariant: str
    at: float
    evidence: str


class Invariant:
    """Base of all invariants: a name, a limit, and the breaches so far."""

    name: str
    limit: str

    def __init__(self) -> None:
        self.breaches: list[Breach] = []
        self.broken = 0

    @property
    def is_judged(self) -> bool:
        return True

    def measured(self) -> str:
        """Return what was measured, in words."""
        raise NotImplementedError

    @property
    def verdict(self) -> str:
        """Kept, broken, or not judged."""
        if self.broken:
            return f"broken {self.broken} ×"
        return "kept" if self.is_judged else "not judged"

    def breach(self, at: float, evidence: str) -> None:
        self.broken += 1
        if len(self.breaches) < MOST_NOTED:
            self.breaches.append(Breach(self.name, at, evidence))
