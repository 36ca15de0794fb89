"""One question at a time, within KEBA's pauses, twice if need be."""

import errno
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.keba.station.pacing import REPEAT_PAUSE_S, UDP_PAUSE_S
from connector.tools.interview import Interview

# Half as long again as the connector waits by default.
PATIENCE_S = 3.0
QUESTIONS = ("report 1", "report 2", "report 3")


def reply(number: int) -> bytes:
    return b'{\n"ID": "%d",\n"Serial": "12345678"\n}\n' % number


def test_the_next_question_waits_for_the_answer_and_for_kebas_pause() -> None:
    interview = Interview(QUESTIONS)
    assert interview.turn(0.0) == b"report 1"
    assert interview.turn(0.5) is None
    interview.receive(reply(1), 0.01)
    assert interview.turn(0.05) is None
    assert interview.turn(interview.next_deadline()) == b"report 2"
    assert interview.next_deadline() > UDP_PAUSE_S


def test_answers_carry_request_text_and_delay() -> None:
    interview = Interview(QUESTIONS)
    interview.turn(0.0)
    interview.receive(reply(1), 0.25)
    answer = interview.answer_to("report 1")
    assert answer is not None
    assert (answer.delay_s, answer.attempt) == (0.25, 1)
    assert answer.text == reply(1).decode()


def test_what_is_not_answered_is_asked_once_more_after_5_s() -> None:
    interview = Interview(("report 1",))
    assert interview.turn(0.0) == b"report 1"
    assert interview.turn(PATIENCE_S) is None
    again_at = interview.next_deadline()
    assert again_at > REPEAT_PAUSE_S
    assert interview.turn(again_at) == b"report 1"
    interview.turn(again_at + PATIENCE_S)
    assert interview.is_over
    assert interview.next_deadline() == math.inf


def test_kebas_pause_begins_when_the_question_has_really_left() -> None:
    interview = Interview(QUESTIONS)
    interview.turn(0.0)
    # The machine was busy between the decision and the sending.
    interview.note_left(0.5)
    interview.receive(reply(1), 0.51)
    assert interview.next_deadline() >= 0.5 + UDP_PAUSE_S
    answer = interview.answer_to("report 1")
    assert answer is not None
    assert answer.delay_s == pytest.approx(0.01)


def test_a_question_waits_longer_than_the_connector_would() -> None:
    interview = Interview(("report 1",), reply_timeout_s=10.0)
    interview.turn(0.0)
    assert interview.next_deadline() == 15.0


def test_a_dead_station_is_not_asked_anything_else() -> None:
    sent = run(Interview(QUESTIONS), answers=())
    assert sent == [b"report 1", b"report 1"]


def test_where_nothing_listens_nothing_is_asked_twice() -> None:
    interview = Interview(QUESTIONS)
    interview.turn(0.0)
    interview.note_obstacle(errno.ECONNREFUSED)
    assert interview.is_over


def test_a_station_whose_wlan_wakes_up_is_asked_twice() -> None:
    interview = Interview(QUESTIONS)
    interview.turn(0.0)
    interview.note_obstacle(errno.EHOSTUNREACH)
    assert not interview.is_over


def test_a_deaf_station_is_asked_each_report_twice() -> None:
    sent = run(Interview((*QUESTIONS, "report 2", "report 3")), answers=(1,))
    assert sent == [
        b"report 1",
        b"report 2",
        b"report 3",
        b"report 2",
        b"report 3",
    ]


def test_a_late_answer_is_an_answer_and_saves_the_repetition() -> None:
    interview = Interview(("report 1", "report 2"))
    interview.turn(0.0)
    interview.turn(PATIENCE_S)
    interview.receive(reply(1), 4.0)
    answer = interview.answer_to("report 1")
    assert answer is not None
    assert answer.delay_s == 4.0
    assert interview.turn(4.2) == b"report 2"


def test_an_answer_beyond_those_asked_for_is_surplus() -> None:
    interview = Interview(("report 1",))
    interview.turn(0.0)
    interview.receive(reply(1), 0.01)
    interview.receive(reply(1), 0.02)
    assert len(interview.answers) == 1
    assert len(interview.surplus_reports()) == 1


def test_pushes_and_foreign_requests_are_no_answers() -> None:
    interview = Interview(QUESTIONS)
    interview.turn(0.0)
    interview.receive(b'{"State": 3}', 0.01)
    interview.receive(b"report 2", 0.02)
    interview.receive(b"\xff\x00 nonsense", 0.03)
    assert interview.answers == []
    assert len(interview.pushes()) == 1
    assert len(interview.foreign_requests()) == 1


def test_a_report_100_that_calls_itself_6_answers_its_question() -> None:
    interview = Interview(("report 101",))
    interview.turn(0.0)
    interview.receive(b'{"ID": "6", "Session ID": 5}', 0.01)
    assert interview.answer_to("report 101") is not None


@given(st.lists(st.floats(0.0, 6.0), min_size=20, max_size=20))
def test_never_are_two_datagrams_closer_than_kebas_pauses(
    delays: list[float],
) -> None:
    interview = Interview((*QUESTIONS, *QUESTIONS))
    sent: list[tuple[float, bytes]] = []
    coming: list[tuple[float, bytes]] = []
    now = 0.0
    while not interview.is_over:
        for at, data in sorted(coming):
            if at <= now:
                interview.receive(data, now)
                coming.remove((at, data))
        datagram = interview.turn(now)
        if datagram is not None:
            sent.append((now, datagram))
            number = int(datagram.split()[1])
            coming.append((now + delays[len(sent) - 1], reply(number)))
        now += 0.01
        assert now < 120.0
    for (earlier, first), (later, second) in pairwise(sent):
        assert later - earlier >= UDP_PAUSE_S
        assert first != second or later - earlier >= REPEAT_PAUSE_S


def run(interview: Interview, answers: tuple[int, ...]) -> list[bytes]:
    """Let an interview go on; only some reports are answered."""
    sent = []
    while not interview.is_over:
        now = interview.next_deadline()
        now = max(now, 0.0)
        datagram = interview.turn(now)
        if datagram is None:
            continue
        sent.append(datagram)
        number = int(datagram.split()[1])
        if number in answers:
            interview.receive(reply(number), now + 0.01)
    return sent
