"""The DIP switches, as report 1 shows them."""

import pytest

from connector.keba.protocol.dip_switches import UDP_ON, X1_IN_USE, is_on


@pytest.mark.parametrize(
    ("fields", "is_it_on"),
    [
        ({"DIP-Sw1": "0x26"}, True),
        ({"DIP-Sw1": "0x05"}, False),
        ({"DIP-Sw": "0x2600"}, True),
        ({"DIP-Sw": "0x0600"}, False),
        ({}, None),
        ({"DIP-Sw1": ""}, None),
    ],
)
def test_dsw_1_3_is_read_from_all_spellings(
    fields: dict[str, str], is_it_on: bool | None
) -> None:
    assert is_on(fields, UDP_ON) is is_it_on


@pytest.mark.parametrize(
    ("fields", "is_in_use"),
    [({"DIP-Sw1": "0xA5"}, True), ({"DIP-Sw1": "0x25"}, False), ({}, None)],
)
def test_x1_has_a_switch_of_its_own(
    fields: dict[str, str], is_in_use: bool | None
) -> None:
    assert is_on(fields, X1_IN_USE) is is_in_use
