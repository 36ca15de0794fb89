import pytest

from scaling.tables import bullets, number, number_table, seconds, share, size


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0123, "0.0123"),
        (1.5, "1.5"),
        (99.6, "99.6"),
        (100, "100"),
        (23_833.3, "23,833"),
    ],
)
def test_a_number_has_three_digits_or_is_whole(value: float, text: str) -> None:
    assert number(value) == text


def test_units_are_written_with_numbers() -> None:
    assert size(999) == "999 B"
    assert size(1_520_000_000) == "1.52 GB"
    assert share(0.865) == "86.5 %"
    assert seconds(278) == "278 s"
    assert seconds(None) == "–"


def test_a_table_is_markdown() -> None:
    assert number_table(("a", "b"), [("x", "1")]) == (
        "| a | b |\n| --- | ---: |\n| x | 1 |"
    )


def test_points_are_wrapped_and_indented() -> None:
    lines = bullets("one", "word " * 30).splitlines()

    assert lines[0] == "* one"
    assert all(len(line) <= 80 for line in lines)
    assert lines[2].startswith("  word")
