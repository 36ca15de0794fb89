"""The connector's life: start, supervision, heartbeat, end."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from paho.mqtt.client import Client

from .actuator_flow import CommandWorker
from .datapoint_map import (
    DatapointMap,
    MissingMap,
    UnusableMapError,
    read_datapoint_map,
)
from .dispatch import DispatchOnce
from .findings import Cause, Findings
from .json_text import timestamp_utc_now, to_json
from .logs import (
    LOGFORMAT,
    LOGGER_NAME,
    MQTTHandler,
    logger_about,
    shortened,
)
from .mqtt.injected_link import InjectedLink
from .mqtt.link import BrokerLink
from .mqtt.states import DATAPOINT_MAP, Topics
from .settings import (
    SettingsError,
    TemplateSettings,
    environment,
    read_settings,
)
from .supervisor import Supervisor

logger = logger_about("connector")

MAX_AVAILABLE_DATAPOINTS = 100_000
"""BEMCom never forgets a datapoint; a device that invents keys must not fill
its database and our memory. A thousand stations have about 70,000."""

HEARTBEAT_MARGIN_S = 1.0
"""A heartbeat that is sent just when it was promised arrives too late, and the
AdminUI flickers red."""

MAP_CHECK_S = 0.5

EXIT_WRONG_SETTINGS = 2

JOIN_DEVICES_S = 0.6
FLUSH_S = 0.5
JOIN_BROKER_S = 0.9
"""Together two seconds, which Docker and the entry script of BEMCom's images
give."""


class CannotStartError(Exception):
    """What has to be mended outside before the connector can work.

    Its text says what and how; a traceback would only hide that.
    """


Datapoints = dict[str, dict[str, Any]]
"""``{"sensor": {key: example}, "actuator": {key: example}}``"""


class Connector:
    """What all connectors have in common.

    A connector is made as ``class MyConnector(Connector, SensorFlow,
    ActuatorFlow)`` and started with `run`. It may override `is_healthy`,
    `on_connected`, `on_datapoint_map` and `open_device`.

    Parameters
    ----------
    datapoint_map
        The map until the first one arrives from BEMCom's API.
    available_datapoints
        Those known from the start: actuators have to be given.
    DeviceDispatcher, device_dispatcher_kwargs
        What triggers the sensor flow (None polls nothing), and its arguments;
        without ``target_func`` it gets ``run_sensor_flow``.
    MqttClient
        paho's Client. Other classes with its interface serve for tests.
    settings
        None reads them from the environment and from ``.env`` files. What is
        wrong with them is reported by `run`: tests make connectors without.

    Attributes
    ----------
    broker_findings
        What is wrong between connector, broker and BEMCom at the moment.
    """

    run_sensor_flow: Callable[..., None]
    run_actuator_flow: Callable[..., None]

    def __init__(
        self,
        version: str,
        datapoint_map: DatapointMap | None = None,
        available_datapoints: Datapoints | None = None,
        DeviceDispatcher: Callable[..., Any] | None = None,  # noqa: N803
        device_dispatcher_kwargs: dict[str, Any] | None = None,
        MqttClient: Callable[..., Any] = Client,  # noqa: N803
        heartbeat_interval: float = 30,
        settings: TemplateSettings | None = None,
    ) -> None:
        logging.basicConfig(format=LOGFORMAT, level=logging.INFO)
        self._settings_error: SettingsError | None = None
        if settings is None:
            # Connectors find their own variables of .env in os.environ.
            os.environ.update(environment())
            try:
                settings = read_settings(TemplateSettings)
            except SettingsError as error:
                self._settings_error = error
                settings = TemplateSettings(
                    connector_name=os.environ.get("CONNECTOR_NAME")
                    or "unknown-connector",
                    mqtt_broker_host=os.environ.get("MQTT_BROKER_HOST") or "",
                )
        self.settings = settings
        self._take_settings(settings)
        self.version = version
        self._initial_datapoint_map = datapoint_map
        self._initial_available_datapoints = available_datapoints
        self._DeviceDispatcher = DeviceDispatcher
        self._device_dispatcher_kwargs = device_dispatcher_kwargs or {}
        self._MqttClient = MqttClient
        self._heartbeat_interval = heartbeat_interval
        self.datapoint_map: DatapointMap = {"sensor": {}, "actuator": {}}
        self.available_datapoints: Datapoints = {"sensor": {}, "actuator": {}}
        self.broker_findings = Findings()
        self._missing_map = MissingMap(
            self.CONNECTOR_NAME, self.broker_findings
        )
        self._link: BrokerLink | InjectedLink | None = None
        self._commands: CommandWorker | None = None
        self._link_thread: DispatchOnce | None = None
        self._supervisor = Supervisor()
        self._next_heartbeat_at = 0.0
        self._was_healthy = True
        self._has_reported_limit = False

    def run(self) -> None:
        """Run until a signal, SystemExit or KeyboardInterrupt ends it.

        It raises SystemExit: with code 1 after a fatal error, whose cause is in
        the log; with code 2 if settings cannot be used.
        """
        if self._settings_error is not None:
            logger_about("settings").error("%s", self._settings_error)
            raise SystemExit(EXIT_WRONG_SETTINGS)
        failed = False
        with self._supervisor.signals_caught():
            try:
                self._start()
                self._supervise()
            except (KeyboardInterrupt, SystemExit):
                logger.info("Asked to end. Shutting down.")
            except CannotStartError as error:
                failed = True
                logger.error("%s", error)  # noqa: TRY400 - the text tells all
            except Exception:
                failed = True
                logger.exception(
                    "The connector met an unexpected exception. Shutting down."
                )
            self._shut_down()
        if failed:
            raise SystemExit(1)

    def stop(self) -> None:
        """Ask `run` to end; from any thread, even from a signal handler."""
        self._supervisor.stop()

    def is_healthy(self) -> bool:
        """Whether the connector does its work; may be overridden.

        While it is false no heartbeat is sent. Called in the main thread.
        """
        return True

    @property
    def broker_is_connected(self) -> bool:
        return self._link is not None and self._link.is_connected()

    def open_device(self) -> None:
        """Open what the device needs; may be overridden.

        Called once in the main thread, before the connector says that it is
        online; the connection to the broker is on its way by then. Raises
        `CannotStartError` where that is not possible.
        """

    def on_connected(self) -> None:
        """Learn of a CONNACK; may be overridden.

        Called in the broker's thread: what the broker retained may be lost.
        """

    def on_datapoint_map(self, *, is_new: bool) -> None:
        """Learn that a usable datapoint map has come; may be overridden.

        Called in the broker's thread. A map is not new if it is the one in use
        already.
        """

    def send_values(
        self, values: Iterable[tuple[str, Any]], timestamp: Any
    ) -> None:
        self._require_link().publish_values(values, timestamp)

    def together(self) -> AbstractContextManager[None]:
        """Let what is published in a `with` block leave together."""
        return self._require_link().together()

    def publish_retained(self, name: str, value: object) -> None:
        """Publish a state under ``<CONNECTOR_NAME>/<name>``, as JSON.

        The newest is kept and sent again after each CONNACK, since a broker
        may forget what it retained. It needs no datapoint map.
        """
        self._require_link().publish_retained(
            f"{self.CONNECTOR_NAME}/{name}", to_json(value)
        )

    @property
    def mqtt_client(self) -> Any:
        """Publishes as paho's client does; there while the connector runs."""
        return self._require_link().client

    @mqtt_client.setter
    def mqtt_client(self, client: Any) -> None:
        # Connectors' own tests set a mock.
        self._link = self._injected_link(client)

    # Start and end.

    def _take_settings(self, settings: TemplateSettings) -> None:
        self.CONNECTOR_NAME = settings.connector_name
        self.MQTT_BROKER_HOST = settings.mqtt_broker_host
        self.MQTT_BROKER_PORT = settings.mqtt_broker_port
        sends_raw_messages = settings.send_raw_message_to_db
        self.SEND_RAW_MESSAGE_TO_DB = "TRUE" if sends_raw_messages else "FALSE"
        self.DEBUG = "TRUE" if settings.debug else "FALSE"
        topics = Topics(settings.connector_name)
        self.MQTT_TOPIC_LOGS = topics.logs
        self.MQTT_TOPIC_HEARTBEAT = topics.heartbeat
        self.MQTT_TOPIC_AVAILABLE_DATAPOINTS = topics.available_datapoints
        self.MQTT_TOPIC_DATAPOINT_MAP = topics.datapoint_map
        self.MQTT_TOPIC_RAW_MESSAGE_TO_DB = topics.raw_message_to_db
        self.actuator_max_age_s = settings.actuator_max_age_seconds
        # Other loggers of the process are none of our business.
        logging.getLogger(LOGGER_NAME).setLevel(
            logging.DEBUG if settings.debug else logging.INFO
        )

    def _start(self) -> None:
        self._link = self._make_link()
        _install_handler(MQTTHandler(self.mqtt_client, self.MQTT_TOPIC_LOGS))
        for warning in self.settings.warnings():
            logger_about("settings").warning("%s", warning)
        self.mqtt_client.subscribe(topic=self.MQTT_TOPIC_DATAPOINT_MAP, qos=1)
        if self._initial_datapoint_map is not None:
            self._validate_and_update_datapoint_map(
                datapoint_map_json=json.dumps(self._initial_datapoint_map)
            )
        if self._initial_available_datapoints is not None:
            self._update_available_datapoints(
                available_datapoints=self._initial_available_datapoints
            )
        self._link.announce()
        self._commands = CommandWorker(self._run_command)
        self._link_thread = DispatchOnce(self._link.run)
        self._supervisor.start("mqtt", self._link_thread)
        self._supervisor.start("actuator", DispatchOnce(self._commands.run))
        self.open_device()
        self._start_device_dispatcher()
        logger.info("Connector online. Entering main loop.")

    def _start_device_dispatcher(self) -> None:
        if self._DeviceDispatcher is None:
            logger.warning(
                "DeviceDispatcher is not set. No values will be received from "
                "the device."
            )
            return
        kwargs = {
            "target_func": self.run_sensor_flow,
            **self._device_dispatcher_kwargs,
        }
        self._supervisor.start("sensor flow", self._DeviceDispatcher(**kwargs))

    def _make_link(self) -> BrokerLink | InjectedLink:
        userdata = {"self": self}
        kind = self._MqttClient
        if isinstance(kind, type) and issubclass(kind, Client):
            return BrokerLink(
                client_class=kind,
                settings=self.settings,
                findings=self.broker_findings,
                version=self.version,
                userdata=userdata,
                on_message=self._handle_incoming_mqtt_msg,
                on_connected=self._on_broker_connected,
                announcement=self._available_datapoints_json,
            )
        client = self._MqttClient(userdata=userdata)
        client.on_message = self._handle_incoming_mqtt_msg
        client.connect(host=self.MQTT_BROKER_HOST, port=self.MQTT_BROKER_PORT)
        return self._injected_link(client)

    def _injected_link(self, client: Any) -> InjectedLink:
        return InjectedLink(
            client,
            self.MQTT_TOPIC_AVAILABLE_DATAPOINTS,
            self._available_datapoints_json,
            self.on_connected,
        )

    def _require_link(self) -> BrokerLink | InjectedLink:
        if self._link is None:
            raise AttributeError("mqtt_client is made by run")
        return self._link

    def _shut_down(self) -> None:
        if self._commands is not None:
            self._commands.stop()
        # The broker's thread goes last: it says `offline`.
        self._supervisor.end_all_but(self._link_thread, JOIN_DEVICES_S)
        logger.info("Connector shut down completed. Good bye.")
        if self._link is not None:
            self._link.stop(FLUSH_S)
        if self._link_thread is not None:
            self._link_thread.join(JOIN_BROKER_S)

    # Supervision and heartbeat.

    def _supervise(self) -> None:
        while True:
            self._supervisor.raise_if_one_ended()
            now = time.monotonic()
            self._missing_map.check(now, self._require_link())
            if now >= self._next_heartbeat_at:
                pause_s = heartbeat_pause(self._heartbeat_interval)
                self._next_heartbeat_at = now + pause_s
                self._beat_if_healthy()
            wake_at = self._next_heartbeat_at
            if self._missing_map.is_awaited:
                wake_at = min(wake_at, now + MAP_CHECK_S)
            self._supervisor.wait(wake_at - time.monotonic())

    def _beat_if_healthy(self) -> None:
        healthy = self.is_healthy()
        if healthy:
            self._send_heartbeat()
        self._require_link().retry()
        if healthy != self._was_healthy:
            self._was_healthy = healthy
            logger.warning(
                "The connector is healthy again."
                if healthy
                else "The connector is not healthy: no heartbeat is sent."
            )

    def _send_heartbeat(self) -> None:
        """Publish that the connector lives, and when the next one will come."""
        now = timestamp_utc_now()
        beat = {
            "this_heartbeats_timestamp": now,
            "next_heartbeats_timestamp": round(
                now + self._heartbeat_interval * 1000
            ),
        }
        self.mqtt_client.publish(
            topic=self.MQTT_TOPIC_HEARTBEAT, payload=to_json(beat)
        )

    # The broker's side.

    def _on_broker_connected(self) -> None:
        # The heartbeat before this one may have been lost.
        self._next_heartbeat_at = 0.0
        self._supervisor.wake()
        self.on_connected()

    @staticmethod
    def _handle_incoming_mqtt_msg(
        client: Any,  # noqa: ARG004 - the signature of paho's callback
        userdata: Mapping[str, "Connector"],
        msg: Any,
    ) -> None:
        """Take a message from the broker; never raises, never waits.

        Called by paho with ``{"self": <the connector>}`` as `userdata`.
        """
        self = userdata["self"]
        try:
            self._sort_message(msg)
        except Exception:
            logger.exception("An incoming MQTT message caused an exception.")

    def _sort_message(self, msg: Any) -> None:
        if msg.topic == self.MQTT_TOPIC_DATAPOINT_MAP:
            self._validate_and_update_datapoint_map(msg.payload)
        elif str(msg.topic).endswith(DATAPOINT_MAP):
            self._missing_map.note_other(msg.topic.removesuffix(DATAPOINT_MAP))
        # Compared, because only a real flag says that a message is old.
        elif msg.retain == True:  # noqa: E712
            logger.warning(
                "Ignored a retained message on %s: it may be any age.",
                shortened(msg.topic),
            )
        elif self._commands is None:
            self._run_command(msg.topic, msg.payload)
        else:
            self._commands.submit(msg.topic, msg.payload)

    def _run_command(self, topic: str, payload: str | bytes) -> None:
        try:
            self.run_actuator_flow(topic=topic, value_msg_json=payload)
        except Exception:
            logger.exception(
                "A command on %s caused an exception.", shortened(topic)
            )

    def _validate_and_update_datapoint_map(
        self, datapoint_map_json: str | bytes
    ) -> None:
        """Install a datapoint map; an unusable one leaves the old in place."""
        try:
            new_map, rejected = read_datapoint_map(datapoint_map_json)
        except UnusableMapError as error:
            logger.error(  # noqa: TRY400 - the text tells all
                "%s The old map stays.", error
            )
            return
        if rejected:
            logger.warning(
                "Left %d entries out of the datapoint_map, the first is %s",
                len(rejected),
                rejected[0],
            )
        self._missing_map.has_come = True
        self.broker_findings.clear(Cause.NO_MAP, Cause.WRONG_NAME)
        self.broker_findings.keep(
            Cause.NOTHING_ACTIVE, is_true=not any(new_map.values())
        )
        is_new = new_map != self.datapoint_map
        old_topics = self.datapoint_map["actuator"].keys()
        new_topics = new_map["actuator"].keys()
        # Before subscribing: a command may come at once.
        self.datapoint_map = new_map
        for topic in old_topics - new_topics:
            self.mqtt_client.unsubscribe(topic=topic)
        for topic in new_topics - old_topics:
            self.mqtt_client.subscribe(topic=topic, qos=2)
        logger.debug(
            "Installed a datapoint_map with %d sensors and %d actuators.",
            len(new_map["sensor"]),
            len(new_map["actuator"]),
        )
        self.on_datapoint_map(is_new=is_new)

    def _update_available_datapoints(
        self, available_datapoints: Datapoints
    ) -> None:
        """Note examples; announce all when new datapoints are among them."""
        has_grown = False
        for kind in ("sensor", "actuator"):
            known = self.available_datapoints[kind]
            size = len(known)
            known.update(available_datapoints[kind])
            if len(known) > MAX_AVAILABLE_DATAPOINTS:
                self._drop_newest(known)
            has_grown |= len(known) > size
        if has_grown:
            self._require_link().announce()

    def _drop_newest(self, known: dict[str, Any]) -> None:
        while len(known) > MAX_AVAILABLE_DATAPOINTS:
            known.popitem()
        level = logging.DEBUG if self._has_reported_limit else logging.WARNING
        self._has_reported_limit = True
        logger.log(
            level,
            "More than %d datapoints: new ones are not announced.",
            MAX_AVAILABLE_DATAPOINTS,
        )

    def _available_datapoints_json(self) -> str:
        # Copied in one step of the interpreter: the flow may add a key while
        # the broker's thread writes them out.
        available = self.available_datapoints
        return to_json({kind: dict(available[kind]) for kind in available})


def heartbeat_pause(interval: float) -> float:
    """Seconds to wait for a heartbeat that is promised after `interval`."""
    return max(0.95 * interval, interval - HEARTBEAT_MARGIN_S)


def _install_handler(handler: MQTTHandler) -> None:
    # One per process, the newest: it stays after `run`, as upstream's does.
    parent = logging.getLogger(LOGGER_NAME)
    for old in [h for h in parent.handlers if isinstance(h, MQTTHandler)]:
        parent.removeHandler(old)
    parent.addHandler(handler)
