"""A station on fake time that answers by itself, as a test wants it to."""

import bisect
import math
from collections.abc import Iterable
from typing import Any

from connector.tests.keba.station.conversation import (
    TCH_OK,
    Conversation,
    report,
)

BOOT_S = 4.0

NEW = {
    "Enable sys": 1,
    "Enable user": 1,
    "Max curr": 0,
    "Curr HW": 32_000,
    "Curr user": 63_000,
    "Curr FS": 0,
    "Tmo FS": 0,
    "Curr timer": 0,
    "Tmo CT": 0,
    "Setenergy": 0,
    "Output": 0,
    "Plug": 7,
    "AuthON": 1,
    "Authreq": 1,
    "X2 phaseSwitch source": 0,
    "X2 phaseSwitch": 0,
}
"""Report 2 of a station that nobody has told anything."""


_FIELD_OF = {
    "ena": "Enable user",
    "curr": "Curr user",
    "setenergy": "Setenergy",
    "output": "Output",
    "x2src": "X2 phaseSwitch source",
    "x2": "X2 phaseSwitch",
}
"""Commands whose one argument is what a field of report 2 shows then."""

_CHANGE_BY = {
    "start": {"Authreq": 0},
    "stop": {"Authreq": 1},
    "unlock": {"Plug": 5},
}


def effect_of(text: str) -> dict[str, int]:
    """Return the fields of report 2 that a command changes."""
    match text.split(" "):
        case [word, value] if word in _FIELD_OF:
            return {_FIELD_OF[word]: int(value)}
        case ["currtime", "0", "1"]:
            return {"Enable user": 0}
        case ["currtime", limit, "1"]:
            return {"Curr user": int(limit), "Enable user": 1}
        case ["currtime", limit, delay]:
            return {"Curr timer": int(limit), "Tmo CT": int(delay)}
        case ["failsafe", timeout, limit, _]:
            return {"Tmo FS": int(timeout), "Curr FS": int(limit)}
        case [word, *_]:
            return _CHANGE_BY.get(word, {})
    return {}


class ObeyingGarage(Conversation):
    """A station on our side and on the other, after their first round.

    Parameters
    ----------
    shown
        What report 2 shows at first and after each restart, beside `NEW`.
    options
        Of our side, see `StationOptions`.

    Attributes
    ----------
    fields
        Report 2 as it is now.
    answer
        What a command is answered with; None is silence.
    obeys
        Whether commands have an effect.
    delay_s, report_delay_s
        Until a command, or a report, is answered.
    mute
        Reports that are not answered.
    serial
        Its serial number.
    """

    def __init__(self, shown: dict[str, int] | None = None, **options: Any):
        super().__init__(**options)
        self._shown = shown or {}
        self.fields = NEW | self._shown
        self.behave()
        self.serial = "17619300"
        self._started_at = -1000.0
        self._replies: list[tuple[float, bytes]] = []
        self.live(10.0)
        self.forget()

    def live(self, seconds: float) -> None:
        """Let time pass; the station answers."""
        end = self.now + seconds
        while True:
            reply_at = self._replies[0][0] if self._replies else math.inf
            text = self.next_datagram(until=min(end, reply_at))
            if text is not None:
                self._hear(text)
            elif reply_at <= end:
                self.receive(self._replies.pop(0)[1], after=0.0)
            else:
                return

    def live_until_sent(self, text: str) -> None:
        """Let time pass until this has left, a minute at most."""
        sent, end = len(self.sent), self.now + 60.0
        while text not in [one for _, one in self.sent[sent:]]:
            assert self.now < end, f"{text} was not sent: {self.sent[sent:]}"
            self.live(0.01)

    def reboot(self) -> None:
        """Switch the power off and on."""
        self._started_at = self.now
        self.fields = NEW | self._shown
        self._replies.clear()

    def restart(self) -> None:
        """Switch the power off and on, and let a minute pass."""
        self.reboot()
        self.live(60.0)

    def behave(
        self,
        *,
        obeys: bool = True,
        answer: bytes | None = TCH_OK,
        delay_s: float = 0.002,
        report_delay_s: float = 0.002,
        mute: Iterable[int] = (),
    ) -> None:
        """Behave well, but for what is said."""
        self.obeys, self.answer, self.mute = obeys, answer, {*mute}
        self.delay_s, self.report_delay_s = delay_s, report_delay_s

    def deafen(self) -> None:
        """Let commands get lost."""
        self.behave(obeys=False, answer=None)

    def fall_silent(self) -> None:
        """Let everything get lost."""
        self.behave(obeys=False, answer=None, mute=(1, 2, 3))

    def recover(self) -> None:
        """Hear, obey and answer again."""
        self.behave()

    def shut_down(self) -> None:
        """Let our side come to its end."""
        self.station.shutdown(self.now)

    def _hear(self, text: str) -> None:
        if self.now < self._started_at + BOOT_S:
            return
        if text.startswith("report"):
            self._answer_report(int(text.removeprefix("report ")))
            return
        if self.obeys:
            self.fields |= effect_of(text)
        if self.answer is not None:
            self._reply(self.answer, self.delay_s)

    def _answer_report(self, number: int) -> None:
        if number in self.mute:
            return
        fields = self.fields if number == 2 else {}
        uptime_s = int(self.now - self._started_at)
        data = report(number, **fields, Serial=self.serial, Sec=uptime_s)
        self._reply(data, self.report_delay_s)

    def _reply(self, data: bytes, delay_s: float) -> None:
        bisect.insort(self._replies, (self.now + delay_s, data))
