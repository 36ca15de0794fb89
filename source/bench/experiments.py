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

POLL_S = 5.0
SLOW_POLL_S = 300.0
SETTLE_S = 4.0
"""After the first round all new datapoints are announced once more."""

COMMAND_GAP_S = 0.025
LOOK_S = 0.05

PUSHED_KEY = "report 3__E pres"


def measure_rounds(
    stations: int, rounds: int, sensors: Sequence[str], *, dead: int = 0
) -> Figures:
    """Poll a fleet as often as KEBA allows.

    Parameters
    ----------
    stations, dead
        How many there are, and how many of them do not answer.
    rounds
        How many rounds to measure.
    sensors
        The selected datapoints.
    """
    with Stack(stations, dead=dead, sensors=sensors) as stack:
        first_values = _measure_start(stack, sensors)
        cpu_before_s = stack.cpu_s()
        time.sleep(rounds * POLL_S)
        cpu_s = stack.cpu_s() - cpu_before_s
        # The last values may be on their way.
        time.sleep(1.0)
        traffic, arrivals = _take(stack)
        dropped = stack.dropped_datagrams()
        memory_mib = stack.memory_mib()
    groups = figures.group_values(arrivals, stack.keys)
    by_station = figures.station_rounds(traffic.heard, traffic.said)
    whole = figures.of_whole_rounds(traffic.said, by_station)
    pairs = figures.find_groups(whole, groups)
    values = figures.count_values(
        traffic.said, groups, arrivals, stack.keys, whole
    )
    polls = sum(map(len, by_station.values()))
    return {
        "stations": stations,
        "dead": dead,
        "polls": polls,
        "polls_expected": rounds * stack.alive,
        "first_values_s": first_values,
        "station_round_s": figures.spread(
            one.ended_at - one.begun_at
            for rounds_of_one in by_station.values()
            for one in rounds_of_one
        )._asdict(),
        "fleet_round_s": figures.spread(
            figures.fleet_rounds(by_station)
        )._asdict(),
        "latency_s": figures.spread(
            group.last_at - one.at for one, group in pairs
        )._asdict(),
        "values_expected": values.due,
        "values_received": values.came,
        "values_doubled": values.doubled,
        "datapoints": len(sensors),
        "datagrams_dropped": dropped,
        "pauses_broken": stack.pauses.broken,
        "cpu_s_per_poll": cpu_s / max(1, polls),
        "memory_mib": memory_mib,
    }


def measure_commands(
    stations: int, commands: int, sensors: Sequence[str], *, poll_s: float
) -> Figures:
    """Write setpoints while a fleet is polled, or is not.

    Parameters
    ----------
    stations, commands
        How many there are, and how many commands are sent.
    sensors
        The selected datapoints.
    poll_s
        Between two polls; `SLOW_POLL_S` for an idle line.
    """
    with Stack(
        stations, poll_s=poll_s, sensors=sensors, actuators=["currtime"]
    ) as stack:
        _wait_for_first_round(stack, stations)
        stack.take_traffic()
        sent = _send_commands(stack, stations, commands)
        time.sleep(1.0)
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


def measure_stop(stations: int, sensors: Sequence[str]) -> Figures:
    """Stop one station by ``ena 0`` and compare the others' setpoints.

    KEBA wants two seconds of silence after it, for this station alone.

    Parameters
    ----------
    stations
        How many there are.
    sensors
        The selected datapoints.
    """
    with Stack(
        stations, sensors=sensors, actuators=["currtime", "ena"]
    ) as stack:
        _wait_for_first_round(stack, stations)
        stack.take_traffic()
        stack.write(0, "ena", 0)
        sent = _send_commands(stack, stations, stations)
        time.sleep(3.0)
        traffic, _ = _take(stack)
    waits = figures.command_latencies(sent, traffic.heard)
    arrived = len(waits)
    stopped = next(key for key in sent if key[0] == 0)
    return {
        "commands_sent": len(sent),
        "commands_arrived": arrived,
        "stopped_s": waits.pop(stopped, math.nan),
        "others_s": figures.spread(waits.values())._asdict(),
        "pauses_broken": stack.pauses.broken,
    }


def measure_pushes(
    stations: int, per_s: float, seconds: float, sensors: Sequence[str]
) -> Figures:
    """Let stations push; follow each push to MQTT.

    Parameters
    ----------
    stations
        How many there are.
    per_s, seconds
        How many pushes of all stations, and for how long.
    sensors
        The selected datapoints.
    """
    with Stack(stations, poll_s=SLOW_POLL_S, sensors=sensors) as stack:
        _wait_for_first_round(stack, stations)
        _take(stack)
        cpu_before_s = stack.cpu_s()
        stack.fleet.push(per_s, seconds)
        time.sleep(seconds + 1.0)
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
    with Stack(stations, poll_s=30.0, sensors=sensors) as stack:
        _wait_for_first_round(stack, stations)
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


def _measure_start(stack: Stack, sensors: Sequence[str]) -> Figures:
    """Wait for the first round; tell when values came after the start."""
    wanted = sum(name.startswith("report ") for name in sensors) * stack.alive
    first: dict[int, float] = {}
    seen: dict[figures.Key, float] = {}
    until = time.time() + 30.0
    while len(seen) < wanted and time.time() < until:
        time.sleep(LOOK_S)
        for arrival in stack.recorder.take():
            key = stack.keys.get(arrival.topic)
            if key is None or not key.name.startswith("report "):
                continue
            seen.setdefault(key, arrival.at)
            first.setdefault(key.station, arrival.at)
    # From the middle between two rounds on.
    rest_s = stack.started_at + POLL_S * 0.6 - time.time()
    time.sleep(rest_s % POLL_S)
    _take(stack)
    return {
        "stations": len(first),
        "first_of_all_s": _last(first.values()) - stack.started_at,
        "values": len(seen),
        "values_expected": wanted,
        "all_s": _last(seen.values()) - stack.started_at,
    }


def _last(moments: Iterable[float]) -> float:
    return max(moments, default=math.nan)


def _wait_for_first_round(stack: Stack, stations: int) -> None:
    """Return when each station has been polled, and nothing is going on."""
    polled: set[int] = set()
    until = time.time() + 30.0
    while len(polled) < stations and time.time() < until:
        time.sleep(LOOK_S)
        said = stack.take_traffic().said
        polled |= {one.station for one in said if one.report == 3}
    if len(polled) < stations:
        raise TimeoutError(f"{len(polled)} of {stations} were polled")
    time.sleep(SETTLE_S)


def _send_commands(
    stack: Stack, stations: int, commands: int
) -> dict[tuple[int, str], float]:
    """Write setpoints at random moments, each of them another one."""
    random = Random(7)  # noqa: S311 - not a secret
    sent: dict[tuple[int, str], float] = {}
    for number in range(commands):
        station = number % stations
        limit_ma = 6_000 + number
        at = stack.write(station, "currtime", limit_ma)
        sent[station, f"currtime {limit_ma} 1"] = at
        time.sleep(random.uniform(0.5, 1.5) * COMMAND_GAP_S)
    return sent


def _take(stack: Stack) -> tuple[Traffic, list[Arrival]]:
    arrivals = stack.recorder.take()
    return stack.take_traffic(), arrivals
