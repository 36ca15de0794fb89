"""Who is named in an event, and what is told only once.

Found by changing the core in small ways: without these tests nobody noticed.
"""

import pytest

from connector.keba.protocol.commands import DeciWattHour, SetEnergyLimit, Start
from connector.keba.protocol.messages import StartReply, Unreadable, parse_text
from connector.keba.station.events import (
    AnsweredLate,
    CommandAnswered,
    CommandFinished,
    CommandNotSent,
    CommandUnanswered,
    ConnectionState,
    OddDatagram,
    Outcome,
    ReportReceived,
    ReportUnanswered,
    StationRestarted,
)
from connector.tests.keba.commands import ON, SIX_AMPERES, TEN_AMPERES
from connector.tests.keba.station.conversation import (
    TCH_OK,
    Conversation,
    report,
)

REFUSAL = b"TCH-ERR:not allowed now\n"
OLD_START_REPLY = (
    b'"RFID tag": "e3f76b8d00000000",\n"RFID class": "01010400000000000000",\n'
)


@pytest.fixture
def garage() -> Conversation:
    """A station whose first round is answered; nothing is in flight."""
    conversation = Conversation()
    conversation.answer_round()
    conversation.pass_time(20.0)
    conversation.forget()
    return conversation


def send(garage: Conversation) -> float:
    """Let the next datagram leave; return the moment."""
    assert garage.next_datagram() is not None
    return garage.now


# --- events name their station, command and reason --------------------------


def test_an_answer_names_station_command_and_text(garage: Conversation) -> None:
    garage.give(TEN_AMPERES, REFUSAL)

    assert garage.events[:2] == [
        CommandAnswered("garage", TEN_AMPERES, False, "not allowed now"),
        CommandFinished(
            "garage", TEN_AMPERES, Outcome.REJECTED, "not allowed now"
        ),
    ]
    assert garage.next_datagram(until=29.0) == "report 2"


def test_silence_names_station_and_command(garage: Conversation) -> None:
    garage.submit(TEN_AMPERES)
    sent_at = send(garage)
    garage.pass_time(sent_at + 2.1)

    assert garage.events == [CommandUnanswered("garage", TEN_AMPERES, True)]


def test_the_old_answer_to_start_is_an_answer(garage: Conversation) -> None:
    garage.give(Start(), OLD_START_REPLY)

    assert garage.events == [
        CommandAnswered("garage", Start(), True, "started")
    ]


@pytest.mark.parametrize("key", ["RFID tag", "RFID class"])
def test_one_field_of_the_old_answer_to_start_is_enough(key: str) -> None:
    assert isinstance(parse_text(f'"{key}": "01",\n'), StartReply)


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (report(77), "there is no report 77"),
        (b"{}", "an object without fields"),
        (b"{1", "no JSON object"),
        (b'"a": 1', "fields without braces"),
        (TCH_OK, "nobody asked for 'done'"),
        (report(2, Sec=95), "a report 2 older than the last one"),
    ],
)
def test_an_odd_datagram_is_reported_with_station_and_reason(
    garage: Conversation, datagram: bytes, reason: str
) -> None:
    garage.receive(report(2, Sec=100))
    garage.events.clear()

    garage.receive(datagram)

    (event,) = garage.events
    assert isinstance(event, OddDatagram)
    assert event.station == "garage"
    assert event.reason.startswith(reason)


def test_a_station_that_starts_is_named_and_polled_at_once(
    garage: Conversation,
) -> None:
    garage.receive(b"started P30 v 3.10.57")

    assert garage.events == [StationRestarted("garage")]
    assert garage.next_datagram(until=21.0) == "report 1"


@pytest.mark.parametrize("size", [4097, 65_000])
def test_the_size_of_what_is_too_large_is_reported(size: int) -> None:
    garage = Conversation()
    garage.receive(b"x" * size)

    assert garage.events == [
        OddDatagram("garage", f"{size} bytes, more than a station sends")
    ]


def test_nonsense_in_an_id_is_reported() -> None:
    message = parse_text('{"ID": "two"}')

    assert message == Unreadable("the ID of a report is 'two'")


# --- each result once --------------------------------------------------------


def test_a_late_answer_brings_no_second_result(garage: Conversation) -> None:
    garage.submit(TEN_AMPERES)
    sent_at = send(garage)
    garage.submit(SIX_AMPERES)
    garage.pass_time(sent_at + 2.1)
    garage.receive(TCH_OK)

    assert garage.outcomes() == [Outcome.SUPERSEDED]
    assert garage.next_datagram() == "curr 6000"


def test_a_repetition_that_was_overtaken_is_reported_once(
    garage: Conversation,
) -> None:
    garage.submit(TEN_AMPERES)
    sent_at = send(garage)
    garage.pass_time(sent_at + 2.1)
    garage.submit(SIX_AMPERES)
    garage.receive(REFUSAL)

    assert garage.outcomes() == [Outcome.SUPERSEDED]


def test_what_a_reading_has_proven_is_not_reported_again(
    garage: Conversation,
) -> None:
    garage.submit(TEN_AMPERES)
    send(garage)
    assert garage.next_datagram() == "report 2"
    garage.receive(report(2, Curr_user=10_000))
    garage.receive(TCH_OK)
    assert garage.next_datagram() == "report 2"
    garage.receive(report(2, Curr_user=10_000))

    assert garage.outcomes() == [Outcome.APPLIED]


def test_a_repetition_that_is_proven_on_its_way_is_reported_once(
    garage: Conversation,
) -> None:
    garage.submit(TEN_AMPERES)
    send(garage)
    assert garage.next_datagram() == "report 2"
    # The reading is lost at first; its answer comes after the repetition.
    assert garage.next_datagram() == "curr 10000"
    garage.receive(report(2, Curr_user=10_000))
    garage.pass_time(garage.now + 30.0)

    assert garage.outcomes() == [Outcome.APPLIED]


@pytest.fixture
def proven_garage(garage: Conversation) -> Conversation:
    """A station whose reading proves a repetition that is in flight."""
    garage.submit(TEN_AMPERES)
    for expected in ("curr 10000", "report 2", "curr 10000"):
        assert garage.next_datagram() == expected
    garage.receive(report(2, Curr_user=10_000))
    return garage


def test_a_repetition_that_is_proven_and_then_answered_is_reported_once(
    proven_garage: Conversation,
) -> None:
    proven_garage.receive(TCH_OK)
    assert proven_garage.next_datagram() == "report 2"
    proven_garage.receive(report(2, Curr_user=10_000))

    assert proven_garage.outcomes() == [Outcome.APPLIED]


def test_a_repetition_that_is_proven_stays_in_flight_until_it_is_answered(
    proven_garage: Conversation,
) -> None:
    proven_garage.submit(ON)

    assert proven_garage.next_datagram(proven_garage.now + 1.9) is None
    proven_garage.receive(TCH_OK)
    assert proven_garage.happened(CommandAnswered) == [
        CommandAnswered("garage", TEN_AMPERES, True, "done")
    ]


def test_a_late_refusal_is_the_last_word(garage: Conversation) -> None:
    """Even if the station shows what was wanted, from earlier."""
    garage.submit(TEN_AMPERES)
    sent_at = send(garage)
    garage.now = sent_at + 2.0
    assert garage.advance() == "report 2"
    garage.receive(REFUSAL)
    garage.receive(report(2, Curr_user=10_000))

    assert garage.outcomes() == [Outcome.REJECTED]


def test_a_command_without_an_address_is_named(garage: Conversation) -> None:
    garage.submit(TEN_AMPERES)
    garage.lose_name()

    (finished,) = garage.happened(CommandFinished)
    assert finished.command is TEN_AMPERES
    assert finished.outcome is Outcome.NO_REPLY
    assert finished.detail == "the name of the station does not resolve"


def test_a_command_that_waits_while_another_station_answers_is_named() -> None:
    garage = Conversation(serial="17619300")
    garage.advance()
    garage.submit(TEN_AMPERES)
    garage.receive(report(1, Serial="99999999"))

    reason = "another station answers at this address"
    assert garage.events[:1] == [
        CommandNotSent("garage", "curr", Outcome.INVALID, reason)
    ]
    assert not garage.station.has_commands


def test_a_command_whose_address_was_lost_is_never_sent_later(
    garage: Conversation,
) -> None:
    garage.submit(TEN_AMPERES)
    sent_at = send(garage)
    garage.lose_name()
    garage.pass_time(sent_at + 3.0)
    garage.find_name()
    garage.pass_time(sent_at + 20.0)

    assert garage.texts().count("curr 10000") == 1
    (finished,) = garage.happened(CommandFinished)
    assert finished.outcome is Outcome.NO_REPLY


# --- who may speak when ------------------------------------------------------


def test_a_repetition_rests_as_well_after_another_silent_command(
    garage: Conversation,
) -> None:
    garage.submit(SetEnergyLimit(DeciWattHour(1)))
    send(garage)
    garage.submit(TEN_AMPERES)
    garage.pass_time(60.0)

    given_up_at = garage.moments("curr 10000")[0] + 2.0
    assert garage.moments("setenergy 1")[1] >= given_up_at + 3.0


def test_reports_do_not_rest_after_lost_commands(garage: Conversation) -> None:
    garage.submit(TEN_AMPERES)
    sent_at = send(garage)

    assert garage.next_datagram() == "report 2"
    assert garage.now < sent_at + 2.2


def test_a_reading_waits_until_the_effect_shows(garage: Conversation) -> None:
    garage.give(ON)
    answered_at = garage.now

    assert garage.next_datagram() == "report 2"
    assert garage.now == pytest.approx(answered_at + 1.0)


def test_a_stream_of_commands_does_not_put_the_reading_off_for_ever(
    garage: Conversation,
) -> None:
    begin = garage.now
    while garage.now < begin + 20.0:
        garage.submit(ON)
        garage.pass_time(garage.now + 0.3)
        garage.receive(TCH_OK if garage.texts()[-1] == "ena 1" else report(2))

    readings = garage.moments("report 2")
    assert any(begin < at < begin + 10.0 for at in readings)


def test_a_report_that_does_not_come_ends_the_round_all_the_same(
    garage: Conversation,
) -> None:
    for expected in ("report 1", "report 2"):
        assert garage.next_datagram() == expected
        garage.receive(report(int(expected[-1])))
    garage.pass_time(39.0)

    assert garage.happened(ReportUnanswered) == [
        ReportUnanswered("garage", "report 3")
    ]
    (state,) = garage.happened(ConnectionState)
    assert state.requests_unanswered == 1


def test_an_address_found_again_begins_a_round(garage: Conversation) -> None:
    garage.lose_name()
    garage.find_name()

    assert garage.next_datagram(garage.now + 0.2) == "report 1"


def test_an_address_never_lost_begins_no_round(garage: Conversation) -> None:
    garage.find_name()

    assert garage.next_datagram(garage.now + 5.0) is None


# Guide V2.00 prints a report 100 with the ID 6.
@pytest.mark.parametrize(
    ("asked_for", "number", "taken_for"),
    [(1, 6, 100), (100, 6, 100), (100, 101, 101)],
)
def test_a_session_report_of_unknown_number_is_report_100(
    asked_for: int, number: int, taken_for: int
) -> None:
    garage = Conversation(reports=(asked_for,))
    assert garage.next_datagram() == f"report {asked_for}"
    garage.receive(report(number, Session_ID=35))

    (received,) = garage.happened(ReportReceived)
    assert received.request == f"report {taken_for}"
    # What was asked for is waited for, and what came is not asked for again.
    is_answered = asked_for == taken_for
    assert (garage.next_datagram(until=29.9) is None) is is_answered


# --- answers that come late ---------------------------------------------------


def _late(garage: Conversation) -> list[tuple[str, float]]:
    return [
        (event.request, round(event.late_by_s, 3))
        for event in garage.happened(AnsweredLate)
    ]


def test_a_report_after_its_timeout_is_late() -> None:
    garage = Conversation(reply_timeout_s=0.5)
    assert garage.next_datagram() == "report 1"
    assert garage.next_datagram() == "report 2"
    garage.now = 0.8

    garage.receive(report(1), after=0.0)

    assert _late(garage) == [("report 1", 0.3)]
    assert [e.request for e in garage.happened(ReportReceived)] == ["report 1"]


def test_a_silent_station_that_answers_late_after_all_is_late() -> None:
    garage = Conversation(reports=(1,), reply_timeout_s=0.5)
    garage.pass_time(until=8.0)
    assert not garage.happened(ConnectionState)[-1].online

    garage.receive(report(1), after=0.0)

    assert [request for request, _ in _late(garage)] == ["report 1"]


def test_an_answer_to_one_of_two_requests_may_be_in_time() -> None:
    """The first may have got lost."""
    garage = Conversation(reply_timeout_s=0.5)
    assert garage.next_datagram() == "report 1"
    while garage.texts().count("report 1") < 2:
        garage.next_datagram()

    garage.receive(report(1))

    assert _late(garage) == []


def test_answers_that_take_longer_than_a_repetition_are_late() -> None:
    """The second answer has nobody left who waits for it."""
    garage = Conversation(reports=(1,), reply_timeout_s=0.5)
    garage.next_datagram()
    while garage.texts().count("report 1") < 2:
        garage.next_datagram()
    garage.receive(report(1))

    garage.receive(report(1), after=5.0)

    assert [request for request, _ in _late(garage)] == ["report 1"]


def test_a_doubled_answer_is_not_late(garage: Conversation) -> None:
    garage.answer_round()
    garage.receive(report(3))

    assert _late(garage) == []


def test_what_somebody_else_has_asked_for_much_later_is_not_late() -> None:
    garage = Conversation(reports=(1,), reply_timeout_s=0.5)
    garage.pass_time(until=8.0)

    garage.receive(report(1), after=100.0)

    assert _late(garage) == []


def test_a_confirmation_after_its_timeout_is_late(garage: Conversation) -> None:
    garage.answer_round()
    garage.submit(TEN_AMPERES)
    assert garage.next_datagram() == "curr 10000"
    garage.next_datagram(until=garage.now + 2.5)

    garage.receive(TCH_OK, after=0.0)

    assert [request for request, _ in _late(garage)] == ["curr"]
