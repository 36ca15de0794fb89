"""What is special about a model or a firmware, and is no fault."""

import re
from collections.abc import Collection, Iterator, Mapping

_FIRMWARE = re.compile(r"P30 v (\d+)\.(\d+)(?:\.(\d+))?")
_OLDEST_P30 = (3, 5, 0)
_PHASE_SWITCHING = (3, 10, 42)
_NEEDS_SOURCE_PORT = (3, 10, 80)

# KEBA explains its product codes nowhere; nymea, OpenEMS and ioBroker agree
# on these two places: socket or cable, and who reads cards.
_CODE = re.compile(r"(?:KC-P[23]0|BMW-10)-E([SC])\w{6}-\w{2}([R0K])\b")
_CABLE, _NO_READER = "C", "0"

_PHASES = ("x2", "x2src")
_TOO_OLD = "KEBA's UDP commands need firmware 3.05 or newer"


def model_notes(product: str, firmware: str) -> Iterator[tuple[str, str]]:
    """Yield a word for machines, and a sentence for people."""
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
        yield "old_firmware", _TOO_OLD
    if version < _PHASE_SWITCHING:
        yield "no_x2", "no phase switching (x2) before firmware 3.10.42"
    if version >= _NEEDS_SOURCE_PORT:
        note = (
            "this firmware answers only requests that come from port 7090: "
            "the network must not change the source port"
        )
        yield "needs_source_port", note


def lacks(word: str, fields: Mapping[str, object]) -> str:
    """Say why a command will do nothing at a station; empty if none is known.

    Codes and guides are incomplete: this is worth a warning, no refusal. The
    fields are those of report 1, and of report 2 where that is known.
    """
    for words, why in _shortcomings(fields):
        if word in words or not words:
            return why.format(word=word)
    return ""


def _shortcomings(
    fields: Mapping[str, object],
) -> Iterator[tuple[Collection[str], str]]:
    """Yield commands that do nothing, all where none is named, and why."""
    product = str(fields.get("Product") or "").strip()
    # The matrix of UDP guide V2.00, page 5; phase switching came later.
    if "-P20-" in product:
        unknown = ("currtime", "setenergy", "start", "stop", "setdatetime")
        yield (*unknown, "display", *_PHASES), "a P20 does not know {word}"
    if product.startswith("BMW"):
        yield ("output", "display"), "a BMW wallbox has no {word}"
    if product.endswith("-DE"):
        why = (
            "the Deutschland edition has no meter: it will never see that the "
            "energy is reached"
        )
        yield ("setenergy",), why
    code = _CODE.match(product)
    if code and code[1] == _CABLE:
        why = "its product code tells of a fixed cable: nothing to unlock"
        yield ("unlock",), why
    # A backend may authorise as well.
    is_authorising = fields.get("AuthON") == 1
    if code and code[2] == _NO_READER and not is_authorising:
        why = (
            "its product code tells of no reader for cards (RFID): without "
            "authorisation {word} does nothing; ena and currtime enable and "
            "stop"
        )
        yield ("start", "stop"), why
    version = _version(str(fields.get("Firmware") or ""))
    if version and version < _OLDEST_P30:
        yield (), _TOO_OLD
    if version and version < _PHASE_SWITCHING:
        yield _PHASES, "there is no phase switching before firmware 3.10.42"


def _version(firmware: str) -> tuple[int, int, int] | None:
    found = _FIRMWARE.search(firmware)
    if found is None:
        return None
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major, minor, patch
