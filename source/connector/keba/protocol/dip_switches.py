"""The DIP switches, as report 1 shows them.

Undocumented; read like nymea and OpenEMS do, and checked against recordings.
"""

from collections.abc import Mapping

X1_IN_USE = 0x80
"""Switch 1.1: the contact at input X1 allows or forbids charging."""

UDP_ON = 0x20
"""Switch 1.3: the station speaks UDP."""


def first_block(fields: Mapping[str, object]) -> int | None:
    """Return DIP-Sw1 of a report 1; None where it does not say.

    BMW stations have it in the first byte of one field, ``"DIP-Sw":
    "0x2600"``.
    """
    for key, shift in (("DIP-Sw1", 0), ("DIP-Sw", 8)):
        try:
            return int(str(fields[key]), 16) >> shift & 0xFF
        except (KeyError, ValueError):
            continue
    return None


def is_on(fields: Mapping[str, object], switch: int) -> bool | None:
    """Tell how a switch of the first block stands; None where unknown."""
    block = first_block(fields)
    return None if block is None else bool(block & switch)
