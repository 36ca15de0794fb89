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

    Parameters
    ----------
    state, error_1, error_2
        Fields `State`, `Error1` and `Error2`.

    Returns
    -------
    str
        Empty without an error, else for instance ``State 4: Error1 6,
        Error2 0x8001 (32769)``, followed by the meaning of known codes.
    """
    first, second = _code(error_1), _code(error_2)
    if state != 4 and not first and not second:
        return ""
    numbers = f"Error1 {_shown(first)}, Error2 {_in_hex(second)}"
    meanings = [
        text
        for text in (ERROR_1.get(first), ERROR_2.get(second))
        if text is not None
    ]
    known = f" – {'; '.join(meanings)}" if meanings else ""
    return f"State {state}: {numbers}{known}"


def _code(value: object) -> int:
    return value if isinstance(value, int) else 0


def _shown(code: int) -> str:
    known = code in ERROR_1 or code < 10
    return str(code) if known else f"{code} ({code:#x})"


def _in_hex(code: int) -> str:
    return f"{code:#x} ({code})" if code else "0"
