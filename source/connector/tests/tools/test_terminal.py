"""Lines of text, on a terminal and in a file."""

import sys
from io import StringIO

import pytest
from rich.console import Console

from connector.tools.terminal import has_screen, line_printer, place_in_words

LINE = "garage: report 2 will be read"


@pytest.mark.parametrize(
    ("is_terminal", "shown"),
    [(True, "garage: report\n2 will be read\n"), (False, f"{LINE}\n")],
)
def test_a_line_breaks_between_words_and_in_a_file_not_at_all(
    is_terminal: bool, shown: str
) -> None:
    out = StringIO()
    console = Console(
        file=out, width=15, force_terminal=is_terminal, highlight=False
    )
    line_printer(console)(LINE)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert "".join(f"{line}\n" for line in lines) == shown


@pytest.mark.parametrize(
    ("host", "place"),
    [("127.0.0.2", "127.0.0.2"), ("garage", "127.0.0.2 (garage)")],
)
def test_an_address_is_not_said_twice(host: str, place: str) -> None:
    assert place_in_words("127.0.0.2", host) == place


@pytest.mark.parametrize(
    ("term", "can_draw"), [("xterm-256color", True), ("dumb", False)]
)
def test_a_dumb_terminal_is_no_screen(
    monkeypatch: pytest.MonkeyPatch, term: str, can_draw: bool
) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", term)
    assert has_screen() is can_draw
