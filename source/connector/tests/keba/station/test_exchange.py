"""A late reply belongs to the command that timed out last."""

import math
from dataclasses import replace

import pytest

from connector.keba.protocol.commands import Command
from connector.keba.station.exchange import LATE_REPLY_S, Exchange
from connector.keba.station.requests import CommandRequest
from connector.tests.keba.commands import HELLO, TEN_AMPERES


def _request(
    command: Command, first_sent_at: float = math.inf
) -> CommandRequest:
    return CommandRequest(command, 0.0, 0.0, first_sent_at=first_sent_at)


SILENT = _request(TEN_AMPERES, first_sent_at=-2.0)


@pytest.fixture
def exchange() -> Exchange:
    """Ten amperes were met with silence."""
    one = Exchange(reply_timeout_s=2.0)
    one.await_late_reply(SILENT, 0.0, is_reported=False)
    return one


def test_others_wait_its_repetition_does_not(exchange: Exchange) -> None:
    assert exchange.ready_at(_request(HELLO)) == LATE_REPLY_S
    assert exchange.ready_at(_request(TEN_AMPERES)) == LATE_REPLY_S
    assert exchange.ready_at(SILENT) == 0.0


def test_its_reply_ends_the_waiting_once(exchange: Exchange) -> None:
    assert exchange.take_reply(1.0) == (SILENT, 1.0)
    assert exchange.ready_at(_request(HELLO)) == 1.0
    assert exchange.take_reply(1.0) is None


def test_a_reply_that_comes_later_still_is_nobodys(exchange: Exchange) -> None:
    assert exchange.take_reply(LATE_REPLY_S) is None


def test_what_is_reported_stays_reported(exchange: Exchange) -> None:
    exchange.mark_reported(HELLO)
    exchange.mark_reported(TEN_AMPERES)
    exchange.mark_reported(HELLO)

    reply = exchange.take_reply(1.0)
    assert reply is not None
    assert reply[0].is_reported


def test_a_late_reply_to_a_keepalive_is_worth_a_line_as_well() -> None:
    exchange = Exchange(reply_timeout_s=2.0)
    keepalive = replace(SILENT, is_keepalive=True)
    exchange.await_late_reply(keepalive, 0.0, is_reported=True)

    reply = exchange.take_reply(1.0)
    assert reply is not None
    assert not reply[0].is_keepalive


def test_what_is_in_flight_is_reported_once() -> None:
    exchange = Exchange(reply_timeout_s=2.0)
    exchange.begin(_request(TEN_AMPERES), 0.0)

    assert exchange.mark_word_reported("ena") is None
    assert exchange.mark_word_reported("curr") is TEN_AMPERES
    assert exchange.mark_word_reported("curr") is None


def test_without_a_silent_command_nobody_waits_and_no_reply_is_taken() -> None:
    exchange = Exchange(reply_timeout_s=2.0)

    assert exchange.ready_at(_request(HELLO)) == 0.0
    assert exchange.take_reply(0.0) is None
