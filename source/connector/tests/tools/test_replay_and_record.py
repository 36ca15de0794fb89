"""Captures without secrets, and old messages through today's parser."""

import json

import pytest

from connector.tools.record import mask
from connector.tools.replay import read_messages, values_of


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('"Serial": "17643683"', '"Serial": "12345678"'),
        ('"Serial": 17643683', '"Serial": 12345678'),
        (
            '"Firmware":"KEBA P20 v 2.5a3 (160613-061001):29309:143.0"',
            '"Firmware":"KEBA P20 v 2.5a3 (160613-061001):12345:143.0"',
        ),
        ('"RFID tag": "e3f76b8d00000000"', '"RFID tag": "0123456789abcdef"'),
        ('"RFID Tag  ": "E3F7"', '"RFID Tag  ": "0123"'),
        (
            '"RFID class": "01010400000000000000"',
            '"RFID class": "0123456789abcdef0123"',
        ),
    ],
)
def test_serial_numbers_and_cards_become_dummies(
    text: str, masked: str
) -> None:
    assert mask(text) == masked


def test_no_card_is_no_secret() -> None:
    text = '"RFID tag": "0000000000000000", "Sec": 17643683'
    assert mask(text) == text


def test_readings_are_made_of_the_newest_fields_of_each_station() -> None:
    charging = {"a": {"report 2": '{"ID": 2, "State": 3}'}}
    idle = {"b": {"report 2": '{"ID": 2, "State": 1}'}}
    push = {"a": {"status": '{"State": 5}'}}
    lines = [
        json.dumps({"raw_message": charging | idle, "timestamp": 1}),
        "",
        *json.dumps(
            {"raw_message": push, "timestamp": {"$numberLong": "2"}}, indent=1
        ).splitlines(),
    ]
    values = {
        (value.timestamp_ms, value.key): value.value
        for value in values_of(read_messages(lines, "file"))
    }
    assert values[1, "a__readings__state"] == "charging"
    assert values[1, "b__readings__state"] == "not_ready"
    assert values[2, "a__report 2__State"] == 5
    assert values[2, "a__readings__state"] == "interrupted"
