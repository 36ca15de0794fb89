from queue import SimpleQueue

from simulator import HeardRequest, SimulatedStation
from soak.events import Event, Heard, Said, StationsObserver


def test_the_observer_notes_what_is_in_force_at_each_datagram() -> None:
    queue: SimpleQueue[Event] = SimpleQueue()
    observer = StationsObserver(queue)
    station = SimulatedStation("s00")
    observer.stations = {"s00": station}
    client = ("127.0.6.1", 7090)

    observer.heard(HeardRequest(17.0, "s00", client, "curr 6100"))
    station.receive(b"curr 6100", 1.0)
    observer.said("s00", b"TCH-OK :done\n")

    before, after = queue.get(), queue.get()
    assert isinstance(before, Heard)
    assert (before.stamped_at, before.source) == (17.0, "127.0.6.1")
    assert before.settings.curr_user == 63_000
    assert isinstance(after, Said)
    assert after.settings.curr_user == 6_100
    assert before.at <= after.at
