"""Keys that are pressed at the terminal, as words."""

import os
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connector.tools.terminal import has_keyboard

QUIT = "quit"

_WORDS = {
    b"A": "up",
    b"B": "down",
    b"H": "home",
    b"1~": "home",
    b"F": "end",
    b"4~": "end",
    b"5~": "page up",
    b"6~": "page down",
    b"q": QUIT,
}
# Which of `[` and `O` leads depends on the mode that a terminal is in.
_KEY = re.compile(rb"\x1b[\[O]([0-9;]*[A-Za-z~])|(q)")

ReadKeys = Callable[[float], list[str]]


def words_of(typed: bytes) -> list[str]:
    """Return the keys in what a terminal sends; unknown ones are left out."""
    keys = [key[1] or key[2] for key in _KEY.finditer(typed)]
    return [_WORDS[key] for key in keys if key in _WORDS]


@contextmanager
def pressed_keys() -> Iterator[ReadKeys]:
    """Read keys one by one; the terminal is left as it was.

    What it yields waits so many seconds for keys and returns them; without a
    terminal to type at it only waits.
    """
    if not has_keyboard():
        yield _only_wait
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        # Ctrl-C stays what it is.
        tty.setcbreak(terminal)
        yield lambda timeout_s: _read(terminal, timeout_s)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _only_wait(timeout_s: float) -> list[str]:
    time.sleep(timeout_s)
    return []


def _read(terminal: int, timeout_s: float) -> list[str]:
    readable, _, _ = select.select([terminal], [], [], timeout_s)
    if not readable:
        return []
    typed = os.read(terminal, 1024)
    # Nothing to read although it is readable: the terminal has gone.
    return words_of(typed) if typed else [QUIT]
