"""What was calculated beside what was measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scaling.campus import REQUESTS_PER_POLL, Costs, load_of
from scaling.measurement import Measurement
from scaling.sizing import age_when_stored_s, overflow_after_s, share_lost
from scaling.store import share_moving, store_all
from scaling.tables import number, number_table


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Parameters
    ----------
    what
        Its name, with the unit.
    calculated, measured
        None where there is none.
    """

    what: str
    calculated: float | None
    measured: float | None

    def cells(self) -> tuple[str, str, str, str]:
        """Return name, both figures, and measured by calculated."""
        calculated, measured = self.calculated, self.measured
        ratio = ""
        if calculated and measured is not None:
            ratio = f"{measured / calculated:.2f}"
        return self.what, _text(calculated), _text(measured), ratio


def compare(
    measurement: Measurement, writers: Sequence[int], costs: Costs
) -> list[Row]:
    """Return all figures of a run.

    Parameters
    ----------
    measurement
        The run.
    writers
        Numbers of writers; the same arrivals are stored by each of them.
    costs
        What the calculation takes for granted; the length of the queue
        stands there, too.
    """
    rows = [*_line_and_broker(measurement, costs), *_cpu(measurement, costs)]
    for count in writers:
        rows += _stored(measurement, count, costs)
    return rows


def markdown(rows: Sequence[Row]) -> str:
    """Return the table."""
    head = ("figure", "calculated", "measured", "ratio")
    return number_table(head, (row.cells() for row in rows))


def _text(value: float | None) -> str:
    return "–" if value is None else number(value)


def _line_and_broker(run: Measurement, costs: Costs) -> Iterator[Row]:
    campus = run.campus
    load = load_of(campus, costs)
    values_per_s = len(run.arrivals) / run.seconds
    moving = campus.moving_per_poll / campus.selection.size
    yield Row("UDP datagrams/s", load.datagrams_per_s, run.datagrams_per_s)
    yield Row("values/s at the API", load.values_per_s, values_per_s)
    if campus.publish_unchanged_every == 1:
        yield Row(
            "values that differ from the one before, %",
            100 * moving,
            100 * share_moving(run.arrivals),
        )
    yield Row(
        "MQTT packets/s into the broker",
        load.values_per_s + load.heartbeats_per_s,
        run.packets_per_s,
    )
    yield Row(
        "kB/s into the broker", load.bytes_per_s / 1e3, run.bytes_per_s / 1e3
    )
    yield Row(
        "retained messages", load.retained_messages, run.retained_messages
    )
    yield Row(
        "memory of the broker, MB",
        load.retained_bytes / 1e6,
        run.heap_bytes / 1e6,
    )
    yield Row(
        "one `available_datapoints`, kB",
        load.announcement_bytes / 1e3,
        run.announcement_bytes / 1e3,
    )
    yield Row(
        "one `datapoint_map`, kB", load.map_bytes / 1e3, run.map_bytes / 1e3
    )


def _cpu(run: Measurement, costs: Costs) -> Iterator[Row]:
    campus = run.campus
    load = load_of(campus, costs)
    polls_per_s = load.polls_per_s + campus.pushes_per_s / REQUESTS_PER_POLL
    values_per_s = len(run.arrivals) / run.seconds
    yield Row(
        "CPU of a connector for a poll, ms",
        costs.cpu_per_poll_s * 1e3,
        run.connector_cpu * campus.connectors / polls_per_s * 1e3,
    )
    yield Row(
        "CPU of the broker for a value, µs",
        costs.broker_s * 1e6,
        run.broker_cpu / values_per_s * 1e6,
    )
    yield Row(
        "CPU of the reader for a value, µs",
        costs.reader_s * 1e6,
        run.reader_cpu / values_per_s * 1e6,
    )
    yield Row(
        "memory of a connector, MB",
        load.connector_bytes / 1e6,
        run.connector_memory / 1e6,
    )


def _stored(run: Measurement, writers: int, costs: Costs) -> Iterator[Row]:
    stored = store_all(
        run.arrivals,
        until=run.arrivals[0].at + run.seconds,
        writers=writers,
        values_per_writer_s=costs.values_per_writer_s,
        limit=costs.api_queue,
    )
    campus = run.campus
    who = "1 writer" if writers == 1 else f"{writers} writers"
    lost = share_lost(campus, writers, costs, within_s=run.seconds)
    overflow_s = overflow_after_s(campus, writers, costs)
    yield Row(
        f"{who}: dropped, %",
        100 * lost,
        100 * stored.dropped / len(run.arrivals),
    )
    yield Row(
        f"{who}: first drop after, s", overflow_s, stored.first_drop_after_s
    )
    yield Row(f"{who}: longest queue", None, stored.longest_queue)
    age_s = (
        None
        if overflow_s is not None
        else age_when_stored_s(campus, writers, costs)
    )
    yield Row(f"{who}: highest age when stored, s", age_s, stored.highest_age_s)
