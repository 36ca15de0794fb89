"""The outbox keeps what the broker has not read, in order and bounded."""

from pyconnector_template.mqtt.outbox import Batch, Lane, Message, Outbox

LIMITS = {Lane.MOMENTARY: 3, Lane.LOG: 3, Lane.VALUE: 5, Lane.RAW: 4}


def value(number: int) -> Message:
    return Message("demo/messages/1/value", str(number), retain=True)


def filled(*numbers: int) -> Outbox:
    outbox = Outbox(LIMITS)
    for number in numbers:
        outbox.put(Lane.VALUE, value(number))
    return outbox


def payloads(outbox: Outbox) -> list[int]:
    return [
        int(one.payload)
        for one in outbox.take(limit=100, raw_limit=100)
        if isinstance(one, Message)
    ]


def test_messages_leave_in_the_order_they_came() -> None:
    outbox = filled(1, 2, 3)
    assert payloads(outbox) == [1, 2, 3]
    assert outbox.is_empty


def test_the_oldest_make_room_and_are_counted() -> None:
    outbox = filled(1, 2, 3, 4, 5, 6, 7)
    assert outbox.take_dropped(Lane.VALUE) == 2
    assert outbox.take_dropped(Lane.VALUE) == 0
    assert payloads(outbox) == [3, 4, 5, 6, 7]


def test_fifty_thousand_values_of_an_outage_are_kept() -> None:
    outbox = Outbox()
    for number in range(50_100):
        outbox.put(Lane.VALUE, value(number))
    assert outbox.waiting(Lane.VALUE) == 50_000
    assert outbox.take_dropped(Lane.VALUE) == 100
    assert payloads(outbox) == list(range(100, 200))


def test_the_sender_is_woken_once_until_it_looks() -> None:
    outbox = Outbox(LIMITS)
    assert outbox.put(Lane.VALUE, value(1))
    assert not outbox.put(Lane.VALUE, value(2))
    outbox.take(limit=1, raw_limit=0)
    assert outbox.put(Lane.VALUE, value(3))


def test_logs_and_heartbeats_do_not_wait_behind_values() -> None:
    outbox = filled(1)
    outbox.put(Lane.RAW, Message("raw", "4", qos=2))
    outbox.put(Lane.LOG, Message("logs", "3"))
    outbox.put(Lane.MOMENTARY, Message("heartbeat", "2"))
    assert payloads(outbox) == [2, 3, 1, 4]


def test_no_more_is_taken_than_wanted() -> None:
    outbox = filled(1, 2, 3)
    assert len(outbox.take(limit=2, raw_limit=0)) == 2
    assert outbox.waiting(Lane.VALUE) == 1


def test_raw_messages_wait_for_their_own_limit() -> None:
    outbox = Outbox(LIMITS)
    for number in range(3):
        outbox.put(Lane.RAW, Message("raw", str(number), qos=2))
    assert len(outbox.take(limit=100, raw_limit=2)) == 2
    assert outbox.waiting(Lane.RAW) == 1


def test_what_is_not_proven_is_sent_again_before_what_came_later() -> None:
    outbox = filled(1, 2)
    payloads(outbox)
    outbox.put(Lane.VALUE, value(3))
    outbox.give_back()
    assert payloads(outbox) == [1, 2, 3]


def test_what_is_proven_is_not_sent_again() -> None:
    outbox = filled(1, 2, 3)
    outbox.take(limit=2, raw_limit=0)
    proven = outbox.last_number
    payloads(outbox)
    outbox.confirm(proven)
    assert not outbox.is_confirmed
    outbox.give_back()
    assert payloads(outbox) == [3]


def test_giving_back_respects_the_limit() -> None:
    outbox = filled(1, 2, 3)
    payloads(outbox)
    for number in range(4, 9):
        outbox.put(Lane.VALUE, value(number))
    outbox.give_back()
    assert payloads(outbox) == [4, 5, 6, 7, 8]
    assert outbox.take_dropped(Lane.VALUE) == 3


def test_what_is_unproven_is_bounded() -> None:
    outbox = Outbox(LIMITS)
    for number in range(20):
        outbox.put(Lane.VALUE, value(number))
        outbox.take(limit=1, raw_limit=0)
    outbox.give_back()
    assert payloads(outbox) == [15, 16, 17, 18, 19]


def test_heartbeats_are_worthless_after_an_outage() -> None:
    outbox = Outbox(LIMITS)
    outbox.put(Lane.MOMENTARY, Message("heartbeat", "1"))
    outbox.take(limit=1, raw_limit=0)
    outbox.put(Lane.MOMENTARY, Message("heartbeat", "2"))
    outbox.give_back()
    assert outbox.is_empty
    assert outbox.is_confirmed


def test_a_batch_counts_as_many_messages_as_it_holds() -> None:
    outbox = filled(1)
    outbox.put(Lane.VALUE, Batch(b"three", 3))
    assert outbox.waiting(Lane.VALUE) == 4
    outbox.put(Lane.VALUE, Batch(b"two", 2))
    assert outbox.take_dropped(Lane.VALUE) == 1
    outbox.put(Lane.VALUE, value(2))
    assert outbox.take_dropped(Lane.VALUE) == 3
    assert outbox.take(limit=100, raw_limit=0) == [Batch(b"two", 2), value(2)]


def test_a_batch_is_taken_whole_and_ends_the_taking() -> None:
    outbox = Outbox(LIMITS)
    outbox.put(Lane.VALUE, Batch(b"three", 3))
    outbox.put(Lane.VALUE, value(1))
    assert outbox.take(limit=2, raw_limit=0) == [Batch(b"three", 3)]
    assert outbox.waiting(Lane.VALUE) == 1


def test_batches_that_are_unproven_are_bounded_by_their_messages() -> None:
    outbox = Outbox(LIMITS)
    for packets in (b"one", b"two", b"three"):
        outbox.put(Lane.VALUE, Batch(packets, 2))
        outbox.take(limit=2, raw_limit=0)
    outbox.give_back()
    assert outbox.take(limit=100, raw_limit=0) == [
        Batch(b"two", 2),
        Batch(b"three", 2),
    ]
