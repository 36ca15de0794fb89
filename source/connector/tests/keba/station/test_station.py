import errno
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.diagnosis.causes import Code
from connector.keba.protocol.commands import (
    AskFirmware,
    Command,
    DeciWattHour,
    Display,
    SetEnergyLimit,
    Stop,
)
from connector.keba.station.events import (
    AnsweredLate,
    CommandAnswered,
    CommandFinished,
    CommandUnanswered,
    ConnectionState,
    Event,
    ForeignRequestHeard,
    Outcome,
    ReportReceived,
    ReportUnanswered,
    StationRestarted,
    StatusReceived,
    Unreachable,
)
from connector.keba.station.station import Station, StationOptions
from connector.tests.keba.commands import OFF, ON, amperes
from connector.tests.keba.station.conversation import (
    GAP_S,
    TCH_OK,
    Conversation,
    assert_pauses_hold,
    report,
)
from connector.tests.keba.station.obeying import ObeyingGarage

FIRMWARE = b'"Firmware":"P30 v 3.10.27 (210105-174852)"\n'


@pytest.fixture
def garage() -> Conversation:
    return Conversation()


@pytest.fixture
def idle() -> Conversation:
    """A station whose first round is over."""
    conversation = Conversation()
    conversation.answer_round(Enable_user=1, Curr_user=63000)
    conversation.now = 10.0
    conversation.forget()
    return conversation


# --- polling ----------------------------------------------------------------


def test_a_round_asks_for_each_report_once_the_one_before_is_answered(
    garage: Conversation,
) -> None:
    garage.answer_round()

    moments, requests = zip(*garage.sent, strict=True)
    assert requests == ("report 1", "report 2", "report 3")
    assert moments == pytest.approx((0.0, GAP_S, 2 * GAP_S))


def test_only_one_request_is_in_flight(garage: Conversation) -> None:
    assert garage.advance() == "report 1"

    garage.now = 1.9

    assert garage.advance() is None


def test_rounds_start_at_a_fixed_interval(garage: Conversation) -> None:
    garage.answer_round()

    assert garage.next_datagram() == "report 1"
    assert garage.now == pytest.approx(30.0)


@pytest.mark.parametrize("reply_timeout_s", [2.0, 4.9, 5.0, 6.0, 10.0])
def test_a_station_that_dies_is_told_however_long_replies_may_take(
    reply_timeout_s: float,
) -> None:
    """Also where the next round begins before a reply has timed out."""
    garage = Conversation(poll_interval_s=5.0, reply_timeout_s=reply_timeout_s)
    garage.answer_round()

    garage.pass_time(12 * reply_timeout_s)

    assert garage.reasons()[-1] is Code.NO_REPLY


def test_a_report_becomes_an_event_with_its_text_as_received(
    garage: Conversation,
) -> None:
    garage.advance()
    data = report(1, Product="KC-P30")
    garage.receive(data)

    assert garage.happened(ReportReceived) == [
        ReportReceived("garage", "report 1", data.decode())
    ]


def test_a_poll_is_repeated_once_and_then_counts_as_unanswered(
    garage: Conversation,
) -> None:
    garage.advance()
    garage.receive(report(1))
    garage.next_datagram()
    garage.next_datagram()
    garage.receive(report(3))

    assert garage.next_datagram() == "report 2"
    assert garage.now >= GAP_S + 5.0
    assert garage.happened(ReportUnanswered) == []
    assert garage.next_datagram() == "report 1"
    assert garage.happened(ReportUnanswered) == [
        ReportUnanswered("garage", "report 2")
    ]


def test_a_late_report_is_welcome_and_saves_the_repetition(
    garage: Conversation,
) -> None:
    garage.advance()
    garage.receive(report(1))
    assert garage.next_datagram() == "report 2"
    assert garage.next_datagram() == "report 3"

    garage.receive(report(2, State=3))
    garage.receive(report(3))

    assert garage.happened(ReportReceived)[1].request == "report 2"
    (late,) = garage.happened(AnsweredLate)
    assert 0 < late.late_by_s < 1
    assert garage.next_datagram(until=29.9) is None


def test_a_report_of_another_number_answers_only_for_itself(
    garage: Conversation,
) -> None:
    garage.advance()
    garage.receive(report(3))

    assert garage.happened(ReportReceived)[0].request == "report 3"
    assert garage.next_datagram() == "report 2"
    assert garage.now == pytest.approx(2.0)


def test_a_push_is_data_and_no_answer(garage: Conversation) -> None:
    garage.advance()
    garage.receive(b'{"E pres": 1945}')

    assert garage.happened(StatusReceived) == [
        StatusReceived("garage", '{"E pres": 1945}')
    ]
    assert garage.advance() is None


@pytest.mark.parametrize(
    ("datagram", "events"),
    [
        (b"report 1", [ForeignRequestHeard("garage", "report 1")]),
        (b"ena 1", [ForeignRequestHeard("garage", "ena 1")]),
        (b" \r\n", []),
        (FIRMWARE, []),
    ],
    ids=["a request", "a command", "blank", "the reply to i"],
)
def test_what_is_meant_for_others_is_neither_data_nor_answer(
    garage: Conversation, datagram: bytes, events: list[Event]
) -> None:
    garage.advance()
    garage.receive(datagram)

    assert garage.events == events
    assert garage.advance() is None
    garage.receive(report(1))
    assert len(garage.happened(ReportReceived)) == 1


def test_a_station_is_asked_for_its_firmware_where_a_tool_wants_it() -> None:
    garage = Conversation(reports=())
    garage.give(AskFirmware(), FIRMWARE)

    (answer,) = garage.happened(CommandAnswered)
    assert answer.text == FIRMWARE.decode()


def test_a_station_without_rounds_is_asked_for_what_is_wanted() -> None:
    garage = Conversation(reports=())
    assert garage.next_datagram(until=100.0) is None

    garage.station.ask(2, garage.now)

    assert garage.advance() == "report 2"


@pytest.mark.parametrize("behind_s", [1, 3, 10])
def test_a_reordered_older_report_does_not_overwrite_a_newer_one(
    idle: Conversation, behind_s: int
) -> None:
    idle.receive(report(2, State=3, Sec=1000))
    idle.receive(report(2, State=2, Sec=1000 - behind_s))

    assert len(idle.happened(ReportReceived)) == 1
    assert idle.happened(StationRestarted) == []


def test_an_answer_in_the_socket_counts_although_its_time_is_over(
    garage: Conversation,
) -> None:
    garage.advance()
    garage.now = 2.5

    step = garage.station.advance(garage.now, received_until=1.9)

    assert step.events == []
    assert step.datagram is None
    garage.receive(report(1))
    assert garage.advance() == "report 2"


def test_a_turn_at_the_deadline_gives_a_request_up(idle: Conversation) -> None:
    idle.submit(Display("hello"))
    idle.advance()

    idle.now = idle.station.next_deadline()
    idle.advance()

    assert idle.happened(CommandUnanswered)


def test_a_restart_is_seen_when_the_uptime_falls(idle: Conversation) -> None:
    idle.receive(report(2, Sec=5000))
    idle.receive(report(2, Sec=7))
    idle.receive(report(3, Sec=7))

    assert len(idle.happened(StationRestarted)) == 1


@pytest.mark.parametrize("behind_s", [11, 900])
def test_an_uptime_that_falls_far_is_a_restart_although_nobody_asked(
    idle: Conversation, behind_s: int
) -> None:
    idle.receive(report(2, Sec=1000))
    idle.receive(report(2, Sec=1000 - behind_s))

    assert len(idle.happened(StationRestarted)) == 1
    assert len(idle.happened(ReportReceived)) == 2


def test_an_uptime_that_falls_at_all_in_an_answer_is_a_restart(
    idle: Conversation,
) -> None:
    idle.receive(report(1, Sec=8))
    assert idle.next_datagram() == "report 1"
    idle.receive(report(1, Sec=7))

    assert len(idle.happened(StationRestarted)) == 1


def test_pauses_begin_when_a_datagram_has_left(garage: Conversation) -> None:
    garage.advance()
    garage.now = 0.05  # the machine was busy with something else
    garage.station.datagram_sent(garage.now)
    garage.receive(report(1))

    assert garage.next_datagram() == "report 2"
    assert garage.now >= 0.15


# --- the connection ----------------------------------------------------------


def test_the_first_answer_brings_it_online(garage: Conversation) -> None:
    garage.advance()
    garage.receive(report(1))

    state = garage.happened(ConnectionState)[0]
    assert state.online
    assert state.last_seen_at == garage.now
    assert garage.reasons() == [Code.OK]


def test_the_connection_is_reported_at_the_end_of_each_round(
    garage: Conversation,
) -> None:
    garage.answer_round()

    last = garage.happened(ConnectionState)[-1]
    assert last.requests_sent == 3
    assert last.requests_unanswered == 0


def test_a_round_that_proves_nothing_tells_nothing() -> None:
    """Report 2 may be lost: report 1 will tell whether the station lives."""
    garage = Conversation(reports=(2,))
    while garage.next_datagram() != "report 1":
        pass

    assert garage.happened(ReportUnanswered)
    assert garage.happened(ConnectionState) == []


def test_a_dead_station_is_found_silent_within_ten_seconds(
    garage: Conversation,
) -> None:
    garage.pass_time(until=10.0)

    assert garage.reasons() == [Code.NO_REPLY]
    assert not garage.happened(ConnectionState)[0].online


def test_a_silent_station_is_asked_for_each_report_once_a_round(
    garage: Conversation,
) -> None:
    garage.pass_time(until=29.0)
    garage.sent.clear()

    garage.pass_time(until=59.0)

    assert garage.texts() == ["report 1", "report 2", "report 3"]


def test_a_station_that_comes_back_is_online_with_its_first_answer(
    garage: Conversation,
) -> None:
    garage.pass_time(until=29.0)
    garage.events.clear()

    garage.answer_round()

    assert set(garage.reasons()) == {Code.OK}


def test_a_station_that_answers_report_1_only_has_its_dip_switch_off(
    garage: Conversation,
) -> None:
    while garage.now < 40.0 and (text := garage.next_datagram(until=40.0)):
        if text == "report 1":
            garage.receive(report(1))

    assert garage.reasons()[-1] is Code.DIP_SWITCH_OFF
    assert Code.NO_REPLY not in garage.reasons()


@pytest.mark.parametrize("mute", ["report 1", "report 2"])
def test_a_station_mute_for_one_report_stays_online(
    garage: Conversation, mute: str
) -> None:
    while text := garage.next_datagram(until=70.0):
        if text != mute:
            garage.receive(report(int(text[-1])))

    assert set(garage.reasons()) == {Code.OK}
    assert len(garage.happened(ReportUnanswered)) == 3


def test_pushes_alone_bring_no_station_online(garage: Conversation) -> None:
    for second in range(30):
        garage.pass_time(until=float(second))
        garage.receive(b'{"E pres": 7}', after=0)

    assert garage.reasons()[-1] is Code.NO_REPLY


def test_a_datagram_that_could_not_be_sent_is_the_reason_of_silence(
    garage: Conversation,
) -> None:
    while garage.next_datagram(until=29.0):
        garage.station.note_send_error(errno.ENETUNREACH)

    assert garage.reasons()[-1] is Code.SEND_ERROR


def test_what_the_network_says_is_the_reason_of_silence_at_once(
    garage: Conversation,
) -> None:
    garage.pass_time(until=29.0)
    refused = Unreachable(is_refused=True, told_by="192.0.2.1")

    garage.events += garage.station.note_unreachable(refused)

    assert garage.reasons()[-1] is Code.NOTHING_LISTENS


def test_a_station_without_address_is_not_asked(garage: Conversation) -> None:
    garage.lose_name()
    garage.submit(ON)
    garage.pass_time(until=100.0)

    assert garage.sent == []
    assert set(garage.reasons()) == {Code.NAME_UNRESOLVED}
    assert garage.results(ON) == [Outcome.NO_REPLY]


# --- commands ----------------------------------------------------------------


def test_a_command_on_an_idle_line_leaves_at_once(idle: Conversation) -> None:
    idle.submit(amperes(16))

    assert idle.advance() == "curr 16000"


def test_a_command_goes_before_a_poll_that_is_due(garage: Conversation) -> None:
    garage.advance()
    garage.submit(ON)
    garage.receive(report(1))

    assert garage.next_datagram() == "ena 1"


def test_the_newest_command_of_a_word_wins(idle: Conversation) -> None:
    for limit in range(6, 26):
        idle.submit(amperes(limit))
        idle.advance()
    idle.receive(TCH_OK)

    assert idle.next_datagram() == "curr 25000"
    assert idle.texts() == ["curr 6000", "curr 25000"]
    assert idle.outcomes() == [Outcome.SUPERSEDED] * 19


def test_commands_of_different_words_all_go(idle: Conversation) -> None:
    idle.submit(ON)
    idle.submit(amperes(16))
    idle.submit(SetEnergyLimit(DeciWattHour(1)))
    while len(idle.sent) < 3:
        idle.next_datagram()
        idle.receive(TCH_OK)

    assert idle.texts() == ["ena 1", "curr 16000", "setenergy 1"]


def test_after_a_command_that_stops_charging_two_seconds_are_silent(
    idle: Conversation,
) -> None:
    idle.give(OFF)
    idle.submit(amperes(16))

    assert idle.next_datagram() == "curr 16000"
    assert idle.now >= 12.0


def test_a_push_before_an_answer_is_data(idle: Conversation) -> None:
    idle.submit(amperes(10))
    idle.advance()
    idle.receive(b'{"E pres": 29181}')
    idle.receive(TCH_OK)

    assert len(idle.happened(StatusReceived)) == 1
    assert len(idle.happened(CommandAnswered)) == 1


def test_silence_is_reported_and_the_command_repeated_once(
    idle: Conversation,
) -> None:
    idle.submit(amperes(16))
    idle.pass_time(until=29.0)

    assert idle.texts().count("curr 16000") == 2
    unanswered = idle.happened(CommandUnanswered)
    assert [event.will_repeat for event in unanswered] == [True, False]
    assert idle.outcomes() == [Outcome.NO_REPLY]


def test_after_silence_other_commands_rest(idle: Conversation) -> None:
    idle.submit(amperes(16))
    idle.advance()
    idle.now = 12.0
    idle.advance()
    idle.submit(ON)
    idle.receive(report(2), after=0.01)

    while idle.next_datagram() != "ena 1":
        pass

    assert idle.now >= 15.0


def test_a_late_confirmation_belongs_to_the_command_before(
    idle: Conversation,
) -> None:
    idle.submit(amperes(16))
    idle.advance()
    idle.now = 12.5
    idle.advance()
    idle.submit(ON)
    idle.receive(TCH_OK)

    (answered,) = idle.happened(CommandAnswered)
    assert str(answered.command) == "curr 16000"
    idle.pass_time(until=20.0)
    assert "ena 1" in idle.texts()
    assert idle.texts().count("curr 16000") == 1


def test_a_stream_of_commands_does_not_starve_the_polls() -> None:
    garage = Conversation()
    garage.answer_round()
    garage.now = 29.0
    garage.sent.clear()
    limits = itertools.cycle(range(6, 17))
    while garage.now < 40.0:
        garage.submit(amperes(next(limits)))
        text = garage.next_datagram()
        assert text is not None
        number = text.removeprefix("report ")
        garage.receive(report(int(number)) if number.isdigit() else TCH_OK)

    assert {"report 1", "report 2", "report 3"} <= set(garage.texts())


# --- what must hold whatever happens ------------------------------------------

COMMANDS: list[Command] = [
    OFF,
    ON,
    amperes(6),
    amperes(16),
    Display("x"),
    Stop(),
]

REPLIES = [
    TCH_OK,
    b"TCH-ERR:no\n",
    b'{"E pres": 1}',
    b"garbage",
    b"started",
    report(1),
    report(2, Enable_user=1, Curr_user=6000, Sec=100),
    report(3),
]

STEPS = st.one_of(
    st.sampled_from(COMMANDS),
    st.sampled_from(REPLIES),
    st.floats(min_value=0.001, max_value=7.0),
)


Steps = list[Command | bytes | float]


def live_through(garage: Conversation, steps: Steps) -> None:
    for step in steps:
        if isinstance(step, Command):
            garage.submit(step)
        elif isinstance(step, bytes):
            garage.receive(step)
        else:
            garage.pass_time(until=garage.now + step)


@given(st.lists(STEPS, max_size=60))
def test_the_three_pauses_hold_whatever_is_said_and_lost(steps: Steps) -> None:
    garage = Conversation(poll_interval_s=5.0)
    for step in steps:
        live_through(garage, [step])
        garage.advance()

    assert_pauses_hold(garage.sent)


@given(st.lists(STEPS, max_size=60))
def test_every_command_comes_to_an_end(steps: Steps) -> None:
    garage = Conversation()
    live_through(garage, steps)
    garage.pass_time(until=garage.now + 90.0)

    submitted = sum(isinstance(step, Command) for step in steps)
    assert len(garage.happened(CommandFinished)) >= submitted
    assert len(garage.sent) < 60 + 10 * len(steps)


def test_a_session_is_due_when_it_has_something_to_do() -> None:
    station = Station("garage", StationOptions(first_round_at=7.0))

    assert station.next_deadline() == 7.0


def test_a_station_that_gives_no_data_is_found_by_the_reports_polled() -> None:
    garage = ObeyingGarage(reports=(1, 2))
    garage.mute = {2}
    garage.live(90.0)

    state = garage.happened(ConnectionState)[-1]
    assert state.link.is_deaf
    assert not state.online
