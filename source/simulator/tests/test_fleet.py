"""Real sockets; the promises about time are in the other tests."""

from __future__ import annotations

import json
import logging
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from simulator.actions import PlugIn, Say
from simulator.faults import LinkFaults
from simulator.fleet import Simulator
from simulator.replay import ReplayedStation
from simulator.tests.client import ANSWER_TIMEOUT_S, PORT, Client
from simulator.tests.talking import BRISK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from simulator.fleet import HeardRequest

pytestmark = pytest.mark.io

GARAGE, YARD = "127.0.1.2", "127.0.1.3"
ONE = {"garage": GARAGE}
BOTH = {"garage": GARAGE, "yard": YARD}


@contextmanager
def running(
    stations: Mapping[str, str] = ONE, **options: Any
) -> Iterator[tuple[Simulator, Client]]:
    """Stations, and a client that may ask them."""
    simulator = Simulator(stations, port=PORT, **options)
    with simulator, Client() as client:
        yield simulator, client


def test_many_stations_answer_each_for_itself() -> None:
    stations = {f"s{number}": f"127.0.1.{number}" for number in range(10, 60)}
    with running(stations) as (sim, client):
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
    with running(
        BOTH,
        profile={"garage": "p20", "yard": "bmw"},
        scenario={"garage": "idle", "yard": "always-charging"},
    ) as (sim, client):
        assert "P20" in client.ask("i", GARAGE)
        assert sim.wait_until(lambda: sim.stations["yard"].point.plug == 7)
        assert sim.stations["garage"].point.plug == 3


def test_requests_are_kept_for_those_who_look() -> None:
    with running() as (sim, client):
        client.ask("report 1\n", GARAGE)
        (request,) = sim.requests
    assert (request.station, request.text) == ("garage", "report 1")
    assert request.source == ("127.0.1.1", PORT)


@pytest.mark.parametrize("strict", [True, False])
def test_a_broken_pause_is_kept_when_strict(*, strict: bool) -> None:
    with running(strict=strict) as (sim, client):
        client.ask("report 1", GARAGE)
        client.ask("report 1", GARAGE)
        rules = [violation.rule for violation in sim.violations]
    assert ("not 5 s after the same request" in rules) is strict
    assert strict or rules == []


def test_an_action_reaches_the_station_before_the_call_returns() -> None:
    with running() as (sim, _):
        sim.act("garage", PlugIn(BRISK))
        assert sim.stations["garage"].point.plug == 7
        with pytest.raises(ValueError, match="no station 'cellar'"):
            sim.act("cellar", PlugIn(BRISK))
        with pytest.raises(ValueError, match="no station 'cellar'"):
            sim.disturb("cellar")


def test_a_station_is_silenced_answers_again_and_reboots_when_told() -> None:
    with running(speed=50.0) as (sim, client):
        sim.silence("garage", requests=("report 2",))
        client.send("report 2", GARAGE)
        assert '"ID": "3"' in client.ask("report 3", GARAGE)
        sim.answer("garage")
        assert '"ID": "2"' in client.ask("report 2", GARAGE)
        sim.reboot("garage")
        assert client.hear()[0] == "started ..."


def test_waiting_ends_in_vain_after_its_time() -> None:
    with running() as (sim, _):
        assert not sim.wait_until(lambda: False, timeout_s=0.01)


def test_the_way_back_may_have_faults_of_its_own() -> None:
    with running(faults_to_client=LinkFaults(duplication=1.0)) as (_, client):
        text = client.ask("report 1", GARAGE)
        assert client.hear()[0] == text


def test_an_outage_is_counted_from_the_start_or_the_change() -> None:
    outage = LinkFaults(outages=((0.0, 3600.0),))
    faults = {"garage": outage, "yard": LinkFaults()}
    with running(BOTH, faults=faults) as (sim, client):
        client.send("report 1", GARAGE)
        client.send("report 1", YARD)
        assert client.hear()[1] == YARD
        sim.disturb("yard", to_station=outage)
        sim.disturb("garage")
        client.send("report 1", YARD)
        assert client.ask("report 1", GARAGE)
        assert sim.wait_until(lambda: len(sim.requests) == 4)


def test_a_broadcast_is_heard_by_all() -> None:
    with running(BOTH, broadcast="127.255.255.255") as (_, client):
        client.send("i", "127.255.255.255")
        heard = {client.hear()[1] for _ in BOTH}
    assert heard == {GARAGE, YARD}


def test_a_replayed_station_sits_among_the_others() -> None:
    answers = {"i": [b'"Firmware":"old"\n']}
    replayed = ReplayedStation("garage", answers, port=PORT)
    with running(BOTH, others={"garage": replayed}) as (sim, client):
        assert client.ask("i", GARAGE) == '"Firmware":"old"\n'
        assert sim.stations["garage"] is replayed
        assert "P30" in client.ask("i", YARD)


def test_unknown_names_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"profile 'p99' is none of p30-c,"):
        Simulator(ONE, profile="p99")
    with pytest.raises(ValueError, match=r"scenario 'x' is none of idle,"):
        Simulator(ONE, scenario="x")


def test_what_ends_the_thread_is_seen_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sim = Simulator(ONE, port=PORT)

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
    for _ in range(2):
        with running():
            pass
        assert "simulator" not in [t.name for t in threading.enumerate()]


def test_a_fleet_at_the_highest_speed_ends_when_told() -> None:
    stations = {f"s{number}": f"127.0.1.{number}" for number in range(10, 60)}
    with running(stations, speed=3600.0, scenario="always-charging"):
        pass


def test_a_client_on_all_addresses_that_shares_its_port_may_sit_beside() -> (
    None
):
    with (
        Simulator(ONE, port=PORT),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("0.0.0.0", PORT))
        client.settimeout(ANSWER_TIMEOUT_S)
        client.sendto(b"i", (GARAGE, PORT))
        data, sender = client.recvfrom(512)
    assert data.startswith(b'"Firmware"')
    assert sender == (GARAGE, PORT)


def test_the_log_does_not_name_the_energy(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "simulator")
    with running(speed=600.0, scenario="always-charging") as (_, client):
        client.send("i", GARAGE)
        while not client.hear()[0].startswith('{"E pres"'):
            pass
    assert "State 3, charging" in caplog.text
    assert "E pres" not in caplog.text


def test_the_log_bears_a_report_whose_number_has_no_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "simulator")
    endless = '{"ID": "%s"}' % ("1" * 5000)
    with running() as (sim, client):
        client.ask("i", GARAGE)
        sim.act("garage", Say((endless,)))
        assert client.hear()[0] == endless
    assert endless in caplog.text


class Notes:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def heard(self, request: HeardRequest) -> None:
        self.lines.append(f"{request.station} << {request.text}")

    def said(self, station: str, data: bytes) -> None:
        self.lines.append(f"{station} >> {data.decode().strip()}")


def test_an_observer_sees_each_datagram_before_anybody_else() -> None:
    notes = Notes()
    with running(observer=notes) as (sim, client):
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
    with running(
        observer=notes,
        faults=LinkFaults(),
        faults_to_client=LinkFaults(loss=1.0),
    ) as (sim, client):
        client.send("report 1", GARAGE)
        client.send("report 2", GARAGE)
        assert sim.wait_until(lambda: len(notes.lines) == 2)

    assert notes.lines == ["garage << report 1", "garage << report 2"]
