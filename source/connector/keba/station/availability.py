"""What the silence and the answers of one station tell about it.

What a station does not answer tells more than what it does. Report 1 is
answered by every station that is alive. Reports 2 and 3 come only with DIP
switch DSW1.3 on (openhab-addons#2038), and a station whose interface hangs
leaves them out as well, cycle after cycle (home-assistant/core#131369). So a
report that stays away is followed by report 1, which tells the two apart.
"""

import math
from collections.abc import Collection, Mapping
from enum import Enum, auto

from connector.keba.protocol.dip_switches import UDP_ON, is_on
from connector.keba.station.events import (
    ConnectionState,
    Elsewhere,
    FailsafeFacts,
    LinkFacts,
    Unreachable,
)

IDENTIFICATION = 1
"""The report that every station answers, whatever its switches."""

DATA_REPORTS = frozenset({2, 3})
"""Reports that a station answers only with DIP switch DSW1.3 on."""

STALE_S = 10
"""A report that nobody waits for, whose uptime is up to so much behind, is an
old one, reordered or doubled by the network; else a step back is a restart."""

NOTHING_KNOWN = FailsafeFacts()


class UptimeStep(Enum):
    """How the uptime in a report stands to that in the last one."""

    FORWARD = auto()
    STALE = auto()
    RESTART = auto()


class Availability:
    """Evidence about one station.

    A station is silent when it has not answered even report 1 since it was
    first asked for it. It gives no data when it answers report 1, but neither
    report 2 nor report 3, as far as these are polled.
    """

    def __init__(
        self,
        station: str,
        expected_serial: str | None = None,
        reports: Collection[int] = DATA_REPORTS,
    ) -> None:
        self._station = station
        # Of those that are not polled nothing is known.
        self._data_reports = DATA_REPORTS & {*reports} or DATA_REPORTS
        self.expected_serial = expected_serial
        self._serial: str | None = None
        self._product = ""
        self._is_udp_switch_on: bool | None = None
        self.restarts = 0
        # One for each report: they are made at different moments and may
        # overtake each other.
        self._uptimes_s: dict[int, int] = {}
        self._is_known = False
        self.is_resolved = True
        self.is_silent = False
        self.send_error: int | None = None
        self.unreachable: Unreachable | None = None
        self.elsewhere: Elsewhere | None = None
        self.last_seen_at: float | None = None
        self._identified_at = -math.inf
        self._last_reply_at = -math.inf
        self._unanswered_since: dict[int, float] = {}
        self._requests_sent = 0
        self.requests_unanswered = 0
        self._facts: tuple[object, ...] = ()
        self._link = LinkFacts()

    @property
    def wrong_serial(self) -> bool:
        expected = self.expected_serial
        return expected is not None and self._serial not in (None, expected)

    def note_identity(self, fields: Mapping[str, object]) -> None:
        """Take from a report who has sent it."""
        serial = fields.get("Serial")
        if serial is not None:
            self._serial = str(serial)
        self._product = str(fields.get("Product", self._product))
        is_switch_on = is_on(fields, UDP_ON)
        if is_switch_on is not None:
            self._is_udp_switch_on = is_switch_on

    def note_uptime(
        self, number: int, uptime_s: object, *, is_awaited: bool
    ) -> UptimeStep:
        """Take the field `Sec` of a report, unless it is an old report."""
        if not isinstance(uptime_s, int):
            return UptimeStep.FORWARD
        behind_s = self._uptimes_s.get(number, uptime_s) - uptime_s
        if 0 < behind_s <= STALE_S and not is_awaited:
            return UptimeStep.STALE
        if behind_s > 0:
            self._uptimes_s.clear()
        self._uptimes_s[number] = uptime_s
        return UptimeStep.RESTART if behind_s > 0 else UptimeStep.FORWARD

    def forget_uptimes(self) -> None:
        """The station has told that it restarts."""
        self._uptimes_s.clear()

    def note_address(self, *, is_resolved: bool) -> None:
        self.is_resolved = is_resolved
        if not is_resolved:
            self._is_known = True

    def note_sent(self) -> None:
        self._requests_sent += 1
        self.send_error = None

    def note_report(self, number: int, now: float) -> None:
        if number == IDENTIFICATION:
            self._identified_at = now
        self._unanswered_since.pop(number, None)
        self.note_answer(now)

    def note_answer(self, now: float) -> None:
        """A request, of whatever kind, was answered."""
        if self.is_silent:
            self._unanswered_since.clear()
        self._is_known = True
        self.is_silent = False
        self.unreachable = None
        self.elsewhere = None
        self._last_reply_at = now

    def note_report_unanswered(self, number: int, asked_at: float) -> bool:
        """A report that was first asked for at `asked_at` has not come.

        Tells whether report 1 should be asked for, to tell a station that is
        silent from one that leaves out this report.
        """
        self.requests_unanswered += 1
        self._unanswered_since.setdefault(number, asked_at)
        if self._last_reply_at > asked_at:
            return False
        if number != IDENTIFICATION:
            return not self.is_silent
        self.is_silent = True
        self._is_known = True
        return False

    def state(
        self, failsafe: FailsafeFacts = NOTHING_KNOWN
    ) -> ConnectionState | None:
        """Return the state, or None while there is no evidence yet."""
        if not self._is_known:
            return None
        link = self.link
        is_answering = not (link.is_silent or link.is_deaf)
        return ConnectionState(
            station=self._station,
            online=self.is_resolved and is_answering and not self.wrong_serial,
            link=link,
            last_seen_at=self.last_seen_at,
            requests_sent=self._requests_sent,
            requests_unanswered=self.requests_unanswered,
            restarts=self.restarts,
            failsafe=failsafe,
        )

    @property
    def link(self) -> LinkFacts:
        """What is known of the link; made anew only when it has changed."""
        is_silent = self.is_silent
        facts = (
            self.is_resolved,
            is_silent,
            self._gives_no_data(),
            # What happens to single datagrams matters in silence only.
            self.send_error if is_silent else None,
            self.unreachable if is_silent else None,
            self.elsewhere if is_silent else None,
            self._serial,
            self.expected_serial,
            self._product,
            self._is_udp_switch_on,
        )
        if facts != self._facts:
            self._facts, self._link = facts, LinkFacts(*facts)
        return self._link

    def _gives_no_data(self) -> bool:
        if not self._unanswered_since.keys() >= self._data_reports:
            return False
        return all(
            self._identified_at > self._unanswered_since[number]
            for number in self._data_reports
        )
