import math

from hypothesis import given
from hypothesis import strategies as st

from simulator.meter import Meter, whole_units


def test_eleven_kilowatts_for_an_hour_are_eleven_kilowatt_hours() -> None:
    meter = Meter(0.0, now=0.0)
    meter.set_power(11_000_000, now=0.0)
    assert whole_units(meter.energy(3600.0)) == 110_000


def test_the_meter_tells_when_an_energy_will_be_reached() -> None:
    meter = Meter(50.0, now=10.0)
    assert meter.when(100.0) == math.inf
    meter.set_power(3_600_000, now=10.0)
    moment = meter.when(150.0)
    assert moment == 20.0
    assert meter.has_reached(150.0, moment)
    assert not meter.has_reached(150.0, moment - 0.1)


@given(st.lists(st.floats(0.0, 1e5), max_size=20))
def test_looking_at_the_meter_does_not_change_it(looks: list[float]) -> None:
    meter = Meter(0.0, now=0.0)
    meter.set_power(22_080_000, now=0.0)
    for moment in looks:
        meter.energy(moment)
    assert meter.energy(1e5) == 22_080_000 * 1e5 / 360_000
