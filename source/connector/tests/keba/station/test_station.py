import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.diagnosis.causes import Code
from connector.diagnosis.link import link_cause
from connector.keba.protocol.commands import (
    AskFirmware,
    Command,
    DeciWattHour,
    Display,
    Enable,
    Milliampere,
    SetCurrent,
    SetEnergyLimit,
    Stop,
)
from connector.keba.station.events import (
    AnsweredLate,
    CommandAnswered,
    CommandFinished,
    CommandUnanswered,
    ConnectionState,
    ForeignRequestHeard,
    OddDatagram,
    Outcome,
    ReportReceived,
    ReportUnanswered,
    StationRestarted,
    StatusReceived,
)
from connector.keba.station.pacing import MARGIN_S
from connector.keba.station.station import Station, StationOptions
from connector.tests.keba.station.conversation import (
    GAP_S,
    TCH_OK,
    Conversation,
    report,
)
from connector.tests.keba.station.obeying import ObeyingGarage


def amperes(limit: int) -> SetCurrent:
    return SetCurrent(Milliampere(limit * 1000))


@pytest.fixture
def garage() -> Conversation:
    return Conversation()


@pytest.fixture
def idle_garage() -> Conversation:
    """A station whose first round is over."""
    conversation = Conversation()
    conversation.answer_round(Enable_user=1, Curr_user=63000)
    conversation.now = 10.0
    conversation.sent.clear()
    conversation.events.clear()
    return conversation


def outcomes(conversation: Conversation) -> list[tuple[str, Outcome]]:
    return [
        (str(event.command), event.outcome)
        for event in conversation.happened(CommandFinished)
    ]


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
    garage.sent.clear()

    assert garage.next_datagram() == "report 1"
    assert garage.now == pytest.approx(30.0)


def test_a_poll_interval_below_five_seconds_is_stretched() -> None:
    hasty = Conversation(poll_interval_s=1.0)
    hasty.answer_round()

    assert hasty.next_datagram() == "report 1"
    assert hasty.now == pytest.approx(5.0 + MARGIN_S)


@pytest.mark.parametrize(
    ("woken_at", "next_round_at"), [(60.0, 90.0), (1000.0, 1020.0)]
)
def test_rounds_that_were_missed_are_not_made_up_for(
    woken_at: float, next_round_at: float
) -> None:
    garage = Conversation(poll_interval_s=30.0)
    garage.answer_round()
    garage.now = woken_at  # the machine slept

    garage.answer_round()

    assert garage.next_datagram() == "report 1"
    assert garage.now == pytest.approx(next_round_at)


@pytest.mark.parametrize("reply_timeout_s", [2.0, 4.9, 5.0, 6.0, 10.0])
def test_a_station_that_dies_is_told_however_long_replies_may_take(
    reply_timeout_s: float,
) -> None:
    """Also where the next round begins before a reply has timed out."""
    garage = Conversation(poll_interval_s=5.0, reply_timeout_s=reply_timeout_s)
    garage.answer_round()

    garage.pass_time(12 * reply_timeout_s)

    assert reasons(garage)[-1] is Code.NO_REPLY


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


def test_silence_is_seen_where_rounds_are_shorter_than_the_timeout() -> None:
    garage = Conversation(poll_interval_s=5.0, reply_timeout_s=10.0)

    garage.pass_time(until=45.0)

    assert ReportUnanswered("garage", "report 1") in garage.happened(
        ReportUnanswered
    )


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


def test_a_report_number_that_keba_does_not_have_is_ignored(
    garage: Conversation,
) -> None:
    garage.advance()
    garage.receive(report(4711))

    assert garage.happened(ReportReceived) == []
    assert garage.happened(OddDatagram)


def test_a_session_report_with_a_wrong_id_counts_as_the_one_asked_for() -> None:
    garage = Conversation(reports=(100,))
    garage.advance()
    garage.receive(report(6, Session_ID=35))

    assert garage.happened(ReportReceived)[0].request == "report 100"
    assert garage.next_datagram(until=29.9) is None


def test_a_push_is_data_and_no_answer(garage: Conversation) -> None:
    garage.advance()
    garage.receive(b'{"E pres": 1945}')

    assert garage.happened(StatusReceived) == [
        StatusReceived("garage", '{"E pres": 1945}')
    ]
    assert garage.advance() is None


@pytest.mark.parametrize("request_of_others", ["report 1", "ena 1"])
def test_what_another_client_asks_for_is_told(
    garage: Conversation, request_of_others: str
) -> None:
    garage.advance()
    garage.receive(request_of_others.encode())

    assert garage.events == [ForeignRequestHeard("garage", request_of_others)]
    assert garage.advance() is None
    garage.receive(report(1))
    assert len(garage.happened(ReportReceived)) == 1


def test_a_station_is_asked_for_its_firmware_where_a_tool_wants_it() -> None:
    garage = Conversation(reports=())
    garage.submit(AskFirmware())

    assert garage.advance() == "i"
    garage.receive(b'"Firmware":"P30 v 3.10.27 (210105-174852)"\n')

    (answer,) = garage.happened(CommandAnswered)
    assert answer.text == '"Firmware":"P30 v 3.10.27 (210105-174852)"\n'


def test_a_station_without_rounds_is_asked_for_what_is_wanted() -> None:
    garage = Conversation(reports=())
    assert garage.next_datagram(until=100.0) is None

    garage.station.ask(2, garage.now)

    assert garage.advance() == "report 2"


@pytest.mark.parametrize(
    "datagram",
    [
        b" \r\n",
        b'"Firmware":"P30 v 3.10.27 (210105-174852)"\n',
    ],
    ids=["blank", "the reply to i"],
)
def test_what_is_meant_for_others_is_neither_data_nor_answer(
    garage: Conversation, datagram: bytes
) -> None:
    garage.advance()
    garage.receive(datagram)

    assert garage.events == []
    assert garage.advance() is None
    garage.receive(report(1))
    assert len(garage.happened(ReportReceived)) == 1


@pytest.mark.parametrize("behind_s", [1, 3, 10])
def test_a_reordered_older_report_does_not_overwrite_a_newer_one(
    idle_garage: Conversation, behind_s: int
) -> None:
    idle_garage.receive(report(2, State=3, Sec=1000))
    idle_garage.receive(report(2, State=2, Sec=1000 - behind_s))

    assert len(idle_garage.happened(ReportReceived)) == 1
    assert idle_garage.happened(StationRestarted) == []


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


def test_a_turn_at_the_deadline_gives_a_request_up(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(Display("hello"))
    idle_garage.advance()

    idle_garage.now = idle_garage.station.next_deadline()
    idle_garage.advance()

    assert idle_garage.happened(CommandUnanswered)


def test_a_station_that_starts_is_polled_at_once(
    idle_garage: Conversation,
) -> None:
    idle_garage.receive(b"started P30 v 3.10.57")

    assert idle_garage.happened(StationRestarted)
    assert idle_garage.next_datagram() == "report 1"
    assert idle_garage.now < 11.0


def test_a_restart_is_seen_when_the_uptime_falls(
    idle_garage: Conversation,
) -> None:
    idle_garage.receive(report(2, Sec=5000))
    idle_garage.receive(report(2, Sec=7))
    idle_garage.receive(report(3, Sec=7))

    assert len(idle_garage.happened(StationRestarted)) == 1


@pytest.mark.parametrize("behind_s", [11, 900])
def test_an_uptime_that_falls_far_is_a_restart_although_nobody_asked(
    idle_garage: Conversation, behind_s: int
) -> None:
    idle_garage.receive(report(2, Sec=1000))
    idle_garage.receive(report(2, Sec=1000 - behind_s))

    assert len(idle_garage.happened(StationRestarted)) == 1
    assert len(idle_garage.happened(ReportReceived)) == 2


def test_an_uptime_that_falls_at_all_in_an_answer_is_a_restart(
    idle_garage: Conversation,
) -> None:
    idle_garage.receive(report(1, Sec=8))
    assert idle_garage.next_datagram() == "report 1"
    idle_garage.receive(report(1, Sec=7))

    assert len(idle_garage.happened(StationRestarted)) == 1


def test_pauses_begin_when_a_datagram_has_really_left(
    garage: Conversation,
) -> None:
    garage.advance()
    garage.now = 0.05  # the machine was busy with something else
    garage.station.datagram_sent(garage.now)
    garage.receive(report(1))

    assert garage.next_datagram() == "report 2"
    assert garage.now >= 0.15


# --- the connection ----------------------------------------------------------


def reasons(conversation: Conversation) -> list[Code]:
    return [
        link_cause(state.link)
        for state in conversation.happened(ConnectionState)
    ]


def test_the_first_answer_brings_the_station_online(
    garage: Conversation,
) -> None:
    garage.advance()
    garage.receive(report(1))

    state = garage.happened(ConnectionState)[0]
    assert (state.online, link_cause(state.link)) == (True, Code.OK)
    assert state.last_seen_at == garage.now


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

    assert reasons(garage) == [Code.NO_REPLY]
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

    assert set(reasons(garage)) == {Code.OK}


def test_a_station_that_answers_report_1_only_has_its_dip_switch_off(
    garage: Conversation,
) -> None:
    while garage.now < 40.0 and (text := garage.next_datagram(until=40.0)):
        if text == "report 1":
            garage.receive(report(1))

    assert reasons(garage)[-1] is Code.DIP_SWITCH_OFF
    assert Code.NO_REPLY not in reasons(garage)


def test_a_station_mute_for_one_report_stays_online(
    garage: Conversation,
) -> None:
    while text := garage.next_datagram(until=70.0):
        if text != "report 2":
            garage.receive(report(int(text[-1])))

    assert set(reasons(garage)) == {Code.OK}
    assert len(garage.happened(ReportUnanswered)) == 3


def test_a_station_mute_for_report_1_stays_online(
    garage: Conversation,
) -> None:
    while text := garage.next_datagram(until=70.0):
        if text != "report 1":
            garage.receive(report(int(text[-1])))

    assert set(reasons(garage)) == {Code.OK}


def test_pushes_alone_do_not_make_a_station_online(
    garage: Conversation,
) -> None:
    for second in range(30):
        garage.pass_time(until=float(second))
        garage.receive(b'{"E pres": 7}', after=0)

    assert reasons(garage)[-1] is Code.NO_REPLY


def test_a_datagram_that_could_not_be_sent_is_the_reason_of_silence(
    garage: Conversation,
) -> None:
    while garage.next_datagram(until=29.0):
        garage.station.note_send_error(errno.ENETUNREACH)

    assert reasons(garage)[-1] is Code.SEND_ERROR


def test_a_station_without_address_is_not_sent_anything(
    garage: Conversation,
) -> None:
    garage.events += garage.station.note_address(is_resolved=False, now=0.0)
    garage.submit(Enable(on=True))
    garage.pass_time(until=100.0)

    assert garage.sent == []
    assert set(reasons(garage)) == {Code.NAME_UNRESOLVED}
    assert outcomes(garage) == [("ena 1", Outcome.NO_REPLY)]


# --- commands ----------------------------------------------------------------


def test_a_command_on_an_idle_line_leaves_at_once(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(amperes(16))

    assert idle_garage.advance() == "curr 16000"


def test_a_command_goes_before_a_poll_that_is_due(
    garage: Conversation,
) -> None:
    garage.advance()
    garage.submit(Enable(on=True))
    garage.receive(report(1))

    assert garage.next_datagram() == "ena 1"


def test_the_newest_command_of_a_word_wins(
    idle_garage: Conversation,
) -> None:
    for limit in range(6, 26):
        idle_garage.submit(amperes(limit))
        idle_garage.advance()
    idle_garage.receive(TCH_OK)

    assert idle_garage.next_datagram() == "curr 25000"
    assert idle_garage.texts() == ["curr 6000", "curr 25000"]
    assert len(outcomes(idle_garage)) == 19
    assert {outcome for _, outcome in outcomes(idle_garage)} == {
        Outcome.SUPERSEDED
    }


def test_commands_of_different_words_all_go(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(Enable(on=True))
    idle_garage.submit(amperes(16))
    idle_garage.submit(SetEnergyLimit(DeciWattHour(1)))
    while len(idle_garage.sent) < 3:
        idle_garage.next_datagram()
        idle_garage.receive(TCH_OK)

    assert idle_garage.texts() == ["ena 1", "curr 16000", "setenergy 1"]


def test_after_a_command_that_stops_charging_two_seconds_are_silent(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(Enable(on=False))
    idle_garage.submit(amperes(16))
    idle_garage.advance()
    idle_garage.receive(TCH_OK)

    assert idle_garage.next_datagram() == "curr 16000"
    assert idle_garage.now >= 12.0


def test_a_push_between_a_command_and_its_answer_is_data(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(amperes(10))
    idle_garage.advance()
    idle_garage.receive(b'{"E pres": 29181}')
    idle_garage.receive(TCH_OK)

    assert len(idle_garage.happened(StatusReceived)) == 1
    assert len(idle_garage.happened(CommandAnswered)) == 1


def test_report_2_is_read_back_after_a_command_and_proves_it(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(amperes(16))
    idle_garage.advance()
    idle_garage.receive(TCH_OK)

    assert idle_garage.next_datagram() == "report 2"
    idle_garage.receive(report(2, Curr_user=16000))
    assert outcomes(idle_garage) == [("curr 16000", Outcome.APPLIED)]


def test_a_station_that_confirms_and_ignores_is_found_out(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(amperes(16))
    idle_garage.advance()
    idle_garage.receive(TCH_OK)
    for _ in range(2):
        assert idle_garage.next_datagram() == "report 2"
        idle_garage.receive(report(2, Curr_user=10000))

    (finished,) = idle_garage.happened(CommandFinished)
    assert finished.outcome is Outcome.NOT_APPLIED
    assert "16000" in finished.detail
    assert "10000" in finished.detail


def test_a_slow_station_gets_a_second_reading(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(Enable(on=True))
    idle_garage.advance()
    idle_garage.receive(TCH_OK)
    idle_garage.next_datagram()
    idle_garage.receive(report(2, Enable_user=0))
    idle_garage.next_datagram()
    idle_garage.receive(report(2, Enable_user=1))

    assert outcomes(idle_garage) == [("ena 1", Outcome.APPLIED)]


def test_a_reading_asked_for_before_the_answer_proves_nothing(
    idle_garage: Conversation,
) -> None:
    idle_garage.now = 30.0 + GAP_S
    idle_garage.advance()
    idle_garage.receive(report(1))
    assert idle_garage.next_datagram() == "report 2"
    idle_garage.submit(amperes(16))
    assert idle_garage.next_datagram() == "curr 16000"
    idle_garage.receive(TCH_OK)

    idle_garage.receive(report(2, Curr_user=16000))

    assert outcomes(idle_garage) == []


def test_a_refusal_is_reported_and_read_back(idle_garage: Conversation) -> None:
    idle_garage.submit(Stop())
    idle_garage.advance()
    idle_garage.receive(b"TCH-ERR:nothing to stop\n")

    (finished,) = idle_garage.happened(CommandFinished)
    assert finished.outcome is Outcome.REJECTED
    assert finished.detail == "nothing to stop"
    assert idle_garage.next_datagram(until=29.0) == "report 2"


def test_a_command_without_read_back_is_received_not_applied(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(Display("hello"))
    idle_garage.advance()
    idle_garage.receive(TCH_OK)

    assert outcomes(idle_garage) == [
        ("display 0 0 0 0 hello", Outcome.RECEIVED)
    ]


def test_silence_is_reported_and_the_command_repeated_once(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(amperes(16))
    idle_garage.pass_time(until=29.0)

    assert idle_garage.texts().count("curr 16000") == 2
    assert [
        event.will_repeat for event in idle_garage.happened(CommandUnanswered)
    ] == [True, False]
    assert outcomes(idle_garage) == [("curr 16000", Outcome.NO_REPLY)]


def test_a_lost_answer_is_no_loss_when_the_reading_shows_the_effect(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(amperes(16))
    idle_garage.advance()
    assert idle_garage.next_datagram() == "report 2"
    idle_garage.receive(report(2, Curr_user=16000))

    assert outcomes(idle_garage) == [("curr 16000", Outcome.APPLIED)]
    assert idle_garage.next_datagram(until=29.0) is None


def test_stop_is_never_repeated(idle_garage: Conversation) -> None:
    idle_garage.submit(Stop())
    idle_garage.pass_time(until=29.0)

    assert idle_garage.texts().count("stop") == 1


def test_after_silence_other_commands_rest(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(amperes(16))
    idle_garage.advance()
    idle_garage.now = 12.0
    idle_garage.advance()
    idle_garage.submit(Enable(on=True))
    idle_garage.receive(report(2), after=0.01)

    while idle_garage.next_datagram() != "ena 1":
        pass

    assert idle_garage.now >= 15.0


def test_a_late_confirmation_belongs_to_the_command_before(
    idle_garage: Conversation,
) -> None:
    idle_garage.submit(amperes(16))
    idle_garage.advance()
    idle_garage.now = 12.5
    idle_garage.advance()
    idle_garage.submit(Enable(on=True))
    idle_garage.receive(TCH_OK)

    (answered,) = idle_garage.happened(CommandAnswered)
    assert str(answered.command) == "curr 16000"
    idle_garage.pass_time(until=20.0)
    assert "ena 1" in idle_garage.texts()
    assert idle_garage.texts().count("curr 16000") == 1


def test_a_confirmation_nobody_waits_for_is_ignored(
    idle_garage: Conversation,
) -> None:
    idle_garage.receive(TCH_OK)

    assert idle_garage.happened(OddDatagram)
    assert idle_garage.happened(CommandAnswered) == []


def test_a_stream_of_commands_does_not_starve_the_polls() -> None:
    garage = Conversation()
    garage.answer_round()
    garage.now = 29.0
    garage.sent.clear()
    limit = 6000
    while garage.now < 40.0:
        limit = 6000 + (limit + 1) % 10_000
        garage.submit(SetCurrent(Milliampere(limit)))
        text = garage.next_datagram()
        assert text is not None
        number = text.removeprefix("report ")
        garage.receive(report(int(number)) if number.isdigit() else TCH_OK)

    assert {"report 1", "report 2", "report 3"} <= set(garage.texts())


# --- what must hold whatever happens ------------------------------------------

COMMANDS: list[Command] = [
    Enable(on=False),
    Enable(on=True),
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


@given(st.lists(STEPS, max_size=60))
def test_the_three_pauses_hold_whatever_is_said_and_lost(
    steps: list[Command | bytes | float],
) -> None:
    garage = Conversation(poll_interval_s=5.0)
    for step in steps:
        if isinstance(step, Command):
            garage.submit(step)
        elif isinstance(step, bytes):
            garage.receive(step)
        else:
            garage.pass_time(until=garage.now + step)
        garage.advance()

    quiet_until = -1.0
    asked: dict[str, float] = {}
    for sent_at, text in garage.sent:
        assert sent_at >= quiet_until
        quiet_until = sent_at + (2.0 if text == "ena 0" else 0.1)
        if text.startswith("report"):
            assert sent_at >= asked.get(text, -5.0) + 5.0
            asked[text] = sent_at


@given(st.lists(STEPS, max_size=60))
def test_every_command_comes_to_an_end(
    steps: list[Command | bytes | float],
) -> None:
    garage = Conversation()
    submitted = 0
    for step in steps:
        if isinstance(step, Command):
            garage.submit(step)
            submitted += 1
        elif isinstance(step, bytes):
            garage.receive(step)
        else:
            garage.pass_time(until=garage.now + step)
    garage.pass_time(until=garage.now + 90.0)

    assert len(garage.happened(CommandFinished)) >= submitted
    assert len(garage.sent) < 60 + 10 * len(steps)


def test_a_session_is_due_when_it_has_something_to_do() -> None:
    station = Station("garage", StationOptions(first_round_at=7.0))

    assert station.next_deadline() == 7.0


def test_an_old_session_report_is_not_taken_for_the_report_in_flight() -> None:
    garage = Conversation()
    garage.advance()
    # Guide V2.00 prints a report 100 with this ID.
    garage.receive(b'{"ID": "6", "Session ID": 35, "E Pres    ": 100}')

    (event,) = garage.happened(ReportReceived)
    assert event.request == "report 100"


def test_a_station_that_gives_no_data_is_found_by_the_reports_polled() -> None:
    garage = ObeyingGarage(reports=(1, 2))
    garage.mute = {2}
    garage.live(90.0)

    state = garage.happened(ConnectionState)[-1]
    assert state.link.is_deaf
    assert not state.online
