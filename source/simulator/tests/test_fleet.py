from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from simulator.actions import PlugIn, Say
from simulator.faults import LinkFaults
from simulator.fleet import Simulator
from simulator.replay import ReplayedStation
from simulator.tests.client import PORT, Client
from simulator.tests.talking import BRISK

if TYPE_CHECKING:
    from simulator.pauses import Violation
    from simulator.server import HeardRequest

pytestmark = pytest.mark.io

GARAGE, YARD = "127.0.1.2", "127.0.1.3"
BOTH = {"garage": GARAGE, "yard": YARD}


def test_many_stations_answer_each_for_itself() -> None:
    stations = {f"s{number}": f"127.0.1.{number}" for number in range(10, 60)}
    with Simulator(stations, port=PORT) as sim, Client() as client:
        for address in stations.values():
            client.send("report 1", address)
        serials = {}
        for _ in stations:
            text, sender = client.hear()
            serials[sender] = json.loads(text)["Serial"]
    assert serials == {
        address: sim.stations[name].serial for name, address in stations.items()
    }


def test_stations_may_differ_in_profile_and_scenario() -> None:
    with (
        Simulator(
            BOTH,
            profile={"garage": "p20", "yard": "bmw"},
            scenario={"garage": "idle", "yard": "always-charging"},
            port=PORT,
        ) as sim,
        Client() as client,
    ):
        assert "P20" in client.ask("i", GARAGE)
        assert sim.wait_until(lambda: sim.stations["yard"].point.plug == 7)
        assert sim.stations["garage"].point.vehicle is None


def test_requests_are_kept_for_those_who_look() -> None:
    with Simulator({"garage": GARAGE}, port=PORT) as sim, Client() as client:
        client.ask("report 1\n", GARAGE)
        (request,) = sim.requests
    assert (request.station, request.text) == ("garage", "report 1")
    assert request.source == ("127.0.1.1", PORT)


def test_a_broken_pause_is_kept_when_strict() -> None:
    broken: dict[bool, list[Violation]] = {}
    for strict in (True, False):
        with (
            Simulator({"garage": GARAGE}, strict=strict, port=PORT) as sim,
            Client() as client,
        ):
            client.ask("report 1", GARAGE)
            client.ask("report 1", GARAGE)
            broken[strict] = sim.violations
    rules = [violation.rule for violation in broken[True]]
    assert "not 5 s after the same request" in rules
    assert broken[False] == []


def test_an_action_reaches_the_station_before_the_call_returns() -> None:
    with Simulator({"garage": GARAGE}, port=PORT) as sim:
        sim.act("garage", PlugIn(BRISK))
        assert sim.stations["garage"].point.plug == 7
        with pytest.raises(ValueError, match="no station 'cellar'"):
            sim.act("cellar", PlugIn(BRISK))
        with pytest.raises(ValueError, match="no station 'cellar'"):
            sim.disturb("cellar")


def test_a_silenced_station_answers_again_when_told() -> None:
    with Simulator({"garage": GARAGE}, port=PORT) as sim, Client() as client:
        sim.silence("garage", requests=("report 2",))
        client.send("report 2", GARAGE)
        assert '"ID": "3"' in client.ask("report 3", GARAGE)
        sim.answer("garage")
        assert '"ID": "2"' in client.ask("report 2", GARAGE)


def test_a_rebooted_station_comes_back_and_says_so() -> None:
    with (
        Simulator({"garage": GARAGE}, speed=50.0, port=PORT) as sim,
        Client() as client,
    ):
        client.ask("i", GARAGE)
        sim.reboot("garage")
        assert client.hear()[0] == "started ..."


def test_what_the_network_swallows_no_station_hears() -> None:
    with (
        Simulator(
            BOTH,
            faults={"garage": LinkFaults(loss=1.0), "yard": LinkFaults()},
            port=PORT,
        ) as sim,
        Client() as client,
    ):
        client.send("report 1", GARAGE)
        client.send("report 1", YARD)
        assert client.hear()[1] == YARD
        assert sim.wait_until(lambda: len(sim.requests) == 2)


def test_the_way_back_may_have_faults_of_its_own() -> None:
    with (
        Simulator(
            {"garage": GARAGE},
            faults_to_client=LinkFaults(duplication=1.0),
            port=PORT,
        ),
        Client() as client,
    ):
        text = client.ask("report 1", GARAGE)
        assert client.hear()[0] == text


def test_an_outage_is_counted_from_the_start_of_the_simulator() -> None:
    faults = LinkFaults(outages=((0.0, 3600.0),))
    with (
        Simulator(
            BOTH, faults={"garage": faults, "yard": LinkFaults()}, port=PORT
        ) as sim,
        Client() as client,
    ):
        client.send("report 1", GARAGE)
        client.send("report 1", YARD)
        assert client.hear()[1] == YARD
        sim.disturb("yard", to_station=faults)
        sim.disturb("garage")
        client.send("report 1", YARD)
        assert client.ask("report 1", GARAGE)
        assert sim.wait_until(lambda: len(sim.requests) == 4)


def test_a_broadcast_is_heard_by_all() -> None:
    with (
        Simulator(BOTH, port=PORT, broadcast="127.255.255.255"),
        Client() as client,
    ):
        client.send("i", "127.255.255.255")
        heard = {client.hear()[1] for _ in BOTH}
    assert heard == {GARAGE, YARD}


def test_a_replayed_station_sits_among_the_others() -> None:
    replayed = ReplayedStation(
        "garage", {"i": ['"Firmware":"old"\n']}, port=PORT
    )
    with (
        Simulator(BOTH, others={"garage": replayed}, port=PORT) as sim,
        Client() as client,
    ):
        assert client.ask("i", GARAGE) == '"Firmware":"old"\n'
        assert list(sim.stations) == ["yard"]


def test_unknown_names_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"profile 'p99' is none of p30-c,"):
        Simulator({"garage": GARAGE}, profile="p99")
    with pytest.raises(ValueError, match=r"scenario 'x' is none of idle,"):
        Simulator({"garage": GARAGE}, scenario="x")


def test_what_ends_the_thread_is_seen_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sim = Simulator({"garage": GARAGE}, port=PORT)

    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("broken station")

    monkeypatch.setattr(sim.stations["garage"], "receive", break_down)
    sim.__enter__()
    with Client() as client:
        client.send("i", GARAGE)
        assert sim.wait_until(lambda: sim.failure is not None)
    with pytest.raises(RuntimeError, match="broken station"):
        sim.act("garage", PlugIn(BRISK))
    with pytest.raises(RuntimeError, match="broken station"):
        sim.__exit__(None, None, None)


def test_nothing_outlives_the_with_block() -> None:
    with Simulator({"garage": GARAGE}, port=PORT):
        pass
    assert "simulator" not in [t.name for t in threading.enumerate()]
    with Simulator({"garage": GARAGE}, port=PORT):
        pass


def test_the_way_to_a_station_can_break_and_be_mended() -> None:
    with Simulator(BOTH, port=PORT) as sim, Client() as client:
        sim.disturb("garage", to_client=LinkFaults(loss=1.0))
        client.send("report 1", GARAGE)
        assert sim.wait_until(lambda: len(sim.requests) == 1)
        assert client.ask("report 1", YARD)

        sim.disturb("garage")
        assert client.ask("report 1", GARAGE)


class Notes:
    """A observer that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def heard(self, request: HeardRequest) -> None:
        self.lines.append(f"{request.station} << {request.text}")

    def said(self, station: str, data: bytes) -> None:
        self.lines.append(f"{station} >> {data.decode().strip()}")


def test_an_observer_sees_each_datagram_before_anybody_else() -> None:
    notes = Notes()
    with (
        Simulator(BOTH, port=PORT, observer=notes) as sim,
        Client() as client,
    ):
        assert client.ask("curr 10000", GARAGE) == "TCH-OK :done\n"
        assert notes.lines == [
            "garage << curr 10000",
            "garage >> TCH-OK :done",
        ]

        sim.act("garage", Say(("nonsense",)))
        assert client.hear()[0] == "nonsense"
        assert notes.lines[2] == "garage >> nonsense"


def test_an_observer_does_not_see_what_the_way_has_swallowed() -> None:
    notes = Notes()
    with (
        Simulator(
            BOTH,
            port=PORT,
            observer=notes,
            faults=LinkFaults(),
            faults_to_client=LinkFaults(loss=1.0),
        ) as sim,
        Client() as client,
    ):
        client.send("report 1", GARAGE)
        client.send("report 2", GARAGE)
        assert sim.wait_until(lambda: len(notes.lines) == 2)

    assert notes.lines == ["garage << report 1", "garage << report 2"]
