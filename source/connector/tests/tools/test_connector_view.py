"""What MQTT tells of a connector."""

from typing import Any

import pytest

from connector.settings import Station
from connector.tests.tools.told import take, view_of
from connector.tools.connector_view import ConnectorView, RawTexts, Reading
from connector.tools.examination import Examination, read_diagnosis
from connector.tools.overview import summaries_of

MAP = {
    "sensor": {
        "garage__connection__reason": "keba/messages/1/value",
        "garage__report 3__P": "keba/messages/2/value",
    },
    "actuator": {
        "keba/messages/9/value": "garage__curr",
        "keba/messages/10/value": "all__ena",
    },
}
POWER = "garage__report 3__P"
WHERE = "192.168.0.5:1883"


def value(content: Any, timestamp: int = 1000) -> dict[str, Any]:
    return {"value": content, "timestamp": timestamp}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def view(clock: Clock) -> ConnectorView:
    return ConnectorView("keba", clock=clock)


@pytest.fixture
def seen() -> dict[str, Reading]:
    """What was told as it came."""
    return {}


@pytest.fixture
def told(seen: dict[str, Reading]) -> ConnectorView:
    return ConnectorView("keba", seen.__setitem__)


@pytest.mark.parametrize("order", [1, -1])
def test_values_are_known_by_their_keys_also_when_the_map_comes_late(
    told: ConnectorView, seen: dict[str, Reading], order: int
) -> None:
    messages = [("datapoint_map", MAP), ("messages/2/value", value(11))]
    for kind, content in messages[::order]:
        take(told, kind, content)
    assert told.value(POWER) == 11
    assert told.reading(POWER) == seen[POWER] == Reading(11, 1000, True)


def test_commands_of_others_are_heard(
    told: ConnectorView, seen: dict[str, Reading]
) -> None:
    take(told, "datapoint_map", MAP)
    take(told, "messages/9/value", value(10000))
    assert seen["garage__curr"].value == 10000
    assert told.value("garage__curr") is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[1]",
        b'"text"',
        b'{"value": 1}',
        b'{"value": 1, "timestamp": NaN}',
        b'{"value": 1, "timestamp": 1e999}',
        b'{"value": 1, "timestamp": -1}',
        b'{"value": 1, "timestamp": 1%s}' % (400 * b"0"),
        b'{"value": [1], "timestamp": 1}',
        b'{"value": {}, "timestamp": 1}',
    ],
)
def test_nonsense_is_ignored(
    told: ConnectorView, seen: dict[str, Reading], payload: bytes
) -> None:
    take(told, "datapoint_map", MAP)
    for kind in ("messages/2/value", "status", "datapoint_map"):
        take(told, kind, payload, is_retained=False)
    assert seen == {}


def test_raw_messages_are_told_by_station_and_nonsense_is_none() -> None:
    told: list[RawTexts] = []
    view = ConnectorView("keba", on_raw=told.append)
    odd: tuple[object, ...] = (1, {"raw_message": [1]})
    for payload in (*odd, {"raw_message": {"garage": {}}}):
        content = {"payload": payload}
        take(view, "raw_message_to_db", content, is_retained=False)
    assert told == [{}, {}, {"garage": {}}]


def beat(view: ConnectorView, sent_s: float) -> None:
    sent_ms = round(sent_s * 1000)
    content = {
        "this_heartbeats_timestamp": sent_ms,
        "next_heartbeats_timestamp": sent_ms + 30_000,
    }
    take(view, "heartbeat", content, is_retained=False)


def test_a_status_tells_whether_one_is_online() -> None:
    assert view_of().is_online is None
    assert view_of(status={"status": "online"}).is_online is True
    assert view_of(status={"status": "offline"}).is_online is False


def test_a_heartbeat_counts_for_more_than_an_old_last_will(
    view: ConnectorView,
) -> None:
    take(view, "status", {"status": "offline"})
    beat(view, 0)
    assert view.is_online is True
    take(view, "status", {"status": "offline"}, is_retained=False)
    assert view.is_online is False


def test_a_heartbeat_from_before_a_lost_broker_is_no_news(
    view: ConnectorView,
) -> None:
    beat(view, 0)
    assert view.is_online is True
    view.note_new_connection()
    take(view, "status", {"status": "offline"})
    assert view.is_online is False


# --- why nothing new comes in -------------------------------------------------


def test_a_broker_that_is_lost_is_said_until_it_is_back(
    view: ConnectorView, clock: Clock
) -> None:
    beat(view, 0.0)
    assert view.trouble(WHERE, 0.2) == ""
    # One that has not answered for a second is lost.
    assert f"broker {WHERE} lost 1 s ago" in view.trouble(WHERE, 1.1)
    clock.now = 63.0
    assert "lost 60 s ago" in view.trouble(WHERE, 60.0)
    # No heartbeat could come meanwhile.
    view.note_new_connection()
    assert view.trouble(WHERE, 0.0) == ""
    clock.now = 95.0
    assert "no heartbeat" in view.trouble(WHERE, 0.0)


def test_a_connector_that_says_goodbye_and_comes_back(
    view: ConnectorView,
) -> None:
    take(view, "status", {"status": "online"})
    assert view.trouble(WHERE, 0.0) == ""
    take(view, "status", {"status": "offline"}, is_retained=False)
    assert view.trouble(WHERE, 0.0).startswith(
        "no connector is online as keba: start it, or read in its log"
    )
    take(view, "status", {"status": "online"}, is_retained=False)
    assert view.trouble(WHERE, 0.0) == ""


def test_a_heartbeat_that_stays_out_is_said_within_two_seconds(
    view: ConnectorView, clock: Clock
) -> None:
    clock.now = 10.0
    # By the connector's clock, which is another one, it was sent long ago.
    beat(view, -5000.0)
    assert view.trouble(WHERE, 0.0) == ""
    clock.now = 40.9
    assert view.trouble(WHERE, 0.0) == ""
    clock.now = 42.0
    assert "one was due 2 s ago" in view.trouble(WHERE, 0.0)
    beat(view, -4960.0)
    assert view.trouble(WHERE, 0.0) == ""


def test_of_the_published_connector_nothing_is_known_until_it_beats(
    view: ConnectorView,
) -> None:
    take(view, "datapoint_map", {"sensor": {}, "actuator": {}})
    assert "nothing tells yet" in view.trouble(WHERE, 0.0)
    beat(view, 0.0)
    assert view.trouble(WHERE, 0.0) == ""


# --- stations -----------------------------------------------------------------


def test_maps_of_other_connectors_are_known_by_name() -> None:
    view = view_of(datapoint_map=MAP)
    view.take("keba-p30/datapoint_map", b"{}", is_retained=True)
    assert view.other_maps == {"keba-p30"}
    assert view.stations == ("garage",)


def test_what_the_connector_has_found_is_known_by_station() -> None:
    found = {"about": "garage", "code": "no_reply"}
    view = view_of(
        diagnosis={"findings": [found, "nonsense"], "stations": {"garage": {}}}
    )
    assert view.findings == [found]
    assert view.facts_of_stations == {"garage": {}}


@pytest.mark.parametrize(
    "diagnosis",
    [
        {"findings": 1, "stations": [1]},
        {"findings": {}, "stations": {"garage": 1}},
        {
            "findings": [{"about": None, "since": 10**400, "severity": 1}],
            "stations": {"garage": {"fields": None, "link": 1, "failsafe": []}},
        },
    ],
)
def test_a_diagnosis_of_another_shape_harms_no_tool(diagnosis: object) -> None:
    view = view_of(datapoint_map=MAP, diagnosis=diagnosis)
    stations = {"garage": Station(host="192.0.2.1")}
    exam = Examination()

    read_diagnosis(exam, view, stations)

    (garage,) = summaries_of(view)
    assert garage.station == "garage"
    assert view.fields_of("garage") == {}
    assert [row.check for row in exam.host] == ["connector"]


def test_stations_are_those_of_keys_and_those_that_the_diagnosis_tells() -> (
    None
):
    view = view_of(datapoint_map=MAP)
    # What is for all is no station.
    assert view.stations == ("garage",)
    take(view, "diagnosis", {"stations": {"yard": {}}})
    assert [*view.stations] == ["garage", "yard"]


def test_without_last_seen_the_newest_report_tells_the_age() -> None:
    view = view_of({"garage__report 2__State": 2, POWER: 0})
    assert view.last_seen_ms("garage") == 1001
