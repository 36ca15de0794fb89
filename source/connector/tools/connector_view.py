"""What the messages of one connector tell, sans-I/O.

Messages go in as they come; what is known of the connector can be asked for.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from connector.bemcom.actuators import FLEET
from connector.bemcom.diagnosis_topic import DiagnosisTopic
from connector.bemcom.keys import split_key
from connector.bemcom.readings import VERDICTS, renewed_readings
from connector.diagnosis.facts import StationFacts
from connector.diagnosis.site import SiteFacts
from connector.keba.protocol.fields import (
    LATEST_SESSION,
    POLLED_REPORTS,
    REPORTS,
    report_of_field,
)
from connector.keba.station.events import FailsafeFacts
from connector.tools.figures import (
    age_in_words,
    is_moment,
    is_number,
    is_scalar,
)

FIRST_HEARTBEAT_S = 30.0
"""What BEMCom's template takes for the interval, until one has told."""

BROKER_PATIENCE_S = 1.0
HEARTBEAT_SLACK_S = 1.0

_OLD = "what follows is old"

RAW = "raw_message_to_db"

SESSION = f"report {LATEST_SESSION}"

_IDENTITY = frozenset(one.key for one in REPORTS[1])

_MAPPINGS = ("link", "failsafe", "fields")
"""Parts of what the diagnosis tells of a station."""

_OF_DATAGRAMS = ("report 2__State", "report 2__Max curr", "report 3__P")
"""Sensors whose values have the time of a datagram."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value, the time its sender gave it, and whether the broker kept it."""

    value: Any
    timestamp_ms: int
    is_retained: bool


RawTexts = Mapping[str, Mapping[str, object]]


def ignore(_key: str, _reading: Reading) -> None:
    """Nobody listens."""


class ConnectorView:
    """One connector as it shows on MQTT.

    Parameters
    ----------
    name
        CONNECTOR_NAME.
    on_reading
        Called with key and reading of each value that comes, also of those
        that somebody writes to an actuator.
    on_raw
        Called with what stations have said, by their names and by request,
        where the connector publishes that. Without it nobody looks.
    clock
        Returns the moment, in s.
    """

    def __init__(
        self,
        name: str,
        on_reading: Callable[[str, Reading], object] = ignore,
        on_raw: Callable[[RawTexts], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._on_reading = on_reading
        self._on_raw = on_raw
        self.has_map = False
        # Topics of the datapoints that are marked as active, by key.
        self.active_sensors: dict[str, str] = {}
        self.active_actuators: dict[str, str] = {}
        self.active_stations: set[str] = set()
        # The message `available_datapoints`.
        self.available: dict[str, dict[str, Any]] | None = None
        # What the diagnosis tells; the root cause is found first.
        self.findings: list[dict[str, Any]] = []
        self.facts_of_stations: dict[str, dict[str, Any]] = {}
        # Names of other connectors that have a datapoint map.
        self.other_maps: set[str] = set()
        self._status: dict[str, Any] | None = None
        self._has_diagnosis = False
        self._is_heard = False
        self._has_beaten = False
        self._heartbeat_pause_s = FIRST_HEARTBEAT_S
        # By our clock; the connector's may differ.
        self._clock = clock
        self._heartbeat_due_at = clock() + FIRST_HEARTBEAT_S
        self._sensors_of: dict[str, dict[str, str]] = defaultdict(dict)
        self._key_of_topic: dict[str, str] = {}
        self._by_topic: dict[str, Reading] = {}

    @property
    def topics(self) -> tuple[str, ...]:
        """What to subscribe to."""
        kinds = (
            "available_datapoints",
            "status",
            "diagnosis",
            "heartbeat",
            "messages/+/value",
            *((RAW,) if self._on_raw else ()),
        )
        own = (f"{self.name}/{kind}" for kind in kinds)
        # All maps: the name may only be written differently.
        return ("+/datapoint_map", *own)

    def take(self, topic: str, payload: bytes, *, is_retained: bool) -> None:
        """Take a message; nonsense is ignored."""
        content = _object_of(payload)
        if content is None:
            return
        kind = topic.removeprefix(f"{self.name}/")
        if kind == topic:
            self.other_maps.add(topic.removesuffix("/datapoint_map"))
        elif kind == "datapoint_map":
            self._take_map(content)
        elif kind == "available_datapoints":
            self.available = {
                "sensor": _dict(content.get("sensor")),
                "actuator": _dict(content.get("actuator")),
            }
        elif kind == "status":
            self._status = content
            self._is_heard &= is_retained
        elif kind == "diagnosis":
            self._take_diagnosis(content)
        elif kind == "heartbeat":
            self._is_heard |= not is_retained
            self._take_heartbeat(content)
        elif kind == RAW and self._on_raw and not is_retained:
            raw = _dict(_dict(content.get("payload")).get("raw_message"))
            self._on_raw({name: _dict(texts) for name, texts in raw.items()})
        elif kind.startswith("messages/"):
            self._take_value(topic, content, is_retained=is_retained)

    def note_new_connection(self) -> None:
        """Note that the broker was lost: what came before is no news."""
        self._is_heard = False
        self._heartbeat_due_at = self._clock() + self._heartbeat_pause_s

    @property
    def is_online(self) -> bool | None:
        """Whether a connector of this name is connected.

        None where that is not known: the published connector has no status.
        A heartbeat counts for more than an older status: the last will of an
        old session may say "offline" for ever.
        """
        if self._is_heard:
            return True
        if self._status is not None:
            return self._status.get("status") == "online"
        return True if self._has_beaten else None

    @property
    def version(self) -> str:
        """The version that the connector tells, or an empty text."""
        return str((self._status or {}).get("version", ""))

    @property
    def tells(self) -> bool:
        """Whether a connector is online and has told what it finds."""
        return bool(self.is_online) and self._has_diagnosis

    def fields_of(self, station: str) -> dict[str, Any]:
        """What a station says of itself and its settings, by KEBA's names."""
        fields: dict[str, Any] = self._fact(station, "fields")
        return fields

    def _fact(self, station: str, name: str) -> Any:
        return self.facts_of_stations.get(station, {}).get(name, {})

    @property
    def stations(self) -> tuple[str, ...]:
        """Names of the stations that the connector knows."""
        return tuple(
            sorted(self.facts_of_stations.keys() | self.active_stations)
        )

    def reading(self, key: str) -> Reading | None:
        """Return the newest value of a sensor, None without one."""
        return self._by_topic.get(self.active_sensors.get(key, ""))

    def value(self, key: str) -> Any:
        """Return the newest value of a sensor, None without one."""
        reading = self.reading(key)
        return None if reading is None else reading.value

    def last_seen_ms(self, station: str) -> int | None:
        """Return when its newest datagram came, as far as datapoints tell."""
        last_seen = self.value(f"{station}__connection__last_seen")
        if is_moment(last_seen):
            return int(last_seen)
        readings = (self.reading(f"{station}__{key}") for key in _OF_DATAGRAMS)
        return max((one.timestamp_ms for one in readings if one), default=None)

    def values_of(self, station: str) -> dict[str, dict[str, Any]]:
        """Return all that is known, as ``values["report 3"]["P"]``.

        Of what nobody has marked as active the diagnosis knows some, and the
        readings are made of it by the connector's own rules.
        """
        values: dict[str, dict[str, Any]] = defaultdict(dict)
        for field, value in self.fields_of(station).items():
            number = 1 if field in _IDENTITY else report_of_field(field)
            values[f"report {number}"][field] = value
        for key, topic in self._sensors_of[station].items():
            reading = self._by_topic.get(topic)
            group, _, field = key.partition("__")
            if reading is not None and reading.value is not None:
                values[group][field] = reading.value
        # The connector has seen more than this moment.
        concluded = self._conclude(station, values)
        values["readings"] = {**concluded, **values["readings"]}
        return dict(values)

    def _conclude(
        self, station: str, values: Mapping[str, Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        told = self._fact(station, "failsafe")
        # As far as this tool and the connector agree on its parts.
        parts = {one.name for one in fields(FailsafeFacts)} & {*told}
        facts = StationFacts(
            station,
            failsafe=FailsafeFacts(**{part: told[part] for part in parts}),
            session=values.get(SESSION, {}),
        )
        for number in POLLED_REPORTS:
            facts.fields.update(values.get(f"report {number}", {}))
        readings = renewed_readings(facts, facts.fields)
        if station in self.facts_of_stations:
            return readings
        # Of the published connector a few values may be active; it takes more
        # to judge.
        return {key: readings[key] for key in readings if key not in VERDICTS}

    def trouble(self, where: str, broker_silence_s: float) -> str:
        """Return why nothing new comes in; empty while it does.

        The broker at that place has not answered for so many seconds.
        """
        if broker_silence_s > BROKER_PATIENCE_S:
            age = age_in_words(broker_silence_s)
            return f"broker {where} lost {age}, trying again; {_OLD}"
        if self.is_online is None and self.has_map:
            return f"nothing tells yet whether {self.name} is online"
        if not self.is_online:
            return (
                f"no connector is online as {self.name}: start it, or read "
                f"in its log why it ended; {_OLD}"
            )
        silent_s = self._clock() - self._heartbeat_due_at
        if silent_s > HEARTBEAT_SLACK_S:
            return (
                f"no heartbeat of {self.name}: one was due "
                f"{age_in_words(silent_s)}; {_OLD}"
            )
        return ""

    # --- inside ------------------------------------------------------------

    def _take_map(self, content: Mapping[str, Any]) -> None:
        self.has_map = True
        self.active_sensors = {
            key: topic
            for key, topic in _dict(content.get("sensor")).items()
            if isinstance(topic, str)
        }
        self.active_actuators = {
            key: topic
            for topic, key in _dict(content.get("actuator")).items()
            if isinstance(key, str)
        }
        self._key_of_topic = {
            topic: key
            for active in (self.active_actuators, self.active_sensors)
            for key, topic in active.items()
        }
        self._sensors_of = defaultdict(dict)
        for key, topic in self.active_sensors.items():
            station, rest = split_key(key)
            self._sensors_of[station][rest] = topic
            if topic in self._by_topic:
                self._on_reading(key, self._by_topic[topic])
        steered = {split_key(key)[0] for key in self.active_actuators}
        self.active_stations = steered.union(self._sensors_of) - {FLEET}

    def _take_diagnosis(self, content: Mapping[str, Any]) -> None:
        """Take what has the shape that is known here."""
        self._has_diagnosis = True
        found = content.get("findings")
        self.findings = [
            one
            for one in (found if isinstance(found, list) else ())
            if isinstance(one, dict)
        ]
        self.facts_of_stations = {
            name: {
                key: _scalars(value) if key in _MAPPINGS else value
                for key, value in facts.items()
            }
            for name, facts in _dict(content.get("stations")).items()
            if isinstance(facts, dict)
        }

    def _take_value(
        self, topic: str, content: Mapping[str, Any], *, is_retained: bool
    ) -> None:
        timestamp, value = content.get("timestamp"), content.get("value")
        is_value = "value" in content and is_scalar(value)
        if not is_value or not is_moment(timestamp):
            return
        reading = Reading(value, int(timestamp), is_retained)
        self._by_topic[topic] = reading
        key = self._key_of_topic.get(topic)
        if key is not None:
            self._on_reading(key, reading)

    def _take_heartbeat(self, content: Mapping[str, Any]) -> None:
        sent = content.get("this_heartbeats_timestamp")
        promised = content.get("next_heartbeats_timestamp")
        if is_number(sent) and is_number(promised):
            self._has_beaten = True
            self._heartbeat_pause_s = (promised - sent) / 1000
            self._heartbeat_due_at = self._clock() + self._heartbeat_pause_s


def view_of_site(
    site: SiteFacts, values: Mapping[str, object] = MappingProxyType({})
) -> ConnectorView:
    """Return what a connector would tell of stations that were asked here.

    All these values are as if they were active, by their keys.
    """
    view = ConnectorView("here")
    content = DiagnosisTopic(site).due(0.0, 0) or {}
    messages = {
        "diagnosis": {
            # Nobody knows since when it is so.
            "findings": [{**one, "since": None} for one in content["findings"]],
            # Measurements are facts here as well.
            "stations": {
                name: {**facts, "fields": site.station(name).fields}
                for name, facts in content["stations"].items()
            },
        },
        "datapoint_map": {
            "sensor": {key: f"here/messages/{key}" for key in values}
        },
        **{
            f"messages/{key}": {"value": value, "timestamp": 0}
            for key, value in values.items()
        },
    }
    for kind, message in messages.items():
        payload = json.dumps(message).encode()
        view.take(f"here/{kind}", payload, is_retained=False)
    return view


def _object_of(payload: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _scalars(value: object) -> dict[str, Any]:
    return {key: one for key, one in _dict(value).items() if is_scalar(one)}


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
