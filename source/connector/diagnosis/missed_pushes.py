"""Evidence of trouble that no station reports itself."""

from collections.abc import Mapping

CHANGES_BEFORE_HINT = 3

PUSHED = ("State", "Plug", "Input", "Enable sys", "Max curr")
"""Fields that a station tells at once when they change (UDP guide V2.01,
page 35)."""


class PushWatch:
    """Notices that status messages of one station go to somebody else.

    They go to the client that sent the last command (section 7 of the
    protocol notes): values that change from poll to poll without a status
    message in between say that there is another one.
    """

    def __init__(self) -> None:
        self._fields: dict[str, object] = {}
        self._unannounced = 0

    def note_push(self, fields: Mapping[str, object]) -> None:
        """A status message has come."""
        self._fields.update(fields)
        self._unannounced = 0

    def note_report(self, fields: Mapping[str, object]) -> bool:
        """Take a report 2; tell whether pushes seem to go elsewhere."""
        seen = {key: fields[key] for key in PUSHED if key in fields}
        if any(self._fields.get(key, seen[key]) != seen[key] for key in seen):
            self._unannounced += 1
        self._fields.update(seen)
        if self._unannounced < CHANGES_BEFORE_HINT:
            return False
        self._unannounced = 0
        return True
