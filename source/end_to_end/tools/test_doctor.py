"""Each fault gets the right verdict, a healthy station no false alarm."""

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from end_to_end.tools.calling import HERE, CommandLine
from simulator import Simulator
from simulator.actions import AnswerLate, Fail
from testbed.mosquitto import (
    Mosquitto,
    free_port,
)

SICK_ADDRESSES = {"late": "127.0.3.13", "broken": "127.0.3.15"}
REPLY_TIMEOUT_S = 0.4
"""So long the doctor's connector waits; only silence takes that long here."""

NOBODY = "127.0.3.99"
GARAGE, YARD = "127.0.3.97", "127.0.3.98"
UNKNOWN_NAME = "no-such-station.invalid"

HEALTHY = (
    "p30-c",
    "p30-x",
    "p30-3.9",
    "p30-3.08",
    "p30-padded-keys",
    "p30-de",
    "p20",
    "p20-slow",
    "p20-2.01",
    "bmw",
    "p30-source-port",
    "p30-mixed-layout",
    "p30-numeric-id",
    "p30-garbage-tail",
    "p30-pushes-twice",
    "p30-rfid",
)


def test_each_fault_gets_its_verdict_and_the_next_thing_to_do(
    tmp_path: Path,
) -> None:
    # What a station alone can lack is held by test_same_verdicts.py.
    with Simulator(SICK_ADDRESSES) as simulator:
        simulator.act("late", AnswerLate(1.5 * REPLY_TIMEOUT_S))
        simulator.act("broken", Fail())
        stations = {
            **SICK_ADDRESSES,
            "nobody": NOBODY,
            "unknown_name": UNKNOWN_NAME,
            "unroutable": "240.0.0.1",
        }
        call = CommandLine(
            tmp_path, stations, KEBA_P30_REPLY_TIMEOUT=REPLY_TIMEOUT_S
        )("doctor", "--json")
        assert simulator.violations == []
    assert {name: call.verdict(name) for name in stations} == {
        "late": "late_answers",
        "broken": "error",
        "nobody": "nothing_listens",
        "unknown_name": "name_unresolved",
        "unroutable": "send_error",
    }
    assert call.exit_code == 1
    assert call.json["fine"] is False
    for station in call.json["stations"].values():
        graver = [
            finding
            for finding in station["findings"]
            if finding["level"] in ("warning", "error")
        ]
        assert graver
        assert all(finding["advice"] for finding in graver)


def test_healthy_stations_of_all_models_give_no_false_alarm(
    tmp_path: Path,
) -> None:
    addresses = {
        f"station-{number}": f"127.0.3.{number}"
        for number in range(30, 30 + len(HEALTHY))
    }
    profiles = dict(zip(addresses, HEALTHY, strict=True))
    wants_port = list(addresses)[HEALTHY.index("p30-source-port")]
    scenarios = {
        name: "always-charging" if number % 2 else "idle"
        for number, name in enumerate(addresses)
    }
    with Simulator(
        addresses, profile=profiles, scenario=scenarios, speed=20.0
    ) as simulator:
        call = CommandLine(tmp_path, addresses)("doctor", "--json")
        verdicts = {profiles[name]: call.verdict(name) for name in addresses}
        assert verdicts == dict.fromkeys(HEALTHY, "ok")
        assert call.exit_code == 0
        assert simulator.violations == []
    # What is no fault is noted.
    assert call.codes(wants_port) == {"needs_source_port"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("", "MQTT_BROKER_HOST is not set"),
        # That of a checkout is there in `docker compose` only.
        ("MQTT_BROKER_HOST=broker.invalid", "(not needed for an address)"),
    ],
)
def test_an_address_needs_no_settings_and_no_broker(
    tmp_path: Path, settings: str, says: str
) -> None:
    (tmp_path / ".env").write_text(settings)
    with Simulator({"garage": "127.0.3.10"}):
        call = CommandLine(tmp_path)("doctor", "127.0.3.10")
    assert call.exit_code == 0
    assert "DSW1.3 (UDP) is on" in call.out
    assert says in " ".join(call.out.split())
    assert "All is well." in call.out


def test_a_simulated_station_is_asked_from_loopback(tmp_path: Path) -> None:
    with Simulator({"garage": "127.0.0.2"}):
        call = CommandLine(tmp_path, KEBA_P30_BIND_ADDRESS="")(
            "doctor", "127.0.0.2"
        )
    assert call.exit_code == 0
    assert "UDP port 7090 of 127.0.0.1 is free" in call.out


def test_listening_counts_what_a_station_says(tmp_path: Path) -> None:
    with Simulator({"garage": "127.0.3.10"}):
        call = CommandLine(tmp_path)("doctor", "127.0.3.10", "--listen", 2)
    assert call.exit_code == 0
    assert re.search(r"listened +\d+ answers in 2 s", call.out)


def test_a_second_client_that_takes_the_status_messages_is_found(
    tmp_path: Path,
) -> None:
    addresses = {"garage": "127.0.3.10"}
    with (
        Simulator(
            addresses, scenario="always-charging", speed=60.0, strict=False
        ) as simulator,
        second_client("127.0.3.60", "127.0.3.10"),
    ):
        simulator.wait_until(
            lambda: simulator.stations["garage"].point.state == 3
        )
        call = CommandLine(tmp_path, addresses)("doctor", "--json")
    assert call.verdict("garage") == "second_client"


def test_where_all_are_silent_the_host_is_named_before_the_stations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows = tmp_path / "nf_conntrack"
    flows.write_text(
        f"ipv4 2 udp 17 28 src={HERE} dst={GARAGE} sport=7090 dport=7090 "
        f"[UNREPLIED] src={GARAGE} dst={HERE} sport=7090 dport=39768 mark=0\n"
    )
    monkeypatch.setattr("connector.tools.host.CONNTRACK", flows)
    with Simulator({"garage": GARAGE, "yard": YARD}) as simulator:
        simulator.silence("garage")
        simulator.silence("yard")
        call = CommandLine(
            tmp_path,
            {"garage": GARAGE, "yard": YARD},
            KEBA_P30_REPLY_TIMEOUT=REPLY_TIMEOUT_S,
        )("doctor")
    report, _, steps = call.out.partition("What to do next")
    assert "leave from port 39768 instead of 7090" in " ".join(report.split())
    assert "all_silent" in steps
    places = ("this host", "container", "connection tracking", "power")
    words = " ".join(steps.split())
    assert sorted(places, key=words.index) == [*places]


def test_a_foreign_program_on_the_port_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HERE, 7090))
        command_line = CommandLine(tmp_path)
        call = command_line.in_a_process("doctor", "127.0.3.10", "--json")
    assert call.exit_code == 1
    assert call.json["host"]["verdict"] == "port_taken"
    [finding] = call.json["host"]["findings"]
    assert f"process {os.getpid()}: " in finding["text"]


def test_a_wrong_bind_address_is_named(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path, KEBA_P30_BIND_ADDRESS="192.0.2.1")
    call = command_line("doctor", "127.0.3.10", "--json")
    assert call.json["host"]["verdict"] == "bind_address"


def test_wrong_settings_are_all_told_by_exit_code_2(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path, POLL_SECONDS="soon", READ_ONLY="maybe")
    call = command_line("doctor", "127.0.3.10")
    assert call.exit_code == 2
    assert "POLL_SECONDS" in call.err
    assert "READ_ONLY" in call.err


def test_no_station_at_all_is_a_mistake_of_the_call(tmp_path: Path) -> None:
    call = CommandLine(tmp_path)("doctor")
    assert call.exit_code == 2
    assert "KEBA_P30_CHARGE_STATIONS" in call.err


# --- the broker --------------------------------------------------------------


def broker_verdict(
    tmp_path: Path, port: int, host: str = "127.0.0.1", **settings: object
) -> str:
    call = CommandLine(
        tmp_path,
        {"nobody": UNKNOWN_NAME},
        MQTT_BROKER_HOST=host,
        MQTT_BROKER_PORT=port,
        **settings,
    )("doctor", "--json")
    return str(call.json["broker"]["verdict"])


@pytest.mark.parametrize(
    ("host", "verdict"),
    [("127.0.0.1", "broker_down"), ("no-broker.invalid", "broker_unresolved")],
)
def test_a_broker_that_is_not_reached_is_named(
    tmp_path: Path, host: str, verdict: str
) -> None:
    assert broker_verdict(tmp_path, free_port(), host) == verdict


def test_a_wrong_login_is_named(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, "allow_anonymous false") as broker:
        login = {"MQTT_USERNAME": "connector", "MQTT_PASSWORD": "wrong"}
        verdict = broker_verdict(tmp_path, broker.port, **login)
    assert verdict == "broker_login"


def test_something_that_is_no_broker_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It never answers, however long one waits.
    monkeypatch.setattr("connector.tools.broker_client.TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        verdict = broker_verdict(tmp_path, silent.getsockname()[1])
    assert verdict == "broker_silent"


def test_a_missing_datapoint_map_is_named(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        verdict = broker_verdict(tmp_path, broker.port)
    assert verdict == "no_map"


@contextmanager
def second_client(own_address: str, station: str) -> Iterator[None]:
    """Poll a station from another address, as an energy manager would."""
    is_over = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((own_address, 7090))

        def poll() -> None:
            while not is_over.wait(0.05):
                udp.sendto(b"i", (station, 7090))

        thread = threading.Thread(target=poll, name="second-client")
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
