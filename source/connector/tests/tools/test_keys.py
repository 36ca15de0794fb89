"""Keys as terminals send them."""

import sys

import pytest

from connector.tools.keys import QUIT, pressed_keys, words_of
from connector.tools.problems import UsageProblem
from connector.tools.terminal import require_somebody_to_ask


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (b"\x1b[A", ["up"]),
        (b"\x1bOB", ["down"]),
        (b"\x1b[5~\x1b[6~", ["page up", "page down"]),
        (b"\x1b[H\x1b[4~", ["home", "end"]),
        (b"\x1b[B\x1b[Bq", ["down", "down", QUIT]),
        # A key that means nothing here, a half one, and no text at all.
        (b"\x1b[24~x\x1b", []),
        (b"\xff", []),
    ],
)
def test_keys_are_told_in_words(typed: bytes, words: list[str]) -> None:
    assert words_of(typed) == words


def test_where_the_input_is_closed_it_only_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pressed_keys() as keys:
        assert keys(0.0) == []
    with pytest.raises(UsageProblem, match="say --yes"):
        require_somebody_to_ask(is_confirmed=False)
