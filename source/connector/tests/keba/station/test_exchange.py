"""A late reply belongs to the command that timed out last."""

from dataclasses import replace

import pytest

from connector.keba.protocol.commands import Command
from connector.keba.station.exchange import LATE_REPLY_S, Exchange, ReplyTo
from connector.keba.station.requests import Request
from connector.tests.keba.commands import HELLO, TEN_AMPERES

ANSWERED_LATE = ReplyTo(TEN_AMPERES, is_reported=False, late_by_s=1.0)


@pytest.fixture
def exchange() -> Exchange:
    """Ten amperes were met with silence."""
    one = Exchange(reply_timeout_s=2.0)
    one.await_late_reply(TEN_AMPERES, 0.0, is_reported=False)
    return one


def _request(
    command: Command, first_sent_at: float | None = None
) -> Request[Command]:
    return Request(command, 0.0, 0.0, first_sent_at=first_sent_at)


def test_others_wait_its_repetition_does_not(exchange: Exchange) -> None:
    assert exchange.ready_at(_request(HELLO)) == LATE_REPLY_S
    assert exchange.ready_at(_request(TEN_AMPERES)) == LATE_REPLY_S
    assert exchange.ready_at(_request(TEN_AMPERES, first_sent_at=-2.0)) == 0.0


def test_its_reply_ends_the_waiting_once(exchange: Exchange) -> None:
    assert exchange.take_reply(1.0) == ANSWERED_LATE
    assert exchange.ready_at(_request(HELLO)) == 1.0
    assert exchange.take_reply(1.0) is None


def test_a_reply_that_comes_later_still_is_nobodys(exchange: Exchange) -> None:
    assert exchange.take_reply(LATE_REPLY_S) is None


def test_what_is_reported_stays_reported(exchange: Exchange) -> None:
    exchange.mark_reported(HELLO)
    exchange.mark_reported(TEN_AMPERES)
    exchange.mark_reported(HELLO)

    assert exchange.take_reply(1.0) == replace(ANSWERED_LATE, is_reported=True)


def test_without_a_silent_command_nobody_waits_and_no_reply_is_taken() -> None:
    exchange = Exchange(reply_timeout_s=2.0)

    assert exchange.ready_at(_request(HELLO)) == 0.0
    assert exchange.take_reply(0.0) is None
