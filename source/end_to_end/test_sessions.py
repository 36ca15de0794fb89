"""Finished charging sessions, published once, without anybody's card."""

from typing import Any

from end_to_end.fake_time import Site
from simulator import PROFILES, SimulatedStation, Vehicle
from simulator.actions import Action, PlugIn, ShowCard, Unplug
from testbed.connector_process import NAME, Controller
from testbed.mosquitto import Observer

KINDS = {"garage": "p30-rfid", "clockless": "p30-3.9"}
TAG = "e3f76b8d00000000"
SETTINGS = {
    "KEBA_P30_REPORTS": "1,2,3,100",
    "SEND_RAW_MESSAGE_TO_DB": "TRUE",
    "DEBUG": "TRUE",
    "RFID_SALT": "a long secret",
}
SESSION = ("id", "energy", "started", "ended", "reason", "tag", "time_quality")


def _last(controller: Controller, name: str) -> dict[str, Any]:
    """Return what was published last of a session, so far."""
    keys = {key: f"{name}__session__{key}" for key in SESSION}
    return {
        key: values[-1]
        for key, datapoint in keys.items()
        if (values := controller.values(datapoint))
    }


VISIT: tuple[Action, ...] = (
    PlugIn(Vehicle(hesitation_s=1.0, ramp_s=1.0)),
    ShowCard(TAG),
    Unplug(),
)


def _visited_before(name: str, visits: int) -> SimulatedStation:
    """Make a station at which vehicles have charged in the last hour."""
    station = SimulatedStation(name, PROFILES[KINDS[name]], now=-3600.0)
    for visit in range(visits):
        for step, action in enumerate(VISIT):
            moment = -3600.0 + 600.0 * visit + 100.0 * step
            station.advance(moment)
            station.perform(action, moment)
    station.advance(0.0)
    return station


def test_sessions_of_a_downtime_and_new_ones_are_each_published_once() -> None:
    stations = _visited_before("garage", 3), _visited_before("clockless", 1)
    with Site(*stations, settings=SETTINGS) as here:
        chosen = here.controller
        chosen.select(
            *(f"{name}__session__{key}" for name in KINDS for key in SESSION)
        )
        ids = "garage__session__id"
        here.advance(60.0)
        assert len(chosen.values(ids)) == 3
        chosen.wait_for("clockless__session__time_quality", "uptime")
        for action in VISIT:
            here.act("garage", action)
            here.advance(100.0)

        first = chosen.values(ids)[0]
        assert chosen.values(ids) == [first, first + 1, first + 2, first + 3]
        published = _last(chosen, "garage")
        assert published["energy"] > 0
        assert published["reason"] == "unplugged"
        assert published["time_quality"] == "strong"
        assert published["started"] < published["ended"]
        assert published["ended"].endswith("Z")
        _assert_timestamps_are_ends(here.observer, chosen)
        _assert_cards_are_hashed(here.observer, published["tag"])


def _assert_timestamps_are_ends(
    observer: Observer, controller: Controller
) -> None:
    ends = observer.on(controller.topic("garage__session__ended"))
    stamps = [message.json["timestamp"] for message in ends]
    assert stamps == sorted(stamps)
    assert len({*stamps}) == 4


def _assert_cards_are_hashed(observer: Observer, tag: str) -> None:
    assert len(tag) == 16
    assert tag != TAG
    raw = observer.on(f"{NAME}/raw_message_to_db")
    assert any(tag.encode() in message.payload for message in raw)
    assert not any(TAG.encode() in one.payload for one in observer.messages)
