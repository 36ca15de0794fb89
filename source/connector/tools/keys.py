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
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"k": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"j": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b" ": "page down",
    b"\x1b[H": "home",
    b"\x1bOH": "home",
    b"\x1b[1~": "home",
    b"\x1b[F": "end",
    b"\x1bOF": "end",
    b"\x1b[4~": "end",
    b"q": QUIT,
    b"Q": QUIT,
}
_KEY = re.compile(rb"\x1b\[[0-9;]*[A-Za-z~]|\x1bO.|.", re.DOTALL)

ReadKeys = Callable[[float], list[str]]


def words_of(typed: bytes) -> list[str]:
    """Return the keys in what a terminal sends; unknown ones are left out."""
    keys = _KEY.findall(typed)
    return [_WORDS[key] for key in keys if key in _WORDS]


@contextmanager
def pressed_keys() -> Iterator[ReadKeys]:
    """Read keys one by one; the terminal is left as it was.

    Yields
    ------
    callable
        Waits so many seconds for keys and returns them; without a terminal
        to type at it only waits.
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
