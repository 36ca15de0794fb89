"""What becomes of a command is told truthfully."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from end_to_end.tools.calling import HERE, NAME, CommandLine
from simulator import Simulator
from simulator.actions import AnswerLate, Silence
from testbed.connector_process import Controller
from testbed.mosquitto import Mosquitto, Observer

PROFILES = {
    "garage": "p30-c",
    "parrot": "p30-confirms-only",
    "stubborn": "p30-refuses",
    "dead": "p30-c",
    "late": "p30-c",
    "mute": "p30-c",
    "old": "p20",
}
ADDRESSES = {
    name: f"127.0.3.{number}" for number, name in enumerate(PROFILES, 70)
}

REPLY_TIMEOUT_S = 0.5
"""For stations that stay silent, however long one waits."""


@pytest.fixture
def stations() -> Iterator[Simulator]:
    """One good station, and one for each way in which a command can fail."""
    with Simulator(ADDRESSES, profile=PROFILES) as simulator:
        simulator.silence("dead")
        simulator.act("late", AnswerLate(0.5))
        simulator.act("mute", Silence(("curr 16000",)))
        yield simulator
        assert simulator.violations == []


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, ADDRESSES)


@pytest.fixture
def impatient(tmp_path: Path) -> CommandLine:
    return CommandLine(
        tmp_path, ADDRESSES, KEBA_P30_REPLY_TIMEOUT=REPLY_TIMEOUT_S
    )


def test_a_good_station_applies_a_command(
    stations: Simulator, command_line: CommandLine
) -> None:
    call = command_line.in_a_process(
        "send", "garage", "curr", 16000, "--yes", "--json"
    )
    assert call.json["outcome"] == "applied"
    assert call.exit_code == 0


@pytest.mark.parametrize(
    ("station", "words", "outcome", "exit_code"),
    [
        ("garage", ("currtime", 10000, 60), "waiting", 0),
        ("late", ("curr", 16000), "applied", 0),
        ("parrot", ("curr", 16000), "not_applied", 1),
        ("stubborn", ("curr", 16000), "rejected", 1),
    ],
)
def test_the_outcome_is_what_the_station_did(
    stations: Simulator,
    command_line: CommandLine,
    station: str,
    words: tuple[object, ...],
    outcome: str,
    exit_code: int,
) -> None:
    call = command_line("send", station, *words, "--yes", "--json")
    assert (call.json["outcome"], call.exit_code) == (outcome, exit_code)


def test_a_command_that_is_never_answered_has_no_outcome_but_silence(
    stations: Simulator, impatient: CommandLine
) -> None:
    call = impatient("send", "mute", "curr", 16000, "--yes", "--json")
    assert call.json["outcome"] == "no_reply"
    assert "keba show mute" in call.json["advice"]
    # 3: nobody knows whether it was received.
    assert call.exit_code == 3


def test_a_person_sees_request_answer_and_proof(
    stations: Simulator, command_line: CommandLine
) -> None:
    call = command_line("send", "garage", "ena", 0, "--yes")
    assert "report 2 will be read for Enable user = 0" in call.out
    assert ">> ena 0" in call.out
    assert "<< TCH-OK done" in call.out
    assert call.out.endswith("applied\n")
    assert [one.text for one in stations.requests] == [
        "report 1",
        "ena 0",
        "report 2",
    ]


def test_what_the_model_lacks_is_said_before_the_command_is_sent(
    stations: Simulator, impatient: CommandLine
) -> None:
    call = impatient("send", "old", "currtime", 10000, "--yes")
    assert call.err.startswith("! a P20 does not know currtime\n")
    assert call.out.endswith(
        "no reply\nIt may have been received all the same: `keba show old` "
        "tells what rules now.\n"
    )
    fine = impatient("send", "garage", "curr", 10000, "--yes", "--json")
    assert fine.json["warning"] == ""


def test_what_was_not_applied_has_a_next_step(
    stations: Simulator, command_line: CommandLine
) -> None:
    call = command_line("send", "parrot", "ena", 0, "--yes")
    out = " ".join(call.out.split())
    assert "not applied: wanted Enable user 0, seen Enable user 1" in out
    assert "`keba doctor parrot --listen 60`" in out


def test_a_silent_station_is_sent_nothing(
    stations: Simulator, impatient: CommandLine
) -> None:
    call = impatient("send", "dead", "ena", 0, "--yes")
    assert call.exit_code == 1
    assert "nothing was sent" in call.err
    assert "ena 0" not in [one.text for one in stations.requests]


def test_a_station_of_another_serial_number_is_sent_nothing(
    stations: Simulator, tmp_path: Path
) -> None:
    garage = {"host": ADDRESSES["garage"], "serial": "11111111"}
    call = CommandLine(tmp_path, {"garage": garage})(
        "send", "garage", "ena", 0, "--yes"
    )
    assert call.exit_code == 1
    assert "serial number" in call.err
    assert "ena 0" not in [one.text for one in stations.requests]


@pytest.mark.parametrize(
    ("option", "read_only", "exit_code", "says"),
    [
        ("--dry-run", False, 0, "garage (127.0.3.70): curr 16000;"),
        ("--json", False, 2, "say --yes"),
        ("--yes", True, 1, "READ_ONLY is TRUE"),
    ],
)
def test_nothing_is_sent_by_a_dry_run_without_a_yes_or_where_it_is_forbidden(
    stations: Simulator,
    tmp_path: Path,
    option: str,
    read_only: bool,
    exit_code: int,
    says: str,
) -> None:
    call = CommandLine(tmp_path, ADDRESSES, READ_ONLY=read_only)(
        "send", "garage", "curr", 16000, option
    )
    assert call.exit_code == exit_code
    assert says in call.out + call.err
    assert stations.requests == []


def test_a_value_that_must_not_be_sent_is_refused(
    command_line: CommandLine,
) -> None:
    # What begins with a dash is a value as well, and no option.
    call = command_line("send", "garage", "curr", "-5", "--yes")
    assert call.exit_code == 1
    assert "6000" in call.err


def test_an_unknown_station_is_a_mistake_of_the_call(
    command_line: CommandLine,
) -> None:
    call = command_line("send", "nobody", "ena", "1", "--yes")
    assert call.exit_code == 2
    assert "there are:" in " ".join(call.err.split())


@contextmanager
def played_connector(
    folder: Path, *sensors: str
) -> Iterator[tuple[Observer, Controller, CommandLine]]:
    """Play a connector that has the port and one actuator, garage__curr."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connector,
        Mosquitto(folder) as broker,
    ):
        connector.bind((HERE, 7090))
        observer = broker.observe("#")
        controller = Controller(observer)
        controller.select(*sensors, actuators=["garage__curr"])
        observer.publish(f"{NAME}/status", {"status": "online"}, retain=True)
        tell_diagnosis(observer, 63_000)
        command_line = CommandLine(
            folder,
            {"garage": ADDRESSES["garage"]},
            MQTT_BROKER_HOST="127.0.0.1",
            MQTT_BROKER_PORT=broker.port,
        )
        yield observer, controller, command_line


def tell_diagnosis(observer: Observer, limit: int) -> None:
    """Tell as the connector does what the limit of the garage is."""
    garage = {"fields": {"Product": "KC-P30-X", "Curr user": limit}}
    content = {"findings": [], "stations": {"garage": garage}}
    observer.publish(f"{NAME}/diagnosis", content, retain=True)


@pytest.mark.parametrize(
    ("result", "outcome", "exit_code"),
    [
        ("applied", "applied", 0),
        ("not_applied: Curr user = 16000", "not_applied", 1),
        ("no_reply", "no_reply", 3),
    ],
)
def test_what_the_connector_tells_of_a_command_is_the_outcome(
    tmp_path: Path, result: str, outcome: str, exit_code: int
) -> None:
    with (
        played_connector(tmp_path, "garage__results__curr") as (
            observer,
            controller,
            command_line,
        ),
        ThreadPoolExecutor() as thread,
    ):

        def tell_result() -> object:
            command = observer.wait_for(controller.topic("garage__curr"))
            told = {"value": result, "timestamp": 1_795_343_457_000}
            observer.publish(controller.topic("garage__results__curr"), told)
            return command.json["value"]

        sent = thread.submit(tell_result)
        call = command_line("send", "garage", "curr", 10000, "--yes", "--json")
        assert sent.result() == 10000
    assert (call.json["outcome"], call.exit_code) == (outcome, exit_code)
    assert "running connector" in call.err


def test_without_the_result_the_diagnosis_may_prove_a_command(
    tmp_path: Path,
) -> None:
    with (
        played_connector(tmp_path) as (observer, controller, command_line),
        ThreadPoolExecutor() as thread,
    ):

        def obey() -> None:
            observer.wait_for(controller.topic("garage__curr"))
            tell_diagnosis(observer, 10_000)

        sent = thread.submit(obey)
        call = command_line("send", "garage", "curr", 10000, "--yes")
        sent.result()
        assert call.exit_code == 0
        assert "applied: the connector's diagnosis shows it" in call.out
        # What was so before proves nothing.
        again = command_line("send", "garage", "curr", 10000, "--yes")
    assert again.exit_code == 3
    assert "sent: mark garage__results__curr as active" in again.out
