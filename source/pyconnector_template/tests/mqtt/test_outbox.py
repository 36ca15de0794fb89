"""The outbox keeps what the broker has not read, in order and bounded."""

from pyconnector_template.mqtt.outbox import Batch, Outbox

LIMIT = 5


def value(number: int) -> Batch:
    return Batch(b"%d" % number, 1)


def filled(*numbers: int) -> Outbox:
    outbox = Outbox(LIMIT)
    for number in numbers:
        outbox.put(value(number))
    return outbox


def taken(outbox: Outbox, limit: int = 100) -> list[int]:
    return [int(packets) for packets in outbox.take(limit)]


def test_messages_leave_in_the_order_they_came() -> None:
    outbox = filled(1, 2, 3)
    assert taken(outbox) == [1, 2, 3]
    assert outbox.size == 0


def test_the_oldest_make_room_and_are_counted() -> None:
    outbox = filled(1, 2, 3, 4, 5, 6, 7)
    assert outbox.take_dropped() == 2
    assert outbox.take_dropped() == 0
    assert taken(outbox) == [3, 4, 5, 6, 7]


def test_fifty_thousand_values_of_an_outage_are_kept() -> None:
    outbox = Outbox()
    for number in range(50_100):
        outbox.put(value(number))
    assert outbox.size == 50_000
    assert outbox.take_dropped() == 100
    assert taken(outbox) == list(range(100, 200))


def test_the_sender_is_woken_once_until_it_looks() -> None:
    outbox = Outbox(LIMIT)
    assert outbox.put(value(1))
    assert not outbox.put(value(2))
    outbox.take(1)
    assert outbox.put(value(3))


def test_no_more_is_taken_than_wanted() -> None:
    outbox = filled(1, 2, 3)
    assert taken(outbox, 2) == [1, 2]
    assert outbox.size == 1


def test_what_is_not_proven_is_sent_again_before_what_came_later() -> None:
    outbox = filled(1, 2)
    taken(outbox)
    outbox.put(value(3))
    outbox.give_back()
    assert taken(outbox) == [1, 2, 3]


def test_what_is_proven_is_not_sent_again() -> None:
    outbox = filled(1, 2, 3)
    outbox.take(2)
    proven = outbox.taken
    taken(outbox)
    outbox.confirm(proven)
    assert not outbox.is_confirmed
    outbox.give_back()
    assert taken(outbox) == [3]


def test_giving_back_respects_the_limit() -> None:
    outbox = filled(1, 2, 3)
    taken(outbox)
    for number in range(4, 9):
        outbox.put(value(number))
    outbox.give_back()
    assert taken(outbox) == [4, 5, 6, 7, 8]
    assert outbox.take_dropped() == 3


def test_what_is_unproven_is_bounded() -> None:
    outbox = Outbox(LIMIT)
    for number in range(20):
        outbox.put(value(number))
        outbox.take(1)
    outbox.give_back()
    assert taken(outbox) == [15, 16, 17, 18, 19]


def test_a_batch_counts_as_many_messages_as_it_holds() -> None:
    outbox = filled(1)
    outbox.put(Batch(b"23", 3))
    assert outbox.size == 4
    outbox.put(Batch(b"45", 2))
    assert outbox.take_dropped() == 1
    outbox.put(value(6))
    assert outbox.take_dropped() == 3
    assert taken(outbox) == [45, 6]


def test_a_batch_is_taken_whole_and_ends_the_taking() -> None:
    outbox = Outbox(LIMIT)
    outbox.put(Batch(b"12", 3))
    outbox.put(value(3))
    assert taken(outbox, 2) == [12]
    assert outbox.size == 1


def test_batches_that_are_unproven_are_bounded_by_their_messages() -> None:
    outbox = Outbox(LIMIT)
    for number in (1, 2, 3):
        outbox.put(Batch(b"%d" % number, 2))
        outbox.take(2)
    outbox.give_back()
    assert taken(outbox) == [2, 3]
