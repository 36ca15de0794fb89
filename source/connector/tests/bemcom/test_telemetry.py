import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bemcom.rfid import TagMask
from connector.bemcom.station_log import StationLog
from connector.bemcom.telemetry import Telemetry
from connector.bemcom.unknown_keys import MAX_UNKNOWN_KEYS
from connector.diagnosis.causes import Code
from connector.diagnosis.site import SiteFacts
from connector.keba.io.gateway import Delivery, GatewayError
from connector.keba.station.events import (
    CommandFinished,
    CommandNotSent,
    ConnectionState,
    Event,
    FailsafeFacts,
    OddDatagram,
    Outcome,
    ReportReceived,
    ReportUnanswered,
    StatusReceived,
    UnknownSender,
)
from connector.tests.diagnosis.links import LINKS
from connector.tests.keba.commands import OFF, ON, amperes
from testbed.recordings import all_texts

ARRIVED_AT_MS = 1_600_000_000_000
REPORT_3 = '{"ID": "3", "U1": 230, "P": 5000}'
ONLINE = ConnectionState("garage", True, LINKS[Code.OK], None, 0, 0)


class ScriptedStations:
    """A gateway whose events are those of the test."""

    events_dropped = 0

    def __init__(self, *script: Delivery | GatewayError | None) -> None:
        self.on_last_event = threading.Event()
        self.asked: list[tuple[str, int]] = []
        self._script = list(script)

    def next_events(self, timeout_s: float) -> list[Delivery]:
        if len(self._script) == 1:
            self.on_last_event.set()
        entry = self._script.pop(0)
        if isinstance(entry, GatewayError):
            raise entry
        return [] if entry is None else [entry]

    def ask(self, station: str, report: int) -> None:
        self.asked.append((station, report))

    def wall_clock_ms(self, moment: float) -> int:
        return ARRIVED_AT_MS + round(moment * 1000)


class PlainFlow:
    """A telemetry, and what BEMCom's flow would publish of it."""

    def __init__(
        self,
        *script: Delivery | GatewayError | None,
        tag_mask: TagMask | None = None,
    ) -> None:
        self.refused: set[tuple[str, str]] = set()
        self.stations = ScriptedStations(*script)
        self.raw_messages: list[dict[str, Any]] = []
        self.published: list[tuple[dict[str, Any], int]] = []
        self.telemetry = Telemetry(
            self.stations,
            self,
            station_log=StationLog(),
            tag_mask=tag_mask or TagMask(),
            site=SiteFacts(),
            was_refused=lambda *newest: newest in self.refused,
        )

    def run_sensor_flow(self, raw_data: Any = None) -> None:
        raw_msg = self.telemetry.receive_raw_msg(raw_data)
        self.raw_messages.append(raw_msg)
        payload = self.telemetry.parse_raw_msg(raw_msg)["payload"]
        values, timestamp_ms = payload["parsed_message"], payload["timestamp"]
        self.telemetry.complete_values(values, timestamp_ms)
        self.publish_values(values, timestamp_ms)

    def publish_values(self, values: dict[str, Any], timestamp_ms: int) -> None:
        self.published.append((values, timestamp_ms))

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def values(self) -> dict[str, Any]:
        """The newest values by the keys of their datapoints."""
        return {
            f"{station}__{group}__{key}": value
            for values, _ in self.published
            for station, groups in values.items()
            for group, fields in groups.items()
            for key, value in fields.items()
        }


@pytest.fixture
def flow() -> PlainFlow:
    return PlainFlow()


def handle(flow: PlainFlow, event: Event) -> None:
    flow.telemetry.handle(Delivery(event, ARRIVED_AT_MS))


def hear(
    flow: PlainFlow, number: int, text: str, station: str = "garage"
) -> None:
    handle(flow, ReportReceived(station, f"report {number}", text))


# --- datagrams --------------------------------------------------------


def test_a_report_becomes_values_with_the_time_of_its_datagram(
    flow: PlainFlow,
) -> None:
    hear(flow, 3, REPORT_3)

    values = flow.values()
    assert values["garage__report 3__U1"] == 230
    assert values["garage__report 3__P"] == 5000
    assert {timestamp for _, timestamp in flow.published} == {ARRIVED_AT_MS}


def test_a_push_is_a_value_of_the_report_it_belongs_to(flow: PlainFlow) -> None:
    handle(flow, StatusReceived("garage", '{"E pres": 1945}'))

    assert flow.values()["garage__report 3__E pres"] == 1945


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (ReportReceived("garage", "report 3", REPORT_3), "report 3"),
        (StatusReceived("garage", REPORT_3), "status"),
    ],
)
def test_the_raw_message_has_the_published_form(
    flow: PlainFlow, event: Event, name: str
) -> None:
    assert flow.telemetry.receive_raw_msg(Delivery(event, ARRIVED_AT_MS)) == {
        "payload": {
            "raw_message": {"garage": {name: REPORT_3}},
            "timestamp": ARRIVED_AT_MS,
        }
    }


def test_the_tag_of_a_card_is_hidden_before_anything_else_sees_it() -> None:
    flow = PlainFlow(tag_mask=TagMask("a long secret"))
    tag = "e3f76b8d00000000"
    report = f'{{"ID": "100", "Session ID": 7, "RFID tag": "{tag}"}}'

    hear(flow, 100, report)

    assert flow.raw_messages
    assert tag not in json.dumps([flow.raw_messages, flow.published])


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
def test_what_is_published_can_be_json_whatever_a_station_sends(
    text: str, is_push: bool
) -> None:
    flow = PlainFlow()
    handle(
        flow,
        StatusReceived("garage", text)
        if is_push
        else ReportReceived("garage", "report 3", text),
    )

    assert len(flow.raw_messages) == 1
    for values, _ in flow.published:
        for text_in_it in _texts_in(values):
            assert "\0" not in text_in_it
            text_in_it.encode()  # a lone surrogate could not be encoded
        json.dumps(values, allow_nan=False)


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
    flow: PlainFlow, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        hear(flow, 2, inventions(number))

    new = [key for key in flow.values() if "__new " in key]
    assert len(new) == MAX_UNKNOWN_KEYS
    (line,) = caplog.messages
    assert line.startswith("garage sends more than 200 fields that are in no")


def test_a_station_that_invents_fields_goes_on_telling_the_known_ones(
    flow: PlainFlow,
) -> None:
    for number in range(20):
        hear(flow, 2, inventions(number))
    flow.published.clear()
    hear(flow, 2, inventions(20))
    hear(flow, 3, REPORT_3)
    hear(flow, 2, inventions(0), "yard")

    values = flow.values()
    assert values["garage__report 2__State"] == 3
    assert values["garage__readings__state"] == "charging"
    assert values["garage__report 3__P"] == 5000
    assert values["yard__report 2__new 0 99"] == 1


def test_what_a_station_invents_can_be_replayed(flow: PlainFlow) -> None:
    for number in range(20):
        event = ReportReceived("garage", "report 2", inventions(number))
        handle(flow, event)
        delivery = Delivery(event, ARRIVED_AT_MS)
        raw_message = flow.telemetry.receive_raw_msg(delivery)
        payload = flow.telemetry.parse_raw_msg(raw_message)["payload"]
        assert len(payload["parsed_message"]["garage"]["report 2"]) == 102


# --- the other news ---------------------------------------------------


def test_the_state_of_the_connection_is_published(flow: PlainFlow) -> None:
    offline = replace(ONLINE, online=False, link=LINKS[Code.NO_REPLY])
    seen = replace(
        offline, last_seen_at=2.5, requests_sent=9, requests_unanswered=4
    )
    handle(flow, seen)

    values = flow.values()
    assert values["garage__connection__online"] is False
    assert values["garage__connection__reason"] == "no_reply"
    assert values["garage__connection__last_seen"] == ARRIVED_AT_MS + 2500
    assert values["garage__connection__requests_sent"] == 9
    assert values["garage__connection__requests_unanswered"] == 4


def test_a_station_that_was_not_seen_has_no_last_seen(flow: PlainFlow) -> None:
    handle(flow, replace(ONLINE, online=False, last_seen_at=None))

    assert "garage__connection__last_seen" not in flow.values()


@pytest.mark.parametrize(
    ("event", "result"),
    [
        *(
            (CommandFinished("garage", ON, one), str(one))
            for one in Outcome
            if one not in (Outcome.REJECTED, Outcome.INVALID)
        ),
        (
            CommandFinished("garage", ON, Outcome.REJECTED, "not now"),
            "rejected: not now",
        ),
        (
            CommandNotSent("garage", "ena", Outcome.INVALID, "2 is…"),
            "invalid: 2 is…",
        ),
    ],
)
def test_what_became_of_a_command_is_published(
    flow: PlainFlow, event: Event, result: str
) -> None:
    handle(flow, event)

    assert flow.values()["garage__results__ena"] == result


@pytest.mark.parametrize(
    "event", [UnknownSender("198.51.100.7"), OddDatagram("garage", "garbage")]
)
def test_news_without_a_value_is_logged_only(
    flow: PlainFlow, event: Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="pyconnector")

    handle(flow, event)

    assert flow.published == []
    assert len(caplog.records) == 1


def test_a_session_that_runs_brings_the_reports_of_those_before(
    flow: PlainFlow,
) -> None:
    running = '{"ID": "100", "Session ID": 8, "ended[s]": 0}'
    hear(flow, 100, running)

    assert flow.stations.asked == [("garage", 101)]


@pytest.mark.parametrize(("is_pushed", "hints"), [(False, 1), (True, 0)])
def test_changes_that_nobody_has_pushed_hint_at_another_client(
    flow: PlainFlow,
    caplog: pytest.LogCaptureFixture,
    *,
    is_pushed: bool,
    hints: int,
) -> None:
    for state in (1, 3, 1, 3):
        if is_pushed:
            handle(flow, StatusReceived("garage", f'{{"State": {state}}}'))
        hear(flow, 2, f'{{"ID": "2", "State": {state}}}')

    told = "no status messages come here"
    lines = [line for line in caplog.messages if told in line]
    assert len(lines) == hints


# --- the thread -------------------------------------------------------


def follow(flow: PlainFlow) -> list[None]:
    """Follow the stations until the script is at its end."""
    looks: list[None] = []
    flow.telemetry.follow_stations(
        lambda: looks.append(None), flow.stations.on_last_event
    )
    return looks


def test_events_are_handled_until_the_end_with_a_look_between_them() -> None:
    event = ReportReceived("garage", "report 3", REPORT_3)
    flow = PlainFlow(None, Delivery(event, ARRIVED_AT_MS), None)

    looks = follow(flow)

    assert flow.values()["garage__report 3__P"] == 5000
    assert len(looks) == 3


def test_a_dead_gateway_ends_the_flow_with_its_error() -> None:
    flow = PlainFlow(GatewayError("the thread has died"))

    with pytest.raises(GatewayError, match="has died"):
        follow(flow)


def test_events_that_were_dropped_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flow = PlainFlow(None, None)
    flow.stations.events_dropped = 17

    follow(flow)

    assert "17 messages of stations were dropped" in caplog.text


# --- what the diagnosis adds -------------------------------------------------


SOMEBODY_ELSES_FAILSAFE = (
    '{"ID": "2", "State": 5, "Enable user": 0, "Enable sys": 0, '
    '"Tmo FS": 600, "Curr FS": %d}'
)


def test_the_verdict_of_an_older_command_does_not_replace_a_newer_refusal(
    flow: PlainFlow,
) -> None:
    """`curr 16000`, then `curr 0`, which is refused at once."""
    refusal = CommandNotSent("garage", "curr", Outcome.INVALID, "0 mA")
    limit = amperes(16)
    flow.refused.add(("garage", "curr"))
    handle(flow, refusal)
    handle(flow, CommandFinished("garage", limit, Outcome.APPLIED))

    assert flow.values()["garage__results__curr"] == "invalid: 0 mA"


def test_a_status_message_brings_the_report_that_explains_it(
    flow: PlainFlow,
) -> None:
    report_2 = '{"ID": "2", "State": 3, "Enable user": 1, "Enable sys": 1}'
    hear(flow, 2, report_2)

    handle(flow, StatusReceived("garage", '{"State": 5}'))

    assert flow.stations.asked == [("garage", 2)]


@pytest.mark.parametrize(("current", "warnings"), [(6_000, 1), (0, 0)])
def test_a_station_that_may_charge_again_is_a_warning(
    flow: PlainFlow,
    caplog: pytest.LogCaptureFixture,
    current: int,
    warnings: int,
) -> None:
    """sem-community#763: it did so after 600 s, with 6 A."""
    text = SOMEBODY_ELSES_FAILSAFE % current
    hear(flow, 2, text)

    off = OFF
    handle(flow, CommandFinished("garage", off, Outcome.APPLIED))

    told = [
        record.getMessage()
        for record in caplog.records
        if record.levelname == "WARNING"
    ]
    assert len(told) == warnings
    assert all("may charge again by itself" in line for line in told)


# --- readings that rest on more than the fields of a report -------------------

DISABLED_BELOW_A_LIMIT = (
    '{"ID": "2", "State": 5, "Plug": 7, "Enable user": 0, "Enable sys": 0, '
    '"Setenergy": 20000}'
)
ENABLED = DISABLED_BELOW_A_LIMIT.replace('user": 0', 'user": 1').replace(
    'sys": 0', 'sys": 1'
)


def _reason(flow: PlainFlow) -> object:
    return flow.values()["garage__readings__not_charging_reason"]


def _stopped_below_its_limit(flow: PlainFlow) -> None:
    hear(flow, 2, ENABLED)
    hear(flow, 3, '{"ID": "3", "E pres": 7}')
    hear(flow, 2, DISABLED_BELOW_A_LIMIT)


def test_a_report_that_is_waited_for_and_stays_out_ends_the_waiting(
    flow: PlainFlow,
) -> None:
    _stopped_below_its_limit(flow)
    assert _reason(flow) == "unknown"

    handle(flow, ReportUnanswered("garage", "report 3"))

    assert _reason(flow) == "disabled"
    assert flow.values()["garage__readings__limited_by"] == "disabled"


def test_a_report_100_renews_what_rests_on_it(flow: PlainFlow) -> None:
    """The energy is that of the session before: the limit still waits."""
    _stopped_below_its_limit(flow)
    energy = '{"ID": "3", "E pres": 20010}'
    hear(flow, 3, energy)
    assert _reason(flow) == "energy_limit"

    session = '{"ID": "100", "Session ID": 7, "E pres": 20010, "ended[s]": 9}'
    hear(flow, 100, session)

    assert _reason(flow) == "disabled"


def test_a_failsafe_of_ours_that_nobody_feeds_renews_what_rests_on_it(
    flow: PlainFlow,
) -> None:
    text = (
        '{"ID": "2", "State": 5, "Plug": 7, "Enable user": 1, "Enable sys": 0, '
        '"Max curr": 0, "Tmo FS": 30, "Curr FS": 0}'
    )
    hear(flow, 2, text)
    assert _reason(flow) == "station"

    starved = FailsafeFacts(is_ours=True, is_starved=True)
    handle(flow, replace(ONLINE, failsafe=starved))
    assert _reason(flow) == "failsafe"

    flow.published.clear()
    handle(flow, replace(ONLINE, failsafe=starved))
    assert "garage__readings__not_charging_reason" not in flow.values()


def test_only_the_way_back_waits_for_a_session_report(flow: PlainFlow) -> None:
    session = '{"ID": "100", "Session ID": 7, "ended[s]": 1600000000}'
    hear(flow, 100, session)

    handle(flow, ReportUnanswered("garage", "report 3"))
    assert "garage__session__id" not in flow.values()

    handle(flow, ReportUnanswered("garage", "report 101"))
    assert flow.values()["garage__session__id"] == 7
