"""What stations say: every datagram becomes exactly one named message.

Parsing never raises, whatever the bytes are; the worst case has a name as
well (`Unreadable`). The tolerance is earned: padded keys, trailing commas,
text behind the closing brace, NULs, `ID` as number or text and both
spellings of TCH-OK were all seen in the field or are printed by KEBA.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from connector.keba.protocol.fields import SESSION_REPORTS, documented_key

Value = str | int | float | bool | None
"""What a field may hold: a JSON scalar."""

MAX_DATAGRAM_BYTES = 4096
"""KEBA sends 512 bytes at most (UDP guide V2.01, page 14)."""

PARSED_AT_ONCE = 256
"""Texts whose meaning is remembered; about a megabyte."""

FIELD_NAMES = 500
"""Spellings that are remembered; all firmwares together have fewer."""


@dataclass(frozen=True, slots=True)
class Message:
    """Base of all that a datagram may mean."""


@dataclass(frozen=True, slots=True)
class Report(Message):
    """A reply to ``report n``; keys are folded onto KEBA's spelling."""

    number: int
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class StatusPush(Message):
    """A status message that nobody asked for, usually of one field."""

    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Acceptance(Message):
    """``TCH-OK``: the command was received, nothing more."""

    text: str


@dataclass(frozen=True, slots=True)
class Refusal(Message):
    """``TCH-ERR``: the command was refused, `text` tells why."""

    text: str


@dataclass(frozen=True, slots=True)
class FirmwareReply(Message):
    """The reply to ``i``."""

    firmware: str


@dataclass(frozen=True, slots=True)
class StartReply(Message):
    """What firmware of the age of guide V2.00 answers to ``start``."""

    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class BootMessage(Message):
    """A station has just started."""

    text: str


@dataclass(frozen=True, slots=True)
class ForeignRequest(Message):
    """The request of another client, or a broadcast of our own."""

    text: str


@dataclass(frozen=True, slots=True)
class Blank(Message):
    """Nothing but blanks."""


@dataclass(frozen=True, slots=True)
class Unreadable(Message):
    """Nothing that KEBA describes."""

    reason: str


_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TRAILING_COMMA = re.compile(r"(?<![,\s])[,\s]++([}\]])")
_LIMIT = 2**63
_REQUEST = re.compile(
    r"i|report \d{1,3}"
    r"|(ena|curr|currtime|setenergy|output|start|stop|setdatetime|display"
    r"|unlock|failsafe|x2src|x2)( .*)?",
    re.DOTALL,
)


def decode_datagram(data: bytes) -> str:
    """Turn a datagram into text without losing a byte.

    No capture with a byte above 0x7F is known, so the encoding is a guess:
    UTF-8 where the bytes allow it, else one character for each byte.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_datagram(data: bytes) -> Message:
    """Name what a station has sent; never raises."""
    if len(data) > MAX_DATAGRAM_BYTES:
        return Unreadable(f"{len(data)} bytes, more than a station sends")
    return parse_text(decode_datagram(data))


@lru_cache(maxsize=PARSED_AT_ONCE)
def parse_text(raw: str) -> Message:
    """Name what a station has sent, from the text of its datagram.

    The result is remembered for a while: the session reads a datagram first,
    and a moment later the sensor flow reads the same text.
    """
    text = _CONTROLS.sub("", raw).strip("\ufeff \t\r\n")
    if not text:
        return Blank()
    if text.startswith("TCH-OK"):
        return Acceptance(_after_colon(text))
    if text.startswith("TCH-ERR"):
        return Refusal(_after_colon(text))
    if text.startswith("started"):
        return BootMessage(text)
    if _REQUEST.fullmatch(text):
        return ForeignRequest(without_card(text))
    if text.startswith('"'):
        return _name_bare_fields(text)
    if "{" in text:
        return _name_object(text[text.index("{") :])
    return Unreadable(f"neither a reply nor a status message: {text[:40]!r}")


def without_card(request: str) -> str:
    """Return a request as logs may have it: without the tag of a card."""
    word = request.partition(" ")[0]
    return word if word in ("start", "stop") else request


def _after_colon(text: str) -> str:
    return text.partition(":")[2].strip()


def _name_bare_fields(text: str) -> Message:
    """Name the replies to `i` and to old `start`: fields without braces."""
    fields = _load_fields("{" + text + "}")
    if isinstance(fields, Unreadable):
        return fields
    firmware = fields.get("Firmware")
    if isinstance(firmware, str):
        return FirmwareReply(firmware)
    if "RFID tag" in fields or "RFID class" in fields:
        return StartReply(fields)
    return Unreadable(f"fields without braces: {text[:40]!r}")


def _name_object(text: str) -> Message:
    fields = _load_fields(text)
    if isinstance(fields, Unreadable):
        return fields
    if not fields:
        return Unreadable("an object without fields")
    if "ID" not in fields:
        return StatusPush(fields)
    number = _report_number(fields["ID"])
    if number is None:
        return Unreadable(f"the ID of a report is {str(fields['ID'])[:20]!r}")
    return Report(number, fields)


def _report_number(value: Value) -> int | None:
    """Read an ID, a text in almost all captures, a number in one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    return None


def is_session_report(report: Report) -> bool:
    """Tell whether this is report 100 to 130, by what it holds.

    Guide V2.00 prints a report 100 with ``"ID": "6"``.
    """
    return report.number in SESSION_REPORTS or "Session ID" in report.fields


def _load_fields(text: str) -> dict[str, Value] | Unreadable:
    try:
        fields = {
            # Most are such numbers, and a call takes longer than the look.
            _field_name(key): value
            if type(value) is int and -_LIMIT < value < _LIMIT
            else _scalar(value)
            for key, value in _load_object(text).items()
        }
    except (ValueError, RecursionError) as error:
        return Unreadable(f"no JSON object: {str(error)[:80]}")
    fields.pop("", None)
    return fields


def _load_object(text: str) -> dict[str, object]:
    """Load the object that a text begins with, whatever follows behind it."""
    loaded: dict[str, object]
    try:
        loaded, _ = _DECODER.raw_decode(text)
    except ValueError:
        # Guide V2.00 prints a comma behind the last field.
        loaded, _ = _DECODER.raw_decode(_TRAILING_COMMA.sub(r"\1", text))
    return loaded


def _finite(text: str) -> float | None:
    """Read a number; what no JSON can carry on becomes null."""
    number = float(text)
    return number if math.isfinite(number) else None


_DECODER = json.JSONDecoder(
    parse_float=_finite, parse_constant=lambda _: None, strict=False
)


@lru_cache(maxsize=FIELD_NAMES)
def _field_name(key: str) -> str:
    return documented_key(_printable(key))


def _scalar(value: object) -> Value:
    if isinstance(value, str):
        return _printable(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        # What no database can store becomes null.
        return value if abs(value) < _LIMIT else None
    return json.dumps(value)


def _printable(text: str) -> str:
    """Trim a text (P20 pads `Product`) and drop what breaks BEMCom's API."""
    if text.isascii() and text.isprintable():
        return text.strip()
    clean = _CONTROLS.sub("", text).strip()
    return clean.encode("utf-8", "replace").decode("utf-8")
