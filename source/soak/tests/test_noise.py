import json
from random import Random

import pytest

from connector.bemcom.actuators import command_from_value
from connector.keba.protocol.commands import InvalidCommandError
from pyconnector_template.json_text import json_object
from soak.invariants.attribution import FORGED, pairs_of
from soak.noise import (
    damaged_datagram,
    forged_report,
    odd_message,
)
from testbed.plain_station import LARGEST_DATAGRAM


def test_datagrams_differ_and_fit_into_udp() -> None:
    chance = Random(1)
    datagrams = [damaged_datagram(chance) for _ in range(500)]

    assert len(set(datagrams)) > 300
    assert max(map(len, datagrams)) <= LARGEST_DATAGRAM
    assert b"" in datagrams


def test_a_forged_report_can_be_told_from_all_others() -> None:
    chance = Random(1)
    for _ in range(50):
        pairs = pairs_of(forged_report("20000000", chance))
        assert {int(v) for v in pairs.values() if v.isdecimal()} & FORGED


@pytest.mark.parametrize("word", ["ena", "curr", "currtime"])
def test_an_odd_message_is_never_a_command(word: str) -> None:
    chance = Random(1)
    for _ in range(500):
        message = odd_message(word, chance)
        data = message if isinstance(message, bytes) else json.dumps(message)
        try:
            content = json_object(data)
            value = content["value"]
        except (ValueError, KeyError):
            continue
        with pytest.raises(InvalidCommandError):
            command_from_value(word, value, None)
