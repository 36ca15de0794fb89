from queue import SimpleQueue

import pytest

from simulator import HeardRequest, SimulatedStation
from soak.events import Event, Heard, Said, Settings, StationsObserver


@pytest.mark.parametrize(
    ("word", "value", "is_shown"),
    [
        ("curr", 6100, True),
        ("currtime", 6100, True),
        ("curr", 6200, False),
        ("ena", 1, True),
        ("ena", 0, False),
    ],
)
def test_settings_show_what_is_in_force(
    word: str, value: int, is_shown: bool
) -> None:
    assert Settings(6100, enable_user=True).shows(word, value) is is_shown


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
