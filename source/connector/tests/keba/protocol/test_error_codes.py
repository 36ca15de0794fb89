"""Error codes in words: what is known is named, the rest is never guessed."""

import pytest

from connector.keba.protocol.error_codes import ERROR_1, ERROR_2, error_text


@pytest.mark.parametrize(
    ("state", "error_1", "error_2", "text"),
    [
        (3, 0, 0, ""),
        (None, None, None, ""),
        (4, 0, 0, "State 4: Error1 0, Error2 0"),
        # evcc-io/evcc#8762. An unknown code is never given a meaning.
        (4, 6, 32769, "State 4: Error1 6, Error2 0x8001 (32769)"),
        (
            4,
            4711,
            0xBEEF,
            "State 4: Error1 4711 (0x1267), Error2 0xbeef (48879)",
        ),
    ],
)
def test_the_error_is_told_in_hex_and_decimal(
    state: int | None, error_1: int | None, error_2: int | None, text: str
) -> None:
    assert error_text(state, error_1, error_2) == text


@pytest.mark.parametrize("code", ERROR_1)
def test_a_known_error_1_is_named(code: int) -> None:
    assert error_text(4, code, 0).endswith(f" – {ERROR_1[code]}")


@pytest.mark.parametrize("code", ERROR_2)
def test_a_known_error_2_is_named_beside_its_code(code: int) -> None:
    text = error_text(4, 0, code)

    assert f"{code:#x} ({code})" in text
    assert text.endswith(f" – {ERROR_2[code]}")


@pytest.mark.parametrize("value", ["6", None, 1.5, True, -1, 10**12])
def test_a_code_that_is_no_uint16_raises_nothing(value: object) -> None:
    assert error_text(4, value, value).startswith("State 4: ")


def test_two_known_codes_are_both_named() -> None:
    text = error_text(4, 3, 0x8005)

    assert text.endswith(" – over-temperature; fault current in the vehicle")


def test_codes_outside_of_state_4_are_reported_with_the_state() -> None:
    assert error_text(5, 0, 0x4003).startswith("State 5: ")
