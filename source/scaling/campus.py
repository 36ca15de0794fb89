"""What a campus of stations asks of its network, broker and database.

Clockwork: numbers in, numbers out. Each cost names where it was seen.
"""

from dataclasses import dataclass

from connector.actuators import ACTUATORS
from pyconnector_template.logs import BURST_RECORDS
from scaling.selections import ALL, PUSH_WH, Selection

REQUESTS_PER_POLL = 3
"""Reports 1, 2 and 3; each is a datagram there and one back."""

JOULE_PER_WH = 3600
HEARTBEAT_S = 30.0
YEAR_S = 365 * 24 * 3600

MESSAGES_OF_A_CONNECTOR = 4
"""Retained beside the values: available datapoints, map, log, status."""

PACKET_HEAD = 4
"""Bytes of a PUBLISH packet beside topic and payload: type, length of the
packet, two for the length of the topic (MQTT 3.1.1, section 3.3)."""

_EMPTY_VALUE = '{"value": , "timestamp": 1795343453078}'
_CONNECTOR_NAME = "keba-p30-connector"
_STATION_NAME = "c01-s0001"


@dataclass(frozen=True, slots=True)
class Costs:
    """What single things cost; change a figure to see what follows.

    Parameters
    ----------
    values_per_writer_s
        What one writer of BEMCom's API stores in a second with history:
        seen with django-api 0.8.6 and PostgreSQL 15 on two cores.
    api_queue
        Messages that wait in the API before the newest are dropped.
    cpu_per_poll_s
        CPU time of a connector for one poll of one station, with all values;
        a status message is taken for a third of it.
    connector_bytes, station_bytes
        Memory of a connector, and what each station adds, with all values.
    value_bytes
        Mean length of a value as JSON, counted with simulated stations.
    raw_bytes_per_poll, raw_bytes_per_push
        Payload of a poll's three raw messages and of a status message's one,
        counted likewise.
    retained_bytes
        Memory of Mosquitto for one active datapoint: the retained value, and
        the API's subscription to it.
    broker_s
        CPU time of Mosquitto for a value that comes and goes to one reader.
    reader_s
        CPU time of a bare paho client for a value: the API's can be no
        faster.
    """

    values_per_writer_s: float = 180.0
    api_queue: int = 100_000
    cpu_per_poll_s: float = 0.0015
    connector_bytes: float = 42e6
    station_bytes: float = 50e3
    value_bytes: float = 4.5
    raw_bytes_per_poll: float = 1_300
    raw_bytes_per_push: float = 140
    retained_bytes: float = 2_300
    broker_s: float = 12e-6
    reader_s: float = 33e-6


COSTS = Costs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Campus:
    """Stations, and how they are looked at.

    Parameters
    ----------
    stations, connectors
        How many of them; each connector has its share of the stations.
    poll_interval_s
        POLL_SECONDS of the connectors.
    selection
        Datapoints of each station that are active in BEMCom.
    charging_share
        Share of the stations that charge, 0…1.
    charging_power_w
        What each of them draws.
    publish_unchanged_every
        PUBLISH_UNCHANGED_EVERY of the connectors: unchanged values leave
        only in every so manieth poll.

    Raises
    ------
    ValueError
        If there could be no such campus.
    """

    stations: int
    connectors: int
    poll_interval_s: float
    selection: Selection
    charging_share: float = 0.3
    charging_power_w: float = 11_000
    publish_unchanged_every: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.connectors <= self.stations:
            raise ValueError(
                f"{self.connectors} connectors cannot share "
                f"{self.stations} stations: 1 to as many are possible"
            )
        if self.poll_interval_s <= 0 or self.publish_unchanged_every < 1:
            raise ValueError("interval and every must be positive")
        if not 0 <= self.charging_share <= 1:
            raise ValueError(f"a share is within 0…1: {self.charging_share}")

    @property
    def moving_per_poll(self) -> float:
        """Values of a station that differ from the poll before."""
        return self.selection.moving(self.charging_share)

    @property
    def values_per_poll(self) -> float:
        """Values of a station that are published in a poll, on average."""
        still = self.selection.size - self.moving_per_poll
        return self.moving_per_poll + still / self.publish_unchanged_every

    @property
    def pushes_per_s(self) -> float:
        """Status messages about energy of all stations, polled or not."""
        power_w = self.stations * self.charging_share * self.charging_power_w
        return power_w / (PUSH_WH * JOULE_PER_WH)

    @property
    def pushed_values_per_s(self) -> float:
        """Values that come by these status messages."""
        return self.pushes_per_s * self.selection.pushed


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a campus asks for, all connectors together where nothing is said.

    Parameters
    ----------
    polls_per_s, datagrams_per_s
        Polls, and UDP datagrams of both directions.
    values_per_s, bytes_per_s
        Values that reach the broker, and their PUBLISH packets.
    pushed_values_per_s
        Those of them that status messages bring.
    values_at_once
        Values of one round over all stations. All connectors may happen to
        poll at the same time, and a restart of the API brings as many, since
        they are retained.
    raw_messages_per_s, raw_bytes_per_s
        With SEND_RAW_MESSAGE_TO_DB on, payload only.
    heartbeats_per_s
        Each of them is a message for the API as well.
    logs_at_start
        Log messages when all stations come online; later there is silence.
        Each stays in the database.
    retained_messages, retained_bytes
        What the broker keeps, and the memory for it.
    announced
        Datapoints that one connector makes available.
    announcement_bytes, map_bytes
        One `available_datapoints` and one `datapoint_map` of a connector.
    activation_bytes
        All maps of a connector that the API sends while its datapoints are
        activated: each saved row brings a whole one.
    connector_cpu, connector_bytes
        Share of a core and memory that each connector needs.
    broker_cpu, reader_cpu
        Share of a core that Mosquitto and the API's MQTT thread need at
        least.
    rows_per_year
        Rows of history.
    """

    polls_per_s: float
    datagrams_per_s: float
    values_per_s: float
    bytes_per_s: float
    pushed_values_per_s: float
    values_at_once: int
    raw_messages_per_s: float
    raw_bytes_per_s: float
    heartbeats_per_s: float
    logs_at_start: int
    retained_messages: int
    retained_bytes: float
    announced: int
    announcement_bytes: float
    map_bytes: float
    activation_bytes: float
    connector_cpu: float
    connector_bytes: float
    broker_cpu: float
    reader_cpu: float
    rows_per_year: float


def load_of(campus: Campus, costs: Costs = COSTS) -> Load:
    """Calculate what a campus asks for."""
    polls_per_s = campus.stations / campus.poll_interval_s
    pushes_per_s = campus.pushes_per_s
    values_per_s = (
        polls_per_s * campus.values_per_poll + campus.pushed_values_per_s
    )
    at_once = campus.stations * campus.selection.size
    retained = at_once + MESSAGES_OF_A_CONNECTOR * campus.connectors
    stations_each = campus.stations / campus.connectors
    selected_each = at_once / campus.connectors
    map_bytes = selected_each * map_entry_bytes(campus)
    return Load(
        polls_per_s=polls_per_s,
        datagrams_per_s=polls_per_s * 2 * REQUESTS_PER_POLL + pushes_per_s,
        values_per_s=values_per_s,
        bytes_per_s=values_per_s * packet_bytes(campus, costs),
        pushed_values_per_s=campus.pushed_values_per_s,
        values_at_once=at_once,
        raw_messages_per_s=polls_per_s * REQUESTS_PER_POLL + pushes_per_s,
        raw_bytes_per_s=polls_per_s * costs.raw_bytes_per_poll
        + pushes_per_s * costs.raw_bytes_per_push,
        heartbeats_per_s=campus.connectors / HEARTBEAT_S,
        logs_at_start=min(campus.stations, campus.connectors * BURST_RECORDS),
        retained_messages=retained,
        retained_bytes=retained * costs.retained_bytes,
        announced=round(stations_each * DATAPOINTS_OF_A_STATION),
        announcement_bytes=stations_each * announced_bytes(costs),
        map_bytes=map_bytes,
        # The first map has one entry, the last one has all.
        activation_bytes=selected_each * map_bytes / 2,
        connector_cpu=(polls_per_s + pushes_per_s / REQUESTS_PER_POLL)
        * costs.cpu_per_poll_s
        / campus.connectors,
        connector_bytes=costs.connector_bytes
        + stations_each * costs.station_bytes,
        broker_cpu=values_per_s * costs.broker_s,
        reader_cpu=values_per_s * costs.reader_s,
        rows_per_year=values_per_s * YEAR_S,
    )


DATAPOINTS_OF_A_STATION = ALL.size + len(ACTUATORS)
"""That it makes available; each command ever sent adds its result."""


def packet_bytes(campus: Campus, costs: Costs = COSTS) -> float:
    """Return the length of the PUBLISH packet of one value."""
    payload = len(_EMPTY_VALUE) + costs.value_bytes
    return PACKET_HEAD + _topic_bytes(campus) + payload


def map_entry_bytes(campus: Campus) -> float:
    """Return what one selected datapoint adds to a datapoint map."""
    keys = campus.selection.keys
    key_bytes = sum(map(_key_bytes, keys)) / len(keys)
    return key_bytes + len('"": "", ') + _topic_bytes(campus)


def announced_bytes(costs: Costs = COSTS) -> float:
    """Return what one station adds to the available datapoints."""
    keys = (*ALL.keys, *ACTUATORS)
    punctuation = len('"": , ') * len(keys)
    return (
        sum(map(_key_bytes, keys)) + punctuation + costs.value_bytes * len(keys)
    )


def _topic_bytes(campus: Campus) -> int:
    """Return the length of a topic with an id such as the database gives."""
    highest_id = campus.stations * DATAPOINTS_OF_A_STATION
    return len(f"{_CONNECTOR_NAME}/messages/{highest_id}/value")


def _key_bytes(key: str) -> int:
    return len(f"{_STATION_NAME}__{key}")
