import pytest

from simulator.profiles import PROFILES
from simulator.station import SimulatedStation


@pytest.fixture
def garage() -> SimulatedStation:
    return SimulatedStation("garage")


@pytest.fixture
def locked() -> SimulatedStation:
    """A station that wants a card."""
    return SimulatedStation("garage", PROFILES["p30-rfid"])
