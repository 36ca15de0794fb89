"""The scaled run: real connectors and broker, doubles around them."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import psutil

from end_to_end import own_network
from end_to_end.running import ConnectorProcess
from pyconnector_template.tests.mosquitto import Mosquitto
from scaling import broker_counters
from scaling.api_double import ApiDouble
from scaling.broker_counters import BrokerCounters
from scaling.campus import Campus
from scaling.measurement import Measurement
from scaling.stations import Line, lines_of

QUIET_S = 2.5
"""What the broker has counted may be two seconds old: after that time all of a
round is counted."""

PATIENCE_S = 20.0
PATIENCE_PER_STATION_S = 0.1

Tell = Callable[[str], None]


class RunError(Exception):
    """The run cannot be measured."""


def measure(
    campus: Campus, rounds: int, folder: Path, tell: Tell
) -> Measurement:
    """Run a campus and measure it for some rounds of polls.

    Its stations have to run already, see `stations`.

    Raises
    ------
    RunError
        If values are missing or a process has ended.
    """
    lines = lines_of(campus)
    config = f"allow_anonymous true\n{broker_counters.CONFIG}"
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(
            Mosquitto(folder, config, log_types="none")
        )
        counters = stack.enter_context(BrokerCounters(broker.port))
        empty = counters.read()
        api = stack.enter_context(
            ApiDouble(
                broker.port, [line.name for line in lines], campus.selection
            )
        )
        connectors = [
            stack.enter_context(_connector(line, campus, broker.port, folder))
            for line in lines
        ]
        tell("waiting until all datapoints have brought a value")
        _settle(campus, api)
        seconds = rounds * campus.poll_interval_s
        tell(f"measuring for {seconds:g} s")
        watch = _Watch(connectors, broker, api, counters)
        before = watch.look()
        time.sleep(seconds)
        after = watch.look()
        if not all(connector.is_running() for connector in connectors):
            raise RunError("a connector has ended")
        memory = [_memory(connector) for connector in connectors]
    elapsed = after.at - before.at
    return Measurement(
        campus=campus,
        seconds=elapsed,
        arrivals=api.arrivals[before.arrivals : after.arrivals],
        packets_per_s=(after.packets - before.packets) / elapsed,
        bytes_per_s=(after.bytes - before.bytes) / elapsed,
        datagrams_per_s=(
            (after.datagrams - before.datagrams) / elapsed
            if own_network.is_own()
            else None
        ),
        retained_messages=after.retained - empty[broker_counters.RETAINED],
        heap_bytes=after.heap - empty[broker_counters.HEAP],
        announcement_bytes=fmean(api.announcement_bytes.values()),
        map_bytes=fmean(api.map_bytes.values()),
        connector_cpu=(after.connectors_s - before.connectors_s)
        / elapsed
        / len(connectors),
        broker_cpu=(after.broker_s - before.broker_s) / elapsed,
        reader_cpu=(after.reader_s - before.reader_s) / elapsed,
        connector_memory=fmean(memory),
    )


@contextlib.contextmanager
def _connector(
    line: Line, campus: Campus, port: int, folder: Path
) -> Iterator[ConnectorProcess]:
    own_folder = folder / line.name
    own_folder.mkdir()
    with ConnectorProcess(
        own_folder,
        port,
        line.stations,
        bind=line.bind,
        CONNECTOR_NAME=line.name,
        POLL_SECONDS=f"{campus.poll_interval_s:g}",
        PUBLISH_UNCHANGED_EVERY=str(campus.publish_unchanged_every),
    ) as connector:
        yield connector


def _settle(campus: Campus, api: ApiDouble) -> None:
    expected = campus.stations * campus.selection.size
    patience_s = PATIENCE_S + campus.stations * PATIENCE_PER_STATION_S
    if not api.wait_for_datapoints(expected, patience_s):
        raise RunError(
            f"only {api.datapoints_seen} of {expected} datapoints have "
            f"brought a value within {patience_s:g} s"
        )
    if not api.wait_for_quiet(QUIET_S, 2 * campus.poll_interval_s):
        raise RunError(
            f"there is no quiet moment between the rounds: take more than "
            f"{campus.poll_interval_s:g} s, or fewer connectors"
        )


@dataclass(frozen=True, slots=True)
class _Look:
    """All counters at one moment."""

    at: float
    arrivals: int
    packets: int
    bytes: int
    retained: int
    heap: int
    datagrams: int
    connectors_s: float
    broker_s: float
    reader_s: float


@dataclass(frozen=True, slots=True)
class _Watch:
    """Who is looked at."""

    connectors: Sequence[ConnectorProcess]
    broker: Mosquitto
    api: ApiDouble
    counters: BrokerCounters

    def look(self) -> _Look:
        counts = self.counters.read()
        pids = [connector.process.pid for connector in self.connectors]
        return _Look(
            at=time.time(),
            arrivals=len(self.api.arrivals),
            packets=counts[broker_counters.PACKETS],
            bytes=counts[broker_counters.BYTES],
            retained=counts[broker_counters.RETAINED],
            heap=counts[broker_counters.HEAP],
            datagrams=own_network.udp_datagrams_received(),
            connectors_s=sum(map(_cpu_s, pids)),
            broker_s=_cpu_s(self.broker.pid),
            reader_s=_cpu_s(psutil.Process().pid),
        )


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _memory(connector: ConnectorProcess) -> int:
    return int(psutil.Process(connector.process.pid).memory_info().rss)
