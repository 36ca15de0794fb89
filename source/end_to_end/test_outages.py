"""What breaks: broker, stations, network, clock, our own process.

Each test says what must not be lost.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.conftest import QUICK_VERDICT, Launch
from simulator import Simulator
from simulator.actions import SetInput
from testbed import own_network
from testbed.connector_process import NAME, ConnectorProcess, Controller
from testbed.mosquitto import Mosquitto, Observer, wait_until
from testbed.stepped_clock import SteppedClock

pytestmark = pytest.mark.mosquitto

BIND = "127.0.5.1"
STATIONS = {"garage": "127.0.5.10", "yard": "127.0.5.11"}
INPUT = "yard__report 2__Input"
LIMIT = "garage__report 2__Curr user"
HOUR_MS = 3_600_000


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Two stations; strict, unless a test says otherwise."""
    with Simulator(STATIONS, speed=10.0) as simulator:
        yield simulator


def flip(simulator: Simulator, values: list[int]) -> None:
    """Let the station tell these values by itself, one after the other."""
    for value in values:
        simulator.act("yard", SetInput(value))


@pytest.fixture
def connector(
    launch: Launch, simulator: Simulator, hurry: dict[str, str]
) -> Iterator[ConnectorProcess]:
    with launch(STATIONS, bind=BIND, **hurry) as process:
        yield process
        assert process.is_running()


@pytest.fixture
def listener(
    launch: Launch,
    broker: Mosquitto,
    controller: Controller,
    simulator: Simulator,
) -> Iterator[ConnectorProcess]:
    """A connector that polls no more, and has told the newest input, 1."""
    controller.select(INPUT, actuators=["yard__ena"])
    with launch(STATIONS, bind=BIND, POLL_SECONDS="300") as process:
        broker.wait_for_subscription(controller.topic("yard__ena"))
        assert simulator.wait_until(
            lambda: any(
                (one.station, one.text) == ("yard", "report 3")
                for one in simulator.requests
            )
        )
        flip(simulator, [1])
        controller.wait_for(INPUT, 1)
        yield process
        assert process.is_running()


def test_what_a_frozen_broker_took_to_its_grave_is_sent_again(
    broker: Mosquitto,
    controller: Controller,
    listener: ConnectorProcess,
    simulator: Simulator,
) -> None:
    topic = controller.topic(INPUT)

    broker.freeze()
    flip(simulator, [0, 1, 0])
    broker.kill()
    flip(simulator, [1, 0])
    # Somebody has to listen before the connector is back.
    listener.process.send_signal(signal.SIGSTOP)
    broker.start()
    again = broker.observe("#")
    listener.process.send_signal(signal.SIGCONT)
    controller_again = Controller(again)
    controller_again._topics = controller._topics
    wait_until(
        lambda: controller_again.values(INPUT)[-5:] == [0, 1, 0, 1, 0],
        "five values of an outage",
    )
    stamps = [message.json["timestamp"] for message in again.on(topic)]
    assert stamps == sorted(stamps)
    again.wait_for(f"{NAME}/available_datapoints")
    controller_again.wait_for_log("Connected again")
    controller_again.write_until_logged("yard__ena", 1, "ena 1: TCH-OK")
    assert simulator.violations == []


def test_a_broker_that_thaws_gets_every_value_in_order(
    broker: Mosquitto,
    controller: Controller,
    listener: ConnectorProcess,
    simulator: Simulator,
) -> None:
    broker.freeze()
    flip(simulator, [0, 1, 0])
    broker.thaw()

    wait_until(lambda: controller.values(INPUT)[-4:] == [1, 0, 1, 0])
    controller.write_until_logged("yard__ena", 1, "ena 1: TCH-OK")


def test_a_killed_process_needs_nobody_to_go_on(
    launch: Launch,
    observer: Observer,
    controller: Controller,
    hurry: dict[str, str],
) -> None:
    def status() -> list[str]:
        return [one.json["status"] for one in observer.on(f"{NAME}/status")]

    # A process that starts anew cannot know when its forerunner has asked.
    with (
        Simulator(STATIONS, strict=False) as simulator,
        launch(STATIONS, bind=BIND, **hurry) as connector,
    ):
        controller.select(LIMIT, INPUT, actuators=["garage__curr"])
        controller.write_until_logged("garage__curr", 10_000, "10000: TCH-OK")
        controller.wait_for(LIMIT, 10_000)

        connector.end(signal.SIGKILL)
        wait_until(lambda: status()[-1] == "offline", "the last will")
        told = len(controller.values(LIMIT))
        flip(simulator, [1])
        connector.start()

        # The map is the broker's memory, the limit is the station's; what
        # happened meanwhile is read from the station.
        controller.wait_for(INPUT, 1)
        wait_until(lambda: controller.values(LIMIT)[told:][:1] == [10_000])
        sent = [r.text for r in simulator.requests if "curr" in r.text]
        assert set(sent) == {"curr 10000"}, "a restart sends no old command"
        controller.write_until_logged("garage__curr", 11_000, "11000: TCH-OK")

    wait_until(lambda: len(status()) >= 4, "the last will")
    assert status() == ["online", "offline", "online", "offline"]


@pytest.fixture
def clock(tmp_path: Path) -> SteppedClock:
    return SteppedClock(tmp_path)


def test_a_stepped_clock_stops_neither_polls_nor_commands(
    launch: Launch,
    observer: Observer,
    controller: Controller,
    simulator: Simulator,
    clock: SteppedClock,
    hurry: dict[str, str],
) -> None:

    def stamp_after_step(hours: int, value: int) -> int:
        """Step the clock; return the timestamp of the next value."""
        clock.step_to(hours * 3600.0)
        flip(simulator, [value])
        wait_until(lambda: controller.values(INPUT)[-1:] == [value])
        last = observer.on(controller.topic(INPUT))[-1]
        return int(last.json["timestamp"])

    with clock, launch(STATIONS, bind=BIND, **hurry) as connector:
        controller.select(INPUT, actuators=["garage__curr"])
        controller.wait_for(INPUT, 0)

        before = stamp_after_step(hours=0, value=1)
        earlier = stamp_after_step(hours=-2, value=0)
        later = stamp_after_step(hours=24, value=1)
        assert round((earlier - before) / HOUR_MS) == -2
        assert round((later - before) / HOUR_MS) == 24
        asked = len(simulator.requests)
        assert simulator.wait_until(
            lambda: len(simulator.requests) >= asked + 3
        )
        controller.write_until_logged("garage__curr", 9_000, "9000: TCH-OK")
        assert connector.is_running()

    assert simulator.violations == []


DISTANT = "198.51.100.2"
"""One of the loopback device, as long as there is a way to it. Without it the
kernel says "Network is unreachable"."""

REASON = "garage__connection__reason"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def test_an_unreachable_network_is_told_and_costs_the_others_nothing(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    launch: Launch,
    controller: Controller,
    hurry: dict[str, str],
) -> None:
    if not own_network.is_own():
        run_where_breaking_the_network_harms_nobody(request.node, tmp_path)
        return
    stations = STATIONS | {"garage": DISTANT}
    controller.select(REASON, INPUT)
    ip("addr", "add", f"{DISTANT}/32", "dev", "lo")
    try:
        with (
            Simulator(stations) as simulator,
            launch(stations, bind=BIND, **(hurry | QUICK_VERDICT)) as connector,
        ):
            controller.wait_for(REASON, "ok")

            ip("addr", "del", f"{DISTANT}/32", "dev", "lo")
            flip(simulator, [1])
            controller.wait_for(INPUT, 1)
            controller.wait_for(REASON, "send_error")

            ip("addr", "add", f"{DISTANT}/32", "dev", "lo")
            wait_until(
                lambda: controller.values(REASON)[-1] == "ok", "recovery"
            )
            lines = [line for line in controller.logs() if "garage" in line]
            assert len(lines) == 3, "online, unreachable, online again"
            assert connector.is_running()
    finally:
        ip("addr", "replace", f"{DISTANT}/32", "dev", "lo")
        ip("addr", "del", f"{DISTANT}/32", "dev", "lo")

    assert simulator.violations == []


def run_where_breaking_the_network_harms_nobody(
    test: pytest.Item, folder: Path
) -> None:
    try:
        own_network.run_as_its_root(["ip", "link"])
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespace of our own on this host: {error}")
    pytest_here = (sys.executable, "-m", "pytest", "--numprocesses=0")
    own_network.run_as_its_root(
        [
            *pytest_here,
            *("-p", "no:cacheprovider", f"--basetemp={folder / 'inner'}"),
            f"{test.path}::{test.name}",
        ]
    )
