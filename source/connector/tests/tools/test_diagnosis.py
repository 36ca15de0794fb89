"""From what a station answered to a verdict, without a network."""

import errno
import json
from typing import Any

import pytest

from connector.tools.diagnosis import (
    QUESTIONS,
    Evidence,
    Finding,
    Level,
    diagnose,
    worst,
)
from connector.tools.interview import Interview

REPORTS: dict[int, dict[str, Any]] = {
    1: {
        "ID": "1",
        "Product": "KC-P30-EC240422-E00",
        "Serial": "12345678",
        "Firmware": "P30 v 3.10.57 (240521-093236)",
        "DIP-Sw1": "0x26",
    },
    2: {"ID": "2", "State": 1, "Plug": 3, "Enable user": 1, "Max curr": 0},
    3: {"ID": "3", "P": 0, "E pres": 0, "E total": 10_000},
}


def findings(
    *,
    deaf: tuple[int, ...] = (),
    second_look: dict[int, dict[str, Any]] | None = None,
    pushes: tuple[bytes, ...] = (),
    delay_s: float = 0.01,
    expected_serial: str | None = None,
    **fields: Any,
) -> list[Finding]:
    """Return what is found of a station that answers like this."""
    interview = Interview(QUESTIONS)
    looks: dict[int, int] = {}
    while not interview.is_over:
        now = max(0.0, interview.next_deadline())
        datagram = interview.turn(now)
        if datagram is None:
            continue
        number = int(datagram.split()[1])
        looks[number] = looks.get(number, 0) + 1
        if number in deaf:
            continue
        report = REPORTS[number] | {
            key: value
            for key, value in fields.items()
            if key in REPORTS[number]
        }
        if looks[number] > 1:
            report = report | (second_look or {}).get(number, {})
        interview.receive(json.dumps(report).encode(), now + delay_s)
    for push in pushes:
        interview.receive(push, 0.0)
    return diagnose(
        Evidence(
            name="garage",
            host="192.0.2.1",
            address="192.0.2.1",
            local_address="192.0.2.9",
            interview=interview,
            expected_serial=expected_serial,
        ),
        {"87654321": "yard"},
    )


def verdict(found: list[Finding]) -> str:
    gravest = worst(found)
    return "ok" if gravest is None else str(gravest.code)


def test_a_healthy_station_gives_no_finding() -> None:
    assert verdict(findings()) == "ok"


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({"DIP-Sw1": "0x06"}, "dip_switch_1_3_off"),
        ({"DIP-Sw1": "?"}, "dip_switch_1_3_off"),
        ({"DIP-Sw1": "0x26"}, "needs_power_cycle"),
    ],
)
def test_report_1_alone_means_the_switch_or_a_missing_power_cycle(
    switches: dict[str, Any], expected: str
) -> None:
    assert verdict(findings(deaf=(2, 3), **switches)) == expected


def test_one_missing_report_is_named() -> None:
    found = findings(deaf=(3,))
    assert verdict(found) == "report_missing"
    gravest = worst(found)
    assert gravest is not None
    assert gravest.check == "report 3"


def test_a_switch_that_was_turned_off_but_not_yet_acts_is_a_warning() -> None:
    switches: dict[str, Any] = {"DIP-Sw1": "0x06"}
    found = findings(**switches)
    assert verdict(found) == "dip_switch_pending"


def test_stations_that_seem_swapped_are_named() -> None:
    found = findings(expected_serial="12345678", Serial="87654321")
    gravest = worst(found)
    assert gravest is not None
    assert gravest.code == "wrong_serial"
    assert "of yard" in gravest.text
    assert "swapped" in gravest.advice


def test_changes_without_status_messages_mean_a_second_client() -> None:
    charging = {2: {"State": 3, "Plug": 7}}
    assert verdict(findings(second_look=charging)) == "second_client"
    told = findings(second_look=charging, pushes=(b'{"State": 3}',))
    assert verdict(told) == "ok"


def test_one_status_message_of_many_means_a_second_client_as_well() -> None:
    energy = {3: {"E pres": 1000}}
    one = (b'{"E pres": 100}',)
    assert verdict(findings(second_look=energy, pushes=one)) == "second_client"
    assert verdict(findings(second_look=energy, pushes=one * 9)) == "ok"


def test_a_little_energy_may_have_come_without_a_message_yet() -> None:
    assert verdict(findings(second_look={3: {"E pres": 150}})) == "ok"


def test_a_request_of_somebody_else_means_a_second_client() -> None:
    assert verdict(findings(pushes=(b"report 3",))) == "second_client"


def test_answers_later_than_the_connector_waits_are_a_finding() -> None:
    assert verdict(findings(delay_s=2.5)) == "late_answers"
    slow = findings(delay_s=1.5)
    assert verdict(slow) == "ok"
    assert "slow_answers" in {finding.code for finding in slow}


def test_an_error_of_the_station_is_told_with_its_codes() -> None:
    found = findings(State=4, Error1=6, Error2=32769)
    assert verdict(found) == "station_error"


def test_a_p40_is_no_station_for_us() -> None:
    assert verdict(findings(Product="KC-P40-16EU")) == "unsupported_model"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Product": "KC-P20-ES240030-000-ST"}, "p20"),
        ({"Product": "KC-P30-EC220112-000-DE"}, "no_meter"),
        ({"Firmware": "P30 v 3.10.80 (251002-115400)"}, "needs_source_port"),
        ({"Firmware": "P30 v 3.9.10 (171113-103030)"}, "no_x2"),
    ],
)
def test_model_and_firmware_are_noted_without_alarm(
    fields: dict[str, Any], code: str
) -> None:
    found = findings(**fields)
    assert verdict(found) == "ok"
    assert code in {finding.code for finding in found}


@pytest.mark.parametrize(
    ("obstacle", "code"),
    [
        (errno.ECONNREFUSED, "nothing_listens"),
        (errno.EHOSTUNREACH, "no_device"),
        (errno.ENETUNREACH, "no_route"),
        (errno.EPERM, "no_route"),
        (None, "no_reply"),
    ],
)
def test_silence_is_told_by_what_the_network_says(
    obstacle: int | None, code: str
) -> None:
    interview = Interview(QUESTIONS)
    if obstacle is not None:
        interview.note_obstacle(obstacle)
    evidence = Evidence("garage", "h", "192.0.2.1", "192.0.2.9", interview)
    assert verdict(diagnose(evidence, {})) == code


def test_no_address_and_no_route_end_the_search() -> None:
    nameless = Evidence("garage", "wallbox", None, None, None)
    assert verdict(diagnose(nameless, {})) == "name_unresolved"
    routeless = Evidence("garage", "wallbox", "192.0.2.1", None, None)
    found = diagnose(routeless, {})
    assert [finding.level for finding in found] == [Level.FINE, Level.ERROR]


def test_a_p40_that_answers_report_1_only_is_told_of_no_switch() -> None:
    found = findings(Product="KC-P40-16EU0-00000000", deaf=(2, 3))

    assert [one.code for one in found if one.level > Level.NOTE] == [
        "unsupported_model"
    ]


def test_what_stopped_a_session_is_told_as_the_connector_does() -> None:
    stopped: dict[str, Any] = {"Plug": 7, "State": 5, "Enable user": 0}
    codes = [one.code for one in findings(**stopped)]

    assert "disabled" in codes
