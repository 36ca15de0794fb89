"""What is special about a model or a firmware, and is no fault."""

import re
from collections.abc import Iterator

_FIRMWARE = re.compile(r"P30 v (\d+)\.(\d+)(?:\.(\d+))?")
_OLDEST_P30 = (3, 5, 0)
_PHASE_SWITCHING = (3, 10, 42)
_NEEDS_SOURCE_PORT = (3, 10, 80)


def model_notes(product: str, firmware: str) -> Iterator[tuple[str, str]]:
    """Yield a word for machines, and a sentence for people.

    Parameters
    ----------
    product, firmware
        As report 1 says them.
    """
    if "-P20-" in product:
        yield "p20", "a P20 has neither currtime, setenergy nor sessions"
        return
    if product.startswith("BMW"):
        yield "bmw", "a BMW wallbox has neither output nor display"
    if product.endswith("-DE"):
        yield (
            "no_meter",
            "the Deutschland edition has no meter: report 3 is all zeros",
        )
    version = _version(firmware)
    if version is None:
        return
    if version < _OLDEST_P30:
        yield "old_firmware", "KEBA's UDP commands need firmware 3.05 or newer"
    if version < _PHASE_SWITCHING:
        yield "no_x2", "no phase switching (x2) before firmware 3.10.42"
    if version >= _NEEDS_SOURCE_PORT:
        note = (
            "this firmware answers only requests that come from port 7090: "
            "the network must not change the source port"
        )
        yield "needs_source_port", note


def _version(firmware: str) -> tuple[int, int, int] | None:
    found = _FIRMWARE.search(firmware)
    if found is None:
        return None
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major, minor, patch
