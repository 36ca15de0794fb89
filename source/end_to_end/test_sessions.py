"""Finished charging sessions, published once, without anybody's card."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from end_to_end.fake_time import Site
from simulator import PROFILES, SimulatedStation, Simulator, Vehicle
from simulator.actions import Action, PlugIn, ShowCard, Unplug
from testbed.connector_process import NAME, ConnectorProcess, Controller
from testbed.mosquitto import Mosquitto, Observer, wait_until

HERE = "127.0.6.1"
STATIONS = {"garage": "127.0.6.60", "clockless": "127.0.6.61"}
KINDS = {"garage": "p30-rfid", "clockless": "p30-3.9"}
TAG = "e3f76b8d00000000"
SETTINGS = {
    "KEBA_P30_REPORTS": "1,2,3,100",
    "SEND_RAW_MESSAGE_TO_DB": "TRUE",
    "DEBUG": "TRUE",
}
SESSION = ("id", "energy", "started", "ended", "reason", "tag", "time_quality")


@pytest.fixture
def simulator(port: int) -> Iterator[Simulator]:
    """Two stations; their time passes fifty times as fast."""
    with Simulator(STATIONS, profile=KINDS, port=port, speed=50.0) as stations:
        yield stations
        assert stations.violations == []


@pytest.fixture
def chosen(controller: Controller) -> Controller:
    """Select all datapoints of sessions."""
    return _choose(controller)


def _choose(controller: Controller) -> Controller:
    controller.select(
        *(f"{name}__session__{key}" for name in STATIONS for key in SESSION)
    )
    return controller


def _connector(
    folder: Path, broker: Mosquitto, port: int, **settings: str
) -> ConnectorProcess:
    return ConnectorProcess(
        folder,
        broker.port,
        STATIONS,
        bind=HERE,
        KEBA_P30_PORT=str(port),
        **SETTINGS,
        **settings,
    )


def _charge(simulator: Simulator, name: str) -> None:
    """Let a vehicle come, charge and leave."""
    point = simulator.stations[name].point
    simulator.act(name, PlugIn(Vehicle(hesitation_s=1.0, ramp_s=1.0)))
    simulator.act(name, ShowCard(TAG))
    assert simulator.wait_until(lambda: point.e_pres > 100)
    simulator.act(name, Unplug())


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
    settings = {**SETTINGS, "RFID_SALT": "a long secret"}
    with Site(*stations, settings=settings) as here:
        chosen = _choose(here.controller)
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


@pytest.mark.mosquitto
def test_sessions_reach_the_broker_and_the_card_does_not(
    tmp_path: Path,
    broker: Mosquitto,
    simulator: Simulator,
    chosen: Controller,
    observer: Observer,
    port: int,
) -> None:
    for _ in range(2):
        _charge(simulator, "garage")

    with _connector(tmp_path, broker, port, RFID_SALT="a long secret"):
        wait_until(lambda: len(chosen.values("garage__session__tag")) == 2)

    first, second = chosen.values("garage__session__id")
    assert second == first + 1
    _assert_cards_are_hashed(observer, _last(chosen, "garage")["tag"])
