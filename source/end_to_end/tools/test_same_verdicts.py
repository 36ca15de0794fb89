"""Alone and beside the connector the doctor says the same of each station."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from end_to_end.tools.calling import HERE, NAME, Call, CommandLine
from simulator import Simulator
from simulator.profiles import PROFILES
from testbed import short_pauses
from testbed.connector_process import ConnectorProcess
from testbed.mosquitto import Mosquitto, Observer, wait_until

PROFILE_OF = {
    **{name.replace(".", "_"): profile for name, profile in PROFILES.items()},
    # Slow in tenths of seconds, so that nobody has to wait for it.
    "p20-slow": replace(PROFILES["p20-slow"], slow_after_report_s=0.2),
    "silent": PROFILES["p30-c"],
    "another": PROFILES["p30-c"],
}
ADDRESSES = {
    name: f"127.0.3.{number}" for number, name in enumerate(PROFILE_OF, 10)
}
REPLY_TIMEOUT_S = 0.4
SICK = {
    "p30-dsw-off": "dip_switch_1_3_off",
    "p30-pushes-only": "needs_power_cycle",
    "silent": "no_reply",
    "another": "wrong_serial",
}


def is_known(facts: Mapping[str, Any]) -> bool:
    """Tell whether the connector has had the time to judge a station."""
    link = facts["link"]
    if link["is_silent"] or link["is_deaf"] or link["expected_serial"]:
        return True
    return {"report 2", "report 3"} <= {*facts["reports"], *facts["missing"]}


def knows_all(observer: Observer) -> bool:
    """Tell whether all stations are judged."""
    messages = observer.on(f"{NAME}/diagnosis")
    stations = messages[-1].json["stations"] if messages else {}
    return len(stations) == len(ADDRESSES) and all(
        map(is_known, stations.values())
    )


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[dict[str, Call]]:
    """What the doctor says beside the connector, and after its end."""
    stations: dict[str, object] = {
        **ADDRESSES,
        "another": {"host": ADDRESSES["another"], "serial": "11111111"},
    }
    settings = {"KEBA_P30_REPLY_TIMEOUT": str(REPLY_TIMEOUT_S)}
    with (
        Mosquitto(tmp_path) as broker,
        Simulator(ADDRESSES, profile=PROFILE_OF, strict=False) as simulator,
    ):
        simulator.silence("silent")
        doctor = CommandLine(
            tmp_path,
            stations,
            MQTT_BROKER_HOST="127.0.0.1",
            MQTT_BROKER_PORT=broker.port,
            **settings,
        )
        observer = broker.observe("#")
        with ConnectorProcess(
            tmp_path,
            broker.port,
            stations,
            bind=HERE,
            **settings,
            **short_pauses.settings_for(tmp_path),
        ) as connector:
            wait_until(lambda: knows_all(observer), "a verdict of each station")
            beside = doctor("doctor", "--json")
            connector.end()
        yield {"beside": beside, "alone": doctor("doctor", "--json")}


def found(call: Call, name: str) -> list[tuple[str, str]]:
    """Return codes and advice of all findings about a station."""
    return [
        (one["code"], one["advice"])
        for one in call.json["stations"][name]["findings"]
        # What is measured is a datapoint, not a fact of the diagnosis.
        if one["check"] != "meter"
    ]


def test_all_is_said_alike_and_right(calls: dict[str, Call]) -> None:
    for call in calls.values():
        assert {name: call.verdict(name) for name in ADDRESSES} == {
            name: SICK.get(name, "ok") for name in ADDRESSES
        }
    beside, alone = calls["beside"], calls["alone"]
    for name in ADDRESSES:
        assert found(beside, name) == found(alone, name)
    for name, code in SICK.items():
        assert dict(found(alone, name))[code], "advice"
    assert beside.codes("host") == {"told_by_connector"}
    assert alone.codes("host") == set()
    # Many stations without a datapoint map are one finding.
    assert beside.codes("broker") == {"no_map"}
