"""What the error codes of report 2 mean, as far as somebody has told.

KEBA's UDP guides have no list. Error1 is the detail of state 4, Error2 that of
exception 6 (guides V1.40 to V2.00). A code that is not in these tables is
shown as a number and never guessed.
"""

from collections.abc import Mapping

ERROR_1: Mapping[int, str] = {
    # IPSymconKebaConnect names these; KEBA does not.
    1: "plug pulled while charging",
    2: "plug not recognised",
    3: "over-temperature",
    4: "plug not locked",
    5: "invalid consumer",
    8: "invalid plug state",
}

ERROR_2: Mapping[int, str] = {
    # LED codes of user manual V3.20, read by IPSymconKebaConnect.
    0x4003: "overcurrent",
    0x8005: "fault current in the vehicle",
    # KEBA's FAQ V1.01, page 29: group 1 is the contactor.
    0x9001: "contactor: not released by the current monitoring",
    0xA001: "contactor: not released by the charging controller",
    0xC001: "contactor: did not close",
}


def error_text(state: object, error_1: object, error_2: object) -> str:
    """Put the error fields of report 2 into words.

    Empty without an error, else for instance ``State 4: Error1 6, Error2
    0x8001 (32769)``, followed by the meaning of known codes.
    """
    first, second = _code(error_1), _code(error_2)
    if state != 4 and not first and not second:
        return ""
    is_small = first in ERROR_1 or first < 10
    shown = (
        f"Error1 {first}" if is_small else f"Error1 {first} ({first:#x})",
        f"Error2 {second:#x} ({second})" if second else "Error2 0",
    )
    text = f"State {state}: {', '.join(shown)}"
    known = (ERROR_1.get(first), ERROR_2.get(second))
    meanings = "; ".join(one for one in known if one is not None)
    return f"{text} – {meanings}" if meanings else text


def _code(value: object) -> int:
    return value if isinstance(value, int) else 0
