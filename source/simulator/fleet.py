"""A fleet of simulated stations, ready to use in a `with` block."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar

from simulator.actions import Action, Answer, Reboot, Silence
from simulator.faults import NO_FAULTS, FaultyLink, LinkFaults
from simulator.pauses import PauseChecker, Violation
from simulator.profiles import PROFILES, Profile
from simulator.scenario import SCENARIOS, Scenario
from simulator.server import Endpoint, HeardRequest, Observer, Server
from simulator.station import SimulatedStation
from simulator.wire import KEBA_PORT, Station

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("simulator")

ACTION_TIMEOUT_S = 10.0
"""For a thread that has nothing to wait for itself."""

_T = TypeVar("_T", "Profile | str", "Scenario | str", LinkFaults)
PerStation: TypeAlias = "_T | Mapping[str, _T]"
"""The same for all stations, or a table with an entry for each."""


class Simulator:
    """Simulated stations on real sockets, for the time of a `with` block.

    Parameters
    ----------
    stations
        Name and address of each station.
    profile
        What they are: a profile or its name.
    scenario
        What happens to them: a scenario or its name.
    speed
        How much faster time passes inside the stations.
    seed
        Where chance begins; each station draws its own from it.
    faults
        What is wrong with the way to them.
    faults_to_client
        What is wrong with the way back; the same as `faults` if not given.
    strict
        Whether to look for broken pauses.
    port
        The port of stations and clients; KEBA's, unless a test cannot use it.
    broadcast
        An address at which all stations hear as well.
    observer
        Who sees each datagram, in the server's thread.
    others
        Stations made by other means (a replay, for instance), by the name
        that they have in `stations`.

    Raises
    ------
    ValueError
        If a profile or scenario is not known.
    OSError
        On entering, if an address or the port cannot be used.

    Attributes
    ----------
    stations : dict
        The simulated stations by name. They live in the server's thread:
        other threads only look.
    failure : BaseException or None
        What ended the server's thread before its time.

    Notes
    -----
    `profile`, `scenario` and both `faults` may be tables with an entry for
    each station.
    """

    def __init__(
        self,
        stations: Mapping[str, str],
        *,
        profile: PerStation[Profile | str] = "p30-c",
        scenario: PerStation[Scenario | str] = "idle",
        speed: float = 1.0,
        seed: int = 1,
        faults: PerStation[LinkFaults] = NO_FAULTS,
        faults_to_client: PerStation[LinkFaults] | None = None,
        strict: bool = True,
        port: int = KEBA_PORT,
        broadcast: str | None = None,
        observer: Observer | None = None,
        others: Mapping[str, Station] | None = None,
    ) -> None:
        self._port = port
        self._observer = observer
        self._broadcast = broadcast
        back = faults if faults_to_client is None else faults_to_client
        now = time.monotonic()
        self.stations: dict[str, SimulatedStation] = {}
        self._endpoints: dict[str, Endpoint] = {}
        for name, address in stations.items():
            model: Profile | str = _pick(profile, name)
            plot: Scenario | str = _pick(scenario, name)
            station: Station
            if others and name in others:
                station = others[name]
            else:
                station = self.stations[name] = SimulatedStation(
                    name,
                    find_profile(model),
                    seed,
                    scenario=find_scenario(plot, f"{seed} {name}"),
                    speed=speed,
                    now=now,
                    port=port,
                    unix_at_zero=time.time() - now,
                )
            self._endpoints[name] = Endpoint(
                station,
                address,
                FaultyLink(_pick(faults, name), f"{seed} {name} there", now),
                FaultyLink(_pick(back, name), f"{seed} {name} back", now),
                PauseChecker(name) if strict else None,
            )
        self.failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._server = Server(
            list(self._endpoints.values()),
            port=self._port,
            broadcast=self._broadcast,
            observer=self._observer,
        )
        self._thread = threading.Thread(target=self._serve, name="simulator")
        self._thread.start()
        return self

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        self._server.stop()
        self._thread.join()
        self._server.close()
        if self.failure is not None and error is None:
            raise self.failure

    # What happened ---------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The stations' names, also of those made by other means."""
        return list(self._endpoints)

    @property
    def requests(self) -> list[HeardRequest]:
        """All datagrams that reached the stations' sockets, in order."""
        return list(self._server.requests)

    @property
    def violations(self) -> list[Violation]:
        """All broken pauses, in order; empty unless strict."""
        return list(self._server.violations)

    def wait_until(
        self, condition: Callable[[], bool], timeout_s: float = ACTION_TIMEOUT_S
    ) -> bool:
        """Wait until something is true of the stations or the requests."""
        return self._server.wait_until(condition, timeout_s=timeout_s)

    # What to do to stations ------------------------------------------------

    def act(self, name: str, action: Action) -> None:
        """Let something happen to a station; return when it has."""
        self._check(name)
        self._server.act(name, action).result(ACTION_TIMEOUT_S)

    def disturb(
        self,
        name: str,
        to_station: LinkFaults = NO_FAULTS,
        to_client: LinkFaults = NO_FAULTS,
    ) -> None:
        """Let something else be wrong with the way to a station, and back."""
        self._check(name)
        done = self._server.disturb(name, to_station, to_client)
        done.result(ACTION_TIMEOUT_S)

    def _check(self, name: str) -> None:
        if name not in self._endpoints:
            raise ValueError(f"there is no station {name!r}")
        if self.failure is not None:
            raise self.failure

    def reboot(self, name: str) -> None:
        """Switch a station's power off and on."""
        self.act(name, Reboot())

    def silence(self, name: str, requests: tuple[str, ...] = ()) -> None:
        """Leave requests (all if none is named) without an answer."""
        self.act(name, Silence(requests))

    def answer(self, name: str) -> None:
        """Let a silenced station answer again."""
        self.act(name, Answer())

    def _serve(self) -> None:
        try:
            self._server.run()
        except BaseException as failure:
            # Raised again where somebody sees it, in `__exit__`.
            self.failure = failure
            logger.exception("the simulator's thread ended")
            self._server.announce()


def find_profile(profile: Profile | str) -> Profile:
    """Return a profile, by its name if it is one.

    Raises
    ------
    ValueError
        If no profile has this name.
    """
    if isinstance(profile, Profile):
        return profile
    if profile not in PROFILES:
        raise ValueError(
            f"profile {profile!r} is none of {', '.join(PROFILES)}"
        )
    return PROFILES[profile]


def find_scenario(scenario: Scenario | str, seed: str) -> Scenario:
    """Return a scenario, by its name if it is one.

    Raises
    ------
    ValueError
        If no scenario has this name.
    """
    if isinstance(scenario, Scenario):
        return scenario
    if scenario not in SCENARIOS:
        raise ValueError(
            f"scenario {scenario!r} is none of {', '.join(SCENARIOS)}"
        )
    return SCENARIOS[scenario](Random(f"{seed} scenario"))  # noqa: S311


def _pick(choice: PerStation[_T], name: str) -> _T:
    return choice[name] if isinstance(choice, Mapping) else choice
