import errno
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.diagnosis.causes import Code
from connector.diagnosis.link import link_cause
from connector.keba.station.availability import Availability
from connector.keba.station.events import ConnectionState, LinkFacts


@pytest.fixture
def garage() -> Availability:
    return Availability("garage")


def reason_of(availability: Availability) -> Code | None:
    state = availability.state()
    return None if state is None else link_cause(state.link)


def leave_unanswered(
    availability: Availability, *numbers: int, at: float
) -> None:
    for number in numbers:
        availability.note_report_unanswered(number, at)


@pytest.mark.parametrize(
    "note",
    [
        lambda garage: garage.note_sent(),
        lambda garage: setattr(garage, "last_seen_at", 7.0),
        lambda garage: garage.note_address(is_resolved=True),
    ],
    ids=["a request", "a datagram", "an address"],
)
def test_without_an_answer_there_is_no_verdict(
    garage: Availability, note: Callable[[Availability], None]
) -> None:
    note(garage)

    assert garage.is_resolved
    assert garage.state() is None


def test_an_answered_report_brings_it_online(garage: Availability) -> None:
    garage.note_sent()
    garage.last_seen_at = 7.0
    garage.note_report(1, 7.0)

    assert garage.state() == ConnectionState(
        station="garage",
        online=True,
        link=LinkFacts(),
        last_seen_at=7.0,
        requests_sent=1,
        requests_unanswered=0,
    )


def test_every_request_and_every_unanswered_one_is_counted(
    garage: Availability,
) -> None:
    for _ in range(3):
        garage.note_sent()
    garage.note_report(1, 1.0)
    garage.requests_unanswered += 1
    leave_unanswered(garage, 3, at=2.0)

    state = garage.state()

    assert state is not None
    assert state.requests_sent == 3
    assert state.requests_unanswered == 2


# --- silence ----------------------------------------------------------------


def test_a_station_that_leaves_report_1_unanswered_is_silent(
    garage: Availability,
) -> None:
    assert not garage.note_report_unanswered(1, asked_at=0.0)

    assert garage.is_silent
    assert reason_of(garage) is Code.NO_REPLY


@pytest.mark.parametrize("number", [2, 3, 100])
def test_an_unanswered_data_report_asks_for_report_1_before_the_verdict(
    garage: Availability, number: int
) -> None:
    garage.note_report(1, 1.0)

    assert garage.note_report_unanswered(number, asked_at=2.0)
    assert reason_of(garage) is Code.OK


def test_report_1_is_not_asked_for_when_something_else_was_answered_since(
    garage: Availability,
) -> None:
    garage.note_report(3, 3.0)

    assert not garage.note_report_unanswered(2, asked_at=2.0)


def test_a_silent_station_is_not_asked_for_report_1_once_more(
    garage: Availability,
) -> None:
    leave_unanswered(garage, 1, at=0.0)

    assert not garage.note_report_unanswered(2, asked_at=6.0)


def test_a_station_mute_for_report_1_is_not_silent_while_others_come(
    garage: Availability,
) -> None:
    garage.note_report(2, 1.0)

    leave_unanswered(garage, 1, at=0.5)

    assert not garage.is_silent
    assert reason_of(garage) is Code.OK


def test_any_answer_makes_a_station_online(garage: Availability) -> None:
    garage.note_answer(7.0)
    assert reason_of(garage) is Code.OK

    leave_unanswered(garage, 1, at=8.0)
    assert garage.is_silent

    garage.note_answer(9.0)
    assert not garage.is_silent
    assert reason_of(garage) is Code.OK


def test_a_failed_sending_is_the_reason_of_silence_until_a_datagram_leaves(
    garage: Availability,
) -> None:
    garage.note_sent()
    garage.send_error = errno.ENETUNREACH
    leave_unanswered(garage, 1, at=0.0)
    assert reason_of(garage) is Code.SEND_ERROR

    garage.note_sent()
    assert reason_of(garage) is Code.NO_REPLY


# --- DIP switch DSW1.3 ------------------------------------------------------


@pytest.mark.parametrize(
    "unanswered", [[2], [3], [1, 2, 3]], ids=["2", "3", "in a silence"]
)
def test_what_else_stays_unanswered_is_no_dip_switch(
    garage: Availability, unanswered: list[int]
) -> None:
    leave_unanswered(garage, *unanswered, at=1.0)
    garage.note_report(1, 5.0)

    assert reason_of(garage) is Code.OK


def test_an_identification_from_before_the_questions_proves_nothing(
    garage: Availability,
) -> None:
    garage.note_report(1, 0.5)
    leave_unanswered(garage, 2, 3, at=1.0)

    assert reason_of(garage) is Code.OK


@pytest.mark.parametrize("number", [2, 3])
def test_report_1_without_data_means_a_dip_switch_until_data_comes(
    garage: Availability, number: int
) -> None:
    leave_unanswered(garage, 2, 3, at=1.0)
    garage.note_report(1, 5.0)
    state = garage.state()
    assert state is not None
    assert not state.online
    assert reason_of(garage) is Code.DIP_SWITCH_OFF

    garage.note_report(number, 31.0)
    assert reason_of(garage) is Code.OK


# --- names ------------------------------------------------------------------


def test_a_name_without_address_is_told_at_once(garage: Availability) -> None:
    garage.note_address(is_resolved=False)

    assert not garage.is_resolved
    assert reason_of(garage) is Code.NAME_UNRESOLVED


# --- whatever happens ---------------------------------------------------------

WORDS = ("report", "unanswered", "answer", "sent", "send error", "resolved")
NOTES = st.tuples(
    st.sampled_from([*WORDS, "unresolved"]), st.sampled_from([1, 2, 3, 100])
)


def take_note(
    availability: Availability, note: str, number: int, at: float
) -> None:
    match note:
        case "report":
            availability.note_report(number, at)
        case "unanswered":
            availability.note_report_unanswered(number, at - 2.0)
        case "answer":
            availability.note_answer(at)
        case "sent":
            availability.note_sent()
        case "send error":
            availability.send_error = errno.ENETUNREACH
        case _:
            availability.note_address(is_resolved=note == "resolved")


@given(st.lists(NOTES, max_size=40))
def test_online_is_what_the_reason_says_until_a_whole_round_is_answered(
    notes: list[tuple[str, int]],
) -> None:
    garage = Availability("garage")
    for at, (note, number) in enumerate(notes):
        take_note(garage, note, number, float(at))

        state = garage.state()
        assert state is None or state.online == (reason_of(garage) is Code.OK)

    garage.note_address(is_resolved=True)
    for number in (1, 2, 3):
        garage.note_report(number, 100.0)
    assert reason_of(garage) is Code.OK


@pytest.mark.parametrize("polled", [(1, 2), (3,), (1, 2, 100)])
def test_who_polls_less_finds_a_deaf_station_as_well(
    polled: tuple[int, ...],
) -> None:
    """DIP switch DSW1.3 is off, and not all reports are asked for."""
    garage = Availability("garage", reports=polled)
    (data,) = {2, 3} & {*polled}
    garage.note_report(1, 1.0)
    leave_unanswered(garage, data, at=2.0)
    garage.note_report(1, 3.0)

    state = garage.state()

    assert state is not None
    assert state.link.is_deaf
