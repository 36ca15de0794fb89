"""PUBLISH_UNCHANGED_EVERY with a real broker that forgets."""

import pytest

from end_to_end.conftest import Launch
from simulator import Simulator
from testbed.connector_process import Controller
from testbed.mosquitto import Mosquitto, wait_until

pytestmark = pytest.mark.mosquitto

STATION = {"garage": "127.0.0.2"}
PRODUCT = "garage__report 1__Product"
UPTIME = "garage__report 1__Sec"


def test_a_broker_that_has_forgotten_gets_unchanged_values_again(
    launch: Launch, broker: Mosquitto, hurry: dict[str, str]
) -> None:
    with (
        Simulator(STATION, speed=10.0) as stations,
        launch(STATION, PUBLISH_UNCHANGED_EVERY="1000", **hurry),
    ):
        before = Controller(broker.observe("#"))
        before.select(PRODUCT, UPTIME)
        wait_until(lambda: len(before.values(UPTIME)) >= 2)
        assert len(before.values(PRODUCT)) == 1

        broker.restart()
        after = Controller(broker.observe("#"))
        after.select(PRODUCT, UPTIME)
        wait_until(lambda: after.values(PRODUCT))

    assert stations.violations == []
