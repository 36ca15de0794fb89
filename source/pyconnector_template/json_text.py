"""What BEMCom's messages are made of: JSON as it can bear it, and its time.

NaN and Infinity are no JSON, a NUL character ends a writer thread of BEMCom's
API and lone surrogates are dropped by its database. None of them leaves through
this module.
"""

import base64
import json
import math
import time
from typing import Any

_NUL, _SURROGATE = "\\u0000", "\\ud"
"""The escapes that json.dumps makes of characters BEMCom cannot store; a pair
of surrogates is harmless, but only cleaning tells it from a lone one."""

# Made once: json.dumps makes a new one for each call with options.
_encode = json.JSONEncoder(allow_nan=False).encode


def to_json(value: object) -> str:
    """Encode any value as strict JSON, in ASCII.

    NaN and Infinity become null, bytes become text (or ``{"base64": ...}``
    where they are no UTF-8), other objects that JSON does not know become
    their ``str``. NUL characters are left out, a lone surrogate
    becomes ``?``.
    """
    # Most values are numbers; the encoder takes five times as long.
    if type(value) is int:
        return str(value)
    if type(value) is float and math.isfinite(value):
        return repr(value)
    try:
        text = _encode(value)
    except (TypeError, ValueError):
        return _encode(_cleaned(value))
    if _NUL in text or _SURROGATE in text:
        return _encode(_cleaned(value))
    return text


def value_message(value: object, timestamp: object) -> str:
    """Return the message of a value, as BEMCom reads it."""
    return f'{{"value": {to_json(value)}, "timestamp": {to_json(timestamp)}}}'


def timestamp_utc_now() -> int:
    """Milliseconds since 1970 in UTC, as BEMCom's messages carry them."""
    return round(time.time() * 1000)


def json_object(text: str | bytes | bytearray) -> dict[str, Any]:
    """Decode a JSON object; ValueError if it is none."""
    if not text:
        raise ValueError("the message is empty")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def clean_text(text: str) -> str:
    """Take out what BEMCom's database refuses: NUL, and surrogates as ?."""
    without_nul = text.replace("\0", "")
    return without_nul.encode("utf-8", "replace").decode("utf-8")


def _cleaned(value: object) -> object:
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return clean_text(value)
        case bytes() | bytearray():
            return _text_of_bytes(bytes(value))
        case dict():
            return {
                clean_text(str(key)): _cleaned(item)
                for key, item in value.items()
            }
        case list() | tuple() | set():
            return [_cleaned(item) for item in value]
        case _:
            return clean_text(str(value))


def _text_of_bytes(data: bytes) -> object:
    """Turn bytes into JSON without losing one: stored messages are replayed."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return {"base64": base64.b64encode(data).decode("ascii")}
    return text
