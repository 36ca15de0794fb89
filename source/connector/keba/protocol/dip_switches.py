"""The DIP switches, as report 1 shows them.

Undocumented; read like nymea and OpenEMS do, and checked against recordings.
"""

from collections.abc import Mapping

X1_IN_USE = 0x80
"""Switch 1.1: the contact at input X1 allows or forbids charging."""

UDP_ON = 0x20
"""Switch 1.3: the station speaks UDP."""


def is_on(fields: Mapping[str, object], switch: int) -> bool | None:
    """Tell how a switch of the first block stands; None where unknown.

    BMW stations have it in the first byte of one field, ``"DIP-Sw":
    "0x2600"``.
    """
    for key, shift in (("DIP-Sw1", 0), ("DIP-Sw", 8)):
        try:
            block = int(str(fields[key]), 16) >> shift
        except (KeyError, ValueError):
            continue
        return bool(block & switch)
    return None
