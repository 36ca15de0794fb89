"""The sums for one campus, for the person who plans it."""

from collections.abc import Iterator

from scaling.campus import Campus, load_of
from scaling.sizing import (
    age_when_stored_s,
    fits_queue,
    largest_selection,
    largest_size,
    overflow_after_s,
    share_lost,
    shortest_interval_s,
    writers_needed,
)
from scaling.tables import number, seconds, share, size


def text(campus: Campus, writers: int) -> str:
    """Return figures and advice, a line each."""
    lines = [*_figures(campus, writers), ("", ""), *_advice(campus, writers)]
    width = max(len(name) for name, _ in lines)
    return "\n".join(
        f"{name:{width}}  {value}".rstrip() for name, value in lines
    )


def _figures(campus: Campus, writers: int) -> Iterator[tuple[str, str]]:
    load = load_of(campus)
    yield "values/s", number(load.values_per_s)
    yield "of these by status messages", number(load.pushed_values_per_s)
    yield "values of one round", number(load.values_at_once)
    yield "into the broker", f"{size(load.bytes_per_s)}/s"
    yield "memory of the broker", size(load.retained_bytes)
    yield "raw messages/s, if on", number(load.raw_messages_per_s)
    yield "UDP datagrams/s", number(load.datagrams_per_s)
    yield "CPU of a connector", f"{share(load.connector_cpu)} of a core"
    yield "memory of a connector", size(load.connector_bytes)
    yield "CPU of the broker", f"{share(load.broker_cpu)} of a core"
    yield "one available_datapoints", size(load.announcement_bytes)
    yield "one datapoint_map", size(load.map_bytes)
    yield "maps during activation", size(load.activation_bytes)
    yield "log messages at the start", number(load.logs_at_start)
    yield "rows of history in a year", number(load.rows_per_year)
    yield "dropped by the API", share(share_lost(campus, writers))
    yield (
        "its queue overflows after",
        seconds(overflow_after_s(campus, writers)),
    )
    yield "age of the last value stored", _age(campus, writers)


def _age(campus: Campus, writers: int) -> str:
    if overflow_after_s(campus, writers) is not None:
        return seconds(None)
    return seconds(age_when_stored_s(campus, writers))


def _advice(campus: Campus, writers: int) -> Iterator[tuple[str, str]]:
    yield "writers that this needs", number(writers_needed(campus))
    yield (
        f"shortest interval with {writers}",
        seconds(shortest_interval_s(campus, writers)),
    )
    selection = largest_selection(campus, writers)
    yield (
        f"datapoints of a station with {writers}",
        f"{largest_size(campus, writers)} at most",
    )
    yield (
        f"largest selection with {writers}",
        "none" if selection is None else selection.name,
    )
    if not fits_queue(campus):
        yield "one round", "does not fit into the API's queue"
