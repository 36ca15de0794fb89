"""A broker, two stations, the connector."""

import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator, pauses
from testbed import short_pauses
from testbed.connector_process import NAME, ConnectorProcess, Controller
from testbed.mosquitto import Mosquitto, Observer
from testbed.plain_station import free_udp_port

STATIONS = {"garage": "127.0.0.2", "yard": "127.0.0.3"}

Launch = Callable[..., ConnectorProcess]

QUICK_VERDICT = {"POLL_SECONDS": "1", "KEBA_P30_REPLY_TIMEOUT": "0.3"}
"""In a hurry for stations that do not answer. A round of silence, of three
replies that do not come, must end before the next one begins."""


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> None:
    """Tests may press it; a shell in the background has switched it off."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def hurry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings of a connector that need not wait for seconds.

    The stations accept that, and no shorter pause.
    """
    monkeypatch.setattr(
        pauses, "BETWEEN_EQUAL_REPORTS_S", short_pauses.REPEAT_PAUSE_S
    )
    return short_pauses.settings_for(tmp_path)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real Mosquitto without memory."""
    with Mosquitto(tmp_path) as mosquitto:
        yield mosquitto


@pytest.fixture
def port() -> int:
    """A UDP port for stations and the connector, for a test of its own."""
    return free_udp_port()


@pytest.fixture
def launch(tmp_path: Path, broker: Mosquitto) -> Iterator[Launch]:
    """Makes connectors at this broker; none may end in a traceback."""
    launched: list[ConnectorProcess] = []

    def make(stations: Mapping[str, object], **more: Any) -> ConnectorProcess:
        process = ConnectorProcess(tmp_path, broker.port, stations, **more)
        launched.append(process)
        return process

    yield make
    assert "Traceback" not in "".join(one.output for one in launched)


@pytest.fixture
def observer(broker: Mosquitto) -> Observer:
    """Hears everything."""
    return broker.observe("#")


@pytest.fixture
def controller(observer: Observer) -> Controller:
    """Plays BEMCom's API."""
    return Controller(observer)


@pytest.fixture
def stations() -> Iterator[Simulator]:
    """Two stations; the vehicle of the garage always charges."""
    scenario = {"garage": "always-charging", "yard": "idle"}
    with Simulator(STATIONS, scenario=scenario, speed=10.0) as simulator:
        yield simulator
        assert simulator.violations == []


def wait_for_all_datapoints(observer: Observer) -> None:
    """Wait until both stations have told all their datapoints."""
    observer.wait_for(
        f"{NAME}/available_datapoints",
        lambda message: all(
            f"{station}__connection__online" in message.json["sensor"]
            and f"{station}__report 3__P" in message.json["sensor"]
            for station in STATIONS
        ),
    )
