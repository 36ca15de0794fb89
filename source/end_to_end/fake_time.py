"""The whole connector on fake time: no thread, no socket, no broker.

What BEMCom writes goes into the connector's own handler of messages, what it
reads is what the connector publishes. Between the two everything is real but
the loops of the threads: settings, flows, gateway, fleet. The stations are
simulated ones behind the network of `FakeNetwork`.
"""

import json
import logging
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Self

import pytest

from connector import main as main_module
from connector.keba.io import gateway as gateway_module
from connector.keba.station.events import Event
from connector.main import Connector
from connector.settings import Settings
from end_to_end.conversing import FakeNetwork, address_of
from pyconnector_template.logs import LOGGER_NAME
from pyconnector_template.settings import read_settings
from simulator import SimulatedStation
from simulator.actions import Action
from simulator.station import UNIX_AT_ZERO
from testbed.bemcom_api import Received
from testbed.connector_process import NAME, Controller
from testbed.mosquitto import Observer

logger = logging.getLogger(LOGGER_NAME)

LOOK_S = 0.25
"""The flow looks after itself so often."""

PATIENCE_S = 120.0
"""Fake seconds in which everything that a test waits for must happen."""


class FakeTime:
    """Takes the place of the module `time` in the gateway's."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return UNIX_AT_ZERO + self.now

    def time_ns(self) -> int:
        return round(self.time() * 1e9)


class ListeningObserver(Observer):
    """Hears what the connector publishes; while it waits, time passes."""

    def __init__(
        self, connector: Connector, wait_until: Callable[..., None]
    ) -> None:
        self.messages: list[Received] = []
        self._connector = connector
        self._wait_until = wait_until

    def publish(
        self, topic: str, payload: object, *, retain: bool = False
    ) -> None:
        """Hand a message to the connector, as a new one."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload)
        message = SimpleNamespace(topic=topic, payload=data, retain=False)
        self._connector._handle_incoming_mqtt_msg(
            None, {"self": self._connector}, message
        )

    def wait_for(
        self, topic: str, is_it: Callable[[Received], object] = bool
    ) -> Received:
        """Wait for a message on a topic and return it; earlier ones count."""

        def found() -> list[Received]:
            return [one for one in self.on(topic) if is_it(one)]

        self._wait_until(found, f"something fitting on {topic}")
        return found()[0]

    def receive(self, topic: str, payload: str, **_: object) -> None:
        """Take what the connector publishes."""
        self.messages.append(Received(topic, payload.encode(), False))


class _LogToObserver(logging.Handler):
    """Publishes each line of the log, however many there are."""

    def __init__(self, observer: ListeningObserver) -> None:
        super().__init__()
        self._observer = observer
        self.exceptions: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.exceptions.append(record.getMessage())
        text = json.dumps({"msg": record.getMessage()})
        self._observer.receive(f"{NAME}/logs", text)


class _NetworkOfGateway(FakeNetwork):
    """The network of the connector's own fleet; its flow gets the events."""

    def __init__(
        self,
        stations: list[SimulatedStation],
        connector: Connector,
        clock: FakeTime,
        **network: Any,
    ) -> None:
        self._connector = connector
        self._clock = clock
        fleet = connector.gateway._fleet = connector.gateway._make_fleet()
        super().__init__(stations, fleet=fleet, **network)

    def flow(self) -> None:
        """Let the connector's threads do all they can at this moment."""
        gateway = self._connector.gateway
        self._clock.now = self.now
        gateway._read_inbox()
        gateway._hand_over()
        while delivery := gateway.next_event(0.0):
            self._connector._telemetry.handle(delivery)
            gateway._read_inbox()
            gateway._hand_over()

    def _step(self) -> None:
        self._clock.now = self.now
        super()._step()
        self.flow()

    def _note(self, events: list[Event]) -> None:  # type: ignore[override]
        self._connector.gateway._deliver(events)


class Site:
    """The connector and everything around it, for a `with` block.

    Parameters
    ----------
    stations
        The stations.
    settings
        Variables beside those that every connector needs.
    options
        What the settings say of a station beside its address.
    network
        See `FakeNetwork`.
    """

    def __init__(
        self,
        *stations: SimulatedStation,
        settings: Mapping[str, str] | None = None,
        options: Mapping[str, Mapping[str, object]] | None = None,
        network: Mapping[str, Any] | None = None,
    ) -> None:
        self._patch = pytest.MonkeyPatch()
        self._time = FakeTime()
        self._broker_is_there = True
        self._patch.setattr(gateway_module, "time", self._time)
        self._patch.setattr(main_module, "time", self._time)
        table = {
            station.name: {
                "host": address_of(number),
                **(options or {}).get(station.name, {}),
            }
            for number, station in enumerate(stations)
        }
        variables = {
            "CONNECTOR_NAME": NAME,
            "MQTT_BROKER_HOST": "127.0.0.1",
            "KEBA_P30_CHARGE_STATIONS": json.dumps(table),
            "POLL_SECONDS": "5",
            **(settings or {}),
        }
        self.connector = Connector(settings=read_settings(Settings, variables))
        dispatcher = self.connector._dispatcher
        dispatcher._clock = self._time.monotonic
        dispatcher._last_command_at = 0.0
        self.connector._telemetry._station_log._clock = self._time.monotonic
        self.observer = ListeningObserver(self.connector, self.wait_until)
        self.controller = Controller(self.observer)
        self.connector.mqtt_client = SimpleNamespace(
            publish=self._published, subscribe=_ignore, unsubscribe=_ignore
        )
        self._patch.setattr(
            self.connector._link, "is_connected", lambda: self._broker_is_there
        )
        self._log = _LogToObserver(self.observer)
        logger.addHandler(self._log)
        self._network = _NetworkOfGateway(
            [*stations], self.connector, self._time, **(network or {})
        )

    def advance(self, seconds: float) -> None:
        until = self._network.now + seconds
        while self._network.now < until:
            # What was written meanwhile goes first.
            self._network.flow()
            self._network.advance(min(LOOK_S, until - self._network.now))
            self._time.now = self._network.now
            self.connector._between_datagrams()
        self._network.flow()

    def wait_until(
        self, is_true: Callable[[], object], what: str = "it"
    ) -> None:
        """Let time pass until something is true."""
        until = self._network.now + PATIENCE_S
        while not is_true():
            assert self._network.now < until, f"{what} does not happen"
            self.advance(LOOK_S)

    def act(self, name: str, action: Action) -> None:
        self._network.act(name, action)

    def cut_broker(self) -> None:
        self._broker_is_there = False

    def bring_broker_back(self) -> None:
        """Let the broker be there again; it has forgotten everything."""
        self._broker_is_there = True
        self.observer.messages.clear()
        self.connector._require_link().announce()
        self.connector.on_connected()

    def station(self, name: str) -> SimulatedStation:
        return self._network.lines[name].station

    def requests(self, name: str) -> list[str]:
        return [one.text for one in self._network.lines[name].requests]

    def settings_sent(self, name: str) -> list[str]:
        """Return what was sent to a station beside polls."""
        sent = self.requests(name)
        return [text for text in sent if not text.startswith("report")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        logger.removeHandler(self._log)
        logger.setLevel(logging.NOTSET)
        self._patch.undo()
        if error is None:
            assert self._log.exceptions == []
            for name, line in self._network.lines.items():
                assert line.violations == [], name

    def _published(self, topic: str, payload: str, **_: object) -> None:
        if self._broker_is_there:
            self.observer.receive(topic, payload)


def _ignore(**_: object) -> None:
    """Subscribe to nothing: every message reaches the connector."""
