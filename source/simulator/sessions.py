"""Charging sessions: the running one and the last thirty."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.authorisation import NO_CLASS, NO_TAG

if TYPE_CHECKING:
    from simulator.clock import StationClock

RUNNING, UNPLUGGED, ENDED_BY_CARD = 0, 1, 10
KEPT_SESSIONS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session; currents in mA, energies in 0.1 Wh, as in a report."""

    number: int = 0
    curr_hw: int = 0
    e_start: int = 0
    e_pres: int = 0
    started_s: int = 0
    ended_s: int = 0
    started: str | int = 0
    ended: str | int = 0
    reason: int = RUNNING
    time_quality: int = 0
    tag: str = NO_TAG
    rfid_class: str = NO_CLASS


NO_SESSION = Session()


class SessionLog:
    """Keeps sessions in the order of the reports.

    UDP guide V2.01, pages 19 to 21: a session is entered when it begins; at
    its end the end values are added and it is copied to 101, so that 100 and
    101 are equal until the next one begins.
    """

    def __init__(self, last_number: int) -> None:
        self._last_number = last_number
        self._latest = NO_SESSION
        self._ended: deque[Session] = deque(maxlen=KEPT_SESSIONS)
        self.is_running = False

    def begin(
        self, *, curr_hw: int, e_start: int, clock: StationClock, now: float
    ) -> None:
        """Enter a new session."""
        self._last_number += 1
        self.is_running = True
        self._latest = Session(
            number=self._last_number,
            curr_hw=curr_hw,
            e_start=e_start,
            started_s=clock.seconds(now),
            started=clock.text(now),
            # A text, as the one client that shows a running session has it;
            # its source leaves open whether it is a number.
            ended="0",
            time_quality=clock.quality,
        )

    def note_card(self, tag: str, rfid_class: str) -> None:
        """Enter who charges."""
        if self.is_running:
            self._latest = replace(self._latest, tag=tag, rfid_class=rfid_class)

    def end(
        self, *, e_pres: int, reason: int, clock: StationClock, now: float
    ) -> None:
        """Complete the running session, if there is one."""
        if not self.is_running:
            return
        self.is_running = False
        self._latest = replace(
            self._latest,
            e_pres=e_pres,
            ended_s=clock.seconds(now),
            ended=clock.text(now),
            reason=reason,
        )
        self._ended.appendleft(self._latest)

    def restart(self) -> None:
        """Forget the latest session unless it is still running.

        UDP guide V2.01, page 19: after a restart without a vehicle report 100
        is all zeros. A running session outlived a restart in a capture
        (Solaranzeige: 7.7 kWh at Sec 600).
        """
        if not self.is_running:
            self._latest = NO_SESSION

    def entry(self, report: int, *, e_pres: int) -> Session:
        """Return what report 100 to 130 tells.

        Parameters
        ----------
        report
            100 is the latest session, 101 the last that ended, and so on.
        e_pres
            Energy of the running session so far, in 0.1 Wh.
        """
        if report == 100:
            if self.is_running:
                return replace(self._latest, e_pres=e_pres)
            return self._latest
        index = report - 101
        if index < len(self._ended):
            return self._ended[index]
        return NO_SESSION
