"""Whatever anybody sends: no promise is broken, nothing is thrown."""

import json
import logging
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from connector.main import Connector
from fuzz import __main__ as fuzz
from fuzz.targets import TARGETS
from testbed.mutations import TOPICS, mutant, samples

MAP_TOPIC = "keba/datapoint_map"

json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.sampled_from(["16000", "1\nena 0", "0 0 0 0 Hello"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=5), inner, max_size=3),
    ),
    max_leaves=5,
)
payloads = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {"value": json_values}, optional={"timestamp": json_values}
    ).map(lambda message: json.dumps(message).encode()),
    st.fixed_dictionaries(
        {},
        optional={
            "sensor": st.one_of(
                json_values, st.dictionaries(st.text(), json_values)
            ),
            "actuator": st.one_of(
                json_values,
                st.dictionaries(st.sampled_from([*TOPICS, "#"]), json_values),
            ),
        },
    ).map(lambda message: json.dumps(message).encode()),
)
topics = st.one_of(
    st.just(MAP_TOPIC), st.sampled_from(list(TOPICS)), st.text(max_size=20)
)


@pytest.mark.parametrize(
    "path",
    sorted(fuzz.REGRESSIONS.glob("*.bin")),
    ids=lambda path: path.stem,
)
def test_what_once_was_trouble_is_none_any_more(path: Path) -> None:
    target, _, _ = path.stem.partition("-")
    TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_good_inputs_pass(target: str) -> None:
    for data in samples(target):
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
@given(seed=st.integers(0, 2**32))
def test_mutated_inputs_break_no_promise(target: str, seed: int) -> None:
    TARGETS[target](mutant(target, Random(seed)))


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.one_of(st.binary(max_size=200), payloads))
def test_any_bytes_break_no_promise(target: str, data: bytes) -> None:
    TARGETS[target](data)


@pytest.fixture
def connector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Connector:
    """A connector that was not started, with a client that only notes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_NAME", "keba")
    monkeypatch.setenv("MQTT_BROKER_HOST", "127.0.0.1")
    monkeypatch.setenv("KEBA_P30_CHARGE_STATIONS", '{"garage": "192.0.2.1"}')
    connector = Connector()
    connector.mqtt_client = Mock()
    return connector


# One connector takes them all, as it does in its life.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(topic=topics, payload=payloads, retain=st.booleans())
def test_no_mqtt_message_causes_an_exception_in_the_connector(
    connector: Connector,
    caplog: pytest.LogCaptureFixture,
    topic: str,
    payload: bytes,
    *,
    retain: bool,
) -> None:
    caplog.clear()
    if topic != MAP_TOPIC:
        connector.datapoint_map = {"sensor": {}, "actuator": dict(TOPICS)}
    message: Any = SimpleNamespace(topic=topic, payload=payload, retain=retain)

    connector._handle_incoming_mqtt_msg(None, {"self": connector}, message)

    # Exceptions are caught there and told in the log.
    assert [record for record in caplog.records if record.exc_info] == []
    assert all(len(record.getMessage()) < 1_000 for record in caplog.records)


def test_a_crash_is_kept_as_a_test(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(data: bytes) -> None:
        assert b"9" not in data

    monkeypatch.setattr(fuzz, "REGRESSIONS", tmp_path / "regressions")
    monkeypatch.setattr(fuzz, "TARGETS", {"value": fail})

    crashes = fuzz.fuzz(300, 10.0, 1, Console(quiet=True))

    kept = list((tmp_path / "regressions").glob("value-*.bin"))
    assert 0 < len(kept) <= crashes == fuzz.CRASHES_ENOUGH
    assert all(b"9" in path.read_bytes() for path in kept)


def test_the_same_seed_gives_the_same_inputs() -> None:
    def inputs(seed: int) -> list[bytes]:
        chance = Random(seed)
        return [mutant("datagram", chance) for _ in range(50)]

    assert inputs(5) == inputs(5)
    assert inputs(5) != inputs(6)


def test_it_can_be_run_from_the_command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "disable", Mock())

    assert fuzz.main(["--count", "300", "--seed", "42"]) == 0

    assert "seed 42" in capsys.readouterr().out
