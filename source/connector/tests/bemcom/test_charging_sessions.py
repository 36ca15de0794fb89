"""Finished sessions: all of a downtime, each of them once."""

from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.bemcom.charging_sessions import (
    NEWEST_FINISHED,
    OLDEST_FINISHED,
    FinishedSession,
    SessionBook,
)
from connector.keba.protocol.fields import LATEST_SESSION
from connector.keba.protocol.messages import Value

NOW_MS = 1_600_010_000_000
STARTED_S = 1_600_000_000
ENDED_S = 1_600_003_600

Fields = Mapping[str, Value]


def _ended(number: int, **changes: Value) -> dict[str, Value]:
    named = {key.replace("_", " "): value for key, value in changes.items()}
    fields: dict[str, Value] = {
        "Session ID": number,
        "E pres": 54_321,
        "started[s]": STARTED_S + number,
        "ended[s]": ENDED_S + number,
        "reason": 1,
        "timeQ": 3,
        "RFID tag": "0000000000000000",
        "Sec": 90_000,
    }
    return fields | named


def _running(number: int) -> dict[str, Value]:
    return _ended(number) | {"ended[s]": 0, "reason": 0, "E pres": 7}


NO_SESSION: dict[str, Value] = dict.fromkeys(_ended(1), 0)


class Station:
    """A station with sessions; plays the conversation with its book."""

    def __init__(self, *numbers: int) -> None:
        self.latest: Fields = NO_SESSION
        self.finished = [_ended(number) for number in numbers]
        self.asked: list[int] = []
        self.lost: set[int] = set()

    def end(self, number: int) -> None:
        self.latest = _ended(number)
        self.finished.insert(0, _ended(number))

    def tell(self, book: SessionBook) -> list[FinishedSession]:
        """Answer report 100 and what is asked for then."""
        missing = book.take(LATEST_SESSION, self.latest, NOW_MS)
        while missing is not None and missing not in self.lost:
            self.asked.append(missing)
            index = missing - NEWEST_FINISHED
            known = self.finished[index : index + 1] or [NO_SESSION]
            missing = book.take(missing, known[0], NOW_MS)
        if missing is not None:
            book.give_up(missing)
        return book.finished()


def _numbers(sessions: list[FinishedSession]) -> list[Value]:
    return [session.values["id"] for session in sessions]


@pytest.fixture
def book() -> SessionBook:
    return SessionBook()


# --- which sessions are published -------------------------------------------


def test_a_session_is_published_once_at_its_end(book: SessionBook) -> None:
    station = Station()
    station.latest = _running(35)
    assert station.tell(book) == []

    station.end(35)
    assert _numbers(station.tell(book)) == [35]

    assert all(station.tell(book) == [] for _ in range(5))
    # After a restart report 100 is all zeros (UDP guide V2.01, page 19).
    station.latest = NO_SESSION
    assert station.tell(book) == []


def test_sessions_of_a_downtime_are_fetched_and_published_oldest_first(
    book: SessionBook,
) -> None:
    station = Station(37, 36, 35)
    station.latest = _running(38)

    assert _numbers(station.tell(book)) == [35, 36, 37]
    for _ in range(5):
        assert station.tell(book) == []
    assert station.asked == [101, 102, 103, 104], "once"


def test_thirty_sessions_are_fetched_and_no_more_is_asked_for(
    book: SessionBook,
) -> None:
    station = Station(*range(60, 20, -1))
    station.latest = _running(61)

    assert _numbers(station.tell(book)) == [*range(31, 61)]
    assert station.asked == [*range(NEWEST_FINISHED, OLDEST_FINISHED + 1)]


def test_a_session_that_began_and_ended_between_two_polls_is_found(
    book: SessionBook,
) -> None:
    station = Station(35)
    station.latest = _running(36)
    station.tell(book)

    station.end(36)
    station.end(37)
    station.latest = _running(38)

    assert _numbers(station.tell(book)) == [36, 37]


def test_a_station_that_never_charged_has_no_sessions(
    book: SessionBook,
) -> None:
    assert Station().tell(book) == []


def test_what_was_heard_before_a_report_stayed_away_is_published(
    book: SessionBook,
) -> None:
    station = Station(37, 36, 35)
    station.latest = _running(38)
    station.lost = {103}

    assert _numbers(station.tell(book)) == [36, 37]


def test_a_poll_on_the_way_back_publishes_no_newer_ones_first(
    book: SessionBook,
) -> None:
    """BEMCom shows the value that came last."""
    assert book.take(LATEST_SESSION, _ended(37), NOW_MS) == 101
    assert book.take(101, _ended(37), NOW_MS) == 102

    # Report 100 is polled again, and what is missing is asked for once more.
    assert book.take(LATEST_SESSION, _ended(37), NOW_MS) == 102
    assert book.finished() == []

    assert book.take(102, _ended(36), NOW_MS) == 103
    assert book.take(103, NO_SESSION, NOW_MS) is None
    assert _numbers(book.finished()) == [36, 37]


def test_a_session_ending_on_the_way_back_comes_last(book: SessionBook) -> None:
    book.take(LATEST_SESSION, _ended(37), NOW_MS)
    assert book.take(101, _ended(36), NOW_MS) == 102

    # All reports have moved on by one.
    station = Station(38, 37, 36, 35)
    station.latest = _ended(38)

    assert _numbers(station.tell(book)) == [35, 36, 37, 38]


def test_a_doubled_report_begins_no_second_way_back(book: SessionBook) -> None:
    book.take(LATEST_SESSION, _running(38), NOW_MS)
    assert book.take(101, _ended(37), NOW_MS) == 102

    assert book.take(101, _ended(37), NOW_MS) is None
    assert book.finished() == []


def test_an_older_session_report_that_makes_no_sense_ends_the_way_back(
    book: SessionBook,
) -> None:
    book.take(LATEST_SESSION, _ended(37), NOW_MS)

    assert book.take(101, {"E pres": 7}, NOW_MS) is None

    assert _numbers(book.finished()) == [37]
    assert book.take(LATEST_SESSION, _ended(37), NOW_MS) is None


def test_a_report_without_session_id_is_ignored(book: SessionBook) -> None:
    assert book.take(LATEST_SESSION, {"E pres": 7}, NOW_MS) is None
    assert book.finished() == []


# --- what is published of a session ------------------------------------------


def _values(**changes: Value) -> Mapping[str, Value]:
    return _session(**changes).values


def _session(**changes: Value) -> FinishedSession:
    book = SessionBook()
    fields = _ended(35) | changes
    book.take(LATEST_SESSION, fields, NOW_MS)
    book.give_up(NEWEST_FINISHED)
    (session,) = book.finished()
    return session


def test_a_session_is_told_in_kwh_utc_and_words_at_its_end() -> None:
    session = _session(timeQ=2)

    assert session.ended_at_ms == (ENDED_S + 35) * 1000
    assert session.values == {
        "id": 35,
        "energy": pytest.approx(5.4321),
        "started": "2020-09-13T12:27:15Z",
        "ended": "2020-09-13T13:27:15Z",
        "reason": "unplugged",
        "tag": "0000000000000000",
        "time_quality": "weak",
    }


@pytest.mark.parametrize(
    ("field", "number", "key", "word"),
    [
        ("timeQ", 0, "time_quality", "none"),
        ("timeQ", 1, "time_quality", "not_synchronised"),
        ("timeQ", 2, "time_quality", "weak"),
        ("timeQ", 3, "time_quality", "strong"),
        ("timeQ", "X", "time_quality", "strong"),
        ("timeQ", 7, "time_quality", 7),
        ("reason", 1, "reason", "unplugged"),
        ("reason", 10, "reason", "rfid"),
        ("reason", 5, "reason", 5),
    ],
)
def test_numbers_are_words_where_they_are_known(
    field: str, number: Value, key: str, word: Value
) -> None:
    assert _values(**{field: number})[key] == word


def test_times_since_the_start_of_the_station_are_converted() -> None:
    """Uptime 90 000 s now: 3600 s ago it was 86 400 s."""
    session = _session(**{"started[s]": 82_800, "ended[s]": 86_400})

    assert session.ended_at_ms == NOW_MS - 3_600_000
    assert session.values["started"] == "2020-09-13T13:13:20Z"
    assert session.values["ended"] == "2020-09-13T14:13:20Z"
    assert session.values["time_quality"] == "uptime"


@pytest.mark.parametrize(
    "times",
    [
        # Of an earlier run of the station.
        {"started[s]": 100_000, "ended[s]": 110_000},
        # Since a start that nobody knows.
        {"started[s]": 100, "ended[s]": 200, "Sec": None},
    ],
)
def test_a_time_that_cannot_be_known_is_not_guessed(
    times: dict[str, Value],
) -> None:
    session = _session(**times)

    assert session.ended_at_ms is None
    assert not {"started", "ended"} & session.values.keys()


@pytest.mark.parametrize("seconds", [2**32, 2**62, -1, "soon", 1.5, True])
def test_a_time_that_no_station_can_mean_is_left_out(seconds: Value) -> None:
    assert "started" not in _values(**{"started[s]": seconds, "Sec": 0})


# --- stations without a clock that have started anew ------------------------

UPTIME_S = 7200


def _by_uptime(number: int, began_s: int, ended_s: int) -> dict[str, Value]:
    times = {"started[s]": began_s, "ended[s]": ended_s, "Sec": UPTIME_S}
    return _ended(number) | times


def _running_since(number: int, began_s: int) -> dict[str, Value]:
    return _by_uptime(number, began_s, 0) | {"reason": 0}


@pytest.mark.parametrize(
    ("latest", "older", "ends_s_ago"),
    [
        # All of one run have their times.
        (
            _by_uptime(41, 4000, 5000),
            [
                _by_uptime(41, 4000, 5000),
                _by_uptime(40, 2000, 4000),
                _by_uptime(39, 100, 600),
            ],
            {41: 2200, 40: 3200, 39: 6600},
        ),
        # Who ended after a newer one began is of an earlier run.
        (
            _by_uptime(41, 100, 600),
            [
                _by_uptime(41, 100, 600),
                _by_uptime(40, 1800, 5400),
                _by_uptime(39, 50, 90),
            ],
            {41: 6600, 40: None, 39: None},
        ),
        # A running session tells of that as well.
        (
            _running_since(42, 300),
            [_by_uptime(41, 100, 200), _by_uptime(40, 100, 301)],
            {41: 7000, 40: None},
        ),
        # So do the zeros of a station that has charged nothing since its
        # start (UDP guide V2.01, page 19),
        (NO_SESSION, [_by_uptime(41, 100, 600)], {41: None}),
        # and a session that has outlived a restart.
        (
            _running_since(42, UPTIME_S + 1),
            [_by_uptime(41, 100, 600)],
            {41: None},
        ),
        # A clock tells the times of any run.
        (
            NO_SESSION,
            [_ended(41), _ended(40)],
            {
                41: NOW_MS // 1000 - ENDED_S - 41,
                40: NOW_MS // 1000 - ENDED_S - 40,
            },
        ),
    ],
    ids=[
        "one run",
        "an earlier run",
        "running",
        "nothing charged",
        "outlived",
        "clock",
    ],
)
def test_times_since_the_start_count_for_this_run_of_the_station_alone(
    latest: Fields, older: list[Fields], ends_s_ago: dict[int, int | None]
) -> None:
    station = Station()
    station.latest = latest
    station.finished = [dict(fields) for fields in older]

    sessions = station.tell(SessionBook())

    assert {
        one.values["id"]: None
        if one.ended_at_ms is None
        else (NOW_MS - one.ended_at_ms) // 1000
        for one in sessions
    } == ends_s_ago


def test_a_session_of_an_earlier_run_keeps_its_other_values() -> None:
    book = SessionBook()
    book.take(LATEST_SESSION, NO_SESSION, NOW_MS)
    book.take(NEWEST_FINISHED, _by_uptime(41, 100, 600), NOW_MS)
    book.give_up(102)

    (session,) = book.finished()

    assert session.values == {
        "id": 41,
        "energy": pytest.approx(5.4321),
        "reason": "unplugged",
        "tag": "0000000000000000",
        "time_quality": "uptime",
    }


def test_a_report_out_of_turn_spoils_no_times(book: SessionBook) -> None:
    newest = _by_uptime(41, 4000, 5000)
    book.take(LATEST_SESSION, newest, NOW_MS)
    book.take(NEWEST_FINISHED, newest, NOW_MS)
    book.take(110, _by_uptime(32, 100, 6000), NOW_MS)
    book.take(NEWEST_FINISHED, newest, NOW_MS)
    book.take(102, _by_uptime(40, 2000, 3000), NOW_MS)
    book.give_up(103)

    ends = {one.values["id"]: one.ended_at_ms for one in book.finished()}

    assert ends == {32: None, 40: NOW_MS - 4_200_000, 41: NOW_MS - 2_200_000}


_SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)


@example(
    LATEST_SESSION, {"Session ID": 1, "ended[s]": 1, "Sec": 63_735_606_802}
)
@given(
    st.sampled_from([LATEST_SESSION, NEWEST_FINISHED, OLDEST_FINISHED]),
    st.dictionaries(st.sampled_from(sorted(NO_SESSION)), _SCALAR),
)
def test_whatever_a_station_sends_raises_nothing(
    number: int, fields: dict[str, Value]
) -> None:
    book = SessionBook()

    missing = book.take(number, fields, NOW_MS)

    assert missing is None or LATEST_SESSION < missing <= OLDEST_FINISHED
    assert len(book.finished()) <= 1


# --- firmware that writes texts --------------------------------------------


def _as_texts(fields: Mapping[str, Value]) -> dict[str, Value]:
    return {key: str(value) for key, value in fields.items()}


def test_a_running_session_is_not_finished_where_its_end_is_a_text() -> None:
    book = SessionBook()

    book.take(LATEST_SESSION, _running(7) | {"ended[s]": "0"}, NOW_MS)
    book.take(LATEST_SESSION, _as_texts(_running(7)), NOW_MS)

    assert book.finished() == []


def test_a_session_in_texts_is_the_same_as_one_in_numbers() -> None:
    in_numbers, in_texts = SessionBook(), SessionBook()

    in_numbers.take(LATEST_SESSION, _ended(7), NOW_MS)
    in_texts.take(LATEST_SESSION, _as_texts(_ended(7)), NOW_MS)
    for book in (in_numbers, in_texts):
        book.give_up(NEWEST_FINISHED)

    sessions = in_numbers.finished()
    assert _numbers(sessions) == [7]
    assert in_texts.finished() == sessions


@pytest.mark.parametrize("milli", ["", "000"])
def test_uptimes_in_texts_are_seconds_or_milliseconds(milli: str) -> None:
    """Seen as ``"<s>000"``."""
    times = {"started[s]": f"80000{milli}", "ended[s]": f"85000{milli}"}
    session = _session(**times)

    assert session.ended_at_ms == NOW_MS - (90_000 - 85_000) * 1000
    assert session.values["time_quality"] == "uptime"
