"""Keys as terminals send them."""

import pytest

from connector.tools.keys import QUIT, words_of


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (b"\x1b[A", ["up"]),
        (b"\x1bOB", ["down"]),
        (b"\x1b[5~\x1b[6~", ["page up", "page down"]),
        (b"\x1b[H\x1b[4~", ["home", "end"]),
        (b"jjk q", ["down", "down", "up", "page down", QUIT]),
        # A key that means nothing here, a half one, and no text at all.
        (b"\x1b[24~x\x1b", []),
        (b"\xff", []),
    ],
)
def test_keys_are_told_in_words(typed: bytes, words: list[str]) -> None:
    assert words_of(typed) == words
