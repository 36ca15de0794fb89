"""Nesting that is too deep, without a thousand levels of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FRAMES = 250
DEPTHS = range(1, _FRAMES)
"""All that can be nested on a low stack, and more."""


@contextmanager
def low_stack() -> Iterator[None]:
    """Lower the interpreter's recursion limit, so that all is soon tried."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(_FRAMES)
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)
