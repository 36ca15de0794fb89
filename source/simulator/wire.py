"""What goes over the wire: addresses, datagrams, the words of a request."""

from __future__ import annotations

from typing import NamedTuple

Address = tuple[str, int]

KEBA_PORT = 7090
"""UDP guide V2.01, page 14: sent from and received on this port."""

LONGEST_REQUEST = 512
"""The longest command is `display` with 23 characters of text; a station's
buffer is 512 bytes (UDP guide V2.01, page 14)."""


class Outgoing(NamedTuple):
    """A datagram that leaves a station, at a moment on the caller's clock.

    What happened just now leaves at once; a reply may lie in the future.
    """

    data: bytes
    at: float
    to: Address


def read_words(data: bytes) -> list[str]:
    """Split a datagram into words; nothing but ASCII text has any.

    Real stations tolerate a line feed at the end (evcc issue 10530). NUL
    bytes are tolerated as well, which is guessed.
    """
    if len(data) > LONGEST_REQUEST:
        return []
    try:
        return data.rstrip(b"\0").decode("ascii").split()
    except UnicodeDecodeError:
        return []


def is_number(word: str) -> bool:
    """Tell whether a word is a decimal number that a station can hold."""
    return word.isdecimal() and len(word) <= 10
