"""Status messages that should have come here, and went to somebody else."""

from collections.abc import Mapping

CHANGES_BEFORE_HINT = 3

PUSHED = ("State", "Plug", "Input", "Enable sys", "Max curr")
"""Fields that a station tells at once when they change (UDP guide V2.01,
page 35)."""

ENERGY_STEP_DWH = 100
"""`E pres` is told every further 10 Wh."""


class MissedPushDetector:
    """Notices that status messages of one station go to somebody else.

    They go to the client that sent the last command: values that change from
    poll to poll without a status message in between say that there is another
    one. Slow charging changes `E pres` alone, perhaps by one step in many
    polls.
    """

    def __init__(self) -> None:
        self.signs = 0
        """How often enough changes came without a message, since one came."""
        self._energy_dwh: int | None = None
        self._energy_pushes = 0
        self._unannounced = 0

    @property
    def is_found(self) -> bool:
        """Whether status messages seem to go elsewhere now."""
        return self.signs > 0

    @property
    def is_suspected(self) -> bool:
        """Whether a change came without its message, which proves nothing."""
        return self._unannounced > 0

    def note_push(self, fields: Mapping[str, object]) -> None:
        """A status message has come."""
        if "E pres" in fields:
            # One of many proves little: they go to whoever spoke last.
            self._energy_pushes += 1
        else:
            self._note_all_is_well()

    def note_report(
        self, fields: Mapping[str, object], *, is_changed: bool
    ) -> None:
        """A report has come; perhaps a field that is pushed is another one."""
        if is_changed:
            self._unannounced += 1
        self._note_energy(fields.get("E pres"))
        if self._unannounced >= CHANGES_BEFORE_HINT:
            self._unannounced = 0
            self.signs += 1

    def _note_all_is_well(self) -> None:
        self._unannounced = 0
        self.signs = 0

    def _note_energy(self, energy: object) -> None:
        """Count what was charged in whole steps, however slowly."""
        if not isinstance(energy, int):
            return
        known = self._energy_dwh
        if known is None or energy < known:
            # The first look, or a new session.
            self._energy_dwh, self._energy_pushes = energy, 0
            return
        steps = (energy - known) // ENERGY_STEP_DWH
        if steps < 2:
            # The message of the last step may be on its way.
            return
        missed = steps - self._energy_pushes
        self._energy_dwh, self._energy_pushes = energy, 0
        if missed >= 2 and missed > steps / 2:
            self._unannounced += 1
        else:
            self._note_all_is_well()
