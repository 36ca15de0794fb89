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
    from collections.abc import Sequence

    from bench.fleet import Traffic
    from bench.recorder import Arrival

Figures = dict[str, Any]

SLOW_POLL_S = 300.0
"""For an idle line: no poll comes while a measurement lasts."""

DEFAULT_POLL_S = 30.0
"""The connector's own default."""

SETTLE_S = 4.0
"""After the first round all new datapoints are announced once more."""

FIRST_ROUND_S = 60.0
LAST_VALUES_S = 4.0
"""Who asks ten stations one after the other publishes at the end of it all."""

COMMAND_GAP_S = 0.025
LOOK_S = 0.05

PUSHED_KEY = "report 3__E pres"


def measure_rounds(stack: Stack, rounds: int) -> Figures:
    """Poll a fleet for so many rounds."""
    with stack:
        first_value_s = _wait_for_first_round(stack)
        first, _ = _take(stack)
        begun_at, cpu_before_s = time.time(), stack.cpu_s()
        time.sleep(rounds * stack.poll_s)
        ended_at, cpu_s = time.time(), stack.cpu_s() - cpu_before_s
        time.sleep(LAST_VALUES_S)
        traffic, arrivals = _take(stack)
        cpu_share = figures.highest_cpu_share(stack.recorder.cpu_samples)
        memory_mib = stack.memory_mib()
    # A later poll has had no time to reach MQTT.
    in_time = [one for one in traffic.heard if one.at < ended_at]
    by_station = figures.station_rounds(in_time, traffic.said)
    groups = figures.group_values(arrivals, stack.keys)
    said = figures.of_whole_rounds(traffic.said, by_station)
    pairs = figures.find_groups(said, groups)
    due, came = figures.count_values(said, groups, stack.keys)
    polls = sum(map(len, by_station.values()))
    missing = figures.missing_polls(
        by_station, stack.stations, begun_at, ended_at, stack.poll_s
    )
    return {
        "stations": stack.stations,
        "polls": polls,
        "polls_expected": polls + missing,
        "first_value_s": first_value_s,
        "first_round_s": figures.first_round_of_all(first.heard, first.said),
        "station_round_s": figures.spread(
            one.ended_at - one.begun_at
            for rounds_of_one in by_station.values()
            for one in rounds_of_one
        ),
        "latency_s": figures.spread(
            group.last_at - one.at for one, group in pairs
        ),
        "values_expected": due,
        "values_received": came,
        "datapoints": len(stack.sensors),
        "pauses_broken": figures.broken_pauses(stack.heard),
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
        "latency_s": figures.spread(latencies.values()),
        "pauses_broken": figures.broken_pauses(stack.heard),
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
        "pushed": len(pushed),
        "arrived": len(latencies),
        "latency_s": figures.spread(latencies),
        "pauses_broken": figures.broken_pauses(stack.heard),
        "cpu_s_per_push": cpu_s / max(1, len(pushed)),
    }


def _wait_for_first_round(stack: Stack) -> float:
    """Wait until all values of reports have come, and nothing is going on.

    Returns
    -------
    float
        How long after the start the first one came.
    """
    missing = {
        topic
        for topic, key in stack.keys.items()
        if key.name.startswith("report ")
    }
    first_at = math.nan
    until = time.time() + FIRST_ROUND_S
    while missing and time.time() < until and stack.connector.is_running():
        time.sleep(LOOK_S)
        for arrival in stack.recorder.take():
            if arrival.topic in missing and math.isnan(first_at):
                first_at = arrival.at
            missing.discard(arrival.topic)
    time.sleep(SETTLE_S)
    return first_at - stack.started_at


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
