from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY, Mock, call

import pytest

from simulator.actions import Say
from soak import faults
from soak.faults import FAULTS, FaultContext
from soak.tests.seen import phase

if TYPE_CHECKING:
    from collections.abc import Generator


class Now:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Now:
    now = Now()
    monkeypatch.setattr(faults, "time", now)
    return now


def begin(name: str, testbed: Any, *stations: str) -> tuple[Mock, Any]:
    """Begin a fault; return who writes in it, and itself."""
    writer = Mock()
    writer.write_current.return_value = "s00__curr"
    context = FaultContext(testbed, writer, phase(name, *stations), Random(1))
    fault: Generator[None] = FAULTS[name](context)
    next(fault)
    return writer, fault


def test_a_link_is_disturbed_and_mended() -> None:
    testbed = Mock()
    _, fault = begin("outage", testbed, "s01", "s02")
    disturb = testbed.simulator.disturb
    assert [one.args[0] for one in disturb.mock_calls if one.args] == [
        "s01",
        "s02",
    ]
    assert disturb.mock_calls[0].args[1].loss == 1.0
    next(fault)
    disturb.reset_mock()

    fault.close()

    assert disturb.mock_calls == [call("s01"), call("s02")]


def test_a_flood_is_bounded_in_rate_and_makes_up_for_nothing(
    clock: Now,
) -> None:
    testbed = Mock()
    _, fault = begin("flood from a station", testbed, "s01")
    for pause_s in (0.0625, 0.0625, 30.0):
        clock.now += pause_s
        next(fault)

    said = [one.args[1] for one in testbed.simulator.act.mock_calls]
    assert all(isinstance(one, Say) for one in said)
    sizes = [len(one.datagrams) for one in said]
    assert sizes[:3] == [0, 62, 63]
    assert 99 <= sizes[3] <= 100


def test_a_slow_broker_is_frozen_most_of_the_time_and_thawed_at_the_end(
    clock: Now,
) -> None:
    testbed = Mock()
    _, fault = begin("broker slow", testbed)
    for _ in range(20):
        clock.now += 0.1
        next(fault)
    fault.close()

    names = [one[0] for one in testbed.broker.mock_calls]
    assert names[:4] == ["freeze", "thaw", "freeze", "thaw"]
    assert names[-1] == "thaw"


@pytest.mark.parametrize(
    ("name", "begun", "ended"),
    [
        (
            # It has forgotten everything when it comes back.
            "broker killed",
            [call.broker.kill(), call.forget_broker_memory()],
            [call.broker.start()],
        ),
        ("broker frozen", [call.broker.freeze()], [call.broker.thaw()]),
        ("clock stepped", [call.step_clock(ANY)], [call.step_clock(0.0)]),
        ("connector killed", [call.kill_connector()], [call.start_connector()]),
    ],
)
def test_what_a_fault_begins_is_undone_at_its_end(
    name: str, begun: list[Any], ended: list[Any]
) -> None:
    testbed = Mock()
    _, fault = begin(name, testbed)
    assert testbed.mock_calls == begun
    assert testbed.mock_calls != ended

    fault.close()

    assert testbed.mock_calls == begun + ended


def test_retained_commands_are_taken_back() -> None:
    testbed = Mock()
    testbed.stations = {"s00": Mock()}
    testbed.controller.topic = {"s00__curr": "keba/1"}.__getitem__
    writer, fault = begin("retained commands", testbed)
    fault.close()

    writer.write_current.assert_called_once()
    assert writer.write_current.call_args.kwargs == {"retain": True}
    testbed.controller.publish.assert_called_once_with(
        "keba/1", b"", retain=True
    )
