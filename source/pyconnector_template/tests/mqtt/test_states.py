"""The status topic stays true, nobody answers for ever; states come again."""

import json
import math
from collections import deque
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconnector_template.mqtt.states import OFFLINE, ONLINE, States, Topics

OLD_ONLINE = b'{"status": "online", "timestamp": 1, "version": "1.1.0"}'
OLD_OFFLINE = b'{"status": "offline", "timestamp": 1, "version": "1.1.0"}'

STATUS = "demo/status"
DATAPOINTS = "demo/available_datapoints"


def made(version: str = "1.2.0", instance: str | None = None) -> States:
    return States(Topics("demo"), version, lambda: "{}", instance)


def said(states: States, state: str) -> bytes:
    return states.status(state).encode()


def due(states: States, now: float) -> list[str]:
    return [topic for topic, _ in states.take_due(now)]


def reaction(
    states: States, payload: bytes, *, is_retained: bool = False
) -> list[str]:
    """Return on which topics a message on the status topic is answered."""
    states.take_status(payload, is_retained=is_retained)
    return due(states, math.inf)


@pytest.fixture
def mine() -> States:
    return made(instance="mine")


def test_readers_find_what_they_always_found(mine: States) -> None:
    message = json.loads(said(mine, ONLINE))
    assert message.pop("instance") == "mine"
    assert isinstance(message.pop("timestamp"), int)
    assert message == {"status": "online", "version": "1.2.0"}


def test_two_instances_are_told_apart() -> None:
    first, second = (json.loads(said(made(), ONLINE)) for _ in range(2))
    assert first["instance"] != second["instance"]


def test_ones_own_online_needs_no_answer(mine: States) -> None:
    online = said(mine, ONLINE)
    assert reaction(mine, online, is_retained=True) == []
    assert mine.others == {}


def test_the_last_will_of_ones_own_older_connection_is_answered(
    mine: States,
) -> None:
    assert reaction(mine, said(mine, OFFLINE)) == [STATUS]


@pytest.mark.parametrize("is_retained", [True, False])
@pytest.mark.parametrize(
    "goodbye", [OLD_OFFLINE, said(made(), OFFLINE)], ids=["older", "ours"]
)
def test_a_foreign_goodbye_is_answered_and_datapoints_published_again(
    mine: States, goodbye: bytes, is_retained: bool
) -> None:
    told = reaction(mine, goodbye, is_retained=is_retained)
    assert told == [STATUS, DATAPOINTS]


@pytest.mark.parametrize("payload", [b"", b"nonsense", b"[]", b"\xff"])
def test_what_cannot_be_read_does_not_stay(
    mine: States, payload: bytes
) -> None:
    assert reaction(mine, payload, is_retained=True) == [STATUS]


@pytest.mark.parametrize(
    "online",
    [OLD_ONLINE, said(made("1.1.0", "other"), ONLINE)],
    ids=["older", "ours"],
)
def test_another_instance_is_noticed_answered_once_and_forgotten_when_it_ends(
    mine: States, online: bytes
) -> None:
    assert reaction(mine, online) == [STATUS]
    assert [*mine.others.values()] == ["1.1.0"]
    assert reaction(mine, online) == []
    reaction(mine, online.replace(b"online", b"offline"))
    assert mine.others == {}


def test_what_was_retained_proves_nobody_else(mine: States) -> None:
    assert reaction(mine, OLD_ONLINE, is_retained=True) == [STATUS]
    assert mine.others == {}


@given(st.integers(2, 5), st.integers(0, 2**32))
def test_instances_that_answer_each_other_fall_silent(
    number: int, seed: int
) -> None:
    chance = Random(seed)
    instances = [made(instance=str(index)) for index in range(number)]
    waiting: deque[bytes] = deque()
    said_so_far = 0
    for _ in range(10):
        # A start, a reconnect, a goodbye or a late last will of anybody.
        one = chance.choice(instances)
        waiting.append(said(one, chance.choice([ONLINE, OFFLINE])))
        if chance.random() < 0.3:
            one.note_connected()
        while waiting:
            message = waiting.popleft()
            for instance in instances:
                if reaction(instance, message) != []:
                    waiting.append(said(instance, ONLINE))
                    said_so_far += 1
    assert said_so_far <= 10 * number * (number + 1)


ONE = "demo/diagnosis"


def test_states_and_datapoints_are_sent_again_after_each_connack(
    mine: States,
) -> None:
    mine.keep(ONE, "1")
    assert due(mine, 0.0) == [ONE]
    assert due(mine, 1.0) == []
    mine.keep(ONE, "2")
    for _ in range(2):
        mine.note_connected()
        assert [*mine.take_due(2.0)] == [(DATAPOINTS, "{}"), (ONE, "2")]


def test_what_is_due_says_when_and_nothing_is_due_never(mine: States) -> None:
    assert mine.next_due_at() == math.inf
    mine.announce()
    assert due(mine, 10.0) == [DATAPOINTS]
    mine.announce()
    assert due(mine, 10.0) == []
    assert due(mine, mine.next_due_at()) == [DATAPOINTS]
    mine.answer()
    assert due(mine, mine.next_due_at()) == [STATUS]
    mine.answer()
    assert due(mine, mine.next_due_at() - 0.001) == []
    mine.keep(ONE, "1")
    assert due(mine, mine.next_due_at()) == [ONE]
