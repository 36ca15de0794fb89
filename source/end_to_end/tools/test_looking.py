"""`discover` and `watch`: what there is, and what it takes to look."""

import fcntl
import os
import pty
import select
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from end_to_end.tools.calling import HERE, NAME, CommandLine
from simulator import Simulator
from testbed import short_pauses
from testbed.mosquitto import Mosquitto

ADDRESSES = {
    "garage": "127.0.3.82",
    "yard": "127.0.3.84",
    "roof": "127.0.3.85",
    "cellar": "127.0.3.86",
}
PROFILES = {
    "garage": "p30-c",
    "yard": "p30-de",
    "roof": "p30-dsw-off",
    "cellar": "p30-no-broadcast",
}
NETWORK = "127.0.3.80/29"
REPLY_TIMEOUT_S = 0.3
"""Only the roof, whose switch is off, lets anybody wait so long."""


@pytest.fixture
def stations() -> Iterator[Simulator]:
    """Four stations in one network; they hear its broadcast address."""
    with Simulator(
        ADDRESSES, profile=PROFILES, broadcast="127.255.255.255"
    ) as simulator:
        yield simulator


# --- discover ----------------------------------------------------------------


def test_a_sweep_finds_all_stations_within_kebas_pauses(
    stations: Simulator, tmp_path: Path
) -> None:
    command_line = CommandLine(tmp_path, KEBA_P30_REPLY_TIMEOUT=REPLY_TIMEOUT_S)
    call = command_line("discover", NETWORK, "--json")
    assert call.exit_code == 0
    found = {one["address"]: one for one in call.json["stations"]}
    assert list(found) == sorted(ADDRESSES.values())
    garage = found[ADDRESSES["garage"]]
    assert garage["serial"] == stations.stations["garage"].serial
    assert garage["product"] == "KC-P30-EC240422-E00"
    assert garage["has_meter"] is True
    assert found[ADDRESSES["yard"]]["has_meter"] is False
    assert "DSW1.3 is off" in found[ADDRESSES["roof"]]["remark"]
    assert stations.violations == []


def test_the_line_for_env_is_ready_to_use(
    stations: Simulator, tmp_path: Path
) -> None:
    # It has moved, and keeps its name.
    serial = stations.stations["garage"].serial
    configured = {"my_garage": {"host": "192.0.2.1", "serial": serial}}
    call = CommandLine(
        tmp_path, configured, KEBA_P30_REPLY_TIMEOUT=REPLY_TIMEOUT_S
    )("discover", NETWORK)
    assert "4 stations found" in call.out
    (tmp_path / ".env").write_text(call.out.splitlines()[-1])
    check = CommandLine(tmp_path)("send", "my_garage", "ena", 1, "--dry-run")
    assert check.exit_code == 0
    assert ADDRESSES["garage"] in check.out


def test_a_broadcast_finds_those_that_answer_broadcasts(
    stations: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.tools.discover.BROADCAST_PATIENCE_S", 1.5)
    command_line = CommandLine(tmp_path, KEBA_P30_REPLY_TIMEOUT=REPLY_TIMEOUT_S)
    call = command_line("discover", "--broadcast", "127.255.255.255", "--json")
    found = {one["address"] for one in call.json["stations"]}
    assert found == set(ADDRESSES.values()) - {ADDRESSES["cellar"]}


@pytest.fixture
def in_one_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let loopback stand for the one network that this host is in."""
    monkeypatch.setattr(
        "connector.tools.discover.own_networks",
        lambda: [IPv4Interface(f"{HERE}/8")],
    )
    monkeypatch.setattr("connector.tools.discover.BROADCAST_PATIENCE_S", 1.0)


@pytest.mark.usefixtures("in_one_network")
def test_without_an_argument_it_looks_in_the_networks_of_this_host(
    stations: Simulator, tmp_path: Path
) -> None:
    configured = {
        # It does not answer broadcasts, but is asked where it should be.
        "my_cellar": ADDRESSES["cellar"],
        "nobody": "127.0.3.87",
        # Outside of this host's networks nobody is asked.
        "away": "192.0.2.1",
    }
    call = CommandLine(
        tmp_path, configured, KEBA_P30_REPLY_TIMEOUT=REPLY_TIMEOUT_S
    )("discover")
    assert call.exit_code == 0
    assert "4 stations found in 127.0.0.0/8" in call.out
    lines = map(str.strip, call.out.splitlines())
    rows = {line.split()[0]: line for line in lines if line}
    assert ADDRESSES["cellar"] in rows["my_cellar"]
    assert rows["nobody"].endswith("configured, does not answer")
    assert rows["away"].endswith("configured, not looked for")


@pytest.mark.usefixtures("in_one_network")
def test_where_nobody_answers_the_next_step_is_named(tmp_path: Path) -> None:
    call = CommandLine(tmp_path)("discover")
    assert call.exit_code == 1
    assert "0 stations found in 127.0.0.0/8" in call.out
    assert "no station was found" in call.err
    assert "such as 192.168.0.0/24" in call.err


@pytest.mark.parametrize(
    ("bound", "words"),
    [(HERE, f"can be seen from {HERE}\n"), ("", "in no network but its own\n")],
)
def test_a_host_without_a_network_asks_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, words: str
) -> None:
    monkeypatch.setattr("connector.tools.discover.own_networks", list)
    call = CommandLine(tmp_path, KEBA_P30_BIND_ADDRESS=bound)("discover")
    assert call.exit_code == 2
    assert words in call.err
    assert "Name the network of the stations" in call.err


def test_a_network_without_stations_is_a_finding(tmp_path: Path) -> None:
    command_line = CommandLine(
        tmp_path,
        None,
        KEBA_P30_REPLY_TIMEOUT=REPLY_TIMEOUT_S,
        **short_pauses.settings_for(tmp_path),
    )
    call = command_line.in_a_process("discover", "127.0.3.200/31")
    assert call.exit_code == 1
    assert "0 stations found in 2 addresses" in call.out
    assert "firewall" in call.err


@pytest.mark.parametrize("network", ["192.168.0.0/99", "garage", "10.0.0.0/8"])
def test_what_is_no_network_is_a_mistake_of_the_call(
    tmp_path: Path, network: str
) -> None:
    call = CommandLine(tmp_path)("discover", network)
    assert call.exit_code == 2
    assert network in call.err


@pytest.mark.parametrize(
    "arguments", [("discover", HERE), ("ramp", HERE, "--yes")]
)
def test_who_needs_the_port_says_what_to_stop(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HERE, 7090))
        call = CommandLine(tmp_path)(*arguments)
    assert call.exit_code == 1
    assert "docker compose stop connector" in " ".join(call.err.split())


@pytest.mark.parametrize(
    "arguments",
    [("show", HERE), ("send", HERE, "ena", "1", "--yes")],
)
def test_a_taken_port_is_told_also_where_no_broker_is_reached(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    command_line = CommandLine(
        tmp_path, MQTT_BROKER_HOST="127.0.0.1", MQTT_BROKER_PORT=1
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HERE, 7090))
        call = command_line(*arguments)
    assert call.exit_code == 1
    told = " ".join(call.err.split())
    assert "UDP port 7090 is used by another program" in told
    assert "cannot be asked either: broker 127.0.0.1:1" in told
    assert "docker compose stop" in told
    assert "MQTT_BROKER_HOST" in told


# --- watch ------------------------------------------------------------------


def test_watch_without_broker_says_what_to_set(tmp_path: Path) -> None:
    call = CommandLine(tmp_path)("watch", "--once")
    assert call.exit_code == 2
    assert "MQTT_BROKER_HOST" in call.err


def test_watch_without_connector_says_where_to_add_one(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        command_line = CommandLine(
            tmp_path,
            MQTT_BROKER_HOST="127.0.0.1",
            MQTT_BROKER_PORT=broker.port,
        )
        people = command_line("watch", "--once")
        machines = command_line("watch", "--json")
    assert (people.exit_code, machines.exit_code) == (1, 1)
    assert f"no connector is online as {NAME}" in people.out
    assert "AdminUI" in people.out
    assert machines.json == []
    assert f"no connector is online as {NAME}" in machines.err


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that knows a connector, without a map, with one station."""
    with Mosquitto(tmp_path) as broker:
        observer = broker.observe()
        observer.publish(f"{NAME}/status", {"status": "online"}, retain=True)
        observer.publish(
            f"{NAME}/diagnosis",
            {
                "findings": [],
                "stations": {
                    "garage": {
                        "reports": ["report 2"],
                        "fields": {"State": 3, "Plug": 7, "Max curr": 16000},
                    }
                },
            },
            retain=True,
        )
        yield broker


def test_watch_without_a_map_shows_what_the_diagnosis_knows(
    broker: Mosquitto, tmp_path: Path
) -> None:
    call = CommandLine(
        tmp_path, MQTT_BROKER_HOST="127.0.0.1", MQTT_BROKER_PORT=broker.port
    )("watch")
    [garage] = [line for line in call.out.splitlines() if "garage" in line]
    for part in ("ok", "charging", "16.0 A"):
        assert part in garage
    assert "AdminUI" in call.out
    assert call.exit_code == 0


def test_watch_lives_in_a_terminal_through_the_loss_of_its_broker(
    broker: Mosquitto, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    process = CommandLine(
        tmp_path,
        MQTT_BROKER_HOST="127.0.0.1",
        MQTT_BROKER_PORT=broker.port,
        TERM="xterm",
    ).start("watch", terminal=theirs)
    try:
        # It is drawn anew in its place.
        _see(ours, lambda screen: "1 to 1 of 1" in screen, times=3)
        broker.freeze()
        frozen_at = time.monotonic()
        lost = f"broker 127.0.0.1:{broker.port} lost"
        _see(ours, lambda screen: lost in screen)
        # Two seconds, and some for a busy machine.
        assert time.monotonic() - frozen_at < 4.0
        broker.thaw()
        _see(ours, lambda screen: lost not in screen)
        os.write(ours, b"\x1b[Bq")
        assert process.wait(10) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def _see(terminal: int, is_it: Callable[[str], bool], times: int = 1) -> None:
    """Read screens until so many were as they should be."""
    written = b""
    deadline = time.monotonic() + 20.0
    while sum(map(is_it, _screens(written))) < times:
        assert time.monotonic() < deadline, written.decode()
        readable, _, _ = select.select([terminal], [], [], 1.0)
        if readable:
            written += os.read(terminal, 4096)


def _screens(written: bytes) -> list[str]:
    """Return the whole screens; each begins with the cursor at home."""
    screens = written.decode(errors="replace").split("\x1b[H")
    return [screen for screen in screens if "q ends" in screen]
