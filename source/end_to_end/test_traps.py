"""The traps that killed or deafened connectors before this one.

Each test is a promise that another connector broke. Three more are kept beside
the modules that keep them: that nobody starves (test_fleet), that a poll which
a stop has delayed is followed by KEBA's five seconds (test_pacing), and that
the socket is read before a request is given up, at its worst moment
(test_gateway).
"""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from end_to_end.conftest import QUICK_VERDICT, Launch
from simulator import Simulator
from simulator.actions import AnswerLate, SetInput
from testbed.connector_process import ConnectorProcess, Controller
from testbed.load import seconds_here
from testbed.mosquitto import Mosquitto, Observer, wait_until
from testbed.plain_station import PlainStation, report

needs_mosquitto = pytest.mark.mosquitto

HERE = "127.0.2.1"
STATIONS = {"garage": "127.0.2.10", "yard": "127.0.2.11"}
ODD = {"odd": "127.0.2.12"}
ELSEWHERE = "127.0.2.99"

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


def odd_station(port: int, **answers: bytes) -> PlainStation:
    """Make the station "odd"; `_` in a request stands for a blank."""
    table = {
        request.replace("_", " "): data for request, data in answers.items()
    }
    return PlainStation(ODD["odd"], port, HERE, table)


def asked(stations: Simulator, station: str, request: str) -> int:
    return [(one.station, one.text) for one in stations.requests].count(
        (station, request)
    )


# --- deadlock ----------------------------------------------------------------


@needs_mosquitto
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


# --- names -------------------------------------------------------------------

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


@needs_mosquitto
def test_one_slow_name_lookup_holds_up_neither_the_others_nor_the_end(
    run: Run, controller: Controller, stations: Simulator, tmp_path: Path
) -> None:
    # Python imports a module of this name before anything else.
    (tmp_path / "sitecustomize.py").write_text(SLOW_NAME_SERVICE, "utf-8")
    controller.select("garage__report 2__State", "yard__report 2__State")

    with run({"slow": "slow.example", **STATIONS}, PYTHONPATH=str(tmp_path)):
        controller.wait_for("garage__report 2__State", 3)
        controller.wait_for("yard__report 2__State", 1)


# --- JSON --------------------------------------------------------------------


@needs_mosquitto
def test_infinity_and_nan_never_leave(
    run: Run, controller: Controller, observer: Observer, port: int
) -> None:
    """`1e999` is JSON on its way in and was `Infinity` on its way out."""
    odd_values = (
        '"P": 1e999, "PF": -1e999, "U1": NaN, "I1": Infinity, "U2": 230'
    )
    controller.select(*(f"odd__report 3__{key}" for key in ("P", "U1", "U2")))

    with (
        odd_station(port, report_3=report(3, odd_values)) as odd,
        run(ODD, SEND_RAW_MESSAGE_TO_DB="TRUE"),
    ):
        controller.wait_for("odd__report 3__U2", 230)
        odd.say(b'{"E pres": 1e999}')
        odd.say(b'{"U2": 231}')
        controller.wait_for("odd__report 3__U2", 231)

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    for message in observer.messages:
        json.loads(message.payload, parse_constant=refuse)


# --- replies -----------------------------------------------------------------


@needs_mosquitto
def test_a_reply_that_lies_in_the_socket_is_heard_however_late_we_look(
    run: Run, controller: Controller, stations: Simulator
) -> None:
    """A loop that is busy for longer than its reply timeout is no silence."""
    controller.select(actuators=["garage__curr", "garage__display"])
    with run(STATIONS, KEBA_P30_REPLY_TIMEOUT="1") as connector:
        connector.wait_for_output("garage is online")
        controller.write_until_logged("garage__display", "x", "x: TCH-OK")
        stations.act("garage", AnswerLate(0.3))

        controller.write("garage__curr", 7000)
        assert stations.wait_until(
            lambda: asked(stations, "garage", "curr 7000") > 0
        )
        connector.process.send_signal(signal.SIGSTOP)
        # Until the time for the reply is over, with the reply in the socket.
        awake_at = time.monotonic() + 1.1
        wait_until(lambda: time.monotonic() > awake_at)
        connector.process.send_signal(signal.SIGCONT)

        connector.wait_for_output("garage << curr 7000: TCH-OK")
        assert "did not answer curr" not in connector.output


@needs_mosquitto
def test_the_fifth_lost_datagram_ends_nothing(
    run: Run, controller: Controller, stations: Simulator, hurry: dict[str, str]
) -> None:
    """The published connector counts timeouts for ever and ends at five."""
    dead = {f"dead{number}": f"127.0.2.{number}" for number in range(60, 70)}
    counter = "dead60__connection__requests_unanswered"
    controller.select("garage__report 2__Input", counter)
    with run(dead | STATIONS, **(hurry | QUICK_VERDICT)):
        # Ten stations, and each has left one request without answer.
        wait_until(lambda: controller.values(counter)[-1:] > [0])

        stations.act("garage", SetInput(1))
        controller.wait_for("garage__report 2__Input", 1)


@needs_mosquitto
def test_a_late_report_is_never_published_as_another_stations(
    run: Run, controller: Controller, stations: Simulator
) -> None:
    """Who takes the next datagram for the answer mixes up stations."""
    keys = ("report 1__Serial", "report 2__State")
    controller.select(*(f"{one}__{key}" for one in STATIONS for key in keys))
    for name in STATIONS:
        stations.act(name, AnswerLate(0.7))

    with run(STATIONS, KEBA_P30_REPLY_TIMEOUT="0.3"):
        wait_until(
            lambda: all(
                controller.values(f"{one}__report 2__State") for one in STATIONS
            )
        )

    states = {"garage": {2, 3}, "yard": {1}}
    for name in STATIONS:
        serial = stations.stations[name].serial
        assert set(controller.values(f"{name}__report 1__Serial")) == {serial}
        seen = set(controller.values(f"{name}__report 2__State"))
        assert seen <= states[name]


@needs_mosquitto
def test_forged_answers_from_other_hosts_are_never_published(
    run: Run, controller: Controller, stations: Simulator, port: int
) -> None:
    controller.select("garage__report 2__State", "garage__report 2__Input")
    with (
        PlainStation(ELSEWHERE, port, HERE) as forger,
        run(STATIONS) as connector,
    ):
        controller.wait_for("garage__report 2__Input", 0)

        for _ in range(50):
            forger.say(report(2, '"State": 4, "Input": 7'))
            forger.say(b'{"State": 4}')
            forger.say(b"TCH-OK :done\n")
        # What comes now was sent after all of that.
        stations.act("garage", SetInput(1))
        controller.wait_for("garage__report 2__Input", 1)

        assert 4 not in controller.values("garage__report 2__State")
        assert 7 not in controller.values("garage__report 2__Input")
        assert connector.output.count(ELSEWHERE) == 1


@needs_mosquitto
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


# --- commands ----------------------------------------------------------------


@needs_mosquitto
def test_who_writes_a_command_learns_what_became_of_it(
    run: Run, controller: Controller, port: int, hurry: dict[str, str]
) -> None:
    """TCH-OK was taken for success, and silence for nothing at all."""
    values = {
        "setenergy": (100, "applied"),
        "display": ("hello", "received"),
        "curr": (6000, "rejected: not now"),
        "ena": (1, "no_reply"),
    }
    controller.select(
        *(f"odd__results__{word}" for word in values),
        actuators=[f"odd__{word}" for word in values],
    )
    station = odd_station(
        port,
        report_2=report(2, '"Setenergy": 100, "Enable user": 0'),
        curr_6000=b"TCH-ERR:not now\n",
        ena_1=b"",
    )
    with station, run(ODD, **(hurry | QUICK_VERDICT)) as connector:
        connector.wait_for_output("odd is online")
        controller.write_until_logged("odd__display", "hello", "hello: TCH-OK")
        for word, (value, _) in values.items():
            controller.write(f"odd__{word}", value)

        for word, (_, result) in values.items():
            controller.wait_for(f"odd__results__{word}", result)
