"""The keys of datapoints: ``<station>__<group>__<field>``."""

import re

_KEY = re.compile(r"(.*?)__(?!_)(.*)", re.DOTALL)


def split_key(key: str) -> tuple[str, str]:
    """Split a key into the name of the station and what stands behind it.

    A name may end with an underscore, as in ``garage___results__ena``; what
    stands behind it never begins with one.
    """
    found = _KEY.fullmatch(key)
    return (found[1], found[2]) if found else (key, "")
