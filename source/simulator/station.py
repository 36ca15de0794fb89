"""A simulated station: datagrams and times in, datagrams out."""

from __future__ import annotations

import math
from collections import deque
from random import Random

from simulator import actions
from simulator.charge_point import ChargePoint
from simulator.clock import StationClock
from simulator.commands import obey
from simulator.log_lines import changed_settings
from simulator.profiles import P30_C, Profile
from simulator.reports import report, settings
from simulator.scenario import Scenario, Script
from simulator.wire import (
    KEBA_PORT,
    Address,
    Outgoing,
    is_number,
    read_words,
)

BOOT_S = 2.0
"""Guessed: so long nothing is heard from a station whose power was off and on.
"""

BOOT_MESSAGE = b"started ..."
"""ioBroker.kecontact knows a boot message of this form. That it goes to the
last client is guessed, and so is that all other messages go on to that one
after the power was off."""

COPY_PORT = 7092
COPY_DELAY_S = 0.001
"""ioBroker.kecontact#125: the copy came within 2 ms."""

KEPT_LOG_LINES = 1_000
"""For callers that never take them."""

LONG_RUNNING_S = 100_000.0
UNIX_AT_ZERO = 1_700_000_000.0


class SimulatedStation:
    """A station that has no socket and no clock of its own.

    Inside, time may run faster than outside (`speed`): vehicles, timers,
    energy and `Sec` follow the fast time; reply delays and what depends on
    the distance of two requests follow the caller's.

    The same seed, name and calls give the same answers.

    Parameters
    ----------
    now
        Its first moment, on the caller's clock.
    port
        The port that it sends to; KEBA's, unless a test cannot use that.
    unix_at_zero
        The Unix time at the caller's moment 0.
    """

    def __init__(
        self,
        name: str,
        profile: Profile = P30_C,
        seed: int = 1,
        *,
        scenario: Scenario | None = None,
        speed: float = 1.0,
        now: float = 0.0,
        port: int = KEBA_PORT,
        unix_at_zero: float = UNIX_AT_ZERO,
    ) -> None:
        world = Random(f"{seed} {name} world")  # noqa: S311  (no secret)
        self._chance = Random(f"{seed} {name} wire")  # noqa: S311
        self.name = name
        self.profile = profile
        self.serial = f"2{world.randrange(10**7):07d}"
        self._start = now
        self._speed = speed
        self._port = port
        clock = StationClock(
            now,
            uptime_s=LONG_RUNNING_S + world.randrange(10**6),
            unix_at_zero=unix_at_zero,
            synchronised=profile.synchronised,
        )
        self.point = ChargePoint(profile, world, clock, now=now)
        self._script = Script(scenario or Scenario("idle"), now)
        self._client: str | None = None
        self._booted_at = math.inf
        self._mute_all = False
        self._mute: frozenset[str] = profile.mute_until_restart
        self._late_s = 0.0
        self._answered_at: dict[str, float] = {}
        self._report_at = -math.inf
        self._log_lines: deque[str] = deque(maxlen=KEPT_LOG_LINES)
        self._settings = settings(self.point)

    # From the network ------------------------------------------------------

    def receive(
        self,
        data: bytes,
        now: float,
        sender: Address = ("127.0.0.1", KEBA_PORT),
        *,
        broadcast: bool = False,
    ) -> list[Outgoing]:
        """Hear a datagram; return what leaves now, and was due before.

        Replies go to the sender's address, but always to KEBA's port,
        whatever port the request came from. What is no request is not
        answered, so that two stations can never answer each other. Broadcasts
        are answered as well (guide V2.01, pages 10 and 14).
        """
        leaving = self.advance(now)
        words = read_words(data)
        request = " ".join(words)
        reason = self._deafness(request, sender, now, broadcast=broadcast)
        answer = None if reason else self.answer(words)
        if not answer:
            reason = reason or "not a request that it knows"
            self._log_lines.append(f"-- no answer to {request!r}: {reason}")
            return leaving
        self._client = sender[0]
        at = now + self._reply_delay_s(words[0], now)
        if self.profile.deaf_to_repeats_s:
            self._answered_at[request] = now
        leaving += self._pushes()
        leaving.append(Outgoing(answer, at, (sender[0], self._port)))
        return leaving

    def _deafness(
        self, request: str, sender: Address, now: float, *, broadcast: bool
    ) -> str | None:
        """Return why a request is not heard, or None if it is."""
        if self._is_dead():
            return "silent"
        if request in self._mute:
            return "silent for this request"
        if self.profile.needs_source_port and sender[1] != self._port:
            return f"not from port {self._port}"
        if broadcast and self.profile.is_deaf_to_broadcasts:
            return "broadcast"
        last_at = self._answered_at.get(request, -math.inf)
        if now - last_at < self.profile.deaf_to_repeats_s:
            return "the same as just before"
        return None

    def answer(self, words: list[str]) -> bytes | None:
        """Do what a request asks for; return the answer, if there is one."""
        match words:
            case ["i"]:
                text = self.profile.firmware + self.profile.info_tail
                return f'"Firmware":"{text}"\n'.encode("ascii")
            case ["report", number] if is_number(number):
                if not self.profile.is_udp_on and int(number) != 1:
                    return None
                return report(self.point, self.serial, int(number))
            case [_, *_] if self.profile.is_udp_on:
                return obey(self.point, words)
        return None

    def _reply_delay_s(self, word: str, now: float) -> float:
        delay_s = self._chance.uniform(*self.profile.reply_delay_s)
        slow_s = self.profile.slow_after_report_s
        if now - self._report_at < slow_s:
            delay_s += slow_s
        if word == "report":
            self._report_at = now
        return delay_s + self._late_s

    # Time ------------------------------------------------------------------

    def advance(self, now: float) -> list[Outgoing]:
        """Let time pass and return the status messages that it brings.

        A moment before the last one is ignored.
        """
        target = self._inside(now)
        leaving: list[Outgoing] = []
        while (moment := self._next_inside()) <= target:
            self.point.advance(moment)
            leaving += self._pushes()
            if moment >= self._booted_at:
                leaving += self._boot()
            if moment >= self._script.next_moment():
                leaving += self._do(self._script.take())
        self.point.advance(target)
        return leaving + self._pushes()

    def next_moment(self) -> float:
        """Return when something happens next by itself, or infinity."""
        inside = self._next_inside()
        moment = self._outside(inside)
        # Rounded down it would be too early, and come again and again.
        while self._inside(moment) < inside:
            moment = math.nextafter(moment, math.inf)
        return moment

    def _next_inside(self) -> float:
        return min(
            self.point.next_moment(),
            self._script.next_moment(),
            self._booted_at,
        )

    def _inside(self, now: float) -> float:
        return self._start + (now - self._start) * self._speed

    def _outside(self, moment: float) -> float:
        return self._start + (moment - self._start) / self._speed

    # From outside ----------------------------------------------------------

    def perform(self, action: actions.Action, now: float) -> list[Outgoing]:
        """Let something happen to the station."""
        return self.advance(now) + self._do(action)

    def take_log_lines(self) -> list[str]:
        """Return what happened since the last call, one line each."""
        lines = list(self._log_lines)
        self._log_lines.clear()
        return lines

    def _do(self, action: actions.Action) -> list[Outgoing]:
        self._log_lines.append(f"-- {action}")
        match action:
            case actions.Reboot():
                self._go_down()
            case actions.Silence(requests):
                self._mute_all = not requests
                self._mute |= frozenset(requests)
            case actions.Answer():
                self._mute_all = False
                self._mute = frozenset()
                self._late_s = 0.0
            case actions.AnswerLate(seconds):
                self._late_s = seconds
            case actions.Say(datagrams):
                said = (text.encode("latin-1") for text in datagrams)
                now = self.point.now
                return self._pushes() + [
                    out for data in said for out in self._unasked(data, now)
                ]
            case _:
                self._happen(action)
        return self._pushes()

    def _happen(self, action: actions.Action) -> None:
        match action:
            case actions.PlugIn(vehicle):
                self.point.plug_in(vehicle)
            case actions.Unplug():
                self.point.unplug()
            case actions.ShowCard(tag, rfid_class):
                self.point.show_card(tag, rfid_class)
            case actions.SetInput(value):
                self.point.set_input(value)
            case actions.Fail(error1, error2):
                self.point.fail(error1, error2)
            case actions.Recover():
                self.point.fail(0, 0)

    def _go_down(self) -> None:
        self.point.restart()
        self._booted_at = self.point.now + BOOT_S
        self._mute = frozenset()
        self._answered_at.clear()

    def _boot(self) -> list[Outgoing]:
        self._booted_at = math.inf
        if not self.profile.is_udp_on:
            return []
        return self._unasked(BOOT_MESSAGE, self.point.now)

    def _unasked(self, data: bytes, moment: float) -> list[Outgoing]:
        """Return what goes to the last client, if it can be told anything."""
        if self._client is None or self._is_dead():
            return []
        to = (self._client, self._port)
        return [Outgoing(data, self._outside(moment), to)]

    def _is_dead(self) -> bool:
        return self._mute_all or self._booted_at < math.inf

    # Status messages -------------------------------------------------------

    def _pushes(self) -> list[Outgoing]:
        changes = self.point.take_changes()
        before, self._settings = self._settings, settings(self.point)
        self._log_lines.extend(changed_settings(before, self._settings))
        leaving: list[Outgoing] = []
        # Guessed: with DSW1.3 off nothing is sent unasked.
        for change in changes if self.profile.is_udp_on else []:
            data = f'{{"{change.field}": {change.value}}}'.encode("ascii")
            for out in self._unasked(data, change.at):
                leaving.append(out)
                if self.profile.copies_pushes:
                    to = (out.to[0], COPY_PORT)
                    later = out.at + COPY_DELAY_S
                    leaving.append(Outgoing(data, later, to))
        return leaving
