"""The first poll, and who already waits for it."""

from pathlib import Path

import pytest

from end_to_end.running import ConnectorProcess, Controller
from pyconnector_template.tests.mosquitto import Mosquitto, wait_until
from simulator import Simulator

pytestmark = pytest.mark.mosquitto

STATION = {"garage": "127.0.0.2"}
KEYS = ("garage__report 1__Product", "garage__report 3__P")


def test_a_map_on_the_broker_gets_the_values_of_the_very_first_poll(
    tmp_path: Path, broker: Mosquitto
) -> None:
    controller = Controller(broker.observe("#"))
    controller.select(*KEYS)
    with (
        Simulator(STATION),
        ConnectorProcess(tmp_path, broker.port, STATION, POLL_SECONDS="300"),
    ):
        wait_until(lambda: all(map(controller.values, KEYS)), "both values")


def test_stations_are_polled_also_where_no_map_and_no_broker_is(
    tmp_path: Path,
) -> None:
    with (
        Simulator(STATION) as stations,
        ConnectorProcess(tmp_path, 1, STATION),
    ):
        assert stations.wait_until(lambda: len(stations.requests) >= 3)
