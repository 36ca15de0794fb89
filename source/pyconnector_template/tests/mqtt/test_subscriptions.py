"""What the broker refuses, or does not deliver, is noticed."""

from collections.abc import Sequence

import pytest

from pyconnector_template.findings import Findings
from pyconnector_template.mqtt.report import BrokerReport
from pyconnector_template.mqtt.subscriptions import (
    OWN_TIMEOUT_S,
    TOPICS_PER_PACKET,
    Subscriptions,
)
from pyconnector_template.settings import TemplateSettings

ECHO = "demo/status"
MAP = "demo/datapoint_map"


class Report(BrokerReport):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__(TemplateSettings(), Findings())
        self.told: list[str] = []
        self.evidence = ""

    def refused(self, topics: Sequence[str]) -> None:
        self.told += topics

    def not_delivered(self, topic: str) -> None:
        self.told.append(topic)

    def subscriptions(self, evidence: str) -> None:
        self.evidence = evidence


@pytest.fixture
def report() -> Report:
    return Report()


@pytest.fixture
def wanted(report: Report) -> Subscriptions:
    made = Subscriptions(ECHO, report)
    made.add(MAP, 1)
    made.add("demo/messages/3/value", 2)
    return made


def answer(wanted: Subscriptions, *refused: str, now: float = 0.0) -> None:
    """Let a broker answer all that is asked on a new connection."""
    for number, packet in enumerate(wanted.all_packets()):
        topics = [topic for topic, _ in packet]
        wanted.note_asked(number, topics)
        wanted.note_suback(number, [topic in refused for topic in topics], now)


def test_everything_is_subscribed_on_each_connection(
    wanted: Subscriptions,
) -> None:
    for _ in range(2):
        [packet] = wanted.all_packets()
        assert packet == [(ECHO, 1), (MAP, 1), ("demo/messages/3/value", 2)]


def test_many_topics_are_many_packets(wanted: Subscriptions) -> None:
    for number in range(250):
        wanted.add(f"demo/messages/{number}/value", 2)
    sizes = [len(packet) for packet in wanted.all_packets()]
    assert max(sizes) == TOPICS_PER_PACKET
    assert sum(sizes) == 252


def test_what_is_added_later_is_asked_once_many_topics_together(
    wanted: Subscriptions,
) -> None:
    answer(wanted)
    for number in range(150):
        wanted.add(f"demo/messages/{number}/value", 2)
    wanted.remove("demo/messages/0/value")
    sizes = [len(packet) for packet in wanted.new_packets()]
    assert sizes == [TOPICS_PER_PACKET, 49]
    assert [*wanted.new_packets()] == []


def test_what_is_accepted_is_no_news(
    wanted: Subscriptions, report: Report
) -> None:
    answer(wanted)
    assert report.told == []
    assert report.evidence == ""
    assert [*wanted.refused_packets()] == []


def test_a_refusal_is_told_once_and_tried_again(
    wanted: Subscriptions, report: Report
) -> None:
    for _ in range(2):
        answer(wanted, MAP)
        assert report.evidence == f"refused: {MAP}"
        assert [*wanted.refused_packets()] == [[(MAP, 1)]]
    assert report.told == [MAP]


def test_a_refusal_that_is_over_leaves_nothing(
    wanted: Subscriptions, report: Report
) -> None:
    answer(wanted, MAP)
    answer(wanted)
    assert report.evidence == ""
    answer(wanted, MAP)
    assert report.told == [MAP, MAP]


def test_a_topic_nobody_wants_any_more_is_not_tried_again(
    wanted: Subscriptions,
) -> None:
    answer(wanted, MAP)
    wanted.remove(MAP)
    assert wanted.evidence == ""
    assert [*wanted.refused_packets()] == []


def test_many_refusals_are_named_in_part(
    wanted: Subscriptions, report: Report
) -> None:
    topics = [f"t/{number}" for number in range(9)]
    for topic in topics:
        wanted.add(topic, 2)
    answer(wanted, *topics)
    assert report.evidence == "refused: t/0, t/1, t/2 and 6 more"


def test_a_broker_that_says_yes_and_delivers_nothing_is_noticed_once(
    wanted: Subscriptions, report: Report
) -> None:
    answer(wanted, now=100.0)
    wanted.check_own(100.0 + OWN_TIMEOUT_S - 0.1)
    assert report.told == []
    wanted.check_own(100.0 + OWN_TIMEOUT_S)
    assert report.evidence == f"accepted, but not delivered: {ECHO}"
    answer(wanted, now=200.0)
    wanted.check_own(200.0 + OWN_TIMEOUT_S)
    assert report.told == [ECHO]
    wanted.note_own_message()
    assert report.evidence == ""


def test_a_broker_that_delivers_is_not_suspected(
    wanted: Subscriptions, report: Report
) -> None:
    answer(wanted, now=100.0)
    wanted.note_own_message()
    wanted.check_own(1000.0)
    assert report.told == []


def test_a_refused_echo_is_not_waited_for(
    wanted: Subscriptions, report: Report
) -> None:
    answer(wanted, ECHO, now=100.0)
    wanted.check_own(1000.0)
    assert report.told == [ECHO]
    assert report.evidence == f"refused: {ECHO}"


def test_an_answer_of_the_connection_before_counts_no_more(
    wanted: Subscriptions, report: Report
) -> None:
    [packet] = wanted.all_packets()
    wanted.note_asked(7, [topic for topic, _ in packet])
    [*wanted.all_packets()]
    wanted.note_suback(7, [True, True, True], 0.0)
    assert report.told == []
