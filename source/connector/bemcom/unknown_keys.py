"""How many fields a station may send that no table knows.

Newer firmware has more fields than the guides, and they are published. But
each is a datapoint that stays in BEMCom's database for ever, and a station
that is broken may invent them without end.
"""

from collections.abc import Mapping

from connector.bemcom.raw_messages import ParsedStation
from connector.keba.protocol.fields import REPORTS

MAX_UNKNOWN_KEYS = 200
"""Of one station. The tables hold every field of every capture."""

_KNOWN_KEYS: Mapping[str, frozenset[str]] = {
    f"report {number}": frozenset(field.key for field in fields)
    for number, fields in REPORTS.items()
}


class UnknownKeys:
    """The fields of one station that no table knows."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, str]] = set()

    def limit(self, reports: ParsedStation) -> bool:
        """Remove the unknown fields beyond the limit; tell whether there were.

        What the station has sent is changed in place.
        """
        has_surplus = False
        for report, fields in reports.items():
            known = _KNOWN_KEYS.get(report, frozenset())
            for key in [key for key in fields if key not in known]:
                if (report, key) in self._taken:
                    continue
                if len(self._taken) < MAX_UNKNOWN_KEYS:
                    self._taken.add((report, key))
                else:
                    del fields[key]
                    has_surplus = True
        return has_surplus
