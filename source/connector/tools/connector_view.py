"""What the messages of one connector tell, sans-I/O.

Messages go in as they come; what is known of the connector can be asked for.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.bemcom.actuators import FLEET
from connector.bemcom.keys import split_key
from connector.tools.figures import is_moment, is_number

HEARTBEATS_KEPT = 5
"""Two of each of two connectors are among them."""

PUNCTUALITY = 0.08
"""By so much of the pause a heartbeat may miss the moment promised."""

RAW = "raw_message_to_db"


_MAPPINGS = ("link", "failsafe", "fields")
"""Parts of what the diagnosis tells of a station."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value, the time its sender gave it (ms), and whether it is fresh.

    Parameters
    ----------
    value
        Any JSON scalar.
    timestamp_ms
        Milliseconds since 1970 UTC.
    is_retained
        Whether the broker had it in store when we came.
    """

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

    Attributes
    ----------
    readings : dict
        The newest value of each active datapoint, by key.
    available : dict or None
        The message `available_datapoints`, once it came.
    status : dict or None
        The retained status of the connector, once it came.
    diagnosis : dict or None
        What the connector has found, once it came.
    active_stations : set
        Names of the stations with a datapoint that is active.
    other_maps : set
        Names of other connectors that have a datapoint map.
    """

    def __init__(
        self,
        name: str,
        on_reading: Callable[[str, Reading], object] = ignore,
        on_raw: Callable[[RawTexts], object] | None = None,
    ) -> None:
        self.name = name
        self._on_reading = on_reading
        self._on_raw = on_raw
        self.readings: dict[str, Reading] = {}
        self.available: dict[str, dict[str, Any]] | None = None
        self.status: dict[str, Any] | None = None
        self.diagnosis: dict[str, Any] | None = None
        self.active_stations: set[str] = set()
        self.other_maps: set[str] = set()
        self.has_map = False
        self._is_heard = False
        self._heartbeats: list[tuple[int, int]] = []
        self._topic_of_actuator: dict[str, str] = {}
        self._actuator_of_topic: dict[str, str] = {}
        self._key_of_topic: dict[str, str] = {}
        self._by_topic: dict[str, Reading] = {}
        self._available_stations: set[str] = set()

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
            self._available_stations = _stations_of(*self.available.values())
        elif kind == "status":
            self.status = content
            self._is_heard &= is_retained
        elif kind == "diagnosis":
            self.diagnosis = _diagnosis_of(content)
        elif kind == "heartbeat":
            self._is_heard |= not is_retained
            self._take_heartbeat(content)
        elif kind == RAW and self._on_raw and not is_retained:
            self._on_raw(_raw_texts_of(content))
        elif kind.startswith("messages/"):
            self._take_value(topic, content, is_retained=is_retained)

    def note_new_connection(self) -> None:
        """Hear that the broker was lost: what came before is no news."""
        self._is_heard = False

    @property
    def is_online(self) -> bool | None:
        """Whether a connector of this name is connected.

        None where that is not known: the published connector has no status.
        A heartbeat counts for more than an older status: the last will of an
        old session may say "offline" for ever.
        """
        if self._is_heard:
            return True
        if self.status is not None:
            return self.status.get("status") == "online"
        return True if self._heartbeats else None

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What the connector has found, the root cause first."""
        findings: list[dict[str, Any]] = (self.diagnosis or {}).get(
            "findings", []
        )
        return findings

    @property
    def facts_of_stations(self) -> dict[str, dict[str, Any]]:
        """What the connector knows of each station."""
        stations: dict[str, dict[str, Any]] = (self.diagnosis or {}).get(
            "stations", {}
        )
        return stations

    def fields_of(self, station: str) -> dict[str, Any]:
        """What a station says of itself and its settings, by KEBA's names."""
        fields: dict[str, Any] = self.facts_of_stations.get(station, {}).get(
            "fields", {}
        )
        return fields

    @property
    def version(self) -> str:
        """The version that the connector tells, or an empty text."""
        return str((self.status or {}).get("version", ""))

    @property
    def active_sensors(self) -> tuple[str, ...]:
        """Keys of the sensors that somebody has marked as active."""
        return tuple(self._key_of_topic.values())

    @property
    def active_actuators(self) -> tuple[str, ...]:
        """Keys of the actuators that somebody has marked as active."""
        return tuple(self._topic_of_actuator)

    def topic_of_actuator(self, key: str) -> str | None:
        """Return where to write an actuator; None if it is not active."""
        return self._topic_of_actuator.get(key)

    def value(self, key: str) -> Any:
        """Return the newest value of a sensor, None without one."""
        reading = self.readings.get(key)
        return None if reading is None else reading.value

    @property
    def stations(self) -> tuple[str, ...]:
        """Names of the stations that the connector knows."""
        known = self.facts_of_stations.keys() | self._available_stations
        return tuple(sorted(known | self.active_stations))

    @property
    def newest_heartbeat(self) -> tuple[int, int] | None:
        """When it was sent and until when the next is promised, in ms."""
        return self._heartbeats[-1] if self._heartbeats else None

    @property
    def is_name_used_twice(self) -> bool:
        """Whether two connectors send heartbeats under this name.

        A heartbeat comes when the one before it of the same connector runs
        out. After a restart nobody keeps the old promise; two connectors keep
        theirs by turns.
        """
        follower: dict[int, int] = {}
        for sent, promised in self._heartbeats:
            for later, _ in self._heartbeats:
                if abs(later - promised) <= PUNCTUALITY * (promised - sent):
                    follower.setdefault(sent, later)
        return any(
            first < other < later < last
            for first, later in follower.items()
            for other, last in follower.items()
        )

    # --- inside ------------------------------------------------------------

    def _take_map(self, content: Mapping[str, Any]) -> None:
        self.has_map = True
        sensors = _dict(content.get("sensor"))
        actuators = _dict(content.get("actuator"))
        self._actuator_of_topic = {
            topic: key
            for topic, key in actuators.items()
            if isinstance(key, str)
        }
        self._key_of_topic = {
            topic: key
            for key, topic in sensors.items()
            if isinstance(topic, str)
        }
        self._topic_of_actuator = {
            key: topic
            for topic, key in actuators.items()
            if isinstance(key, str)
        }
        self.active_stations = _stations_of(
            self._key_of_topic.values(), self._topic_of_actuator
        )
        self.readings = {}
        for topic, key in self._key_of_topic.items():
            if topic in self._by_topic:
                self._note(key, self._by_topic[topic])

    def _take_value(
        self, topic: str, content: Mapping[str, Any], *, is_retained: bool
    ) -> None:
        timestamp, value = content.get("timestamp"), content.get("value")
        is_scalar = "value" in content and not isinstance(value, list | dict)
        if not is_scalar or not is_moment(timestamp):
            return
        reading = Reading(value, int(timestamp), is_retained)
        self._by_topic[topic] = reading
        key = self._key_of_topic.get(topic)
        if key is not None:
            self._note(key, reading)
        elif topic in self._actuator_of_topic:
            self._on_reading(self._actuator_of_topic[topic], reading)

    def _note(self, key: str, reading: Reading) -> None:
        self.readings[key] = reading
        self._on_reading(key, reading)

    def _take_heartbeat(self, content: Mapping[str, Any]) -> None:
        sent = content.get("this_heartbeats_timestamp")
        promised = content.get("next_heartbeats_timestamp")
        if is_number(sent) and is_number(promised):
            self._heartbeats.append((int(sent), int(promised)))
            del self._heartbeats[:-HEARTBEATS_KEPT]


def _raw_texts_of(content: Mapping[str, Any]) -> RawTexts:
    raw = _dict(_dict(content.get("payload")).get("raw_message"))
    return {name: _dict(texts) for name, texts in raw.items()}


def _stations_of(*keys: Iterable[str]) -> set[str]:
    """Return whose datapoints these are."""
    return {split_key(key)[0] for some in keys for key in some} - {FLEET}


def _object_of(payload: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _diagnosis_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is there in the shape that is known here."""
    findings, stations = content.get("findings"), _dict(content.get("stations"))
    return {
        "findings": [
            one
            for one in (findings if isinstance(findings, list) else ())
            if isinstance(one, dict)
        ],
        "stations": {
            name: {
                key: _dict(value) if key in _MAPPINGS else value
                for key, value in facts.items()
            }
            for name, facts in stations.items()
            if isinstance(facts, dict)
        },
    }


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
