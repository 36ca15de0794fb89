"""RFID cards: who charges is nobody's business but the site's.

A tag is replaced by a keyed hash of the same shape, before anything else sees
it: raw messages, datapoints, logs. Equal cards stay equal.
"""

import hashlib
import hmac
import re
import secrets
from collections import deque

HASHES_REMEMBERED = 1000
"""Cards of which one site sees fewer."""

HASH_LENGTH = 16
"""As long as KEBA's tags, which have 16 hexadecimal digits."""

# Guide V2.00 pads keys and prints other capitals. Whatever stands in the place
# of a tag is taken for one: better a hash too many than a card in the open.
_TAG = re.compile(
    r'(?P<key>"RFID\s+tag\s*"\s*:\s*)(?P<tag>"[^"]*"|[^\s,"}]+)',
    re.IGNORECASE,
)


class TagMask:
    """Replaces the tags of cards in texts.

    Parameters
    ----------
    salt
        Key of the hash. Without one a key is made up that is forgotten at the
        end: nobody can link the hashes of two runs.
    is_plain
        Leaves tags as they are. Only who says so gets them in the open.
    """

    def __init__(
        self, salt: str | None = None, *, is_plain: bool = False
    ) -> None:
        self._key = (salt or secrets.token_hex()).encode()
        self._is_plain = is_plain
        self._hashes: deque[str] = deque(maxlen=HASHES_REMEMBERED)

    def is_hash(self, tag: str) -> bool:
        """Tell whether a tag is one that was put in the place of a card's."""
        return tag.strip().lower() in self._hashes

    def apply(self, text: str) -> str:
        """Return the text of a datagram with all tags replaced."""
        if self._is_plain or "rfid" not in text.lower():
            return text
        return _TAG.sub(self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        tag = found["tag"].strip('" ').lower()
        # Zeros, or nothing, stand for no card.
        if not tag.strip("0"):
            return found[0]
        return f'{found["key"]}"{self._hash(tag)}"'

    def _hash(self, tag: str) -> str:
        digest = hmac.new(self._key, tag.encode(), hashlib.sha256).hexdigest()
        shortened = digest[:HASH_LENGTH]
        if shortened not in self._hashes:
            self._hashes.append(shortened)
        return shortened
