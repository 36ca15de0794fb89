"""Whether anything new comes in, and what is told beside the stations."""

import io
import json
import math
import sys
from typing import Any

import pytest

from connector.diagnosis.causes import CAUSES, Code
from connector.tests.tools.test_overview import finding
from connector.tools import terminal
from connector.tools.connector_view import ConnectorView
from connector.tools.watch import Presence, notices_of

WHERE = "192.168.0.5:1883"


@pytest.fixture
def view() -> ConnectorView:
    return ConnectorView("keba")


def take(
    view: ConnectorView, kind: str, content: Any, *, is_retained: bool = False
) -> None:
    payload = json.dumps(content).encode()
    view.take(f"keba/{kind}", payload, is_retained=is_retained)


def beat(view: ConnectorView, sent_s: float) -> None:
    sent_ms = round(sent_s * 1000)
    take(
        view,
        "heartbeat",
        {
            "this_heartbeats_timestamp": sent_ms,
            "next_heartbeats_timestamp": sent_ms + 30_000,
        },
    )


def test_a_broker_that_is_lost_is_said_until_it_is_back(
    view: ConnectorView,
) -> None:
    presence = Presence(WHERE, 0.0)
    beat(view, 0.0)
    assert presence.trouble(view, 1.0, 0.2) == ""
    lost = presence.trouble(view, 2.0, math.inf)
    assert f"broker {WHERE} lost 0 s ago" in lost
    assert "lost 60 s ago" in presence.trouble(view, 62.0, math.inf)
    # No heartbeat could come meanwhile.
    assert presence.trouble(view, 63.0, 0.0) == ""
    assert "no heartbeat" in presence.trouble(view, 95.0, 0.0)


def test_a_broker_that_owes_an_answer_for_a_second_is_lost(
    view: ConnectorView,
) -> None:
    beat(view, 0.0)
    assert "lost" in Presence(WHERE, 0.0).trouble(view, 5.0, 1.1)


def test_a_connector_that_says_goodbye_and_comes_back(
    view: ConnectorView,
) -> None:
    presence = Presence(WHERE, 0.0)
    take(view, "status", {"status": "online"}, is_retained=True)
    assert presence.trouble(view, 1.0, 0.0) == ""
    take(view, "status", {"status": "offline"})
    assert presence.trouble(view, 2.0, 0.0).startswith(
        "no connector is online as keba: start it, or read in its log"
    )
    take(view, "status", {"status": "online"})
    assert presence.trouble(view, 3.0, 0.0) == ""


def test_a_heartbeat_that_stays_out_is_said_within_two_seconds(
    view: ConnectorView,
) -> None:
    presence = Presence(WHERE, 0.0)
    # By the connector's clock, which is another one, it was sent long ago.
    beat(view, -5000.0)
    assert presence.trouble(view, 10.0, 0.0) == ""
    assert presence.trouble(view, 40.9, 0.0) == ""
    assert "one was due 2 s ago" in presence.trouble(view, 42.0, 0.0)
    beat(view, -4960.0)
    assert presence.trouble(view, 43.0, 0.0) == ""


def test_of_the_published_connector_nothing_is_known_until_it_beats(
    view: ConnectorView,
) -> None:
    presence = Presence(WHERE, 0.0)
    take(view, "datapoint_map", {"sensor": {}, "actuator": {}})
    assert "nothing tells yet" in presence.trouble(view, 1.0, 0.0)
    beat(view, 0.0)
    assert presence.trouble(view, 2.0, 0.0) == ""


def test_a_missing_map_is_told_with_where_to_click(
    view: ConnectorView,
) -> None:
    (row,) = notices_of(view, [])
    assert row.code == "no_map"
    assert row.advice == CAUSES[Code.NO_MAP].advice


def test_what_the_connector_has_told_is_not_told_twice(
    view: ConnectorView,
) -> None:
    found = [finding("broker", Code.NO_MAP), finding("udp", Code.ALL_SILENT)]
    take(view, "diagnosis", {"findings": found, "stations": {}})
    codes = [row.code for row in notices_of(view, [])]
    assert codes == ["no_map", "all_silent"]


@pytest.mark.parametrize(
    ("term", "can_draw"), [("xterm-256color", True), ("dumb", False)]
)
def test_a_dumb_terminal_is_no_screen(
    monkeypatch: pytest.MonkeyPatch, term: str, can_draw: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", term)
    assert terminal.has_screen() is can_draw
