"""What a run has shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from scaling.campus import Campus
from scaling.store import Arrival


@dataclass(frozen=True, slots=True)
class Measurement:
    """Figures of a run; rates are means over whole rounds.

    Parameters
    ----------
    campus
        What was run.
    seconds
        How long it was measured.
    arrivals
        The values that reached the double of the API.
    packets_per_s, bytes_per_s
        What the broker received of everybody, by its own count: MQTT packets
        of all kinds.
    datagrams_per_s
        Over UDP in both directions; None in a network with others.
    retained_messages, heap_bytes
        Of the broker, beyond what it had before the connectors came.
    announcement_bytes, map_bytes
        Mean length of the newest messages of each connector.
    connector_cpu, broker_cpu, reader_cpu
        CPU seconds per second: the mean connector, the broker, and the
        process of the double.
    connector_memory
        Mean resident memory of a connector in bytes.
    """

    campus: Campus
    seconds: float
    arrivals: Sequence[Arrival]
    packets_per_s: float
    bytes_per_s: float
    datagrams_per_s: float | None
    retained_messages: int
    heap_bytes: int
    announcement_bytes: float
    map_bytes: float
    connector_cpu: float
    broker_cpu: float
    reader_cpu: float
    connector_memory: float
