"""What the tools tell and do while the running connector has the port."""

import re
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.tools.calling import HERE, NAME, CommandLine
from simulator import Simulator
from testbed.connector_process import ConnectorProcess, Controller
from testbed.mosquitto import Mosquitto, Observer, free_port, wait_until

ADDRESSES = {
    "garage": "127.0.3.82",
    "yard": "127.0.3.84",
    "cellar": "127.0.3.86",
}
PROFILES = {"garage": "p30-c", "yard": "p30-c", "cellar": "p30-refuses"}
SCENARIOS = {"garage": "always-charging", "yard": "idle", "cellar": "idle"}
MILLIWATTS_PER_KILOWATT = 1_000_000
SHOWN = (
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


def is_told(observer: Observer) -> bool:
    """Tell whether the diagnosis has what the datapoints have."""
    stations = observer.on(f"{NAME}/diagnosis")[-1].json["stations"]
    fields = stations["garage"]["fields"]
    return bool(
        fields.get("Max curr") == fields.get("Curr user") == 16000
        and stations["cellar"]["reports"]
    )


@pytest.fixture(scope="module")
def command_line(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[CommandLine]:
    """A command line beside a connector with three stations.

    The vehicle of the garage charges, the yard is not the station that is
    meant, and the cellar refuses commands.
    """
    folder = tmp_path_factory.mktemp("beside")
    stations = {
        **ADDRESSES,
        "yard": {"host": ADDRESSES["yard"], "serial": "11111111"},
    }
    with (
        Mosquitto(folder) as broker,
        Simulator(
            ADDRESSES, profile=PROFILES, scenario=SCENARIOS, speed=3.0
        ) as simulator,
    ):
        garage = simulator.stations["garage"].point
        assert simulator.wait_until(
            lambda: garage.mains.power > MILLIWATTS_PER_KILOWATT
        )
        with ConnectorProcess(
            folder,
            broker.port,
            stations,
            bind=HERE,
            SEND_RAW_MESSAGE_TO_DB="TRUE",
        ):
            observer = broker.observe("#")
            controller = Controller(observer)
            controller.select(
                *(f"{name}__{key}" for name in ADDRESSES for key in SHOWN),
                "garage__results__display",
                actuators=["garage__curr", "garage__display", "cellar__curr"],
            )
            controller.wait_for("garage__connection__reason", "ok")
            controller.wait_for("cellar__connection__reason", "ok")
            controller.wait_for("yard__connection__reason", "wrong_serial")
            controller.write_until_logged("garage__curr", 16000, "curr 16000")
            controller.wait_for("garage__results__curr", "applied")
            wait_until(lambda: is_told(observer), "the diagnosis")
            yield CommandLine(
                folder,
                stations,
                MQTT_BROKER_HOST="127.0.0.1",
                MQTT_BROKER_PORT=broker.port,
            )
        assert simulator.violations == []


def test_the_doctor_asks_the_connector_through_mqtt(
    command_line: CommandLine,
) -> None:
    call = command_line("doctor", "--json")
    assert call.codes("host") == {"told_by_connector"}
    assert call.json["broker"]["verdict"] == "ok"
    assert call.verdict("garage") == "ok"
    assert call.verdict("yard") == "wrong_serial"


def test_the_doctor_knows_what_the_connector_knows(
    command_line: CommandLine,
) -> None:
    out = " ".join(command_line("doctor", "--full").out.split())
    for part in (
        "KC-P30-EC240422-E00, serial",
        "DSW1.3 (UDP) is on",
        "state 3 (charging), plug 7 (vehicle locked)",
        "wanted 16 A, offered 16 A, hardware 32 A",
        "configured is 11111111",
        # An installation with a zone that is not the reader's.
        "UTC",
    ):
        assert part in out


def test_the_doctor_listens_to_what_the_connector_publishes(
    command_line: CommandLine,
) -> None:
    call = command_line("doctor", "garage", "--listen", 5.5)
    assert call.exit_code == 0
    assert re.search(r"listened .*\d+ values? in 5.5 s", call.out)
    assert re.search(r"listened +\d+ answers?, ", call.out)


def test_the_connector_is_not_told_to_be_ended(
    command_line: CommandLine, tmp_path: Path
) -> None:
    call = CommandLine(tmp_path)("doctor", ADDRESSES["garage"], "--json")
    (finding,) = call.json["host"]["findings"]
    assert finding["code"] == "port_taken"
    assert "That is the connector" in finding["advice"]
    assert "stop" not in finding["advice"]


def test_show_tells_what_the_connector_knows_and_what_is_not_active(
    command_line: CommandLine,
) -> None:
    call = command_line.in_a_process("show", "garage")
    assert call.exit_code == 0
    assert f"told by {NAME}" in call.out
    for part in ("3 (charging)", "wanted 16 A", "limited by", " kW "):
        assert part in call.out
    out = " ".join(call.out.split())
    assert "garage__report 3__ U1, U2, U3, I1, I2, I3, PF." in out
    # By its address it is the same station.
    same = command_line("show", ADDRESSES["garage"], "--json").json
    assert same["station"] == "garage"
    assert same["readings"]["state"] == "charging"
    yard = command_line("show", "yard")
    assert "configured is 11111111" in " ".join(yard.out.split())
    assert yard.exit_code == 1


def test_show_waits_for_a_round_to_tell_what_the_station_sends(
    command_line: CommandLine,
) -> None:
    call = command_line("show", "garage", "--raw", "--json")
    assert '"P":' in call.json["raw"]["report 3"]


@pytest.mark.parametrize(
    "tool", [("discover", "127.0.3.80/29"), ("record", "garage")]
)
def test_what_needs_the_port_says_what_to_stop(
    command_line: CommandLine, tool: tuple[str, ...]
) -> None:
    call = command_line(*tool)
    assert call.exit_code == 1
    assert "connector/main.py" in "".join(call.err.split())
    assert "docker compose stop connector" in " ".join(call.err.split())
    if tool[0] == "discover":
        assert "configured, not looked for" in call.out
        assert "3 stations configured, none looked for" in call.out


def test_watch_shows_stations_states_power_and_results_with_units(
    command_line: CommandLine,
) -> None:
    call = command_line.in_a_process("watch", "--once")
    [garage] = [line for line in call.out.splitlines() if "garage" in line]
    [yard] = [line for line in call.out.splitlines() if "yard" in line]
    for part in ("ok", "charging", "vehicle locked", "kW", "kWh", "16.0 A"):
        assert part in garage
    # The newest result: a test that sends a text may have run before.
    assert "curr applied" in garage or "display received" in garage
    assert "wrong_serial" in yard
    # The yard is offline: a script can tell by the exit code.
    assert call.exit_code == 1


def test_watch_tells_machines_the_same(
    command_line: CommandLine,
) -> None:
    call = command_line("watch", "--json")
    rows = {row["station"]: row for row in call.json}
    assert rows["garage"]["state"] == "charging"
    assert 1.0 < rows["garage"]["power_kw"] < 23.0
    assert rows["garage"]["wanted_a"] == 16.0
    assert rows["yard"]["connection"] == "wrong_serial"
    assert rows["yard"]["power_kw"] is None


def test_the_status_page_is_served_and_its_day_is_kept_in_a_file(
    command_line: CommandLine, tmp_path: Path
) -> None:
    port = free_port()
    history = tmp_path / "day.jsonl"
    page = tmp_path / "status.html"
    process = command_line.start(
        *("page", "--serve", port, "--every", 1),
        *("--history", history, "--out", page),
    )

    def served() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            text: str = answer.read().decode()
        return text

    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        text = served()
        command_line("send", "garage", "curr", 16000, "--yes")
        wait_until(lambda: "curr 16000 →" in served(), "the command")
    finally:
        # As Docker ends it.
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert process.returncode == 0
    assert "garage" in text
    assert "answers with another serial number" in text
    assert "curr 16000 →" in page.read_text()
    again = tmp_path / "again.html"
    call = command_line("page", "--from", history, "--out", again)
    assert call.exit_code == 0
    assert "curr 16000 →" in again.read_text()


def test_a_command_goes_through_the_connector(
    command_line: CommandLine,
) -> None:
    send = ("send", "--yes", "--json")
    good = command_line(*send, "garage", "display", "Hello")
    assert (good.json["outcome"], good.exit_code) == ("received", 0)
    assert "running connector" in good.err
    bad = command_line(*send, "cellar", "curr", 10000)
    assert (bad.json["outcome"], bad.exit_code) == ("rejected", 1)
    inactive = command_line("send", "garage", "ena", 1, "--yes")
    assert inactive.exit_code == 1
    assert "not marked as active" in inactive.err
