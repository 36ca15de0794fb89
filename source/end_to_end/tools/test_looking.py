"""`discover` and `watch`: what there is, and what it takes to look."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.tools.calling import HERE, CommandLine
from simulator import Simulator
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
    configured = {"my_garage": ADDRESSES["garage"]}
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


def test_a_network_without_stations_is_a_finding(tmp_path: Path) -> None:
    call = CommandLine(tmp_path).in_a_process("discover", "127.0.3.200/31")
    assert call.exit_code == 1
    assert "0 stations found" in call.out


@pytest.mark.parametrize("network", ["192.168.0.0/99", "garage", "10.0.0.0/8"])
def test_what_is_no_network_is_a_mistake_of_the_call(
    tmp_path: Path, network: str
) -> None:
    call = CommandLine(tmp_path)("discover", network)
    assert call.exit_code == 2
    assert network in call.err


def test_discovery_says_that_somebody_has_the_port(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HERE, 7090))
        call = CommandLine(tmp_path)("discover", NETWORK)
    assert call.exit_code == 1
    assert "docker compose stop" in " ".join(call.err.split())


# --- watch ------------------------------------------------------------------


def test_watch_without_broker_says_what_to_set(tmp_path: Path) -> None:
    call = CommandLine(tmp_path)("watch", "--once")
    assert call.exit_code == 2
    assert "MQTT_BROKER_HOST" in call.err


def test_watch_without_a_map_says_where_to_make_one(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        call = CommandLine(
            tmp_path,
            MQTT_BROKER_HOST="127.0.0.1",
            MQTT_BROKER_PORT=broker.port,
        )("watch", "--once")
    assert call.exit_code == 1
    assert "AdminUI" in call.err
