"""The charging station without its network: a state machine with a clock.

Time is a number of seconds that the caller passes. Between two moments that
matter nothing changes but the energy, and that is linear, so the result does
not depend on how often time is advanced.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from simulator.limits import ENABLE_DELAY_S, Limits
from simulator.meter import Meter, whole_units
from simulator.sessions import (
    ENDED_BY_CARD,
    UNPLUGGED,
    Authorisation,
    SessionLog,
)
from simulator.vehicle import Charger

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from simulator.clock import StationClock
    from simulator.profiles import Profile
    from simulator.vehicle import Vehicle

STARTING, NOT_READY, READY, CHARGING, ERROR, INTERRUPTED = range(6)

NOTHING, CABLE_LOCKED = 0, 3
PLUGGED, PLUGGED_AND_LOCKED = 5, 7

CURRENT_DELAY_S = (6.0, 7.0)
"""UDP guide V2.01, page 13: while charging, another current is offered to the
vehicle only after so many seconds."""

LOCK_DELAY_S = 2.0
"""Guessed: a socket closes its lock so soon after the plug is in."""

START_UP_S = 10.0
"""Guessed. State 0 was captured 237 s and 3478 s after the start; most
stations leave it soon."""

ENERGY_PUSH_UNITS = 100
"""UDP guide V2.00, page 6: a status message for each 10 Wh."""

PHASE_SWITCH_PAUSE_S = 300.0
"""At exactly 300 s it was still refused (ioBroker.kecontact pull request 242).
"""

PHASES_BY_UDP = 4

MAINS_CHANGE_S = 20.0

OUTPUT_PULSES = range(10, 151)


class Change(NamedTuple):
    """Something that a station tells by itself: one field, one value."""

    at: float
    field: str
    value: int


class Mains(NamedTuple):
    """Voltages in V, currents in mA, power in mW, power factor in 0.1 %."""

    voltages: tuple[int, ...] = (0, 0, 0)
    currents: tuple[int, ...] = (0, 0, 0)
    power: int = 0
    power_factor: int = 0


class ChargePoint:
    """Vehicle, authorisation, limits, meter and sessions as one machine."""

    def __init__(
        self,
        profile: Profile,
        random: Random,
        clock: StationClock,
        *,
        now: float,
    ) -> None:
        self.profile = profile
        self.clock = clock
        self.now = now
        self.limits = Limits(invalid_curr_becomes=profile.invalid_curr_becomes)
        self.authorisation = Authorisation(profile.whitelist)
        self.sessions = SessionLog(random.randrange(1, 400))
        by_chance = random.randrange(1_000, 90_000_000)
        first_total = profile.first_total
        self.meter = Meter(
            float(by_chance if first_total is None else first_total), now
        )
        self.errors = (0, 0)
        self.input = 0
        self._stored_output = profile.output
        self.output = profile.output
        self.phase_source = profile.phase_source
        self.phase_switch = 0
        self.state = NOT_READY
        self.plug = NOTHING if profile.is_socket else CABLE_LOCKED
        self.max_curr = 0
        self.mains = Mains()
        self._random = random
        self._charger: Charger | None = None
        self._session_start = self.meter.energy(now)
        self._full_at_energy = math.inf
        # What comes by itself besides limits, charger and energy, and when.
        self._timers: dict[Callable[[], None], float] = {}
        self._is_starting = False
        self._wanted_current = 0
        self._voltages = self._draw_voltages()
        self._was_ready = False
        self._is_stuck = False
        self._push_at_energy = math.inf
        self._phases_switched_at = -math.inf
        self._connected = self._phases()
        self._changes: list[Change] = []
        self._told: dict[str, int] = {}
        self.settle()
        self._changes.clear()

    # What a report tells ---------------------------------------------------

    @property
    def enable_sys(self) -> bool:
        """Whether charging is allowed, all conditions together."""
        return self._is_permitted() and not self.limits.failsafe.is_tripped

    @property
    def curr_hw(self) -> int:
        """The hardware's limit in mA; 0 without cable."""
        return 0 if self.plug == NOTHING else self.profile.current_limit

    @property
    def duty_cycle(self) -> int:
        """`Max curr %`: floor(mA / 60), or 1000 without a pulse signal."""
        return self.max_curr // 60 if self.max_curr else 1000

    @property
    def e_pres(self) -> int:
        """Energy of the present or last session, in 0.1 Wh."""
        if not self.profile.has_meter:
            return 0
        return whole_units(self.meter.energy(self.now) - self._session_start)

    @property
    def e_total(self) -> int:
        """The meter's total, in 0.1 Wh, as this firmware understands it."""
        if self.sessions.is_running and not self.profile.total_has_session:
            return whole_units(self._session_start)
        return whole_units(self.meter.energy(self.now))

    # What happens to it ----------------------------------------------------

    def plug_in(self, vehicle: Vehicle) -> None:
        """Connect a vehicle, unless there is one."""
        if self._charger is not None:
            return
        self._charger = Charger(vehicle)
        # A vehicle may take it in several sessions, between which it stays.
        needs = vehicle.needs_wh * 10
        self._full_at_energy = self.meter.energy(self.now) + needs
        self.plug = PLUGGED if self.profile.is_socket else PLUGGED_AND_LOCKED
        self._lock_soon()
        self._begin_session()
        self.settle()

    def unplug(self) -> None:
        """Take the vehicle away."""
        if self._charger is None:
            return
        self._charger = None
        self._timers.pop(self._close_lock, None)
        self.plug = NOTHING if self.profile.is_socket else CABLE_LOCKED
        self.settle()
        self._end_session(UNPLUGGED)
        self.limits.end_session()
        self.output = self._stored_output
        self.authorisation.close()
        self._was_ready = False
        self._is_stuck = False
        self.settle()

    def show_card(self, tag: str, rfid_class: str) -> None:
        """Hold a card to the reader; the same card ends what it began."""
        if self.authorisation.tag == tag.lower():
            self.stop_session()
        elif self.authorisation.is_required and self.authorisation.knows(tag):
            self.authorise(tag, rfid_class)

    def authorise(self, tag: str, rfid_class: str) -> None:
        """Unlock for a tag."""
        self.authorisation.open(tag, rfid_class)
        if self._charger is not None and not self.sessions.is_running:
            self._begin_session()
        self.sessions.note_card(tag, rfid_class)
        self.settle()

    def stop_session(self) -> None:
        """End the session by card or by `stop`."""
        self.authorisation.close()
        self.settle()
        self._end_session(ENDED_BY_CARD)

    def set_input(self, value: int) -> None:
        """Close (1) or open (0) the contact at X1."""
        self.input = 1 if value else 0
        self.settle()

    def fail(self, error1: int, error2: int) -> None:
        """Go to State 4; (0, 0) ends it."""
        self.errors = (error1, error2)
        self.settle()

    def unlock(self) -> None:
        """Open the socket's lock until the station may charge again.

        That it is ignored while charging, and that the next `ena 1` or
        `currtime` closes the lock, is guessed.
        """
        if self.profile.is_socket and self.state != CHARGING:
            self.plug = min(self.plug, PLUGGED)
            self._timers.pop(self._close_lock, None)
            self.settle()

    def order_enable(self, value: int) -> None:
        """`ena`: other values than 1 act like 0 (guide V2.00, page 13).

        With RFID, 0 also drops the authorisation, which was seen
        (dannerph/homeassistant-keba#33). That it happens when charging is
        disabled, about a second later, is guessed.
        """
        wish = value == 1
        self.limits.enable(wish=wish, now=self.now)
        if wish:
            self._timers.pop(self.authorisation.close, None)
        else:
            self._after(ENABLE_DELAY_S, self.authorisation.close)
        self.settle()

    def set_current(self, milliampere: int) -> None:
        """`curr`: with phases switched by UDP it also asks for three.

        The latter was seen (ioBroker.kecontact#380).
        """
        self.limits.set_current(milliampere, self.now)
        if self.phase_source == PHASES_BY_UDP:
            self.phase_switch = 1
        self.settle()

    def set_current_later(self, milliampere: int, delay_s: int) -> None:
        """`currtime`: what needs no delay takes effect at once."""
        self.limits.set_current_later(milliampere, delay_s, self.now)
        self._live_moment()

    def set_output(self, value: int) -> None:
        """`output`: the relay X2 until the next restart, or pulses.

        Pulses are stored (UDP guide V2.01, page 25). That they come back
        after unplugging, as after a restart, is guessed.
        """
        if value in OUTPUT_PULSES:
            self._stored_output = value
        self.output = value

    def allow_phase_switch(self, source: int) -> None:
        """`x2src`: say who may switch phases."""
        self.phase_source = source
        self.settle()

    def switch_phases(self, position: int) -> bool:
        """`x2`: one phase (0) or three (1); False if refused.

        Guessed: it is refused for another source than UDP; the position that
        it has already begins the pause as well; a station without the
        contactor answers and shows the same, and its phases stay.
        """
        pause_s = self.now - self._phases_switched_at
        if self.phase_source != PHASES_BY_UDP:
            return False
        if pause_s <= PHASE_SWITCH_PAUSE_S:
            return False
        self._phases_switched_at = self.now
        self.phase_switch = position
        self.settle()
        return True

    def restart(self) -> None:
        """Lose power and start again; a vehicle stays plugged in.

        Guessed: what `x2src` and `x2` have set survives, the pause between
        two switches of phases does not.
        """
        self.clock.restart(self.now)
        self.limits.restart(self.now)
        self._timers.pop(self.authorisation.close, None)
        self.authorisation.close()
        self.sessions.restart()
        self.output = self._stored_output
        self.errors = (0, 0)
        self._is_stuck = False
        self._was_ready = False
        self._phases_switched_at = -math.inf
        self._is_starting = True
        self._after(START_UP_S, self._finish_start_up)
        self.settle()

    # Time ------------------------------------------------------------------

    def next_moment(self) -> float:
        """Return when something changes next by itself, or infinity."""
        charger_at = self._charger.next_moment() if self._charger else math.inf
        energy = min(
            self._full_at_energy, self._limit_at_energy(), self._push_at_energy
        )
        return min(
            charger_at,
            self.meter.when(energy),
            self.limits.next_moment(),
            *self._timers.values(),
        )

    def advance(self, now: float) -> None:
        """Let time pass; a moment before the present one is ignored."""
        while (moment := self.next_moment()) <= now:
            self.now = max(self.now, moment)
            self._live_moment()
        self.now = max(self.now, now)

    def take_changes(self) -> list[Change]:
        """Return what changed since the last call."""
        changes, self._changes = self._changes, []
        return changes

    def _live_moment(self) -> None:
        was_enabled = self.limits.enable_user
        self.limits.advance(self.now)
        if self.limits.enable_user and not was_enabled:
            self._lock_soon()
        if self._charger:
            self._charger.advance(self.now)
        for job, due_at in list(self._timers.items()):
            if self.now >= due_at:
                del self._timers[job]
                job()
        self._count_energy()
        self.settle()

    def _after(self, seconds: float, job: Callable[[], None]) -> None:
        self._timers[job] = self.now + seconds

    def _lock_soon(self) -> None:
        if self.plug == PLUGGED:
            self._after(LOCK_DELAY_S, self._close_lock)

    def _close_lock(self) -> None:
        self.plug = PLUGGED_AND_LOCKED

    def _finish_start_up(self) -> None:
        self._is_starting = False

    def _offer_wanted(self) -> None:
        self.max_curr = self._wanted_current

    def _change_voltages(self) -> None:
        self._voltages = self._draw_voltages()
        self._after(MAINS_CHANGE_S, self._change_voltages)

    # Energy ----------------------------------------------------------------

    def _limit_at_energy(self) -> float:
        # Without a meter the station cannot know (guessed).
        if not self.profile.has_meter:
            return math.inf
        return self._session_start + self.limits.energy_limit

    def _count_energy(self) -> None:
        if self._charger is None or self.meter.power == 0:
            return
        if self.meter.has_reached(self._push_at_energy, self.now):
            self._push_at_energy += ENERGY_PUSH_UNITS
            self._changes.append(Change(self.now, "E pres", self.e_pres))
        if self.meter.has_reached(self._limit_at_energy(), self.now):
            self.limits.spend_energy()
        if self.meter.has_reached(self._full_at_energy, self.now):
            self._charger.become_full()

    def _begin_session(self) -> None:
        # Guide V2.01, page 19: E pres is reset when the next session starts.
        self._session_start = self.meter.energy(self.now)
        self._push_at_energy = math.inf
        if self.profile.has_meter:
            # Captured values (1945, 5431) are no multiples of 10 Wh.
            first = self._random.randint(1, ENERGY_PUSH_UNITS)
            self._push_at_energy = self._session_start + first
        self.sessions.begin(
            curr_hw=self.curr_hw,
            e_start=whole_units(self._session_start)
            if self.profile.has_meter
            else 0,
            clock=self.clock,
            now=self.now,
        )
        tag = self.authorisation.tag
        if tag is not None:
            self.sessions.note_card(tag, self.authorisation.rfid_class)

    def _end_session(self, reason: int) -> None:
        self.sessions.end(
            e_pres=self.e_pres,
            reason=reason,
            clock=self.clock,
            now=self.now,
        )

    # Settling --------------------------------------------------------------

    def settle(self) -> None:
        """Bring all that follows from the rest in line with it."""
        allowed = self._allowed_current()
        self._offer(allowed)
        if self._charger:
            self._charger.offer(self.max_curr, self.now)
        self._follow_phases()
        self.state = self._find_state(allowed)
        if self.state in {READY, CHARGING}:
            self._was_ready = True
        if self.state == INTERRUPTED:
            self._is_stuck = self.profile.stays_interrupted
        self._feel_mains()
        self._note_changes()

    def _is_permitted(self) -> bool:
        return (
            self.limits.enable_user
            and not self.authorisation.is_required
            and not (self.profile.uses_input and self.input == 0)
            and self.errors == (0, 0)
            and not self._is_stuck
        )

    def _allowed_current(self) -> int:
        """Return the mA that the vehicle may be offered now."""
        if self.plug != PLUGGED_AND_LOCKED or self._is_starting:
            return 0
        if not self._is_permitted():
            return 0
        if self.limits.failsafe.is_tripped:
            # UDP guide V2.01, page 35: Max curr becomes Curr FS.
            return min(self.limits.failsafe.setting.current, self.curr_hw)
        return min(self.limits.curr_user, self.curr_hw)

    def _offer(self, allowed: int) -> None:
        self._wanted_current = allowed
        if allowed == self.max_curr:
            return
        charging = self._charger is not None and self._charger.is_drawing
        if allowed == 0 or not charging:
            self.max_curr = allowed
            self._timers.pop(self._offer_wanted, None)
        elif self._offer_wanted not in self._timers:
            # A later wish replaces this one without another wait.
            wait_s = self._random.uniform(*CURRENT_DELAY_S)
            self._after(wait_s, self._offer_wanted)

    def _find_state(self, allowed: int) -> int:
        if self._is_starting:
            return STARTING
        if self.errors != (0, 0):
            return ERROR
        if self.plug != PLUGGED_AND_LOCKED or self.authorisation.is_required:
            return NOT_READY
        if allowed == 0:
            # Captures show 5 after a stop. That a vehicle which was never
            # offered anything is "not ready" instead is guessed.
            return INTERRUPTED if self._was_ready else NOT_READY
        if self._charger and self._charger.is_drawing:
            return CHARGING
        return READY

    def _feel_mains(self) -> None:
        if self.state not in {READY, CHARGING}:
            # Stations without load show no voltage (captures).
            self.mains = Mains()
            self._timers.pop(self._change_voltages, None)
        else:
            self.mains = self._load()
            if self._change_voltages not in self._timers:
                self._after(MAINS_CHANGE_S, self._change_voltages)
        self.meter.set_power(self.mains.power, self.now)

    def _load(self) -> Mains:
        if self._charger is None or self._charger.current == 0:
            return Mains(voltages=self._voltages)
        current = self._charger.current
        used = min(self._charger.vehicle.phases, self._phases())
        currents = tuple(current if phase < used else 0 for phase in range(3))
        # A charger's power factor is worse with little load: 905 was captured
        # at 9 A (OpenEMS), nearly 1000 is usual at full current.
        factor = min(999, 850 + current * 149 // 16_000)
        apparent = sum(
            volt * milliampere
            for volt, milliampere in zip(self._voltages, currents, strict=True)
        )
        return Mains(
            voltages=self._voltages,
            currents=currents,
            power=apparent * factor // 1000,
            power_factor=factor,
        )

    def _phases(self) -> int:
        has_switch = self.profile.has_phase_switch
        if has_switch and self.phase_source and self.phase_switch == 0:
            return 1
        return self.profile.phases

    def _follow_phases(self) -> None:
        # Guessed: with more phases the charger begins at 0 again, as after
        # a start.
        before, self._connected = self._connected, self._phases()
        if self._charger and self._connected > before:
            self._charger.climb_again(self.now)

    def _draw_voltages(self) -> tuple[int, ...]:
        return tuple(
            self._random.randint(226, 234) if phase < self.profile.phases else 0
            for phase in range(3)
        )

    def _note_changes(self) -> None:
        watched = {
            "State": self.state,
            "Plug": self.plug,
            "Input": self.input,
            "Enable sys": int(self.enable_sys),
            "Max curr": self.max_curr,
        }
        for field, value in watched.items():
            if value != self._told.get(field):
                self._changes.append(Change(self.now, field, value))
        self._told = watched
