"""`discover`, `watch` and `page`: what there is, and what it does."""

import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.tools.calling import HERE, CommandLine
from simulator import Simulator
from testbed.connector_process import ConnectorProcess, Controller
from testbed.mosquitto import Mosquitto, free_port

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
WATCHED = (
    "connection__reason",
    "connection__last_seen",
    "report 2__State",
    "report 2__Plug",
    "report 2__Curr user",
    "report 2__Max curr",
    "report 3__P",
    "report 3__E pres",
    "report 3__E total",
    "results__curr",
    "readings__limited_by",
)


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
    call = CommandLine(tmp_path)("discover", NETWORK, "--json")
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
    call = CommandLine(tmp_path, configured)("discover", NETWORK)
    assert "4 stations found" in call.out
    (tmp_path / ".env").write_text(call.out.splitlines()[-1])
    check = CommandLine(tmp_path)("send", "my_garage", "ena", 1, "--dry-run")
    assert check.exit_code == 0
    assert ADDRESSES["garage"] in check.out


def test_a_broadcast_finds_those_that_answer_broadcasts(
    stations: Simulator, tmp_path: Path
) -> None:
    call = CommandLine(tmp_path)(
        "discover", "--broadcast", "127.255.255.255", "--json"
    )
    found = {one["address"] for one in call.json["stations"]}
    assert found == set(ADDRESSES.values()) - {ADDRESSES["cellar"]}


def test_a_network_without_stations_is_a_finding(tmp_path: Path) -> None:
    call = CommandLine(tmp_path)("discover", "127.0.3.200/31")
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
    assert "would get all answers" in " ".join(call.err.split())


# --- watch and page ----------------------------------------------------------


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[CommandLine]:
    """A command line beside a connector with two stations, one dead."""
    addresses = {name: ADDRESSES[name] for name in ("garage", "yard")}
    scenario = {"garage": "always-charging", "yard": "idle"}
    with (
        Mosquitto(tmp_path) as broker,
        Simulator(addresses, scenario=scenario, speed=10.0) as simulator,
        ConnectorProcess(
            tmp_path,
            broker.port,
            addresses,
            bind=HERE,
            KEBA_P30_REPLY_TIMEOUT="0.5",
        ),
    ):
        simulator.silence("yard")
        controller = Controller(broker.observe("#"))
        controller.select(
            *(f"{name}__{key}" for name in addresses for key in WATCHED),
            actuators=["garage__curr"],
        )
        controller.wait_for("garage__connection__reason", "ok")
        controller.wait_for("yard__connection__reason", "no_reply")
        controller.write_until_logged("garage__curr", 16000, "curr 16000")
        controller.wait_for("garage__results__curr", "applied")
        yield CommandLine(
            tmp_path,
            addresses,
            MQTT_BROKER_HOST="127.0.0.1",
            MQTT_BROKER_PORT=broker.port,
        )


def test_watch_shows_stations_states_power_and_results_with_units(
    watching: CommandLine,
) -> None:
    call = watching("watch", "--once")
    [garage] = [line for line in call.out.splitlines() if "garage" in line]
    [yard] = [line for line in call.out.splitlines() if "yard" in line]
    for part in ("ok", "charging", "vehicle locked", "kW", "kWh", "16.0 A"):
        assert part in garage
    assert "curr applied" in garage
    assert "no_reply" in yard
    # The yard is offline: a script can tell by the exit code.
    assert call.exit_code == 1


def test_watch_tells_machines_the_same(watching: CommandLine) -> None:
    rows = {row["station"]: row for row in watching("watch", "--json").json}
    assert rows["garage"]["state"] == "charging"
    assert 1.0 < rows["garage"]["power_kw"] < 23.0
    assert rows["garage"]["wanted_a"] == 16.0
    assert rows["yard"]["connection"] == "no_reply"
    assert rows["yard"]["power_kw"] is None


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


def test_the_status_page_is_served_and_its_day_is_kept_in_a_file(
    watching: CommandLine, tmp_path: Path
) -> None:
    port = free_port()
    history = tmp_path / "day.jsonl"
    arguments = ("page", "--serve", port, "--history", history, "--every", 1)
    page = tmp_path / "status.html"
    process = watching.start(*arguments, "--out", page)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            text = answer.read().decode()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 0
    assert "garage" in text
    assert "offline: no reply" in text
    assert "curr" in page.read_text()
    again = tmp_path / "again.html"
    assert watching("page", "--from", history, "--out", again).exit_code == 0
    assert "garage" in again.read_text()
