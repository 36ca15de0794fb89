"""What becomes of commands: each of them in each situation.

KEBA: "TCH-OK" says that a command was received, nothing more. What counts is
what report 2 shows afterwards.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from connector.diagnosis.causes import Code
from connector.keba.protocol.commands import (
    Command,
    DeciWattHour,
    Milliampere,
    Seconds,
    SetCurrentTimed,
    SetDateTime,
    SetEnergyLimit,
    SetOutput,
    SetPhases,
    SetPhaseSource,
    Start,
    Stop,
    Unlock,
)
from connector.keba.station.events import (
    CommandFinished,
    CommandNotSent,
    ConnectionState,
    Outcome,
    ReportReceived,
    SettingChanged,
    SettingRestored,
    StationRestarted,
    StatusReceived,
)
from connector.keba.station.station import PHASE_COOL_DOWN_S
from connector.tests.keba.commands import (
    FAILSAFE,
    HELLO,
    NO_FAILSAFE,
    OFF,
    ON,
    SIX_AMPERES,
    SIX_AMPERES_SOON,
    STOP_SOON,
    TEN_AMPERES,
    TEN_AMPERES_SOON,
)
from connector.tests.keba.station.conversation import TCH_OK, report
from connector.tests.keba.station.obeying import ObeyingGarage

TAG = "e3f76b8d00000000"
ANOTHER_STATION = "another station answers at this address"
REFUSAL = b"TCH-ERR:not allowed now\n"
NEVER_TWICE = {"start", "stop", "x2", "setdatetime"}

APPLIED = Outcome.APPLIED
NOT_APPLIED = Outcome.NOT_APPLIED
RECEIVED = Outcome.RECEIVED
REJECTED = Outcome.REJECTED
NO_REPLY = Outcome.NO_REPLY
SUPERSEDED = Outcome.SUPERSEDED


@dataclass(frozen=True)
class Row:
    """A command, what is wanted, and what an ignoring station shows."""

    command: Command
    wanted: str
    seen: str
    shown: dict[str, int] = field(default_factory=dict)


PROVABLE = [
    Row(OFF, "Enable user 0", "Enable user 1"),
    Row(ON, "Enable user 1", "Enable user 0", {"Enable user": 0}),
    Row(TEN_AMPERES, "Curr user 10000", "Curr user 63000"),
    Row(TEN_AMPERES_SOON, "Curr user 10000, Enable user 1", "Curr user 63000"),
    Row(
        SetCurrentTimed(Milliampere(10_000), Seconds(7200)),
        "Curr user 10000, Enable user 1",
        "Curr user 63000",
    ),
    Row(STOP_SOON, "wanted Curr user 0", "Curr user 63000"),
    Row(SetEnergyLimit(DeciWattHour(100_000)), "Setenergy 100000", "energy 0"),
    Row(SetOutput(1), "Output 1", "Output 0"),
    Row(FAILSAFE, "Tmo FS 60, Curr FS 6000", "Tmo FS 0"),
    Row(NO_FAILSAFE, "Tmo FS 0", "Tmo FS 60", {"Tmo FS": 60}),
    Row(SetPhaseSource(4), "phaseSwitch source 4", "phaseSwitch source 0"),
    Row(SetPhases(three=True), "X2 phaseSwitch 1", "X2 phaseSwitch 0"),
    Row(Unlock(), "Plug 5", "Plug 7"),
    Row(Start(TAG), "Authreq 0", "Authreq 1"),
    Row(Start(), "Authreq 0", "Authreq 1"),
    Row(Stop(TAG), "Authreq 1", "Authreq 0", {"Authreq": 0}),
]
WITHOUT_READ_BACK = [
    Row(HELLO, "", ""),
    Row(SetDateTime(Seconds(1_800_000_000)), "", ""),
]

SITUATIONS: dict[str, dict[str, Any]] = {
    "applied": {},
    "ignored": {"obeys": False},
    "refused": {"obeys": False, "answer": REFUSAL},
    "silent": {"obeys": False, "answer": None},
    "answer lost": {"answer": None},
    "late": {"delay_s": 2.5},
    "late and ignored": {"obeys": False, "delay_s": 2.5},
    "all late": {"delay_s": 2.5, "report_delay_s": 2.5},
    "all late and ignored": {
        "obeys": False,
        "delay_s": 2.5,
        "report_delay_s": 2.5,
    },
    # Just after it has confirmed.
    "rebooted": {},
}
"""How a station behaves; what is late comes after we have given up."""


def give(garage: ObeyingGarage, situation: str, command: Command) -> None:
    """Write a command to a station that behaves like that."""
    garage.behave(**SITUATIONS[situation])
    garage.submit(command)
    if situation == "rebooted":
        garage.live_until_sent(command.encode().decode())
        garage.receive(TCH_OK)
        garage.reboot()


RESULTS = {
    # with read-back, without
    "applied": (APPLIED, RECEIVED),
    "ignored": (NOT_APPLIED, RECEIVED),
    "refused": (REJECTED, REJECTED),
    "silent": (NO_REPLY, NO_REPLY),
    "answer lost": (APPLIED, NO_REPLY),
    "late": (APPLIED, RECEIVED),
    "late and ignored": (NOT_APPLIED, RECEIVED),
    "all late": (APPLIED, RECEIVED),
    "all late and ignored": (NOT_APPLIED, RECEIVED),
    "rebooted": (NOT_APPLIED, RECEIVED),
}
each_provable = pytest.mark.parametrize(
    "row", PROVABLE, ids=lambda row: str(row.command)
)
each_command = pytest.mark.parametrize(
    "row", PROVABLE + WITHOUT_READ_BACK, ids=lambda row: str(row.command)
)


def _shown_at_first(command: Command) -> Outcome:
    """Return the first result of a command that works."""
    is_late = isinstance(command, SetCurrentTimed) and not command.rules_soon
    return Outcome.WAITING if is_late else APPLIED


def _without_doubt(row: Row, outcomes: list[Outcome]) -> list[Outcome]:
    """Drop the first verdict of a command that is never said twice.

    Its silence is told at once; what comes late may correct that.
    """
    if row.command.word not in NEVER_TWICE or len(outcomes) == 1:
        return outcomes
    assert outcomes[0] is NO_REPLY
    return outcomes[1:]


@pytest.mark.parametrize("situation", SITUATIONS)
@each_command
def test_what_became_of_a_command_is_reported(row: Row, situation: str) -> None:
    garage = ObeyingGarage(row.shown)

    give(garage, situation, row.command)
    garage.live(90.0)

    provable, without_read_back = RESULTS[situation]
    expected = provable if row in PROVABLE else without_read_back
    if expected is APPLIED:
        expected = _shown_at_first(row.command)
    results = garage.results(row.command)
    assert _without_doubt(row, results) == [expected]


@each_provable
def test_a_command_that_was_ignored_is_reported_with_wanted_and_seen_value(
    row: Row,
) -> None:
    garage = ObeyingGarage(row.shown)

    give(garage, "ignored", row.command)
    garage.live(30.0)

    (finished,) = garage.happened(CommandFinished)
    wanted, _, seen = finished.detail.partition(", seen ")
    assert wanted.startswith("wanted ")
    assert wanted.endswith(row.wanted)
    assert row.seen in seen


@pytest.mark.parametrize("is_in_flight", [True, False])
@pytest.mark.parametrize(
    "row",
    [row for row in PROVABLE if row.command.word != "x2"],
    ids=lambda row: str(row.command),
)
def test_the_newest_command_supersedes_one_in_flight_or_without_its_proof(
    row: Row, *, is_in_flight: bool
) -> None:
    garage = ObeyingGarage(row.shown)
    garage.submit(row.command)
    garage.advance()
    if not is_in_flight:
        garage.receive(TCH_OK)

    garage.submit(row.command)
    if is_in_flight:
        garage.receive(TCH_OK)
    garage.live(30.0)

    shown = _shown_at_first(row.command)
    assert garage.results(row.command) == [SUPERSEDED, shown]


def test_what_was_superseded_while_in_flight_has_no_second_result() -> None:
    """Its effect shows after the newer command took its place."""
    garage = ObeyingGarage()
    older = SetCurrentTimed(Milliampere(0), Seconds(13))
    give(garage, "silent", older)
    for _ in range(2):
        garage.live_until_sent(str(older))
    garage.submit(SIX_AMPERES)
    garage.fields |= {"Curr timer": 0, "Tmo CT": 13}

    garage.live(30.0)
    garage.fields |= {"Tmo CT": 0, "Enable user": 0}
    garage.live(30.0)

    assert garage.results(older) == [SUPERSEDED]


@each_command
def test_silence_is_met_with_one_repetition_unless_twice_is_too_much(
    row: Row,
) -> None:
    garage = ObeyingGarage(row.shown)

    give(garage, "silent", row.command)
    garage.live(90.0)

    times = 1 if row.command.word in NEVER_TWICE else 2
    assert garage.settings_sent() == [row.command.encode().decode()] * times


def test_each_silence_of_a_command_is_counted() -> None:
    garage = ObeyingGarage()

    give(garage, "silent", TEN_AMPERES)
    garage.live(60.0)

    state = garage.happened(ConnectionState)[-1]
    assert state.requests_unanswered == 2


@each_command
def test_a_late_answer_saves_the_repetition(row: Row) -> None:
    garage = ObeyingGarage(row.shown)

    give(garage, "late", row.command)
    garage.live(90.0)

    assert garage.settings_sent() == [row.command.encode().decode()]


# --- readings ------------------------------------------------------------


def test_a_reading_older_than_the_answer_proves_nothing() -> None:
    garage = ObeyingGarage(reports=(2,))
    garage.fields["Curr user"] = 10_000
    assert garage.next_datagram() == "report 2"
    garage.submit(TEN_AMPERES)
    # Report 2 seems lost, the command is confirmed, report 2 comes late.
    assert garage.next_datagram() == "curr 10000"
    garage.receive(TCH_OK)
    garage.receive(report(2, Curr_user=10_000, Sec=2000))

    assert garage.results(TEN_AMPERES) == []


def test_the_answer_to_the_first_of_two_requests_proves_nothing() -> None:
    """It may have been made before the command, its repetition after."""
    garage = ObeyingGarage(reports=(2,))
    garage.mute = {2}
    garage.live_until_sent("report 2")
    garage.submit(SIX_AMPERES)
    garage.live_until_sent("curr 6000")
    garage.live_until_sent("report 2")

    garage.receive(report(2, Curr_user=6_000, Sec=2000))

    assert garage.results(SIX_AMPERES) == []


def test_a_lost_reading_does_not_excuse_a_station_that_ignores() -> None:
    garage = ObeyingGarage()
    give(garage, "ignored", TEN_AMPERES)
    garage.mute = {2}
    garage.live(9.0)
    garage.mute = set()
    garage.live(60.0)

    assert garage.results(TEN_AMPERES) == [NOT_APPLIED]


def test_a_station_that_never_shows_report_2_has_received_the_command() -> None:
    garage = ObeyingGarage()
    garage.behave(mute=[2])

    garage.submit(TEN_AMPERES)
    garage.live(60.0)

    assert garage.results(TEN_AMPERES) == [RECEIVED]


def test_a_station_whose_dip_switch_is_off_gives_no_reply() -> None:
    garage = ObeyingGarage()
    garage.behave(answer=None, mute=[2, 3])

    garage.submit(TEN_AMPERES)
    garage.live(90.0)

    assert garage.results(TEN_AMPERES) == [NO_REPLY]
    assert garage.reasons()[-1] is Code.DIP_SWITCH_OFF


def test_a_setting_in_flight_is_not_reported_as_somebody_elses() -> None:
    garage = ObeyingGarage()
    garage.submit(TEN_AMPERES)
    garage.live(15.0)
    garage.mute = {2}
    garage.live_until_sent("report 2")
    garage.live(2.1)
    garage.answer = None
    garage.submit(SIX_AMPERES)
    assert garage.next_datagram(garage.now + 1.0) == str(SIX_AMPERES)
    # The report comes late, from after the station has heard the command.
    garage.receive(report(2, Curr_user=6_000, Sec=2000, Serial="17619300"))

    assert garage.happened(SettingChanged) == []


def test_a_current_that_a_currtime_replaced_was_not_ignored() -> None:
    garage = ObeyingGarage()

    garage.submit(TEN_AMPERES)
    garage.submit(SIX_AMPERES_SOON)
    garage.live(30.0)

    assert NOT_APPLIED not in garage.results(TEN_AMPERES)
    assert garage.results(SIX_AMPERES_SOON) == [APPLIED]


def test_a_start_where_no_card_is_needed_proves_nothing() -> None:
    garage = ObeyingGarage({"AuthON": 0, "Authreq": 0})

    garage.submit(Start(TAG))
    garage.live(30.0)

    assert garage.results(Start(TAG)) == [RECEIVED]


# --- the cool-down of x2 --------------------------------------------------


def test_phases_are_not_switched_too_soon_and_the_wait_is_told() -> None:
    garage = ObeyingGarage()
    garage.submit(SetPhases(three=True))
    garage.live(5.0)

    garage.submit(SetPhases(three=False))
    garage.live(30.0)

    (told,) = garage.happened(CommandNotSent)
    assert told.outcome is Outcome.INVALID
    assert told.detail == "x2: the phases may be switched again in 300 s"
    assert garage.settings_sent() == ["x2 1"]
    assert garage.results(SetPhases(three=True)) == [APPLIED]


@pytest.mark.parametrize("answer_first", [True, False])
def test_a_switching_that_is_refused_has_the_last_word(
    *, answer_first: bool
) -> None:
    """What is refused here is newer than the one on its way."""
    garage = ObeyingGarage()
    garage.submit(SetPhases(three=True))
    garage.advance()
    if answer_first:
        garage.receive(TCH_OK)

    garage.submit(SetPhases(three=False))
    if not answer_first:
        garage.receive(TCH_OK)
    garage.live(30.0)

    assert garage.outcomes() == [SUPERSEDED, Outcome.INVALID]
    assert garage.results(SetPhases(three=True)) == [SUPERSEDED]


def test_a_late_answer_comes_after_a_refused_switching() -> None:
    garage = ObeyingGarage()
    garage.delay_s, garage.mute = 2.5, {2}
    garage.submit(SetPhases(three=True))
    garage.live(2.2)

    garage.submit(SetPhases(three=False))
    garage.mute = set()
    garage.live(30.0)

    assert garage.outcomes() == [NO_REPLY, Outcome.INVALID]


def test_phases_may_be_switched_after_the_cool_down() -> None:
    garage = ObeyingGarage()
    garage.submit(SetPhases(three=True))
    garage.live(PHASE_COOL_DOWN_S)

    garage.submit(SetPhases(three=False))
    garage.live(5.0)

    assert garage.settings_sent() == ["x2 1", "x2 0"]
    assert garage.moments("x2 0")[0] - garage.moments("x2 1")[0] >= 305.0


def test_a_refused_switching_was_none() -> None:
    garage = ObeyingGarage()
    give(garage, "refused", SetPhases(three=True))
    garage.live(5.0)

    garage.submit(SetPhases(three=True))

    assert garage.happened(CommandNotSent) == []


def test_an_unanswered_switching_may_have_been_one() -> None:
    garage = ObeyingGarage()
    give(garage, "silent", SetPhases(three=True))
    garage.live(10.0)

    garage.submit(SetPhases(three=True))

    assert "again in 295 s" in garage.happened(CommandNotSent)[0].detail


# --- another station --------------------------------------------------------


@pytest.fixture
def unknown() -> ObeyingGarage:
    """Garage's address, at which another station answers."""
    garage = ObeyingGarage(serial="17619300")
    garage.serial = "99999999"
    garage.live(30.0)
    garage.forget()
    return garage


def test_another_station_is_the_reason_for_being_offline(
    unknown: ObeyingGarage,
) -> None:
    unknown.live(30.0)

    state = unknown.happened(ConnectionState)[-1]
    assert not state.online
    assert unknown.reasons()[-1] is Code.WRONG_SERIAL
    assert state.link.serial == "99999999"


def test_another_station_is_not_believed(unknown: ObeyingGarage) -> None:
    unknown.live(30.0)
    unknown.receive(b'{"State": 3}')

    assert unknown.happened(ReportReceived) == []
    assert unknown.happened(StatusReceived) == []


def test_another_station_is_sent_no_command(unknown: ObeyingGarage) -> None:
    unknown.submit(TEN_AMPERES)
    unknown.live(30.0)

    assert unknown.settings_sent() == []
    assert unknown.happened(CommandNotSent) == [
        CommandNotSent("garage", "curr", Outcome.INVALID, ANOTHER_STATION)
    ]


def test_neither_keepalives_nor_the_last_words_go_to_another_one() -> None:
    garage = ObeyingGarage(serial="17619300", failsafe=FAILSAFE)
    garage.serial = "99999999"
    garage.live(30.0)
    garage.forget()

    garage.live(120.0)
    garage.shut_down()
    garage.live(10.0)

    assert garage.settings_sent() == []
    assert not garage.station.has_commands


def test_a_command_whose_station_was_exchanged_comes_to_an_end() -> None:
    garage = ObeyingGarage(serial="17619300")
    garage.give(TEN_AMPERES)
    garage.serial = "99999999"
    garage.live(30.0)

    assert garage.happened(CommandFinished) == [
        CommandFinished("garage", TEN_AMPERES, RECEIVED, ANOTHER_STATION)
    ]


def test_the_right_station_is_believed_again(unknown: ObeyingGarage) -> None:
    unknown.serial = "17619300"
    unknown.live(35.0)

    assert unknown.reasons()[-1] is Code.OK


def test_the_uptime_of_another_station_is_none_of_the_right_one() -> None:
    garage = ObeyingGarage(serial="17619300")
    garage.receive(report(1, Serial="99999999", Sec=500_000))
    garage.receive(report(1, Serial="17619300", Sec=1_100))

    assert garage.happened(StationRestarted) == []


# --- restarts ------------------------------------------------------------


def test_a_restart_is_counted() -> None:
    garage = ObeyingGarage()

    for _ in range(2):
        garage.restart()

    assert len(garage.happened(StationRestarted)) == 2
    assert garage.happened(ConnectionState)[-1].restarts == 2


def test_a_restart_soon_after_a_restart_is_counted() -> None:
    """The uptime falls by a few seconds only."""
    garage = ObeyingGarage(poll_interval_s=5.0)
    garage.reboot()
    garage.live(12.0)
    garage.reboot()
    garage.live(20.0)

    assert garage.happened(ConnectionState)[-1].restarts == 2


@pytest.mark.parametrize("command", [OFF, TEN_AMPERES, FAILSAFE], ids=str)
def test_a_reboot_before_the_proof_is_mended_where_asked_for(
    command: Command,
) -> None:
    garage = ObeyingGarage(restores=True)

    give(garage, "rebooted", command)
    garage.live(60.0)

    assert garage.happened(SettingRestored) == [
        SettingRestored("garage", command)
    ]
    assert garage.results(command) == [APPLIED]


def test_a_delayed_limit_is_judged_when_its_delay_ends() -> None:
    """Not with the next round, which may be an hour away."""
    garage = ObeyingGarage(poll_interval_s=3600.0)
    garage.submit(SetCurrentTimed(Milliampere(10_000), Seconds(60)))
    garage.live(10.0)
    assert garage.outcomes() == [Outcome.WAITING]

    garage.fields |= {"Tmo CT": 0, "Curr user": 10_000}
    garage.live(70.0)

    assert garage.outcomes() == [Outcome.WAITING, APPLIED]
