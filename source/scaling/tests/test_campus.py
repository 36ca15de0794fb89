import json
from dataclasses import replace
from typing import Any

import pytest

from connector.actuators import ACTUATORS
from pyconnector_template.json_text import to_json
from pyconnector_template.packets import publish_packet
from scaling.campus import (
    COSTS,
    Campus,
    Costs,
    announced_bytes,
    load_of,
    map_entry_bytes,
    packet_bytes,
)
from scaling.selections import ALL, MINIMAL
from scaling.tests.polling import SETTLED_S, poll, station, texts

HUNDRED = Campus(
    stations=100,
    connectors=4,
    poll_interval_s=5,
    selection=ALL,
    charging_share=0.0,
)
ROUGHLY = 0.1
"""Relative; lengths of values differ from station to station."""


def test_values_are_stations_times_selection_in_each_interval() -> None:
    load = load_of(HUNDRED)

    assert load.polls_per_s == 20
    assert load.values_per_s == 20 * ALL.size
    assert load.values_at_once == 100 * ALL.size
    assert load.datagrams_per_s == 120
    assert load.raw_messages_per_s == 60


def test_vehicles_bring_a_status_message_for_each_10_wh() -> None:
    # 10 Wh at 12 kW take 3 s.
    charging = replace(HUNDRED, charging_share=0.3, charging_power_w=12_000)
    load = load_of(charging)

    assert charging.pushes_per_s == pytest.approx(10)
    assert load.pushed_values_per_s == pytest.approx(20)
    assert load.values_per_s == pytest.approx(20 * ALL.size + 20)
    assert load.datagrams_per_s == pytest.approx(130)
    assert load_of(replace(charging, selection=MINIMAL)).values_per_s == 80


def test_unchanged_values_leave_every_nth_time_only() -> None:
    campus = replace(
        HUNDRED,
        selection=MINIMAL,
        charging_share=0.5,
        publish_unchanged_every=10,
    )

    # Power and energy of each second station move, all else stands still.
    assert campus.values_per_poll == pytest.approx(1 + 3 / 10)
    assert load_of(campus).values_at_once == 400


def test_a_connector_has_its_share_of_the_work() -> None:
    load = load_of(HUNDRED, Costs(cpu_per_poll_s=0.002))

    assert load.connector_cpu == pytest.approx(5 * 0.002)
    assert load.connector_bytes == pytest.approx(
        COSTS.connector_bytes + 25 * COSTS.station_bytes
    )
    assert load.announced == 25 * (ALL.size + len(ACTUATORS))
    assert load.heartbeats_per_s == pytest.approx(4 / 30)
    assert load.logs_at_start == 100
    assert load_of(replace(HUNDRED, stations=10_000)).logs_at_start == 400


def test_each_activated_datapoint_brings_a_map_that_is_longer_by_one() -> None:
    one = replace(HUNDRED, stations=1, connectors=1, selection=MINIMAL)
    load = load_of(one)
    maps = sum(range(MINIMAL.size)) / MINIMAL.size * load.map_bytes

    assert load.activation_bytes == pytest.approx(maps, rel=0.5)
    assert load.map_bytes == MINIMAL.size * map_entry_bytes(one)


def test_a_packet_is_as_long_as_a_real_one() -> None:
    values = poll(station("always-charging"), SETTLED_S)
    topic = "keba-p30-connector/messages/1234/value"
    real = [
        len(
            publish_packet(
                topic,
                to_json({"value": value, "timestamp": 1_795_343_453_078}),
                retain=True,
            )
        )
        for value in values.values()
    ]
    mean = sum(real) / len(real)

    assert packet_bytes(HUNDRED) == pytest.approx(mean, rel=ROUGHLY / 10)


def test_announcement_and_map_are_as_long_as_real_ones() -> None:
    values = {
        f"c01-s0001__{key}": value
        for key, value in poll(station("idle"), SETTLED_S).items()
    }
    # What the station itself does not tell.
    missing = (*(key for key in ALL.keys if key.startswith("conn")), *ACTUATORS)
    values |= {f"c01-s0001__{key}": 1234 for key in missing}
    topics = {
        f"c01-s0001__{key}": "keba-p30-connector/messages/1234/value"
        for key in ALL.keys
    }

    assert announced_bytes() == pytest.approx(
        len(json.dumps(values)), rel=ROUGHLY
    )
    assert ALL.size * map_entry_bytes(HUNDRED) == pytest.approx(
        len(json.dumps(topics)), rel=0.01
    )


def test_raw_messages_are_as_long_as_real_ones() -> None:
    real = sum(
        len(_raw_message(request, text))
        for request, text in texts(station("always-charging"), SETTLED_S)
    )

    assert COSTS.raw_bytes_per_poll == pytest.approx(real, rel=ROUGHLY)
    assert COSTS.raw_bytes_per_push == pytest.approx(
        len(_raw_message("status", '{"E pres": 12345}')), rel=ROUGHLY
    )


def _raw_message(request: str, text: str) -> str:
    payload = {
        "raw_message": {"c01-s0001": {request: text}},
        "timestamp": 1_795_343_453_078,
    }
    return to_json({"payload": payload, "connector_version": "1.0.0"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"connectors": 0},
        {"connectors": 101},
        {"poll_interval_s": 0},
        {"publish_unchanged_every": 0},
        {"charging_share": 1.5},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_impossible_campus_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"cannot share|positive|within"):
        replace(HUNDRED, **wrong)
