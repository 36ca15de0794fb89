"""Who may charge, and the sessions: the running one and the last thirty."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.clock import StationClock

NO_TAG = "0" * 16
NO_CLASS = "0" * 20

RUNNING, UNPLUGGED, ENDED_BY_CARD = 0, 1, 10
KEPT_SESSIONS = 30

Session = dict[str, int | str]
"""The fields of reports 100 to 130 but for those that all reports have."""

NO_SESSION: Session = {
    "Session ID": 0,
    "Curr HW": 0,
    "E start": 0,
    "E pres": 0,
    "started[s]": 0,
    "ended[s]": 0,
    "started": 0,
    "ended": 0,
    "reason": RUNNING,
    "timeQ": 0,
    "RFID tag": NO_TAG,
    "RFID class": NO_CLASS,
}


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
        self._latest = NO_SESSION | {
            "Session ID": self._last_number,
            "Curr HW": curr_hw,
            "E start": e_start,
            "started[s]": clock.seconds(now),
            "started": clock.text(now),
            # A text, as the one client that shows a running session has it;
            # its source leaves open whether it is a number.
            "ended": "0",
            "timeQ": clock.quality,
        }

    def note_card(self, tag: str, rfid_class: str) -> None:
        """Enter who charges."""
        if self.is_running:
            self._latest |= {"RFID tag": tag, "RFID class": rfid_class}

    def end(
        self, *, e_pres: int, reason: int, clock: StationClock, now: float
    ) -> None:
        """Complete the running session, if there is one."""
        if not self.is_running:
            return
        self.is_running = False
        self._latest |= {
            "E pres": e_pres,
            "ended[s]": clock.seconds(now),
            "ended": clock.text(now),
            "reason": reason,
        }
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
        """Return what a report tells, with the running session's energy.

        100 is the latest session, 101 the last that ended, and so on.
        """
        if report == 100:
            energy = {"E pres": e_pres} if self.is_running else {}
            return self._latest | energy
        ended = report - 101
        return self._ended[ended] if ended < len(self._ended) else NO_SESSION
