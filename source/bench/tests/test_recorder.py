"""The stream of a broker, cut where the network has cut it."""

import os
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.recorder import Arrival, cpu_clock, split
from pyconnector_template.mqtt.packets import publish_packet

PINGRESP = b"\xd0\x00"
MESSAGES = [
    ("a/b", b'{"value": 1}'),
    ("a/c", b"x" * 200),
    ("a/d", b""),
    ("ä", b"y" * 20_000),
]
STREAM = PINGRESP.join(
    publish_packet(topic, payload, retain=False) for topic, payload in MESSAGES
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=10))
def test_messages_are_found_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(STREAM)]
    chunks = [
        (float(number), STREAM[begin:end])
        for number, (begin, end) in enumerate(pairwise(ends))
    ]
    arrivals, rest = split(chunks)
    assert [(one.topic, one.payload) for one in arrivals] == MESSAGES
    assert rest == b""


def test_a_message_arrives_when_its_last_byte_does() -> None:
    packet = publish_packet("a/b", b"payload", retain=True)
    arrivals, _ = split([(1.0, packet[:5]), (2.0, packet[5:])])
    assert arrivals == [Arrival(2.0, "a/b", b"payload")]


def test_a_beginning_is_kept_for_the_next_call() -> None:
    packet = publish_packet("a/b", b"payload", retain=True)
    arrivals, rest = split([(1.0, packet[:5])])
    assert arrivals == []
    arrivals, rest = split([(2.0, packet[5:])], rest)
    assert [one.topic for one in arrivals] == ["a/b"]
    assert rest == b""


def test_the_clock_of_a_process_tells_its_cpu_time() -> None:
    clock = cpu_clock(os.getpid())
    before_s = time.process_time()
    told_s = time.clock_gettime(clock)
    assert before_s <= told_s <= time.process_time()


def test_a_process_that_is_not_there_has_no_clock() -> None:
    # Linux numbers processes up to 2**22.
    with pytest.raises(ProcessLookupError):
        cpu_clock(2**22 + 1)
