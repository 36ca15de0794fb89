"""What the broker refuses, or does not deliver, is noticed."""

import pytest

from pyconnector_template.mqtt.subscriptions import (
    OWN_TIMEOUT_S,
    TOPICS_PER_PACKET,
    Subscriptions,
)

ECHO = "demo/status"
MAP = "demo/datapoint_map"


@pytest.fixture
def subscriptions() -> Subscriptions:
    made = Subscriptions(ECHO)
    made.add(MAP, 1)
    made.add("demo/messages/3/value", 2)
    return made


def answer(
    subscriptions: Subscriptions, *refused: str, now: float = 0.0
) -> list[str]:
    """Let a broker answer all that is asked on a new connection."""
    told = []
    for number, packet in enumerate(subscriptions.all_packets()):
        topics = [topic for topic, _ in packet]
        subscriptions.note_asked(number, topics)
        told += subscriptions.note_suback(
            number, [topic in refused for topic in topics], now
        )
    return told


def test_everything_is_subscribed_on_each_connection(
    subscriptions: Subscriptions,
) -> None:
    for _ in range(2):
        [packet] = subscriptions.all_packets()
        assert packet == [(ECHO, 1), (MAP, 1), ("demo/messages/3/value", 2)]


def test_many_topics_are_many_packets(subscriptions: Subscriptions) -> None:
    for number in range(250):
        subscriptions.add(f"demo/messages/{number}/value", 2)
    sizes = [len(packet) for packet in subscriptions.all_packets()]
    assert max(sizes) == TOPICS_PER_PACKET
    assert sum(sizes) == 252


def test_what_is_added_later_is_asked_once_many_topics_together(
    subscriptions: Subscriptions,
) -> None:
    answer(subscriptions)
    for number in range(150):
        subscriptions.add(f"demo/messages/{number}/value", 2)
    subscriptions.remove("demo/messages/0/value")
    sizes = [len(packet) for packet in subscriptions.new_packets()]
    assert sizes == [TOPICS_PER_PACKET, 49]
    assert [*subscriptions.new_packets()] == []


def test_what_is_accepted_is_no_news(subscriptions: Subscriptions) -> None:
    assert answer(subscriptions) == []
    assert subscriptions.evidence == ""
    assert [*subscriptions.refused_packets()] == []


def test_a_refusal_is_told_once_and_tried_again(
    subscriptions: Subscriptions,
) -> None:
    assert answer(subscriptions, MAP) == [MAP]
    assert subscriptions.evidence == f"refused: {MAP}"
    assert [*subscriptions.refused_packets()] == [[(MAP, 1)]]
    assert answer(subscriptions, MAP) == []


def test_a_refusal_that_is_over_leaves_nothing(
    subscriptions: Subscriptions,
) -> None:
    answer(subscriptions, MAP)
    assert answer(subscriptions) == []
    assert subscriptions.evidence == ""
    assert answer(subscriptions, MAP) == [MAP]


def test_a_topic_nobody_wants_any_more_is_not_tried_again(
    subscriptions: Subscriptions,
) -> None:
    answer(subscriptions, MAP)
    subscriptions.remove(MAP)
    assert subscriptions.evidence == ""
    assert [*subscriptions.refused_packets()] == []


def test_many_refusals_are_named_in_part(subscriptions: Subscriptions) -> None:
    topics = [f"t/{number}" for number in range(9)]
    for topic in topics:
        subscriptions.add(topic, 2)
    answer(subscriptions, *topics)
    assert subscriptions.evidence == "refused: t/0, t/1, t/2 and 6 more"


def test_a_broker_that_says_yes_and_delivers_nothing_is_noticed_once(
    subscriptions: Subscriptions,
) -> None:
    answer(subscriptions, now=100.0)
    assert not subscriptions.is_own_missing(100.0 + OWN_TIMEOUT_S - 0.1)
    assert subscriptions.is_own_missing(100.0 + OWN_TIMEOUT_S)
    assert subscriptions.evidence == f"accepted, but not delivered: {ECHO}"
    answer(subscriptions, now=200.0)
    assert not subscriptions.is_own_missing(200.0 + OWN_TIMEOUT_S)
    subscriptions.note_message(ECHO)
    assert subscriptions.evidence == ""


def test_a_broker_that_delivers_is_not_suspected(
    subscriptions: Subscriptions,
) -> None:
    answer(subscriptions, now=100.0)
    subscriptions.note_message("demo/messages/3/value")
    subscriptions.note_message(ECHO)
    assert not subscriptions.is_own_missing(1000.0)


def test_a_refused_echo_is_not_waited_for(subscriptions: Subscriptions) -> None:
    answer(subscriptions, ECHO, now=100.0)
    assert not subscriptions.is_own_missing(1000.0)
    assert subscriptions.evidence == f"refused: {ECHO}"


def test_an_answer_of_the_connection_before_counts_no_more(
    subscriptions: Subscriptions,
) -> None:
    [packet] = subscriptions.all_packets()
    subscriptions.note_asked(7, [topic for topic, _ in packet])
    [*subscriptions.all_packets()]
    assert subscriptions.note_suback(7, [True, True, True], 0.0) == []
