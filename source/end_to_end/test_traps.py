"""The traps that killed or deafened connectors before this one.

Each test is a promise that another connector broke. More are kept beside the
modules that keep them: that nobody starves, that a late report is never taken
for another station's, and that forged answers are not believed (test_fleet);
that a poll which a stop has delayed is followed by KEBA's five seconds
(test_pacing); that the socket is read before a request is given up, at its
worst moment (test_gateway); that silence, however long, ends nothing
(test_conversations); that neither Infinity nor NaN leaves (fuzz); that TCH-OK
is not taken for success (test_results).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from end_to_end.conftest import Launch
from simulator import Simulator
from testbed.connector_process import ConnectorProcess, Controller
from testbed.load import seconds_here
from testbed.mosquitto import Mosquitto, Observer, wait_until
from testbed.plain_station import PlainStation

pytestmark = pytest.mark.mosquitto

HERE = "127.0.2.1"
STATIONS = {"garage": "127.0.2.10", "yard": "127.0.2.11"}
ODD = {"odd": "127.0.2.12"}

Run = Callable[..., AbstractContextManager[ConnectorProcess]]


@pytest.fixture
def stations(port: int) -> Iterator[Simulator]:
    """Two stations; the garage charges, nobody is in the yard."""
    scenario = {"garage": "always-charging", "yard": "idle"}
    with Simulator(
        STATIONS, scenario=scenario, port=port, speed=10.0
    ) as simulator:
        yield simulator
        assert simulator.violations == []


@pytest.fixture
def run(launch: Launch, port: int) -> Run:
    """Run the connector; in the end it must still live, and end politely."""

    @contextmanager
    def run(
        stations: dict[str, str], **settings: str
    ) -> Iterator[ConnectorProcess]:
        settings = {"KEBA_P30_PORT": str(port), **settings}
        with launch(stations, bind=HERE, **settings) as process:
            yield process
            assert process.is_running(), process.output
            code, seconds = process.end()
            assert code == 0
            assert seconds < seconds_here(2.0)

    return run


def odd_station(port: int) -> PlainStation:
    """Make a station that says whatever a test tells it to."""
    return PlainStation(ODD["odd"], port, HERE)


def asked(stations: Simulator, station: str, request: str) -> int:
    return [(one.station, one.text) for one in stations.requests].count(
        (station, request)
    )


def test_logging_commands_and_a_frozen_broker_never_block_each_other(
    run: Run,
    broker: Mosquitto,
    observer: Observer,
    controller: Controller,
    stations: Simulator,
    port: int,
    hurry: dict[str, str],
) -> None:
    """The published connector stands still for ever after one lost reply.

    Its poll thread logs over MQTT while it holds the lock that paho's
    callback is waiting for.
    """
    controller.select(actuators=["garage__curr", "yard__ena"])
    with (
        odd_station(port) as odd,
        run(STATIONS | ODD, DEBUG="TRUE", **hurry) as connector,
    ):
        connector.wait_for_output("garage is online")

        def is_subscribed() -> bool:
            controller.write("yard__ena", 1)
            # At DEBUG more is said than BEMCom's log is sent.
            return "yard << ena 1: TCH-OK" in connector.output

        wait_until(is_subscribed, "the answer to the first command")

        stations.silence("garage")
        for number in range(300):
            value = "nonsense" if number % 2 else 6000 + number
            controller.write("garage__curr", value)
            odd.say(b'{"E pres": %d}' % number)
        broker.freeze()
        polls = asked(stations, "yard", "report 1")
        for number in range(1000):
            odd.say(b"garbage %d" % number)
        assert stations.wait_until(
            lambda: asked(stations, "yard", "report 1") > polls
        )
        stations.answer("garage")
        broker.thaw()

        def is_obeyed() -> bool:
            controller.write("garage__curr", 7000)
            return "garage << curr 7000: TCH-OK" in connector.output

        wait_until(is_obeyed, "the answer to a command")


SLOW_NAME_SERVICE = """
import socket
import time

quick = socket.getaddrinfo


def getaddrinfo(host, *rest, **named):
    if host == "slow.example":
        time.sleep(60)
    return quick(host, *rest, **named)


socket.getaddrinfo = getaddrinfo
"""


def test_one_slow_name_lookup_holds_up_neither_the_others_nor_the_end(
    run: Run, controller: Controller, stations: Simulator, tmp_path: Path
) -> None:
    # Python imports a module of this name before anything else.
    (tmp_path / "sitecustomize.py").write_text(SLOW_NAME_SERVICE, "utf-8")
    controller.select("garage__report 2__State", "yard__report 2__State")

    with run({"slow": "slow.example", **STATIONS}, PYTHONPATH=str(tmp_path)):
        controller.wait_for("garage__report 2__State", 3)
        controller.wait_for("yard__report 2__State", 1)


def test_a_hundred_pushes_between_two_polls_are_a_hundred_values(
    run: Run, controller: Controller, port: int
) -> None:
    """The published connector ends at the 21st."""
    controller.select("odd__report 3__E pres")
    with odd_station(port) as odd, run(ODD, POLL_SECONDS="3600") as connector:
        connector.wait_for_output("odd is online")
        wait_until(lambda: "report 3" in odd.requests)
        odd.say(b'{"E pres": 0}')
        controller.wait_for("odd__report 3__E pres", 0)

        for number in range(1, 101):
            odd.say(b'{"E pres": %d}' % number)
        controller.wait_for("odd__report 3__E pres", 100)

    assert controller.values("odd__report 3__E pres") == list(range(101))
