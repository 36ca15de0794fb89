"""What the silence and the answers of one station tell about it.

What a station does not answer tells more than what it does. Report 1 is
answered by every station that is alive. Reports 2 and 3 come only with DIP
switch DSW1.3 on (openhab-addons#2038), and a station whose interface hangs
leaves them out as well, cycle after cycle (home-assistant/core#131369). So a
report that stays away is followed by report 1, which tells the two apart.
"""

import math
from collections.abc import Mapping
from enum import Enum, auto

from connector.keba.station.events import ConnectionState, Reason

IDENTIFICATION = 1
"""The report that every station answers, whatever its switches."""

DATA_REPORTS = frozenset({2, 3})
"""Reports that a station answers only with DIP switch DSW1.3 on."""

UNSUPPORTED_PRODUCT = "-P40-"
"""Known not to speak this protocol (home-assistant.io#40308)."""

STALE_S = 10
"""A report that nobody waits for, whose uptime is up to so much behind, is an
old one, reordered or doubled by the network; else a step back is a restart."""

_UDP_BIT = 0x20


class Availability:
    """Evidence about one station, and the reason that it gives.

    A station is silent when it has not answered even report 1 since it was
    first asked for it. It gives no data when it answers report 1, but neither
    report 2 nor report 3.
    """

    def __init__(
        self, station: str, expected_serial: str | None = None
    ) -> None:
        self._station = station
        self._expected_serial = expected_serial
        self._serial: str | None = None
        self._product = ""
        self._is_dip_switch_on: bool | None = None
        self._restarts = 0
        self._is_known = False
        self._is_resolved = True
        self._is_silent = False
        self._send_failed = False
        self._last_seen_at: float | None = None
        self._replied_at: dict[int, float] = {}
        self._last_reply_at = -math.inf
        self._unanswered_since: dict[int, float] = {}
        self._requests_sent = 0
        self._requests_unanswered = 0

    @property
    def is_resolved(self) -> bool:
        return self._is_resolved

    @property
    def is_silent(self) -> bool:
        return self._is_silent

    @property
    def wrong_serial(self) -> bool:
        """Whether another station answers than the one that is meant."""
        expected = self._expected_serial
        return expected is not None and self._serial not in (None, expected)

    def note_identity(self, fields: Mapping[str, object]) -> None:
        """Take from a report who has sent it."""
        serial = fields.get("Serial")
        if serial is not None:
            self._serial = str(serial)
        self._product = str(fields.get("Product", self._product))
        is_on = _dip_switch_1_3(fields)
        if is_on is not None:
            self._is_dip_switch_on = is_on

    def note_restart(self) -> None:
        self._restarts += 1

    def note_address(self, *, is_resolved: bool) -> None:
        """Note the end of a lookup of the station's name."""
        self._is_resolved = is_resolved
        if not is_resolved:
            self._is_known = True

    def note_seen(self, now: float) -> None:
        self._last_seen_at = now

    def note_sent(self) -> None:
        self._requests_sent += 1
        self._send_failed = False

    def note_send_error(self) -> None:
        """The request that was just noted could not leave."""
        self._send_failed = True

    def note_report(self, number: int, now: float) -> None:
        self._replied_at[number] = now
        self._unanswered_since.pop(number, None)
        self.note_answer(now)

    def note_answer(self, now: float) -> None:
        """A request, of whatever kind, was answered."""
        if self._is_silent:
            self._unanswered_since.clear()
        self._is_known = True
        self._is_silent = False
        self._last_reply_at = now

    def note_command_unanswered(self) -> None:
        self._requests_unanswered += 1

    def note_report_unanswered(self, number: int, asked_at: float) -> bool:
        """A report that was first asked for at `asked_at` has not come.

        Tells whether report 1 should be asked for, to tell a station that is
        silent from one that leaves out this report.
        """
        self._requests_unanswered += 1
        self._unanswered_since.setdefault(number, asked_at)
        if self._last_reply_at > asked_at:
            return False
        if number != IDENTIFICATION:
            return not self._is_silent
        self._is_silent = True
        self._is_known = True
        return False

    def state(self) -> ConnectionState | None:
        if not self._is_known:
            return None
        reason = self._reason()
        return ConnectionState(
            station=self._station,
            online=reason in (Reason.OK, Reason.UNSUPPORTED_MODEL),
            reason=reason,
            last_seen_at=self._last_seen_at,
            requests_sent=self._requests_sent,
            requests_unanswered=self._requests_unanswered,
            restarts=self._restarts,
            serial=self._serial,
            is_dip_switch_on=self._is_dip_switch_on,
        )

    def _reason(self) -> Reason:
        if not self._is_resolved:
            return Reason.NAME_UNRESOLVED
        if self._is_silent:
            return Reason.SEND_ERROR if self._send_failed else Reason.NO_REPLY
        if self.wrong_serial:
            return Reason.WRONG_SERIAL
        if self._gives_no_data():
            return Reason.DIP_SWITCH_OFF
        if UNSUPPORTED_PRODUCT in self._product:
            return Reason.UNSUPPORTED_MODEL
        return Reason.OK

    def _gives_no_data(self) -> bool:
        """Tell whether report 1 came while reports 2 and 3 did not."""
        if not self._unanswered_since.keys() >= DATA_REPORTS:
            return False
        identified_at = self._replied_at.get(IDENTIFICATION, -math.inf)
        return all(
            identified_at > self._unanswered_since[number]
            for number in DATA_REPORTS
        )


class UptimeStep(Enum):
    """How the uptime in a report stands to that in the last one."""

    FORWARD = auto()
    STALE = auto()
    RESTART = auto()


class RestartDetector:
    """The newest uptime of each report of one station.

    One for each number: reports are made at different moments and may
    overtake each other.
    """

    def __init__(self) -> None:
        self._uptimes_s: dict[int, int] = {}

    def clear(self) -> None:
        """Forget all: the station has told that it restarts."""
        self._uptimes_s.clear()

    def note(
        self, number: int, uptime_s: int, *, is_awaited: bool
    ) -> UptimeStep:
        """Take the field `Sec` of a report, unless it is an old report."""
        behind_s = self._uptimes_s.get(number, uptime_s) - uptime_s
        if 0 < behind_s <= STALE_S and not is_awaited:
            return UptimeStep.STALE
        if behind_s > 0:
            self._uptimes_s.clear()
        self._uptimes_s[number] = uptime_s
        return UptimeStep.RESTART if behind_s > 0 else UptimeStep.FORWARD


def _dip_switch_1_3(fields: Mapping[str, object]) -> bool | None:
    """Read bit 0x20 of DIP-Sw1; BMW stations have it in DIP-Sw's first byte.

    Sources: nymea and OpenEMS, checked against recordings.
    """
    for key, shift in (("DIP-Sw1", 0), ("DIP-Sw", 8)):
        try:
            return bool(int(str(fields[key]), 16) >> shift & _UDP_BIT)
        except (KeyError, ValueError):
            continue
    return None
