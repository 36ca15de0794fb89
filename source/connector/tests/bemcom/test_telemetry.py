import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bemcom.filters import UnchangedValues
from connector.bemcom.station_log import StationLog
from connector.bemcom.telemetry import SensorFlow, logger
from connector.bemcom.unknown_keys import MAX_UNKNOWN_KEYS
from connector.diagnosis.causes import Code
from connector.keba.io.gateway import Delivery, Gateway, GatewayError
from connector.keba.protocol.commands import Enable
from connector.keba.station.events import (
    CommandFinished,
    CommandNotSent,
    ConnectionState,
    Event,
    OddDatagram,
    Outcome,
    ReportReceived,
    StatusReceived,
    UnknownSender,
)
from connector.tests.diagnosis.links import LINKS
from connector.tests.recordings import all_texts

ARRIVED_AT_MS = 1_600_000_000_000
REPORT_3 = '{"ID": "3", "U1": 230, "P": 5000}'


class ScriptedGateway(Gateway):
    """Opens nothing; its events are those of the test."""

    events_dropped = 0

    def __init__(self, *script: Delivery | GatewayError | None) -> None:
        super().__init__({"garage": "192.0.2.1"}, log=logger)
        self.is_open = False
        self.on_last_event = threading.Event()
        self._script = list(script)

    def open(self) -> None:
        self.is_open = True

    def next_event(self, timeout_s: float) -> Delivery | None:
        assert self.is_open
        if len(self._script) == 1:
            self.on_last_event.set()
        entry = self._script.pop(0)
        if isinstance(entry, GatewayError):
            raise entry
        return entry

    def wall_clock_ms(self, moment: float) -> int:
        return ARRIVED_AT_MS + round(moment * 1000)


class PublishedMessages:
    """Takes what would go to the broker."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def publish(self, topic: str, payload: str, **_: Any) -> None:
        self.sent.append((topic, payload))


class AnyTopic(dict[str, str]):
    """A datapoint map in which everything is selected."""

    def get(self, key: str, default: Any = None) -> Any:
        return f"value of {key}"


class Flow(SensorFlow):
    """The sensor flow without a connector around it."""

    SEND_RAW_MESSAGE_TO_DB = "FALSE"
    MQTT_TOPIC_RAW_MESSAGE_TO_DB = "raw"
    version = "1.2.3"

    def __init__(self, *script: Delivery | GatewayError | None) -> None:
        self.gateway = ScriptedGateway(*script)
        self.station_log = StationLog()
        self.datapoint_map = {"sensor": AnyTopic(), "actuator": {}}
        self.published = PublishedMessages()
        self.mqtt_client = self.published
        self.available: dict[str, Any] = {}

    def _update_available_datapoints(
        self, available_datapoints: dict[str, dict[str, Any]]
    ) -> None:
        self.available |= available_datapoints["sensor"]

    def values(self) -> dict[str, Any]:
        return {
            topic.removeprefix("value of "): json.loads(payload)["value"]
            for topic, payload in self.published.sent
            if topic.startswith("value of ")
        }


@pytest.fixture
def flow() -> Flow:
    return Flow()


def handle(flow: Flow, event: Event) -> None:
    flow.handle(Delivery(event, ARRIVED_AT_MS))


# --- datagrams --------------------------------------------------------


def test_a_report_becomes_values_under_the_published_keys(flow: Flow) -> None:
    handle(flow, ReportReceived("garage", "report 3", REPORT_3))

    values = flow.values()
    assert values["garage__report 3__U1"] == 230
    assert values["garage__report 3__P"] == 5000


def test_values_carry_the_time_at_which_the_datagram_came(flow: Flow) -> None:
    handle(flow, ReportReceived("garage", "report 3", REPORT_3))

    stamps = {json.loads(payload)["timestamp"] for _, payload in sent(flow)}
    assert stamps == {ARRIVED_AT_MS}


def sent(flow: Flow) -> list[tuple[str, str]]:
    assert flow.published.sent
    return flow.published.sent


def test_a_push_is_a_value_of_the_report_it_belongs_to(flow: Flow) -> None:
    handle(flow, StatusReceived("garage", '{"E pres": 1945}'))

    assert flow.values()["garage__report 3__E pres"] == 1945


def test_every_value_is_announced_with_an_example(flow: Flow) -> None:
    handle(flow, ReportReceived("garage", "report 3", REPORT_3))

    assert flow.available["garage__report 3__P"] == 5000
    assert flow.available.keys() >= flow.values().keys()


def test_the_raw_message_has_the_published_form(flow: Flow) -> None:
    event = ReportReceived("garage", "report 3", REPORT_3)

    assert flow.receive_raw_msg(Delivery(event, ARRIVED_AT_MS)) == {
        "payload": {
            "raw_message": {"garage": {"report 3": REPORT_3}},
            "timestamp": ARRIVED_AT_MS,
        }
    }


def test_the_raw_message_of_a_push_stands_under_status(flow: Flow) -> None:
    event = StatusReceived("garage", '{"E pres": 1945}')

    raw_message = flow.receive_raw_msg(Delivery(event, ARRIVED_AT_MS))

    assert raw_message["payload"]["raw_message"] == {
        "garage": {"status": '{"E pres": 1945}'}
    }


def test_raw_messages_are_sent_when_asked_for(flow: Flow) -> None:
    flow.SEND_RAW_MESSAGE_TO_DB = "TRUE"

    handle(flow, ReportReceived("garage", "report 3", REPORT_3))

    topic, payload = sent(flow)[0]
    assert topic == "raw"
    assert json.loads(payload) == {
        "payload": {
            "raw_message": {"garage": {"report 3": REPORT_3}},
            "timestamp": ARRIVED_AT_MS,
        },
        "connector_version": "1.2.3",
    }


def test_raw_messages_stay_here_when_nobody_asks_for_them(flow: Flow) -> None:
    handle(flow, ReportReceived("garage", "report 3", REPORT_3))

    assert "raw" not in [topic for topic, _ in sent(flow)]


def test_a_stored_message_of_the_published_connector_can_be_replayed(
    flow: Flow,
) -> None:
    stored = {
        "payload": {
            "raw_message": {
                "garage": {
                    "report 1": '{"ID": "1", "Serial": "12345678"}',
                    "report 3": REPORT_3,
                }
            },
            "timestamp": 7,
        }
    }

    parsed = flow.parse_raw_msg(stored)["payload"]

    assert parsed["timestamp"] == 7
    assert parsed["parsed_message"]["garage"]["report 1"]["Serial"] == (
        "12345678"
    )
    assert parsed["parsed_message"]["garage"]["report 3"]["P"] == 5000


def test_parsing_leaves_the_raw_message_as_it_was(flow: Flow) -> None:
    event = ReportReceived("garage", "report 3", REPORT_3)
    raw_message = flow.receive_raw_msg(Delivery(event, ARRIVED_AT_MS))
    before = json.dumps(raw_message)

    first = flow.parse_raw_msg(raw_message)

    assert json.dumps(raw_message) == before
    assert flow.parse_raw_msg(raw_message) == first


ANY_TEXT = st.one_of(
    st.text(),
    st.sampled_from(all_texts()),
    st.sampled_from(
        [
            '{"ID": "3", "P": 1e999}',
            '{"ID": "3", "P": -1e999, "I1": NaN, "U1": Infinity}',
            '{"E pres": 1e999}',
            '{"ID": "3", "P": "\\u0000", "x": "\\ud800"}',
            '{"ID": "3", "deep": ' + "[" * 1000 + "]" * 1000 + "}",
        ]
    ),
)


@given(ANY_TEXT, st.booleans())
def test_what_is_published_is_strict_json_whatever_a_station_sends(
    text: str, is_push: bool
) -> None:
    flow = Flow()
    flow.SEND_RAW_MESSAGE_TO_DB = "TRUE"
    handle(
        flow,
        StatusReceived("garage", text)
        if is_push
        else ReportReceived("garage", "report 3", text),
    )

    for _, payload in sent(flow):
        decoded = json.loads(payload, parse_constant=_refuse)
        for text_in_it in _texts_in(decoded):
            assert "\0" not in text_in_it
            text_in_it.encode()  # a lone surrogate could not be encoded


def _refuse(constant: str) -> None:
    pytest.fail(f"{constant} is no JSON")


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts_in(item)


# --- fields without end -----------------------------------------------


def inventions(number: int) -> str:
    """Return a report 2 with a hundred fields that nobody has seen before."""
    new = {f"new {number} {index}": 1 for index in range(100)}
    return json.dumps({"ID": "2", "State": 3, **new})


def test_the_datapoints_of_a_station_that_invents_fields_are_bounded(
    flow: Flow, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        handle(flow, ReportReceived("garage", "report 2", inventions(number)))

    new = [key for key in flow.available if "__new " in key]
    assert len(new) == MAX_UNKNOWN_KEYS
    assert flow.values().keys() == flow.available.keys()
    (line,) = caplog.messages
    assert line.startswith("garage sends more than 200 fields that are in no")


def test_a_station_that_invents_fields_goes_on_telling_the_known_ones(
    flow: Flow,
) -> None:
    for number in range(20):
        handle(flow, ReportReceived("garage", "report 2", inventions(number)))
    flow.published.sent.clear()
    handle(flow, ReportReceived("garage", "report 2", inventions(20)))
    handle(flow, ReportReceived("garage", "report 3", REPORT_3))
    handle(flow, ReportReceived("yard", "report 2", inventions(0)))

    values = flow.values()
    assert values["garage__report 2__State"] == 3
    assert values["garage__readings__state"] == "charging"
    assert values["garage__report 3__P"] == 5000
    assert values["yard__report 2__new 0 99"] == 1


def test_what_a_station_invents_can_be_replayed(flow: Flow) -> None:
    for number in range(20):
        event = ReportReceived("garage", "report 2", inventions(number))
        handle(flow, event)
        raw_message = flow.receive_raw_msg(Delivery(event, ARRIVED_AT_MS))
        parsed = flow.parse_raw_msg(raw_message)["payload"]["parsed_message"]
        assert len(parsed["garage"]["report 2"]) == 102


# --- the other news ---------------------------------------------------


def test_the_state_of_the_connection_is_published(flow: Flow) -> None:
    handle(
        flow,
        ConnectionState(
            station="garage",
            online=False,
            link=LINKS[Code.NO_REPLY],
            last_seen_at=2.5,
            requests_sent=9,
            requests_unanswered=4,
        ),
    )

    values = flow.values()
    assert values["garage__connection__online"] is False
    assert values["garage__connection__reason"] == "no_reply"
    assert values["garage__connection__last_seen"] == ARRIVED_AT_MS + 2500
    assert values["garage__connection__requests_sent"] == 9
    assert values["garage__connection__requests_unanswered"] == 4


def test_a_station_that_was_never_seen_has_no_last_seen(flow: Flow) -> None:
    handle(
        flow,
        ConnectionState(
            station="garage",
            online=False,
            link=LINKS[Code.NAME_UNRESOLVED],
            last_seen_at=None,
            requests_sent=0,
            requests_unanswered=0,
        ),
    )

    assert "garage__connection__last_seen" not in flow.values()
    assert "garage__connection__last_seen" not in flow.available


IN_WORDS = (Outcome.REJECTED, Outcome.INVALID)


@pytest.mark.parametrize(
    "outcome", [one for one in Outcome if one not in IN_WORDS]
)
def test_what_became_of_a_command_is_published(
    flow: Flow, outcome: Outcome
) -> None:
    handle(flow, CommandFinished("garage", Enable(on=True), outcome))

    assert flow.values()["garage__results__ena"] == str(outcome)


def test_a_refusal_is_published_in_the_stations_words(flow: Flow) -> None:
    handle(
        flow,
        CommandFinished("garage", Enable(on=True), Outcome.REJECTED, "not now"),
    )

    assert flow.values()["garage__results__ena"] == "rejected: not now"


def test_a_value_that_was_not_sent_is_published_with_our_reason(
    flow: Flow,
) -> None:
    handle(
        flow, CommandNotSent("garage", "curr", Outcome.INVALID, "5999 mA is…")
    )

    assert flow.values()["garage__results__curr"] == "invalid: 5999 mA is…"


@pytest.mark.parametrize(
    "event", [UnknownSender("198.51.100.7"), OddDatagram("garage", "garbage")]
)
def test_news_without_a_value_is_logged_only(
    flow: Flow, event: Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="pyconnector")

    handle(flow, event)

    assert flow.published.sent == []
    assert len(caplog.records) == 1


# --- the thread -------------------------------------------------------


def test_the_flow_opens_the_gateway_and_handles_its_events_until_the_end() -> (
    None
):
    event = ReportReceived("garage", "report 3", REPORT_3)
    flow = Flow(None, Delivery(event, ARRIVED_AT_MS), None)
    gateway = flow.gateway
    assert isinstance(gateway, ScriptedGateway)

    flow.follow_stations(gateway.on_last_event)

    assert flow.values()["garage__report 3__P"] == 5000


def test_a_dead_gateway_ends_the_flow_with_its_error() -> None:
    flow = Flow(GatewayError("the thread has died"))

    with pytest.raises(GatewayError, match="has died"):
        flow.follow_stations(threading.Event())


def test_events_that_were_dropped_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flow = Flow(None, None)
    gateway = flow.gateway
    assert isinstance(gateway, ScriptedGateway)
    gateway.events_dropped = 17

    flow.follow_stations(gateway.on_last_event)

    assert "17 messages of stations were dropped" in caplog.text


def test_no_gateway_no_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Gateway) -> None:
        raise GatewayError("the port is taken")

    monkeypatch.setattr(ScriptedGateway, "open", refuse)

    with pytest.raises(GatewayError, match="taken"):
        Flow().follow_stations(threading.Event())


# --- unchanged values -------------------------------------------------


@pytest.fixture
def sparing_flow(flow: Flow) -> Flow:
    """Publishes unchanged values each thousand times; two are selected."""
    flow.unchanged = UnchangedValues(1000)
    select(flow, "garage__report 3__U1", "garage__report 3__P")
    return flow


def select(flow: Flow, *keys: str) -> None:
    sensors = {key: f"value of {key}" for key in keys}
    flow.datapoint_map = {"sensor": sensors, "actuator": {}}


def test_unchanged_values_are_held_back_where_that_is_wanted(
    sparing_flow: Flow,
) -> None:
    handle(sparing_flow, ReportReceived("garage", "report 3", REPORT_3))
    sparing_flow.published.sent.clear()
    changed = REPORT_3.replace("5000", "6000")
    handle(sparing_flow, ReportReceived("garage", "report 3", changed))

    assert sparing_flow.values() == {"garage__report 3__P": 6000}


def test_a_datapoint_that_is_selected_anew_does_not_wait(
    sparing_flow: Flow,
) -> None:
    handle(sparing_flow, ReportReceived("garage", "report 3", REPORT_3))
    sparing_flow.published.sent.clear()
    select(sparing_flow, "garage__report 3__P", "garage__report 3__ID")
    handle(sparing_flow, ReportReceived("garage", "report 3", REPORT_3))

    assert set(sparing_flow.values()) == {
        "garage__report 3__P",
        "garage__report 3__ID",
    }
