"""The log tells changes, each of them once."""

import logging

import pytest

from connector.bemcom.station_log import REPEAT_AFTER_S, StationLog
from connector.diagnosis.causes import Code
from connector.keba.station.events import (
    AddressShared,
    AnsweredLate,
    CommandAnswered,
    CommandFinished,
    CommandNotSent,
    CommandUnanswered,
    ConnectionState,
    Event,
    OddDatagram,
    Outcome,
    ReportReceived,
    ReportUnanswered,
    SettingChanged,
    StationFloods,
    StationRestarted,
    StatusReceived,
    UnknownSender,
)
from connector.tests.diagnosis.links import LINKS
from connector.tests.keba.commands import ON, amperes

LIMIT = amperes(16)


class Listener:
    """A station log on a clock of its own, and what it has said."""

    def __init__(
        self, caplog: pytest.LogCaptureFixture, *stations: str
    ) -> None:
        self.now = 1000.0
        self._caplog = caplog
        self._log = StationLog(stations, clock=lambda: self.now)

    def tell(self, *events: Event, times: int = 1) -> list[tuple[str, str]]:
        """Return the new lines that people see, with their levels."""
        self._caplog.clear()
        for event in events * times:
            self._log.tell(event)
        return self._new_lines()

    def note_dropped(self, *numbers: int) -> list[tuple[str, str]]:
        """Return the new lines that people see, with their levels."""
        self._caplog.clear()
        for number in numbers:
            self._log.note_dropped(number)
        return self._new_lines()

    def _new_lines(self) -> list[tuple[str, str]]:
        return [
            (record.levelname, record.getMessage())
            for record in self._caplog.records
            if record.levelno > logging.DEBUG
        ]


@pytest.fixture
def listener(caplog: pytest.LogCaptureFixture) -> Listener:
    caplog.set_level(logging.DEBUG, logger="pyconnector")
    return Listener(caplog)


@pytest.mark.parametrize(
    ("event", "emitter"),
    [
        (OddDatagram("garage", "garbage"), "garage"),
        (UnknownSender("198.51.100.7"), "udp"),
        (UnknownSender("198.51.100.7", is_keba=True), "udp"),
        (CommandNotSent("garage", "ena", Outcome.READ_ONLY, "ena 1"), "garage"),
        (SettingChanged("garage", LIMIT, "6000"), "garage"),
        (CommandAnswered("garage", LIMIT, True, "done"), "garage"),
    ],
)
def test_a_line_is_about_a_station_or_about_udp(
    caplog: pytest.LogCaptureFixture, event: Event, emitter: str
) -> None:
    caplog.set_level(logging.DEBUG, logger="pyconnector")

    StationLog().tell(event)

    [record] = caplog.records
    assert record.name == f"pyconnector.{emitter}"


def _state(code: Code, station: str = "garage") -> ConnectionState:
    return ConnectionState(
        station=station,
        online=code is Code.OK,
        link=LINKS[code],
        last_seen_at=None,
        requests_sent=0,
        requests_unanswered=0,
    )


ONLINE = _state(Code.OK)
SILENT = _state(Code.NO_REPLY)
REPORT_2 = ReportReceived("garage", "report 2", '{"ID": "2"}')
NO_REPORT_2 = ReportUnanswered("garage", "report 2")


@pytest.fixture
def site(caplog: pytest.LogCaptureFixture) -> Listener:
    """A log that knows which stations there are."""
    caplog.set_level(logging.DEBUG, logger="pyconnector")
    return Listener(caplog, "garage", "yard", "street")


# --- the line ---------------------------------------------------------------


def test_a_station_that_comes_online_is_one_line(listener: Listener) -> None:
    assert listener.tell(ONLINE) == [("INFO", "garage is online")]
    assert listener.tell(ONLINE, times=100) == []


def test_a_station_that_goes_silent_is_one_line_down_and_one_up(
    listener: Listener,
) -> None:
    listener.tell(ONLINE)
    down = listener.tell(NO_REPORT_2, SILENT, times=100)
    assert len(down) == 1
    assert down[0][0] == "WARNING"
    assert down[0][1].startswith("garage does not answer")

    up = listener.tell(REPORT_2, ONLINE, times=100)
    assert up == [("INFO", "garage is online again")]


def test_a_station_that_never_answered_is_one_line(listener: Listener) -> None:
    assert len(listener.tell(SILENT, times=100)) == 1
    assert listener.tell(ONLINE) == [("INFO", "garage is online again")]


@pytest.mark.parametrize(
    "code", [code for code in LINKS if code is not Code.OK]
)
def test_every_reason_to_be_offline_has_its_explanation(
    listener: Listener, code: Code
) -> None:
    ((level, line),) = listener.tell(_state(code))
    assert level == "WARNING"
    assert line.startswith("garage ")


SHARED = AddressShared("yard", owner="garage", address="192.168.0.99")
SECOND_CLIENT = UnknownSender("192.168.0.50", request="report 2")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (_state(Code.DIP_SWITCH_OFF), "DSW1.3"),
        (_state(Code.DIP_SWITCH_OFF), "power cycle"),
        (_state(Code.NEEDS_POWER_CYCLE), "says that the switch is ON"),
        (_state(Code.WRONG_SERIAL), "It says 2, configured is 1"),
        (_state(Code.ANSWERS_ELSEWHERE), "192.168.0.77, port 7090"),
        (AnsweredLate("garage", 1.5, "report 2"), "1.5 s too late"),
        (AnsweredLate("garage", 1.5, "report 2"), "KEBA_P30_REPLY_TIMEOUT"),
        (StationRestarted("garage"), "garage has restarted"),
        (StationFloods("garage", 200), "garage sends so much"),
        (StationFloods("garage", 200), "200 datagrams a second"),
        (SHARED, "yard and garage both lead to 192.168.0.99"),
        (SECOND_CLIENT, "192.168.0.50 asks for 'report 2'"),
    ],
)
def test_a_warning_says_once_what_it_rests_on_and_what_to_do(
    listener: Listener, event: Event, words: str
) -> None:
    ((level, line),) = listener.tell(event, times=100)

    assert level == "WARNING"
    assert words in line


def test_a_switch_that_is_on_need_not_be_put_on(listener: Listener) -> None:
    ((_, line),) = listener.tell(_state(Code.NEEDS_POWER_CYCLE))
    assert "to ON" not in line


def test_a_change_of_the_reason_is_told(listener: Listener) -> None:
    listener.tell(_state(Code.NAME_UNRESOLVED))
    lines = listener.tell(SILENT)
    assert len(lines) == 1
    assert "does not answer" in lines[0][1]


def test_stations_are_told_apart(listener: Listener) -> None:
    listener.tell(ONLINE, _state(Code.OK, "yard"))
    lines = listener.tell(_state(Code.NO_REPLY, "yard"), ONLINE)
    assert [line.split()[0] for _, line in lines] == ["yard"]


# --- single reports ---------------------------------------------------------


def test_a_report_that_stays_out_is_one_line_down_and_one_up(
    listener: Listener,
) -> None:
    listener.tell(ONLINE)
    down = listener.tell(NO_REPORT_2, ONLINE, times=100)
    assert down == [("WARNING", "garage answers, but not report 2")]

    up = listener.tell(REPORT_2, ONLINE, times=100)
    assert up == [("INFO", "garage answers report 2 again")]


def test_each_report_that_stays_out_is_told_once(listener: Listener) -> None:
    no_report_3 = ReportUnanswered("garage", "report 3")
    listener.tell(ONLINE)
    lines = listener.tell(NO_REPORT_2, no_report_3, ONLINE, times=10)
    assert lines == [
        ("WARNING", "garage answers, but not report 2"),
        ("WARNING", "garage answers, but not report 3"),
    ]


def test_a_late_report_before_a_verdict_is_no_news(listener: Listener) -> None:
    listener.tell(ONLINE)
    assert listener.tell(NO_REPORT_2, REPORT_2, ONLINE) == []


def test_reports_that_were_missed_in_an_outage_are_not_told_afterwards(
    listener: Listener,
) -> None:
    listener.tell(ONLINE, NO_REPORT_2, SILENT)
    assert listener.tell(ONLINE) == [("INFO", "garage is online again")]


# --- silence since the start --------------------------------------------------


def _silent(*stations: str) -> list[ConnectionState]:
    return [_state(Code.NO_REPLY, station) for station in stations]


def test_silence_of_all_since_the_start_is_one_line_about_the_host(
    site: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    assert site.tell(*_silent("garage", "yard")) == []

    [(level, line)] = site.tell(*_silent("street"))

    assert level == "WARNING"
    assert line.startswith("no station has answered since the start")
    assert "garage, yard, street" in line
    assert caplog.records[-1].name == "pyconnector.udp"
    assert site.tell(*_silent("garage", "yard", "street"), times=100) == []


def test_one_that_answers_shows_the_others_at_fault(site: Listener) -> None:
    site.tell(*_silent("garage", "yard"))

    lines = [line for _, line in site.tell(_state(Code.OK, "street"))]

    assert [line.split(",")[0].split(".")[0] for line in lines] == [
        "garage does not answer",
        "yard does not answer",
        "street is online",
    ]
    assert site.tell(*_silent("garage", "yard"), times=100) == []


def test_the_first_answer_after_the_silence_of_all_tells_the_rest(
    site: Listener,
) -> None:
    site.tell(*_silent("garage", "yard", "street"))

    lines = [line for _, line in site.tell(_state(Code.OK, "garage"))]

    assert [line.split(".")[0] for line in lines] == [
        "garage is online",
        "yard does not answer",
        "street does not answer",
    ]


def test_another_cause_at_one_station_is_told_at_once(site: Listener) -> None:
    [(_, line)] = site.tell(_state(Code.NOTHING_LISTENS, "garage"))

    assert line.startswith("garage has no UDP interface")
    assert len(site.tell(*_silent("yard"))) == 1


def test_silence_after_an_answer_is_told_at_once(site: Listener) -> None:
    site.tell(*(_state(Code.OK, name) for name in ("garage", "yard", "street")))

    assert len(site.tell(*_silent("garage", "yard", "street"))) == 3


# --- oddities -----------------------------------------------------------------


def test_odd_datagrams_are_told_once_and_again_after_an_hour(
    listener: Listener,
) -> None:
    odd = OddDatagram("garage", "no JSON object")
    first = listener.tell(odd, times=1000)
    assert first == [("WARNING", "garage: ignored a datagram: no JSON object")]

    listener.now += REPEAT_AFTER_S - 1
    assert listener.tell(odd) == []
    listener.now += 1
    assert len(listener.tell(odd)) == 1


def test_a_flood_of_different_oddities_is_one_line_per_station(
    listener: Listener,
) -> None:
    flood = [
        OddDatagram(station, f"reason {number}")
        for number in range(100)
        for station in ("garage", "yard")
    ]
    assert len(listener.tell(*flood)) == 2


def test_dropped_events_are_told_with_their_number_once_an_hour(
    listener: Listener,
) -> None:
    assert listener.note_dropped(0, 0) == []
    ((level, line),) = listener.note_dropped(17, 17, 18)
    assert level == "WARNING"
    assert line.startswith("17 messages of stations were dropped")

    listener.now += REPEAT_AFTER_S
    assert listener.note_dropped(18) == []
    assert len(listener.note_dropped(19)) == 1


def test_strangers_are_told_by_address_until_there_are_too_many(
    listener: Listener,
) -> None:
    lines = listener.tell(
        *[UnknownSender(f"10.0.{i // 250}.{i % 250}") for i in range(1000)]
    )
    assert lines[0][0] == "INFO"
    assert "10.0.0.0" in lines[0][1]
    assert len(lines) == 10
    assert "more and more" in lines[-1][1]


# --- commands ---------------------------------------------------------------

IGNORED = "wanted Curr user 16000, seen Curr user 6000"


@pytest.mark.parametrize(
    ("event", "level", "line"),
    [
        (
            CommandAnswered("garage", LIMIT, True, "done"),
            "INFO",
            "garage << curr 16000: TCH-OK done",
        ),
        (
            CommandAnswered("garage", ON, False, "nothing %s"),
            "WARNING",
            "garage << ena 1: TCH-ERR nothing %s",
        ),
        (
            CommandUnanswered("garage", LIMIT, will_repeat=True),
            "WARNING",
            "garage did not answer curr 16000; it is sent once more",
        ),
        (
            CommandUnanswered("garage", LIMIT, will_repeat=False),
            "WARNING",
            "garage did not answer curr 16000; it is given up",
        ),
        (
            CommandFinished("garage", LIMIT, Outcome.NOT_APPLIED, IGNORED),
            "WARNING",
            f"garage confirmed curr 16000, but did not apply it: {IGNORED}",
        ),
    ],
)
def test_what_becomes_of_a_command_is_told(
    listener: Listener, event: Event, level: str, line: str
) -> None:
    assert listener.tell(event) == [(level, line)]


@pytest.mark.parametrize(
    "event",
    [
        *(
            CommandFinished("garage", LIMIT, outcome)
            for outcome in Outcome
            if outcome is not Outcome.NOT_APPLIED
        ),
        ReportReceived("garage", "report 2", '{"ID": "2"}'),
        StatusReceived("garage", '{"E pres": 100%s}'),
    ],
)
def test_other_outcomes_reports_and_pushes_are_no_news(
    listener: Listener, event: Event
) -> None:
    assert listener.tell(event, times=100) == []


# --- what is said again and again ---------


ACCEPTED = CommandAnswered("garage", LIMIT, True, "done")
REFUSED_VALUE = CommandNotSent(
    "garage", "curr", Outcome.INVALID, "curr: 5 mA is not within the range"
)
SILENCE = CommandUnanswered("garage", LIMIT, will_repeat=False)


@pytest.mark.parametrize(
    "event",
    [ACCEPTED, REFUSED_VALUE, SILENCE],
    ids=["answer", "refusal", "silence"],
)
def test_what_is_said_again_is_told_once_then_counted(
    listener: Listener, event: Event
) -> None:
    (first,) = listener.tell(event)

    rows = []
    for _ in range(360):
        listener.now += 240
        rows += listener.tell(event)

    assert [row[1] for row in rows] == [f"{first[1]} (360 times since)"]


def test_another_command_is_news_and_says_how_often_the_last_one_came(
    listener: Listener,
) -> None:
    listener.tell(ACCEPTED, times=3)
    other = amperes(8)

    rows = listener.tell(CommandAnswered("garage", other, True, "done"))

    before = "garage << curr 16000: TCH-OK done"
    assert rows == [
        (
            "INFO",
            f"garage << curr 8000: TCH-OK done (before it 2 times: {before})",
        )
    ]


def test_a_command_that_is_always_lost_is_told_once(listener: Listener) -> None:
    lost = CommandUnanswered("garage", LIMIT, will_repeat=True)

    assert len(listener.tell(lost, SILENCE, times=10)) == 2


def test_a_refusal_after_an_answer_is_news_and_so_is_the_next_answer(
    listener: Listener,
) -> None:
    refused = CommandAnswered("garage", LIMIT, False, "not allowed now")

    assert len(listener.tell(ACCEPTED, refused, ACCEPTED)) == 3


def test_each_station_and_command_has_its_own_count(listener: Listener) -> None:
    commands = [
        CommandAnswered(station, command, True, "done")
        for station in ("garage", "yard")
        for command in (LIMIT, ON)
    ]

    assert len(listener.tell(*commands, times=10)) == 4


# --- the everyday -----------------------------------------------------------


def test_a_quiet_day_of_a_well_station_is_one_line(listener: Listener) -> None:
    lines = []
    for _ in range(24 * 60):
        listener.now += 60
        lines += listener.tell(REPORT_2, ONLINE)
    assert lines == [("INFO", "garage is online")]
