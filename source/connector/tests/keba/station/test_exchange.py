"""A late reply belongs to the command that timed out last."""

import pytest

from connector.keba.protocol.commands import Command
from connector.keba.station.exchange import (
    LATE_REPLY_S,
    LateReplyWindow,
    ReplyTo,
)
from connector.keba.station.requests import Request
from connector.tests.keba.commands import HELLO, TEN_AMPERES


@pytest.fixture
def window() -> LateReplyWindow:
    """Ten amperes were met with silence."""
    one = LateReplyWindow()
    one.open(TEN_AMPERES, 0.0, is_reported=False)
    return one


def _request(
    command: Command, first_sent_at: float | None = None
) -> Request[Command]:
    return Request(command, 0.0, 0.0, first_sent_at=first_sent_at)


def test_others_wait_its_repetition_does_not(window: LateReplyWindow) -> None:
    assert window.ready_at(_request(HELLO)) == LATE_REPLY_S
    assert window.ready_at(_request(TEN_AMPERES)) == LATE_REPLY_S
    assert window.ready_at(_request(TEN_AMPERES, first_sent_at=-2.0)) < 0.0


def test_its_reply_ends_the_window_once(window: LateReplyWindow) -> None:
    reply = window.take_reply(1.0)

    assert reply == ReplyTo(TEN_AMPERES, is_reported=False, late_by_s=1.0)
    assert window.ready_at(_request(HELLO)) == 1.0
    assert window.take_reply(1.0) is None


def test_a_reply_after_the_window_is_nobodys(window: LateReplyWindow) -> None:
    assert window.take_reply(LATE_REPLY_S) is None


def test_what_is_reported_stays_reported(window: LateReplyWindow) -> None:
    window.mark_reported(HELLO)
    window.mark_reported(TEN_AMPERES)
    window.mark_reported(HELLO)

    assert window.take_reply(1.0) == ReplyTo(
        TEN_AMPERES, is_reported=True, late_by_s=1.0
    )


def test_without_a_silent_command_nobody_waits_and_no_reply_is_taken() -> None:
    window = LateReplyWindow()

    assert window.ready_at(_request(HELLO)) < 0.0
    assert window.take_reply(0.0) is None
