"""How many fields a station may send that no table knows.

Newer firmware has more fields than the guides, and they are published. But
each is a datapoint that stays in BEMCom's database for ever, and a station
that is broken may invent them without end.
"""

from collections.abc import Mapping

from connector.bemcom.raw_messages import ParsedStation
from connector.keba.protocol.fields import REPORTS
from connector.keba.protocol.messages import Value

MAX_UNKNOWN_KEYS = 200
"""Of one station. The tables hold every field of every capture."""

_NONE: frozenset[str] = frozenset()
_KNOWN_KEYS: Mapping[str, frozenset[str]] = {
    f"report {number}": frozenset(field.key for field in fields)
    for number, fields in REPORTS.items()
}


class UnknownKeys:
    """The fields of one station that no table knows."""

    def __init__(self) -> None:
        self._taken = dict(_KNOWN_KEYS)
        self._left = MAX_UNKNOWN_KEYS

    def limit(self, reports: ParsedStation) -> bool:
        """Remove the unknown fields beyond the limit.

        Parameters
        ----------
        reports
            What the station has sent; changed in place.

        Returns
        -------
        bool
            Whether fields were removed.
        """
        has_surplus = False
        for report, fields in reports.items():
            # The one step for most of them: all is known.
            if not fields.keys() <= self._taken.get(report, _NONE):
                has_surplus |= self._limit_report(report, fields)
        return has_surplus

    def _limit_report(self, report: str, fields: dict[str, Value]) -> bool:
        taken = self._taken.get(report, _NONE)
        new = [key for key in fields if key not in taken]
        welcome, surplus = new[: self._left], new[self._left :]
        if welcome:
            self._left -= len(welcome)
            self._taken[report] = taken.union(welcome)
        for key in surplus:
            del fields[key]
        return bool(surplus)
