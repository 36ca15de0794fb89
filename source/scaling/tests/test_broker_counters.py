from pathlib import Path

import pytest

from pyconnector_template.tests.mosquitto import Mosquitto, wait_until
from scaling import broker_counters
from scaling.broker_counters import BrokerCounters

pytestmark = pytest.mark.mosquitto

COUNTED = {
    broker_counters.RETAINED,
    broker_counters.PACKETS,
    broker_counters.BYTES,
}


def test_the_broker_counts_what_it_keeps(tmp_path: Path) -> None:
    config = f"allow_anonymous true\n{broker_counters.CONFIG}"
    with (
        Mosquitto(tmp_path, config) as broker,
        BrokerCounters(broker.port) as counters,
    ):
        before = counters.read()
        observer = broker.observe()
        observer.publish("a/b", {"value": 1}, retain=True)
        wait_until(lambda: _grown(before, counters.read()) >= COUNTED)


def _grown(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name in after if after[name] > before[name]}
