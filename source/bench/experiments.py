"""The measurements: each starts a stack, lets it run, and returns figures."""

from __future__ import annotations

import json
import math
import time
from random import Random
from typing import TYPE_CHECKING, Any

from bench import figures
from bench.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.fleet import Traffic
    from bench.recorder import Arrival

Figures = dict[str, Any]

SLOW_POLL_S = 300.0
"""For an idle line: no poll comes while a measurement lasts."""

BUILDING_POLL_S = 30.0
"""The connector's own default."""

SETTLE_S = 4.0
"""After the first round all new datapoints are announced once more."""

FIRST_ROUND_S = 60.0
LAST_VALUES_S = 2.0
COMMAND_GAP_S = 0.025
LOOK_S = 0.05

PUSHED_KEY = "report 3__E pres"


def measure_rounds(stack: Stack, rounds: int) -> Figures:
    """Poll a fleet for so many rounds."""
    with stack:
        first_values = _measure_start(stack)
        _take(stack)
        begun_at, cpu_before_s = time.time(), stack.cpu_s()
        time.sleep(rounds * stack.poll_s)
        ended_at, cpu_s = time.time(), stack.cpu_s() - cpu_before_s
        time.sleep(LAST_VALUES_S)
        traffic, arrivals = _take(stack)
        cpu_share = figures.highest_cpu_share(stack.recorder.cpu_samples)
        dropped = stack.dropped_datagrams()
        memory_mib = stack.memory_mib()
    # A later poll has had no time to reach MQTT.
    in_time = [one for one in traffic.heard if one.at < ended_at]
    by_station = figures.station_rounds(in_time, traffic.said)
    said, arrivals = figures.without_earlier(
        traffic.said, arrivals, stack.keys, by_station
    )
    groups = figures.group_values(arrivals, stack.keys)
    whole = figures.of_whole_rounds(said, by_station)
    pairs = figures.find_groups(whole, groups)
    values = figures.count_values(said, groups, arrivals, stack.keys, whole)
    polls = sum(map(len, by_station.values()))
    missing = figures.missing_polls(
        by_station, stack.alive, begun_at, ended_at, stack.poll_s
    )
    return {
        "stations": stack.stations,
        "dead": stack.stations - stack.alive,
        "polls": polls,
        "polls_expected": polls + missing,
        "first_values_s": first_values,
        "station_round_s": figures.spread(
            one.ended_at - one.begun_at
            for rounds_of_one in by_station.values()
            for one in rounds_of_one
        )._asdict(),
        "latency_s": figures.spread(
            group.last_at - one.at for one, group in pairs
        )._asdict(),
        "values_expected": values.due,
        "values_received": values.came,
        "values_doubled": values.doubled,
        "datapoints": len(stack.sensors),
        "datagrams_dropped": dropped,
        "pauses_broken": stack.pauses.broken,
        "cpu_s_per_poll": cpu_s / max(1, polls),
        "cpu_share_in_100_ms": cpu_share,
        "memory_mib": memory_mib,
    }


def measure_commands(
    stations: int, commands: int, sensors: Sequence[str], *, poll_s: float
) -> Figures:
    """Write setpoints while a fleet is polled, or is not."""
    with Stack(
        stations, poll_s=poll_s, sensors=sensors, actuators=["currtime"]
    ) as stack:
        _wait_for_first_round(stack)
        stack.take_traffic()
        sent = _send_commands(stack, commands)
        time.sleep(LAST_VALUES_S)
        traffic, _ = _take(stack)
    latencies = figures.command_latencies(sent, traffic.heard)
    return {
        "stations": stations,
        "poll_s": poll_s,
        "commands_sent": len(sent),
        "commands_arrived": len(latencies),
        "latency_s": figures.spread(latencies.values())._asdict(),
        "pauses_broken": stack.pauses.broken,
    }


def measure_pushes(
    stations: int, per_s: float, seconds: float, sensors: Sequence[str]
) -> Figures:
    """Let stations push so often in total; follow each push to MQTT."""
    with Stack(stations, poll_s=SLOW_POLL_S, sensors=sensors) as stack:
        _wait_for_first_round(stack)
        _take(stack)
        cpu_before_s = stack.cpu_s()
        stack.fleet.push(per_s, seconds)
        time.sleep(seconds + LAST_VALUES_S)
        cpu_s = stack.cpu_s() - cpu_before_s
        traffic, arrivals = _take(stack)
        dropped = stack.dropped_datagrams()
    arrived = {
        (key.station, json.loads(one.payload)["value"]): one.at
        for one in arrivals
        if (key := stack.keys.get(one.topic)) and key.name == PUSHED_KEY
    }
    pushed = [one for one in traffic.said if one.report == 0]
    latencies = [
        arrived[one.station, one.number] - one.at
        for one in pushed
        if (one.station, one.number) in arrived
    ]
    return {
        "stations": stations,
        "per_s": per_s,
        "pushed": len(pushed),
        "arrived": len(latencies),
        "latency_s": figures.spread(latencies)._asdict(),
        "datagrams_dropped": dropped,
        "pauses_broken": stack.pauses.broken,
        "cpu_s_per_push": cpu_s / max(1, len(pushed)),
    }


def measure_building(
    stations: int, seconds: float, sensors: Sequence[str]
) -> Figures:
    """Run a usual building: few stations, the default interval."""
    with Stack(stations, poll_s=BUILDING_POLL_S, sensors=sensors) as stack:
        _wait_for_first_round(stack)
        cpu_before_s, begun_at = stack.cpu_s(), time.monotonic()
        time.sleep(seconds)
        took_s = time.monotonic() - begun_at
        cpu_s = stack.cpu_s() - cpu_before_s
        stack.take_traffic()
        return {
            "stations": stations,
            "seconds": took_s,
            "cpu_share": cpu_s / took_s,
            "pauses_broken": stack.pauses.broken,
            "memory_mib": stack.memory_mib(),
        }


def _measure_start(stack: Stack) -> Figures:
    """Wait for the first round; tell when values came after the start."""
    reports = [one for one in stack.sensors if one.startswith("report ")]
    wanted = len(reports) * stack.alive
    first: dict[int, float] = {}
    seen: dict[figures.Key, float] = {}
    until = time.time() + FIRST_ROUND_S
    while len(seen) < wanted and time.time() < until:
        time.sleep(LOOK_S)
        for arrival in stack.recorder.take():
            key = stack.keys.get(arrival.topic)
            if key is None or not key.name.startswith("report "):
                continue
            seen.setdefault(key, arrival.at)
            first.setdefault(key.station, arrival.at)
    time.sleep(SETTLE_S)
    return {
        "stations": len(first),
        "first_s": min(first.values(), default=math.nan) - stack.started_at,
        "first_of_all_s": _last(first.values()) - stack.started_at,
        "values": len(seen),
        "values_expected": wanted,
        "all_s": _last(seen.values()) - stack.started_at,
    }


def _last(moments: Iterable[float]) -> float:
    return max(moments, default=math.nan)


def _wait_for_first_round(stack: Stack) -> None:
    """Return when each station has been polled, and nothing is going on."""
    polled: set[int] = set()
    until = time.time() + FIRST_ROUND_S
    while len(polled) < stack.stations and time.time() < until:
        time.sleep(LOOK_S)
        said = stack.take_traffic().said
        polled |= {one.station for one in said if one.report == 3}
    if len(polled) < stack.stations:
        raise TimeoutError(f"{len(polled)} of {stack.stations} were polled")
    time.sleep(SETTLE_S)


def _send_commands(stack: Stack, commands: int) -> dict[tuple[int, str], float]:
    """Write setpoints at random moments, each of them another one."""
    random = Random(7)  # noqa: S311 - not a secret
    sent: dict[tuple[int, str], float] = {}
    for number in range(commands):
        station = number % stack.stations
        limit_ma = 6_000 + number
        at = stack.write(station, "currtime", limit_ma)
        sent[station, f"currtime {limit_ma} 1"] = at
        time.sleep(random.uniform(0.5, 1.5) * COMMAND_GAP_S)
    return sent


def _take(stack: Stack) -> tuple[Traffic, list[Arrival]]:
    arrivals = stack.recorder.take()
    return stack.take_traffic(), arrivals
