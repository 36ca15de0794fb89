"""The commissioning test, with a station and a vehicle made of paper."""

import os
import signal
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from connector.diagnosis.facts import StationFacts
from connector.keba.protocol.commands import (
    Command,
    Enable,
    Milliampere,
    SetCurrent,
    SetCurrentTimed,
)
from connector.keba.protocol.fields import CURRENT_MAX_MA
from connector.keba.station.events import (
    CommandFinished,
    LinkFacts,
    Outcome,
    ReportReceived,
    SettingChanged,
    StationRestarted,
)
from connector.settings import Station
from connector.tools.problems import Problem, UsageProblem
from connector.tools.ramp import end_signals, read_steps
from connector.tools.ramp_course import Ramp, Result, Verdict, refusal
from connector.tools.ramp_record import record_of, sheet_of

CHARGING: dict[str, object] = {
    "ID": "2",
    "State": 3,
    "Plug": 7,
    "AuthON": 0,
    "Authreq": 0,
    "Enable sys": 1,
    "Enable user": 1,
    "Max curr": 32_000,
    "Curr HW": 32_000,
    "Curr user": 63_000,
    "Curr timer": 0,
    "Tmo CT": 0,
    "Setenergy": 0,
    "Tmo FS": 0,
    "Curr FS": 0,
}
IDENTITY: dict[str, object] = {
    "ID": "1",
    "Product": "KC-P30-EC240422-E00",
    "Serial": "12345678",
    "Firmware": "P30 v 3.10.57 (240521-093236)",
}
OFFER_FOLLOWS_S = 7
ROUND_S = 5
LONGEST_S = 900

Draws = Callable[[int, float], int]
"""What a vehicle draws: from the offer, and the seconds since it came."""


def all_of_it(offered: int, _since_s: float) -> int:
    return offered


class PaperStation:
    """A station that obeys after a second and is polled every five.

    `settings` are fields of report 2 that are not as in `CHARGING`; None
    takes a field away.
    """

    def __init__(
        self,
        draws: Draws = all_of_it,
        phases: int = 3,
        settings: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.draws = draws
        self.phases = phases
        self.report_2: dict[str, Any] = {
            key: value
            for key, value in (CHARGING | dict(settings)).items()
            if value is not None
        }
        self.at_stop: dict[str, object] = {}
        self.offers = True
        self.outcome = Outcome.APPLIED
        self.facts = StationFacts("garage")
        self.sent: list[str] = []
        self.now = 0.0
        self.at: dict[float, Callable[[Ramp], object]] = {}
        self._offer_at = 0.0
        self._waiting: list[Command] = []
        self.facts.note_fields(IDENTITY)
        self._tell()

    def run(self, *steps: int, highest: int = CURRENT_MAX_MA) -> Ramp:
        """Go through the whole test."""
        ramp = Ramp(self.facts, [*steps] or [6_000, 16_000], highest)
        while not ramp.is_over and self.now < LONGEST_S:
            self.now += 1.0
            if self.now in self.at:
                self.at[self.now](ramp)
            if self._waiting and self.outcome is Outcome.APPLIED:
                # Report 2 is what proves it.
                self._tell()
            for command in self._waiting:
                ramp.note(CommandFinished("garage", command, self.outcome))
            self._waiting = ramp.advance(self.now)
            for command in self._waiting:
                self._obey(command)
            if self._offer_at == self.now:
                self._follow()
            if self.now % ROUND_S == 0:
                self._tell()
                ramp.note(ReportReceived("garage", "report 3", ""))
        assert ramp.is_over
        return ramp

    def _obey(self, command: Command) -> None:
        self.sent.append(str(command))
        if self.outcome is not Outcome.APPLIED:
            return
        match command:
            case Enable(on=on):
                self.report_2["Enable user"] = int(on)
            case SetCurrentTimed(limit=0):
                self.report_2 |= {"Enable user": 0} | self.at_stop
            case SetCurrentTimed(limit=limit):
                self.report_2 |= {"Curr user": limit, "Curr timer": limit}
            case SetCurrent(limit=limit):
                self.report_2["Curr user"] = limit
        self._offer_at = self.now + OFFER_FOLLOWS_S
        if self.report_2["Enable user"] == 0:
            self.report_2 |= {"State": 5, "Enable sys": 0, "Max curr": 0}
        elif self.report_2["State"] == 5 and not self.report_2["Authreq"]:
            self.report_2 |= {"State": 3, "Enable sys": 1}

    def _follow(self) -> None:
        if self.offers and self.report_2["Enable user"]:
            limits = (self.report_2["Curr user"], self.report_2["Curr HW"])
            self.report_2["Max curr"] = min(limits)

    def _tell(self) -> None:
        offered = self.report_2["Max curr"]
        current = self.draws(offered, self.now - self._offer_at)
        currents = [current] * self.phases + [5] * (3 - self.phases)
        report_3: dict[str, object] = {
            "ID": "3",
            "P": sum(currents) * 230,
            "E pres": 5_000,
        }
        for phase, one in enumerate(currents, 1):
            report_3 |= {f"I{phase}": one, f"U{phase}": 230}
        for report in (dict(self.report_2), report_3):
            self.facts.note_fields(report, round(self.now * 1000))


def verdicts(ramp: Ramp) -> list[Verdict]:
    return [step.verdict for step in (*ramp.steps, ramp.stop)]


# --- a test that goes well ----------------------------------------------------


def test_each_limit_is_set_measured_and_set_back() -> None:
    station = PaperStation()
    ramp = station.run(6_000, 10_000, 16_000)
    assert verdicts(ramp) == [Verdict.AS_OFFERED] * 3 + [Verdict.STOPPED]
    assert [step.drawn_ma for step in ramp.steps] == [
        [6_000, 6_000, 6_000],
        [10_000, 10_000, 10_000],
        [16_000, 16_000, 16_000],
    ]
    assert station.sent == [
        "currtime 6000 1",
        "currtime 10000 1",
        "currtime 16000 1",
        "currtime 0 1",
        "curr 63000",
        "ena 1",
    ]
    assert ramp.result is Result.PASSED


def test_a_step_ends_only_when_the_vehicle_has_followed() -> None:
    def climbs(offered: int, since_s: float) -> int:
        return min(offered, 6_000 + int(max(0.0, since_s)) * 400)

    ramp = PaperStation(climbs).run(16_000)
    (step,) = ramp.steps
    assert step.drawn_ma == [16_000] * 3
    assert step.took_s is not None
    assert 7 + 25 <= step.took_s <= 7 + 25 + 2 * ROUND_S


def test_a_vehicle_may_draw_less_and_on_fewer_phases() -> None:
    ramp = PaperStation(lambda offered, _: min(offered, 10_000), 1).run()
    assert verdicts(ramp)[:2] == [Verdict.AS_OFFERED, Verdict.DRAWS_LESS]
    assert [step.phases for step in ramp.steps] == [1, 1]
    assert ramp.result is Result.PASSED


def test_a_vehicle_that_refuses_the_smallest_current_spoils_nothing() -> None:
    def large_ones(offered: int, _since_s: float) -> int:
        return offered if offered > 8_000 else 0

    station = PaperStation(large_ones, settings={"State": 2})
    ramp = station.run()
    assert verdicts(ramp)[0] is Verdict.DRAWS_NOTHING
    assert ramp.result is Result.PASSED


def test_a_p20_has_no_timer_and_is_stopped_by_ena() -> None:
    station = PaperStation(settings={"Curr timer": None, "Tmo CT": None})
    assert station.run(6_000).result is Result.PASSED
    assert station.sent == ["curr 6000", "ena 0", "curr 63000", "ena 1"]


# --- what it finds ------------------------------------------------------------


def test_a_vehicle_that_draws_more_than_offered_is_a_failure() -> None:
    ramp = PaperStation(lambda offered, _: offered and offered + 1_500).run()
    assert verdicts(ramp)[:2] == [Verdict.DRAWS_MORE] * 2
    assert ramp.result is Result.FAILED


def test_an_ampere_more_is_within_the_tolerance() -> None:
    ramp = PaperStation(lambda offered, _: offered and offered + 1_000).run()
    assert ramp.result is Result.PASSED


def test_a_limit_that_is_not_offered_is_a_failure_with_the_rule() -> None:
    station = PaperStation()
    station.offers = False
    station.report_2["Max curr"] = 10_000
    ramp = station.run(16_000)
    assert verdicts(ramp)[0] is Verdict.NOT_OFFERED
    assert ramp.steps[0].limited_by == "station"
    assert ramp.result is Result.FAILED


def test_a_station_that_goes_on_after_the_stop_is_a_failure() -> None:
    ramp = PaperStation(lambda offered, _: offered or 6_000).run()
    assert ramp.stop.verdict is Verdict.STILL_DRAWS
    assert ramp.result is Result.FAILED


def test_without_a_meter_nothing_is_shown() -> None:
    ramp = PaperStation(lambda *_: 0).run()
    assert verdicts(ramp)[0] is Verdict.NOT_MEASURED
    assert ramp.result is Result.INCOMPLETE


# --- what ends it before its time ---------------------------------------------


def test_an_end_from_outside_sets_back_at_once() -> None:
    station = PaperStation()
    station.at[3.0] = lambda ramp: ramp.cancel("Ctrl-C")
    ramp = station.run()
    assert station.sent == ["currtime 6000 1", "curr 63000"]
    assert (ramp.ended_by, ramp.result) == ("Ctrl-C", Result.INCOMPLETE)


def test_an_end_before_anything_was_set_leaves_no_record() -> None:
    station = PaperStation()
    station.at[1.0] = lambda ramp: ramp.cancel("Ctrl-C")
    refused = station.run().refusal
    assert refused is not None
    assert refused.text == "Ctrl-C; nothing was changed"
    assert station.sent == []


def test_an_end_during_the_stop_also_lets_it_charge_again() -> None:
    station = PaperStation(draws=lambda offered, _: offered or 6_000)
    station.at[33.0] = lambda ramp: ramp.cancel("Ctrl-C")
    station.run(6_000)
    assert station.sent[1:] == ["currtime 0 1", "curr 63000", "ena 1"]


@pytest.mark.parametrize(
    ("name", "word"),
    [("SIGINT", "Ctrl-C"), ("SIGTERM", "SIGTERM"), ("SIGHUP", "SIGHUP")],
)
def test_a_signal_is_a_reason_to_end_and_no_more(name: str, word: str) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with end_signals() as end_wanted:
        assert end_wanted() == ""
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert end_wanted() == word
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"Plug": 3, "State": 1}, "no vehicle"),
        ({"State": 4, "Error1": 6}, "Error1 6"),
        ({"State": 5, "Enable user": 0}, "disabled"),
        ({"State": 5, "Enable sys": 0}, "itself forbids"),
    ],
)
def test_what_forbids_charging_ends_it_and_is_not_lifted(
    change: dict[str, int], word: str
) -> None:
    station = PaperStation()
    station.at[8.0] = lambda _: station.report_2.update(change)
    ramp = station.run()
    assert word in ramp.ended_by
    assert station.sent == ["currtime 6000 1", "curr 63000"]
    assert ramp.result is Result.FAILED


@pytest.mark.parametrize("steps", [(6_000, 16_000), (6_000,)])
def test_a_stop_that_comes_just_before_a_step_or_the_stop_is_not_lifted(
    steps: tuple[int, ...],
) -> None:
    station = PaperStation()
    disabled = {"State": 5, "Enable user": 0, "Enable sys": 0, "Max curr": 0}

    def disable(_ramp: Ramp) -> None:
        station.report_2 |= disabled
        station.facts.note_fields({"Enable sys": 0})

    station.at[16.0] = disable
    ramp = station.run(*steps)
    assert ramp.steps[0].verdict is Verdict.AS_OFFERED
    assert station.sent == ["currtime 6000 1", "curr 63000"]
    assert "disabled" in ramp.ended_by


def test_a_card_that_has_to_be_shown_again_is_of_the_stop() -> None:
    station = PaperStation()
    station.at_stop = {"Authreq": 1}
    ramp = station.run(6_000)
    assert ramp.result is Result.PASSED


def test_a_limit_of_somebody_else_stays() -> None:
    station = PaperStation()
    seen = SettingChanged(
        "garage", SetCurrent(Milliampere(6_000)), "Curr user 8000"
    )
    station.at[8.0] = lambda ramp: ramp.note(seen)
    ramp = station.run()
    assert "somebody else" in ramp.ended_by
    assert station.sent == ["currtime 6000 1"]


def test_a_limit_of_an_ended_session_does_not_come_back() -> None:
    timed = {"Curr user": 10_000, "Curr timer": 10_000}
    station = PaperStation(settings=timed)
    unplugged = {"Plug": 3, "State": 1, "Curr user": 63_000}
    station.at[8.0] = lambda _: station.report_2.update(unplugged)
    station.run()
    assert station.sent == ["currtime 6000 1", "currtime 63000 1"]


def test_a_restart_ends_it() -> None:
    station = PaperStation()
    station.at[8.0] = lambda ramp: ramp.note(StationRestarted("garage"))
    assert "restarted" in station.run().ended_by


def test_a_station_that_ignores_a_limit_is_not_asked_for_the_next() -> None:
    station = PaperStation()
    station.outcome = Outcome.NOT_APPLIED
    ramp = station.run()
    assert "not applied" in ramp.ended_by
    assert "currtime 16000 1" not in station.sent


def test_what_cannot_be_set_back_is_told_with_what_to_do() -> None:
    station = PaperStation()

    def falls_silent(_ramp: Ramp) -> None:
        station.outcome = Outcome.NO_REPLY
        station.facts.note_connection(
            LinkFacts(is_silent=True), station.facts.failsafe
        )

    station.at[8.0] = falls_silent
    ramp = station.run()
    assert "does not answer" in ramp.ended_by
    assert station.sent[1:] == ["curr 63000"] * 3
    assert "keba send garage curr 63000" in ramp.left
    assert ramp.result is Result.FAILED


# --- what is set back ---------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "highest", "command"),
    [
        ({"Curr user": 63_000}, 63_000, "curr 63000"),
        ({"Curr user": 13_000}, 63_000, "curr 13000"),
        ({"Curr user": 63_000}, 16_000, "curr 16000"),
        (
            {"Curr user": 13_000, "Curr timer": 13_000},
            63_000,
            "currtime 13000 1",
        ),
        # There `curr` would switch to three phases.
        ({"X2 phaseSwitch source": 4}, 63_000, "currtime 63000 1"),
    ],
)
def test_the_limit_comes_back_as_it_was_set(
    before: dict[str, int], highest: int, command: str
) -> None:
    station = PaperStation(settings=before)
    station.run(6_000, highest=highest)
    assert station.sent[-2:] == [command, "ena 1"]


# --- what is refused ----------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"Plug": 3, "State": 1, "Max curr": 0}, "no_vehicle"),
        ({"State": 4, "Error1": 6}, "error"),
        ({"State": 0}, "starting_up"),
        ({"State": 5, "Enable user": 0, "Enable sys": 0}, "disabled"),
        ({"State": 1, "Authreq": 1, "AuthON": 1}, "authorization"),
        ({"State": 5, "Enable sys": 0, "Max curr": 0}, "station"),
        ({"Tmo FS": 30, "Curr FS": 6_000}, "second_client"),
        ({"Curr timer": 6_000, "Tmo CT": 60}, "invalid"),
        ({"Curr HW": 13_000}, "invalid"),
    ],
)
def test_a_station_that_cannot_be_tested_is_refused_with_the_cause(
    settings: dict[str, int], code: str
) -> None:
    station = PaperStation(settings=settings)
    ramp = station.run(16_000)
    assert ramp.refusal is not None
    assert "nothing was changed" in ramp.refusal.text
    assert ramp.refusal.code == code
    assert ramp.refusal.advice
    assert station.sent == []


@pytest.mark.parametrize("settings", [{}, {"State": 2}, {"State": 5}], ids=str)
def test_a_plugged_vehicle_that_may_charge_can_be_tested(
    settings: dict[str, int],
) -> None:
    station = PaperStation(settings=settings)
    assert refusal(station.facts, [16_000, 32_000]) is None


def test_steps_are_amperes() -> None:
    assert read_steps("6, 13.5,32", Station(host="192.0.2.1")) == [
        6_000,
        13_500,
        32_000,
    ]


@pytest.mark.parametrize("text", ["5", "64", "6,20", "-6", "0"])
def test_steps_that_must_not_be_set_are_refused(text: str) -> None:
    garage = Station(host="192.0.2.1", max_curr=16_000)
    with pytest.raises(Problem, match="refused") as refused:
        read_steps(text, garage)
    assert refused.value.exit_code == 1


@pytest.mark.parametrize("text", ["", "6;10", "fast", "6,", "nan", "1e999"])
def test_what_is_no_list_of_currents_is_a_mistake_of_the_call(
    text: str,
) -> None:
    with pytest.raises(UsageProblem, match="in A with commas"):
        read_steps(text, Station(host="192.0.2.1"))


# --- the record ---------------------------------------------------------------


def test_the_record_fits_on_a_sheet_and_says_what_was_done() -> None:
    ramp = PaperStation(lambda offered, _: offered and offered + 1_500).run(
        6_000, 32_000
    )
    record = record_of(
        ramp, host="192.0.2.1", version="1.2.0", began_ms=1_795_343_457_000
    )
    sheet = sheet_of(record, ramp)
    lines = sheet.splitlines()
    assert max(map(len, lines)) <= 80
    assert [*map(str.rstrip, lines)] == lines
    assert "serial       12345678" in sheet
    assert "32.0    32.0 33.5 33.5 33.5 230 230 230 23.11 " in sheet
    assert "DRAWS MORE" in sheet
    assert "Result: failed" in sheet
    assert record["steps"][1] == {
        "wanted_ma": 32_000,
        "offered_ma": 32_000,
        "drawn_ma": [33_500] * 3,
        "volt": [230] * 3,
        "power_mw": 23_115_000,
        "phases": 3,
        "limited_by": "hardware",
        "took_s": record["steps"][1]["took_s"],
        "verdict": "draws_more",
    }
