"""Simulated KEBA P30 stations: in a terminal, in a demo, in tests.

Three ways to use them:

* ``python -m simulator --station garage=127.0.0.2`` - see ``__main__``.
* ``with Simulator({"garage": "127.0.0.2"}) as sim: ...`` - real sockets, in a
  thread of their own.
* ``SimulatedStation("garage")`` - no socket, no clock: datagrams and times go
  in, datagrams come out.

The package has its own understanding of KEBA's protocol and imports nothing
from the connector, so that the two cannot share a mistake.
"""

import logging

from simulator.faults import NO_FAULTS, Burst, FaultyLink, LinkFaults
from simulator.fleet import HeardRequest, Simulator
from simulator.pauses import PauseChecker, Violation
from simulator.profiles import PROFILES, Profile
from simulator.scenario import SCENARIOS, Scenario, Step
from simulator.station import SimulatedStation
from simulator.vehicle import Vehicle

__version__ = "1.2.0"
"""The connector's, which a test compares: they are released together."""

# Who uses the package as a library decides what is logged.
logging.getLogger("simulator").addHandler(logging.NullHandler())

__all__ = [
    "NO_FAULTS",
    "PROFILES",
    "SCENARIOS",
    "Burst",
    "FaultyLink",
    "HeardRequest",
    "LinkFaults",
    "PauseChecker",
    "Profile",
    "Scenario",
    "SimulatedStation",
    "Simulator",
    "Step",
    "Vehicle",
    "Violation",
]
