"""The status topic stays true, nobody answers for ever; states come again."""

import json
import math
from collections import deque
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconnector_template.mqtt.states import (
    OFFLINE,
    ONLINE,
    Reaction,
    States,
    Status,
    Topics,
)

OLD_ONLINE = b'{"status": "online", "timestamp": 1, "version": "1.1.0"}'
OLD_OFFLINE = b'{"status": "offline", "timestamp": 1, "version": "1.1.0"}'


def said(status: Status, state: str) -> bytes:
    return status.message(state, 5).encode()


@pytest.fixture
def mine() -> Status:
    return Status("1.2.0", "mine")


def test_readers_find_what_they_always_found(mine: Status) -> None:
    message = json.loads(said(mine, ONLINE))
    assert message.pop("instance") == "mine"
    assert message == {"status": "online", "timestamp": 5, "version": "1.2.0"}


def test_two_instances_are_told_apart() -> None:
    first, second = (said(Status("1.2.0"), ONLINE) for _ in range(2))
    assert first != second


def test_ones_own_online_needs_no_answer(mine: Status) -> None:
    assert mine.receive(said(mine, ONLINE), is_retained=True) == Reaction()
    assert mine.others == ()


def test_the_last_will_of_ones_own_older_connection_is_answered(
    mine: Status,
) -> None:
    reaction = mine.receive(said(mine, OFFLINE), is_retained=False)
    assert reaction == Reaction(must_answer=True)


@pytest.mark.parametrize("is_retained", [True, False])
def test_a_foreign_goodbye_is_answered_and_datapoints_published_again(
    mine: Status, is_retained: bool
) -> None:
    for goodbye in (OLD_OFFLINE, said(Status("1.2.0"), OFFLINE)):
        reaction = mine.receive(goodbye, is_retained=is_retained)
        assert reaction == Reaction(must_answer=True, must_announce=True)


@pytest.mark.parametrize("payload", [b"", b"nonsense", b"[]", b"\xff"])
def test_what_cannot_be_read_does_not_stay(
    mine: Status, payload: bytes
) -> None:
    reaction = mine.receive(payload, is_retained=True)
    assert reaction == Reaction(must_answer=True)


@pytest.mark.parametrize(
    "online", [OLD_ONLINE, said(Status("1.1.0", "other"), ONLINE)]
)
def test_another_instance_is_noticed_answered_once_and_forgotten_when_it_ends(
    mine: Status, online: bytes
) -> None:
    assert mine.receive(online, is_retained=False).must_answer
    assert mine.others == ("1.1.0",)
    assert mine.receive(online, is_retained=False) == Reaction()
    mine.receive(online.replace(b"online", b"offline"), is_retained=False)
    assert not mine.others


def test_what_was_retained_proves_nobody_else(mine: Status) -> None:
    reaction = mine.receive(OLD_ONLINE, is_retained=True)
    assert reaction == Reaction(must_answer=True)
    assert mine.others == ()


@given(st.integers(2, 5), st.integers(0, 2**32))
def test_instances_that_answer_each_other_fall_silent(
    number: int, seed: int
) -> None:
    chance = Random(seed)
    instances = [Status("1.2.0", str(index)) for index in range(number)]
    waiting: deque[bytes] = deque()
    said_so_far = 0
    for _ in range(10):
        # A start, a reconnect, a goodbye or a late last will of anybody.
        one = chance.choice(instances)
        waiting.append(said(one, chance.choice([ONLINE, OFFLINE])))
        if chance.random() < 0.3:
            one.forget_others()
        while waiting:
            message = waiting.popleft()
            for instance in instances:
                if instance.receive(message, is_retained=False).must_answer:
                    waiting.append(said(instance, ONLINE))
                    said_so_far += 1
    assert said_so_far <= 10 * number * (number + 1)


ONE = "demo/diagnosis"
DATAPOINTS = "demo/available_datapoints"


@pytest.fixture
def states() -> States:
    return States(Topics("demo"), Status("1.2.3"), lambda: "{}")


def due(states: States, now: float) -> list[str]:
    return [topic for topic, _ in states.take_due(now)]


def test_states_and_datapoints_are_sent_again_after_each_connack(
    states: States,
) -> None:
    states.keep(ONE, "1")
    assert due(states, 0.0) == [ONE]
    assert due(states, 1.0) == []
    states.keep(ONE, "2")
    for _ in range(2):
        states.note_connected()
        assert [*states.take_due(2.0)] == [(ONE, "2"), (DATAPOINTS, "{}")]


def test_what_is_due_says_when_and_nothing_is_due_never(states: States) -> None:
    assert states.next_due_at() == math.inf
    states.announce()
    assert due(states, 10.0) == [DATAPOINTS]
    states.announce()
    assert due(states, 10.0) == []
    assert due(states, states.next_due_at()) == [DATAPOINTS]
    states.answer()
    assert due(states, states.next_due_at()) == ["demo/status"]
    states.answer()
    assert due(states, states.next_due_at() - 0.001) == []
    states.keep(ONE, "1")
    assert states.next_due_at() == -math.inf
