from collections.abc import Iterator
from pathlib import Path

import pytest

from pyconnector_template.tests.mosquitto import Mosquitto, Observer
from scaling.api_double import ApiDouble
from scaling.selections import MINIMAL

pytestmark = pytest.mark.mosquitto

POWER = "garage__readings__power"
AVAILABLE: dict[str, dict[str, float]] = {
    "sensor": {POWER: 1.5, "garage__report 1__Sec": 7},
    "actuator": {"garage__ena": 0},
}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as mosquitto:
        yield mosquitto


@pytest.fixture
def observer(broker: Mosquitto) -> Observer:
    return broker.observe("keba/#")


def test_it_activates_what_is_selected_and_notes_its_values(
    broker: Mosquitto, observer: Observer
) -> None:
    with ApiDouble(broker.port, ["keba"], MINIMAL) as api:
        observer.publish("keba/available_datapoints", AVAILABLE, retain=True)
        sent = observer.wait_for("keba/datapoint_map")
        topic = sent.json["sensor"][POWER]
        value = {"value": 2.5, "timestamp": 1_795_343_453_078}
        observer.publish(topic, value, retain=True)

        assert api.wait_for_datapoints(1, patience_s=5.0)
        assert not api.wait_for_datapoints(2, patience_s=0.0)
        assert api.wait_for_quiet(0.01, patience_s=5.0)

    (arrival,) = api.arrivals
    assert sent.json == {"sensor": {POWER: topic}, "actuator": {}}
    assert (arrival.topic, arrival.value) == (topic, 2.5)
    assert arrival.timestamp_ms == 1_795_343_453_078
    assert api.map_bytes == {"keba": len(sent.payload)}


def test_the_same_datapoints_again_bring_no_other_map(
    broker: Mosquitto, observer: Observer
) -> None:
    with ApiDouble(broker.port, ["keba"], MINIMAL):
        observer.publish("keba/available_datapoints", AVAILABLE, retain=True)
        observer.wait_for("keba/datapoint_map")
        observer.publish("keba/available_datapoints", AVAILABLE, retain=True)
        more = {f"yard{key[6:]}": 1 for key in AVAILABLE["sensor"]}
        both = {"sensor": AVAILABLE["sensor"] | more, "actuator": {}}
        observer.publish("keba/available_datapoints", both, retain=True)
        observer.wait_for(
            "keba/datapoint_map", lambda one: len(one.json["sensor"]) == 2
        )

    assert len(observer.on("keba/datapoint_map")) == 2
