"""A station may send fields that no table knows, but not without end."""

import pytest

from connector.bemcom.raw_messages import ParsedStation, parse_raw_message
from connector.bemcom.unknown_keys import MAX_UNKNOWN_KEYS, UnknownKeys
from connector.keba.protocol.messages import Value
from testbed.recordings import Recording, all_recordings


def _invented(count: int) -> dict[str, Value]:
    return {f"new {number}": 1 for number in range(count)}


def _kept(unknown: UnknownKeys, report: str, fields: dict[str, Value]) -> int:
    reports: ParsedStation = {report: dict(fields)}
    unknown.limit(reports)
    return len(reports[report])


@pytest.fixture
def garage() -> UnknownKeys:
    return UnknownKeys()


def test_fields_of_newer_firmware_are_kept_time_and_again(
    garage: UnknownKeys,
) -> None:
    for _ in range(3):
        assert _kept(garage, "report 2", _invented(MAX_UNKNOWN_KEYS)) == (
            MAX_UNKNOWN_KEYS
        )


def test_what_is_beyond_the_limit_is_removed_and_told(
    garage: UnknownKeys,
) -> None:
    assert not garage.limit({"report 2": {"State": 3, "new": 1}})
    reports: ParsedStation = {
        "report 2": {f"other {number}": 1 for number in range(500)}
    }

    assert garage.limit(reports)

    assert len(reports["report 2"]) == MAX_UNKNOWN_KEYS - 1
    assert not garage.limit(reports)


@pytest.mark.parametrize("report", ["report 1", "report 17", "status"])
def test_all_reports_of_a_station_share_the_limit(
    garage: UnknownKeys, report: str
) -> None:
    _kept(garage, "report 3", _invented(MAX_UNKNOWN_KEYS - 5))

    assert _kept(garage, report, _invented(50)) == 5


def test_reports_without_end_leave_no_trace_beyond_the_limit(
    garage: UnknownKeys,
) -> None:
    kept = [
        _kept(garage, f"report {number}", {"State": 3})
        for number in range(1000, 9000)
    ]

    assert sum(kept) == MAX_UNKNOWN_KEYS
    assert len(garage._taken) < MAX_UNKNOWN_KEYS + 10


@pytest.mark.parametrize(
    "recording", all_recordings(), ids=lambda recording: str(recording.name)
)
def test_what_real_stations_send_is_kept_whatever_was_invented_before(
    garage: UnknownKeys, recording: Recording
) -> None:
    texts = {"garage": recording.datagrams}
    reports = parse_raw_message(texts).get("garage", {})
    garage.limit({"status": _invented(999)})

    assert not garage.limit(reports)
    assert reports == parse_raw_message(texts).get("garage", {})
