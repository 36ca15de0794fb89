"""RFID cards: who charges is nobody's business but the site's.

A tag is replaced by a keyed hash of the same shape, before anything else sees
it: raw messages, datapoints, logs. Equal cards stay equal.
"""

import hashlib
import hmac
import re

NO_CARD = "0" * 16

_TAG = re.compile(r'("RFID tag\s*"\s*:\s*")([0-9a-fA-F]{16})(")')


class CardMask:
    """Replaces the tags of cards in texts.

    Parameters
    ----------
    salt
        Key of the hash; None leaves tags as they are.
    """

    def __init__(self, salt: str | None) -> None:
        self._salt = salt

    def apply(self, text: str) -> str:
        """Return the text of a datagram with all tags replaced."""
        if self._salt is None or "RFID" not in text:
            return text
        return _TAG.sub(self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        before, tag, after = found.groups()
        return f"{before}{self._hash(tag.lower())}{after}"

    def _hash(self, tag: str) -> str:
        if tag == NO_CARD:
            return tag
        key = (self._salt or "").encode()
        return hmac.new(key, tag.encode(), hashlib.sha256).hexdigest()[:16]
